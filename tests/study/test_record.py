"""Records: typed, versioned, the same after a round trip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lpm_segmentator.core import Area, Contrast, Disc, Finding, RecordError, Remedy, Severity
from lpm_segmentator.study.options import LevelOptions, RunOptions, SliceTable
from lpm_segmentator.study.record import (
    CaseRecord,
    CaseState,
    CoverageRecord,
    ImageRecord,
    LevelsRecord,
    MaskRecord,
    QualityRecord,
    RunRecord,
    json_schema,
    read_case_record,
    read_run_record,
    write_record,
)

FINDINGS = (
    Finding(Area.INPUT, Severity.NOTE, "input", "the origin was repaired"),
    Finding(
        Area.SEGMENTATION,
        Severity.FAIL,
        "low-confidence",
        "the mask was discarded",
        Remedy.KEEP_LOW_CONFIDENCE,
    ),
)


def record(**more) -> CaseRecord:
    values = {
        "case": "A",
        "version": "1",
        "created": "2026-01-01T00:00:00+00:00",
        "fingerprint": "f",
        "inputs": {"image": "A.nii.gz"},
        "image": ImageRecord((4, 5, 6), (1.0, 1.0, 4.0), "LPS", 0.5),
        "mask": MaskRecord("automatic", "A_dseg.nii.gz", "0" * 64),
        "slices": (1, 3),
        "levels": LevelsRecord("s.nii", ({"name": "L4-L5"},), ("check",), True, "0", False),
        "options": RunOptions().to_dict(),
        "model": {"name": "m"},
        "prediction": {"slices": 6},
        "coverage": CoverageRecord(6, 4.0, 24.0, None),
        "asymmetry_formula": "x",
        "measures": ({"case": "A", "volume_ml": 1.5, "fat_ratio": None},),
        "profile": ({"case": "A", "slice": 0},),
        "volumes": {"case": "A", "volume1_ai": 0.1},
        "fat_ratios": None,
        "reference_measures": None,
        "intensity": (),
        "accuracy": None,
        "accuracy_levels": (),
        "accuracy_slices": (),
        "quality": QualityRecord(0.9, {"1": 0.9}, 0.95, (), 0.7),
        "findings": FINDINGS,
        "seconds": {"total": 1.0},
    }
    return CaseRecord(**(values | more))


def test_a_case_comes_back_from_its_file(tmp_path):
    write_record(record(), tmp_path / "case.json")
    assert read_case_record(tmp_path / "case.json") == record()


def test_numbers_that_are_undefined_are_null(tmp_path):
    quality = QualityRecord(None, {}, None, (), 0.7)
    write_record(record(quality=quality), tmp_path / "case.json")
    assert json.loads((tmp_path / "case.json").read_text())["quality"]["score"] is None
    assert read_case_record(tmp_path / "case.json").quality == quality


def test_messages_are_there_as_plain_text_too():
    values = record().to_dict()
    assert values["notes"] == ["the origin was repaired"]
    assert values["warnings"] == ["the mask was discarded"]
    assert values["findings"][1]["remedy"] == Remedy.KEEP_LOW_CONFIDENCE.value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema_version": 3}, "has version 3"),
        ({"schema_version": None}, "damaged"),
        ({"measures": 7}, "damaged"),
        ({"mask": {"kind": "drawn", "file": "", "sha256": ""}}, "damaged"),
    ],
)
def test_other_records_are_refused_with_what_to_do(tmp_path, change, says):
    path = tmp_path / "case.json"
    path.write_text(json.dumps({**record().to_dict(), **change}))
    with pytest.raises(RecordError, match=says) as caught:
        read_case_record(path)
    assert str(path) in str(caught.value)
    assert "Run the case again" in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"case": "A"}', '{"version": "0.1"}'])
def test_what_is_no_record_is_refused(tmp_path, content):
    path = tmp_path / "case.json"
    path.write_text(content)
    with pytest.raises(RecordError):
        read_case_record(path)


def test_a_run_comes_back_from_its_file(tmp_path):
    run = RunRecord(
        version="1",
        python="3",
        platform="x",
        packages={"numpy": "2"},
        model={"name": "m"},
        options=RunOptions().to_dict(),
        cases={"A": CaseState("done", None, 2.0), "B": CaseState("failed", "empty")},
    )
    write_record(run, tmp_path / "run.json")
    assert read_run_record(tmp_path / "run.json") == run
    assert read_run_record(tmp_path / "none.json") is None


@pytest.mark.parametrize(
    "options",
    [
        RunOptions(),
        RunOptions(model="x", mode="fast", slices=(1, 4), ignore=(255,), contrast=Contrast.T1W),
        RunOptions(slices=SliceTable(Path("s.csv"), "exclusive"), trust="qform"),
        RunOptions(
            levels=LevelOptions(sagittal=Path("s.nii"), anchors=((Disc.L5_S1, 3),)),
            spacing_mm=(0.7, 0.7, 4.0),
        ),
    ],
)
def test_options_come_back_from_a_record(options):
    assert RunOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options


def test_options_that_cannot_be_read_are_refused():
    with pytest.raises(RecordError, match="options"):
        RunOptions.from_dict({"mode": "slow"})


def test_the_schema_in_the_documents_is_that_of_the_record():
    documented = Path(__file__).parents[2] / "docs" / "case.schema.json"
    assert json.loads(documented.read_text(encoding="utf-8")) == json.loads(
        json.dumps(json_schema())
    )
