"""All checks of a mask in one call."""

from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import LabelMap, Severity
from lpm_segmentator.measure import measure_case
from lpm_segmentator.measure.checks import check_labels
from phantoms import labels_of, pair_of, phantom


@pytest.fixture
def labels() -> LabelMap:
    return labels_of(phantom())


def messages(labels: LabelMap, **more: object) -> str:
    return " ".join(str(f) for f in check_labels(labels, **more).findings)  # type: ignore[arg-type]


def test_a_good_mask_gives_no_finding_about_its_orientation(labels):
    checks = check_labels(labels, pair_of(phantom()).water)
    assert not [f for f in checks.findings if f.code in ("orientation", "border")]
    assert not checks.cut_off


def test_exchanged_sides_fail(labels):
    exchanged = labels.with_array(np.array([0, 4, 3, 2, 1], np.uint8)[labels.array])
    (finding,) = [f for f in check_labels(exchanged).findings if f.code == "orientation"]
    assert finding.severity is Severity.FAIL
    assert "right and left exchanged" in finding.message
    assert "mirrored" not in messages(exchanged, expected=labels)  # a second mask tells which
    assert "the reference may be" in messages(exchanged, name="reference")


def test_sizes_of_a_muscle_that_is_cut_off_are_not_valid(labels):
    shown = np.nonzero(labels.mask(1))[0]
    codes = labels.geometry.axis_codes
    middle = int(np.median(shown))
    part = np.s_[middle:] if codes[0] == "L" else np.s_[: middle + 1]
    cut = LabelMap(labels.array[part], labels.geometry.affine)
    checks = check_labels(cut)
    assert set(checks.cut_off) == {"ES_R"}
    measures = measure_case(cut, cut_off=checks.cut_off)
    valid = {(row.muscle, row.side): row.valid for row in measures.rows}
    assert not any(valid[key] for key in (("ES", "R"), ("ES", "both"), ("ES+MF", "R")))
    assert all(valid[key] for key in (("ES", "L"), ("MF", "R"), ("MF", "both")))
    assert np.isnan(measures.volumes_ml[1])
    assert np.isfinite(measures.volumes_ml[4])
    (row,) = [r for r in measures.rows if (r.muscle, r.side) == ("ES", "R")]
    assert "cut off by the edge of the image" in row.note
    assert row["volume_ml"] > 0


def test_an_empty_mask_has_nothing_to_check(labels):
    empty = labels.with_array(np.zeros_like(labels.array))
    assert check_labels(empty).findings == ()


def test_wide_gaps_are_stated(labels):
    affine = labels.geometry.affine.copy()
    axis = labels.slice_axis
    affine[:3, axis] *= 30 / np.linalg.norm(affine[:3, axis])
    wide = LabelMap(labels.array, affine)
    assert "30.0 mm apart (centre to centre), with gaps of 25.0 mm" in messages(
        wide, thickness_mm=5.0
    )
