"""Rules that hold for the whole package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from lpm_segmentator.cli.main import cli
from lpm_segmentator.core import Remedy
from lpm_segmentator.core.remedies import FLAGS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "lpm_segmentator"
MODULES = sorted(SOURCE.rglob("*.py"))
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60


def texts(path: Path) -> Iterator[str]:
    """String literals of a module, docstrings included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


#: arguments of git, which is called to record the state of the code
GIT = {"--abbrev", "--always", "--dirty"}


#: where flags are named
OF_FLAGS = (SOURCE / "cli", SOURCE / "core" / "remedies.py")


@pytest.mark.parametrize(
    "path", [p for p in MODULES if not any(map(p.is_relative_to, OF_FLAGS))], ids=str
)
def test_flags_are_named_in_one_place_below_the_command_line(path):
    found = {flag for text in texts(path) for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)}
    assert not found - GIT


def test_templates_name_no_flags():
    for path in SOURCE.rglob("*.j2"):
        text = re.sub(r"<style>.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"(?<![\w-])--[a-z]", text), path


def options(command: click.Command) -> Iterator[str]:
    """The names of all options of a command and of the commands below it."""
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            assert part is not None
            yield from options(part)


@pytest.mark.parametrize("remedy", Remedy)
def test_every_remedy_has_a_flag_of_some_command(remedy):
    known = set(options(cli))
    flags = [part for part in FLAGS[remedy].split() if part.startswith("-")]
    assert flags
    assert set(flags) <= known


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_modules_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MOST_LINES_OF_A_FUNCTION, node.name


#: tests of one behaviour that goes through several modules of a package
ACROSS = {"public", "shipped", "embedded", "fidelity", "files", "commands", "validation"}

#: folders of tests of the package as a whole
WHOLE = {"fuzz"}


def test_tests_mirror_the_source():
    for test in (ROOT / "tests").glob("*/**/test_*.py"):
        folder = test.relative_to(ROOT / "tests").parent
        if folder.name in WHOLE:
            continue
        assert (SOURCE / folder).is_dir(), test
        subject = test.stem.removeprefix("test_")
        names = {p.stem for p in (SOURCE / folder).iterdir()}
        related = any(subject == name or subject.startswith(f"{name}_") for name in names)
        assert related or subject in ACROSS or subject.startswith("bad_"), test


@pytest.mark.parametrize(
    "path", [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))], ids=str
)
def test_links_of_documents_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).exists(), target
