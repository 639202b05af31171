"""Records that lack what is shown."""

from __future__ import annotations

import json

import pytest

from fuzz import seeds
from lpm_segmentator.core import RecordError
from lpm_segmentator.study.complete import check_complete, check_run_complete
from lpm_segmentator.study.record import CaseRecord, RunRecord

pytest.importorskip("onnx", reason="the case is segmented with a tiny model")


@pytest.fixture
def values() -> dict:
    return json.loads(seeds.study()["cases/A/case.json"])


def test_a_record_as_a_run_writes_it_is_complete(values):
    check_complete(CaseRecord.from_dict(values))


def _without_rows(values: dict) -> None:
    values["measures"] = values["measures"][:2]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda v: v["measures"][0].pop("volume_ml"), "volume_ml is missing"),
        (lambda v: v["measures"][3].update(fat_ratio="x"), "fat_ratio is 'x'"),
        (lambda v: v["measures"][3].update(csa_max_mm2=float("inf")), "csa_max_mm2 is inf"),
        (lambda v: v["measures"][0].update(muscle="psoas"), "psoas"),
        (_without_rows, "rows are missing"),
        (lambda v: v["profile"][0].update(slice=1.5), "profile"),
        (lambda v: v["accuracy"].pop("dsc_1"), "dsc_1 is missing"),
        (lambda v: v["model"].pop("sha256"), "the model has no"),
        (lambda v: v["levels"]["discs"][0].update(confidence=None), "a disc is"),
        (lambda v: v["seconds"].pop("total"), "no total"),
        (lambda v: v.update(intensity=[{"method": "otsu"}]), "intensity"),
        (lambda v: v["quality"].update(score=float("inf")), "infinite"),
    ],
)
def test_what_is_missing_or_wrong_is_named(values, damage, says):
    damage(values)
    record = CaseRecord.from_dict(values)
    with pytest.raises(RecordError, match=says) as caught:
        check_complete(record)
    assert "Run the case again" in str(caught.value)


def test_a_run_without_a_model_is_complete_and_one_of_half_a_model_is_not():
    run = json.loads(seeds.study()["run.json"])
    check_run_complete(RunRecord.from_dict(run))
    check_run_complete(RunRecord.from_dict({**run, "model": {}}))
    with pytest.raises(RecordError, match="name, version or hash"):
        check_run_complete(RunRecord.from_dict({**run, "model": {"name": "m"}}))
