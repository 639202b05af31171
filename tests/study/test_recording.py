"""From results to records."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from lpm_segmentator.case import Case, Settings
from lpm_segmentator.core import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.measure.checks import Coverage
from lpm_segmentator.pipeline import run_case
from lpm_segmentator.segment import Quality
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.complete import check_complete
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.record import CaseRecord, MaskRecord
from lpm_segmentator.study.record_parts import ExaminationRecord
from lpm_segmentator.study.recording import (
    coverage_record,
    image_record,
    quality_record,
    record_of,
    rows_of,
)
from phantoms import Truthful, labels_of, pair_of, phantom

EXAMINATION = ExaminationRecord("s", "e", (), {"sex": "F", "age_years": None})


@pytest.fixture(scope="module")
def result():
    pair = pair_of(phantom())
    case = Case("P", pair.water, pair=pair, reference=labels_of(phantom()))
    found = run_case(case, Truthful(labels_of(phantom())), Settings())
    return replace(found, seconds={**found.seconds, "total": 1.0})


def recorded(result, **files: object) -> CaseRecord:
    return record_of(
        result,
        files=CaseFiles("P", image="P.nii.gz", **files),
        options=RunOptions(),
        image=image_record(result, KnownContrast(Contrast.WATER, ContrastSource.DICOM)),
        mask=MaskRecord("automatic", "P_dseg.nii.gz", "0"),
        levels=None,
        findings=result.findings,
        fingerprint="f",
    )


def test_a_record_is_whole_and_plain(result):
    record = recorded(result, examination=EXAMINATION)
    check_complete(record)
    text = json.dumps(record.to_dict(), allow_nan=False)
    assert CaseRecord.from_dict(json.loads(text)) == record
    assert record.examination == EXAMINATION
    assert record.inputs == {"image": "P.nii.gz"}
    assert record.model["name"] == "truth"
    assert record.accuracy is not None
    assert record.accuracy["dsc_global"] == 1.0
    assert record.fat_ratios is not None
    assert record.reference_measures is not None


def test_undefined_numbers_are_none(result):
    undefined = [row for row in recorded(result).measures if None in row.values()]
    assert undefined
    (row,) = rows_of([replace(result.measures.rows[0], note="none")])
    assert not any(isinstance(value, float) and math.isnan(value) for value in row.values())


def test_a_single_image_has_no_fat_ratios(result):
    case = replace(result.case, pair=None)
    assert recorded(replace(result, case=case)).fat_ratios is None


def test_what_is_known_of_the_image(result):
    known = image_record(result, KnownContrast(Contrast.T2W, ContrastSource.DICOM))
    assert (known.contrast, known.contrast_source) == ("T2w", "DICOM header")
    assert known.shape == result.case.image.shape
    assert known.axis_codes == "LPS"


def test_an_unknown_gap_and_unknown_scores_are_none():
    covered = coverage_record(Coverage((0, 1), 4.0))
    assert (covered.slices, covered.gap_mm) == (2, None)
    assert coverage_record(Coverage((0, 1), 4.0, 3.5)).gap_mm == 0.5
    quality = quality_record(Quality(math.nan, {3: 0.5}, np.nan, (3,), (), 0.4))
    assert (quality.score, quality.expected_dice) == (None, None)
    assert quality.slice_scores == {"3": 0.5}
