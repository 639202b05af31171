"""Which of a model's labels is which muscle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.case import Case
from lpm_segmentator.core import ModelError, Severity, Volume
from lpm_segmentator.pipeline import segment_case
from lpm_segmentator.segment.nnunet.labels import background_note, checked_labels
from lpm_segmentator.segment.nnunet.plans_v2 import spec_from_plans
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from nnunet_models import ANISOTROPIC, v2_dataset, v2_plans, write_v2

PLANS = v2_plans((8, 16, 16), (4.0, 1.0, 1.0), ANISOTROPIC, base=2)
OTHER_ORDER = ["multifidus_left", "multifidus_right", "erector spinae left", "Erector-Spinae R"]


def _spec(*names: str) -> ModelSpec:
    dataset = v2_dataset(labels={"background": 0, **{n: i for i, n in enumerate(names, 1)}})
    return spec_from_plans(
        PLANS, dataset, configuration="3d_fullres", trainer="x", where=Path("model")
    )


def test_names_that_mean_a_muscle_and_side_are_understood():
    spec = _spec(*OTHER_ORDER)
    assert checked_labels(None, spec) == {1: 3, 2: 2, 3: 4, 4: 1}
    assert background_note(checked_labels(None, spec), spec) == ()


def test_two_of_the_muscles_are_enough_if_there_is_nothing_else():
    assert checked_labels(None, _spec("MF_L", "MF_R")) == {1: 3, 2: 2}


@pytest.mark.parametrize(
    "pattern",
    ["{}", "label{}", "Label {}", "class_{}", "structure 0{}", "muscle-{}", "ROI.{}", "seg{}"],
)
def test_names_that_only_count_are_one_to_one(pattern):
    spec = _spec(*(pattern.format(i) for i in range(1, 5)))
    assert checked_labels(None, spec) == {1: 1, 2: 2, 3: 3, 4: 4}
    assert checked_labels(None, replace(spec, label_names={})) == {1: 1, 2: 2, 3: 3, 4: 4}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        # the model of nnU-Net#2500: psoas and quadratus lumborum
        (["psoas_R", "psoas_L", "QL_R", "QL_L"], "1 psoas_R, 2 psoas_L.*do not mean"),
        (["L1", "L2", "L3", "L4"], "do not mean"),
        (["a", "b", "c", "d"], "do not mean"),
        (["1", "2", "3", "psoas"], "do not mean"),
        (["4", "3", "2", "1"], "do not mean"),
        (["MF_R", "MF_L", "psoas_R", "psoas_L"], "3 psoas_R, 4 psoas_L is not known"),
        (["MF_R", "MF_L", "3", "4"], "3 3, 4 4 is not known"),
        (["ES_R", "MF_R", "MF_L", "multifidus left", "ES_L"], "more than one.*MF_L"),
        (["MF_R_fat", "MF_L_fat", "ES_R_fat", "ES_L_fat"], "do not mean"),
        (["MF", "ES", "other", "fat"], "do not mean"),
        (["1", "2", "3"], "there are 3 of them"),
        (["1", "2", "3", "4", "5"], "there are 5 of them"),
    ],
)
def test_other_names_are_refused_with_an_example_of_a_card(names, message):
    with pytest.raises(ModelError, match=message) as caught:
        checked_labels(None, _spec(*names))
    assert "card.json" in str(caught.value)
    assert '{"labels": {"' in str(caught.value)


def test_the_example_holds_what_is_understood():
    with pytest.raises(ModelError) as caught:
        checked_labels(None, _spec("psoas", "multifidus, left", "ES right"))
    assert '{"labels": {"2": "MF_L", "3": "ES_R"}}' in str(caught.value)


def test_a_card_takes_precedence_over_names():
    spec = _spec("psoas_R", "psoas_L", "MF_R", "MF_L")
    mapping = checked_labels({"3": "MF_R", "4": "MF_L"}, spec)
    assert mapping == {3: 2, 4: 3}
    assert background_note(mapping, spec) == (
        "labels of the model that count as background: 1 psoas_R, 2 psoas_L",
    )


def test_other_labels_beside_the_four_become_background_with_a_note(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
    pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")
    import nnunet_models
    from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
    from lpm_segmentator.segment.nnunet.source import read_model_folder

    names = ["psoas_R", *OTHER_ORDER, "psoas_L"]
    labels = {"background": 0, **{n: i for i, n in enumerate(names, 1)}}
    weights = nnunet_models.v2_weights
    monkeypatch.setattr(nnunet_models, "v2_weights", lambda p, seed: weights(p, seed, classes=7))
    folder = write_v2(tmp_path / "m", PLANS, dataset=v2_dataset(labels=labels), seed=1)
    predictor = NnUnetPredictor(read_model_folder(folder), mode="exact")
    assert predictor.info.labels == {2: 3, 3: 2, 4: 4, 5: 1}
    array = np.random.default_rng(0).normal(size=(20, 18, 9))
    volume = Volume(array, np.diag([-1.0, -1.0, 4.0, 1.0]))
    own, _ = predictor._model_labels(volume)
    assert {1, 6} & set(np.unique(own).tolist())
    prediction = predictor.predict(volume)
    assert not prediction.labels.array[np.isin(own, (0, 1, 6))].any()
    (note,) = prediction.notes
    assert note.endswith("1 psoas_R, 6 psoas_L")
    (finding,) = [
        f for f in segment_case(Case("a", volume), predictor).findings if "psoas" in f.message
    ]
    assert finding.severity is Severity.NOTE
