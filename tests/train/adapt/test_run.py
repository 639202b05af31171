"""From cases to an installed model; refused before training; resumed without repeating it."""

from __future__ import annotations

import csv
import dataclasses
import json

import onnx
import pytest

from adaptation import QUICK, dixon, single, tiny_base
from lpm_segmentator.core import Contrast, InputError, ModelError, Remedy
from lpm_segmentator.models import ModelStore, describe_model, list_models, load_predictor
from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.adapt import evaluation
from lpm_segmentator.train.adapt.run import adapt
from lpm_segmentator.train.export import read_description

CASES = [single(0, "A"), dixon(1, "B"), single(2, "C")]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LPM_HOME", str(tmp_path / "home"))


@pytest.fixture
def useful(monkeypatch):
    """Let every adaptation be of use."""
    monkeypatch.setattr(evaluation, "LEAST_GAIN", -1)
    monkeypatch.setattr(evaluation, "MOST_LOSS", 1)


def test_cases_become_an_installed_model(base, tmp_path, useful):
    steps = []
    done = adapt(
        CASES,
        "mine",
        tmp_path / "work",
        base=base,
        config=QUICK,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert (done.model, done.concerns) == ("mine", "")
    assert [(s.case, s.contrast, s.fold) for s in done.scores] == [
        ("A", "T2w", 0),
        ("C", "T2w", 0),
        ("B", "Dixon", 1),
    ]
    assert steps[-1] == (9, 9)  # two folds and all cases, one network, three steps
    with (tmp_path / "work/evaluation.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["case"] for row in rows] == ["A", "C", "B"]
    assert {"foreground_before", "MF_L_after"} <= rows[0].keys()
    assert done.table in (tmp_path / "work/evaluation.md").read_text(encoding="utf-8")

    assert not list((tmp_path / "work").rglob("checkpoint.pt"))

    described = describe_model("mine")
    assert described["adaptation"]["base_sha256"] == load_compact(base).info.sha256
    assert described["adaptation"]["contrasts"] == {"Dixon": 1, "T2w": 2}
    assert "adapted to 3 corrected cases" in described["description"]
    assert "mine" in [row["name"] for row in list_models()]
    predictor = load_predictor("mine")
    assert predictor.info.name == "mine"
    assert predictor.info.sha256 == described["sha256"]
    expected = load_compact(base).predict(CASES[0].image).minimum_expected_dice
    assert predictor.predict(CASES[0].image).minimum_expected_dice == expected
    metadata = json.loads(
        onnx.load(ModelStore().get("mine").folder / "model.onnx").metadata_props[0].value
    )
    assert metadata["started_from"] == load_compact(base).info.sha256
    assert metadata["config"]["steps"] == QUICK.steps


def test_the_same_call_repeats_no_training_and_neither_does_another_name(
    base, tmp_path, useful, monkeypatch
):
    adapt(CASES, "mine", tmp_path / "work", base=base, config=QUICK)
    sha256 = describe_model("mine")["sha256"]

    def trained(*_args, **_kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr("lpm_segmentator.train.adapt.trainings.adapt_network", trained)
    assert adapt(CASES, "mine", tmp_path / "work", base=base, config=QUICK).model == "mine"
    assert describe_model("mine")["sha256"] == sha256
    assert adapt(CASES, "other", tmp_path / "work", base=base, config=QUICK).model == "other"
    names = {
        name: read_description(ModelStore().get(name).folder / "model.onnx")["name"]
        for name in ("mine", "other")
    }
    assert names == {"mine": "mine", "other": "other"}
    assert describe_model("mine")["sha256"] == sha256


def test_a_model_of_two_networks_stays_one(base, tmp_path, useful):
    second = tiny_base(tmp_path / "second.onnx", seed=1, version="5")
    ModelStore().install(base, name="two", second=second)
    adapt(CASES, "mine", tmp_path / "work", base="two", config=QUICK)
    folder = ModelStore().get("mine").folder
    assert (folder / "second.onnx").is_file()
    prediction = load_predictor("mine").predict(CASES[0].image)
    assert prediction.details["networks"] == 2
    assert prediction.minimum_expected_dice == pytest.approx(0.7)


def test_a_useless_adaptation_is_installed_on_request_only(base, tmp_path):
    work = tmp_path / "work"
    still = dataclasses.replace(QUICK, learning_rate=1e-9)
    done = adapt(CASES, "mine", work, base=base, config=still)
    assert (done.model, len(done.scores)) == ("", 3)
    assert "changes by +0.000 on average" in done.concerns
    assert "Not recommended" in (work / "evaluation.md").read_text(encoding="utf-8")
    assert "mine" not in ModelStore()
    assert not (work / "all").exists()
    assert adapt(CASES, "mine", work, base=base, config=still, force=True).model == "mine"
    assert describe_model("mine")["adaptation"]["concerns"] == done.concerns


def test_one_subject_cannot_be_cross_validated(base, tmp_path):
    cases = [dataclasses.replace(case, subject="A") for case in CASES]
    with pytest.raises(InputError, match="cannot be cross-validated") as caught:
        adapt(cases, "mine", tmp_path / "work", base=base, config=QUICK)
    assert caught.value.remedies == (Remedy.FORCE,)
    assert not (tmp_path / "work").exists()
    done = adapt(cases, "mine", tmp_path / "work", base=base, config=QUICK, force=True)
    assert (done.model, done.scores, done.table) == ("mine", (), "")
    assert "cannot be cross-validated" in done.concerns


@pytest.mark.parametrize("name", ["other", "embedded", "Not a name"])
def test_a_name_in_use_is_refused_before_training(base, tmp_path, name):
    ModelStore().install(base, name="other")
    with pytest.raises(ModelError):
        adapt(CASES, name, tmp_path / "work", base=base, config=QUICK)
    assert not (tmp_path / "work").exists()


def test_a_folder_of_another_adaptation_is_refused(base, tmp_path, useful):
    adapt(CASES, "mine", tmp_path / "work", base=base, config=QUICK)
    with pytest.raises(InputError, match="another adaptation; its cases differ"):
        adapt(CASES[:2], "mine", tmp_path / "work", base=base, config=QUICK)
    image = dataclasses.replace(CASES[0].image, contrast=Contrast.WATER)
    other = dataclasses.replace(CASES[0], image=image)
    with pytest.raises(InputError, match="another adaptation; its cases differ"):
        adapt([other, *CASES[1:]], "mine", tmp_path / "work", base=base, config=QUICK)


def test_a_base_that_cannot_be_trained_is_refused(tiny_path, tmp_path):
    with pytest.raises(ModelError, match="cannot be trained further"):
        adapt(CASES, "mine", tmp_path / "work", base=tiny_path, config=QUICK)


@pytest.mark.parametrize(
    ("model", "message"), [("missing", "no model 'missing'"), ("a/b.onnx", "no ONNX file")]
)
def test_a_base_that_is_not_there_is_refused(tmp_path, model, message):
    with pytest.raises(ModelError, match=message):
        adapt(CASES, "mine", tmp_path / "work", base=model, config=QUICK)
