# make demo   installs the package into .venv and runs it on a sample
# make test   all tests            make lint   style, types, imports between rooms
# make docs   the documentation as a site: site/index.html
# make screenshots   pictures of the report in docs/images; needs Chromium in PATH
# make fuzz   damaged inputs: N=10000 cases from SEED=0; what fails is kept in out/fuzz
# make venv   .venv with the package alone     make clean  removes caches and results
#
# Needs Python 3.10 or newer and pip. Each installation leaves a stamp in .venv, so that a second
# run needs no network. Options: PYTHON=python3.12, VENV=elsewhere, PIP_FLAGS="--index-url ...".

PYTHON ?= python3
VENV ?= .venv
PIP_FLAGS ?=
WORKERS ?= 2
N ?= 10000
SEED ?= 0

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PINNED := pyproject.toml constraints.txt
INSTALL := $(BIN)/python -m pip install --quiet $(PIP_FLAGS) --constraint constraints.txt --editable

.PHONY: help venv demo test docs screenshots fuzz lint clean

help:
	@sed -n 's/^# \{0,1\}//; 1,9p' Makefile

venv: $(STAMPS)/base

demo: $(STAMPS)/base
	$(BIN)/lpm demo

# One thread a process: the tests already use every core through their workers.
test: $(STAMPS)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

docs: $(STAMPS)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

screenshots: $(STAMPS)/base
	$(BIN)/python tools/screenshots.py

fuzz: $(STAMPS)/test
	OMP_NUM_THREADS=1 $(BIN)/python tests/fuzz/run.py -n $(N) --seed $(SEED) --keep out/fuzz --last out/fuzz/last.txt

lint: $(STAMPS)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf build dist out site .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed; set PYTHON=python3.x" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/base: $(PINNED) | $(BIN)/python
	$(INSTALL) .
	@mkdir -p $(STAMPS) && touch $@

# Tests of training and of nnU-Net need torch, those of T1w and T2w fat SimpleITK, those of figures
# matplotlib: the extras.
$(STAMPS)/test: $(PINNED) | $(BIN)/python
	$(INSTALL) '.[compare,dicom,nnunet,t1t2,train,test]'
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/base

$(STAMPS)/docs: $(PINNED) | $(BIN)/python
	$(INSTALL) '.[docs]'
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/base

# Types can be checked only against packages that are there.
$(STAMPS)/lint: $(PINNED) | $(BIN)/python
	$(INSTALL) '.[compare,dicom,nnunet,t1t2,train,lint]'
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/base
