from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from scipy.spatial.distance import cdist

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.measure import assd_mm, hausdorff_mm, hd95_mm, nsd, surface_distances

SPACING = (1.0, 2.0, 4.0)
masks = hnp.arrays(np.bool_, (5, 4, 3))


def by_all_pairs(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same distances from the definition: every pair of surface voxels."""
    points = [
        np.argwhere(m & ~ndimage.binary_erosion(np.pad(m, 1))[1:-1, 1:-1, 1:-1]) * SPACING
        for m in (one, other)
    ]
    table = cdist(*points)
    return table.min(axis=1), table.min(axis=0)


@given(masks, masks)
def test_distances_follow_the_definition(one: np.ndarray, other: np.ndarray) -> None:
    d = surface_distances(one, other, SPACING)
    if not (one.any() and other.any()):
        assert d.reason
        return
    expected = by_all_pairs(one, other)
    for found, wanted in zip((d.reference_mm, d.prediction_mm), expected, strict=True):
        np.testing.assert_allclose(np.sort(found), np.sort(wanted), atol=1e-12)
    everything = np.concatenate(expected)
    assert assd_mm(d) == pytest.approx(everything.mean())
    assert hausdorff_mm(d) == pytest.approx(everything.max())
    assert hd95_mm(d) == pytest.approx(max(np.percentile(e, 95) for e in expected))
    assert nsd(d, 2.0) == pytest.approx(np.mean(everything <= 2.0 + 1e-9))


@given(masks, masks, st.integers(0, 2))
def test_the_slices_make_up_the_whole(one: np.ndarray, other: np.ndarray, axis: int) -> None:
    d = surface_distances(one, other, SPACING, slice_axis=axis)
    parts = [d.within([n]) for n in range(one.shape[axis])]
    for name in ("reference_mm", "prediction_mm"):
        together = np.concatenate([getattr(p, name) for p in parts])
        np.testing.assert_array_equal(np.sort(together), np.sort(getattr(d, name)))
    if d.reason:
        return
    for index, part in enumerate(parts):
        shown = np.take(one, index, axis).any(), np.take(other, index, axis).any()
        assert (len(part.reference_mm) > 0, len(part.prediction_mm) > 0) == shown
        assert bool(part.reason) == (not all(shown))


@given(masks, masks, st.floats(0.1, 9.0))
def test_order_does_not_matter_and_scale_goes_through(
    one: np.ndarray, other: np.ndarray, scale: float
) -> None:
    d, back = surface_distances(one, other, SPACING), surface_distances(other, one, SPACING)
    scaled = surface_distances(one, other, [scale * s for s in SPACING])
    for measure in (assd_mm, hd95_mm, hausdorff_mm):
        np.testing.assert_allclose(measure(d), measure(back))
        np.testing.assert_allclose(measure(scaled), scale * measure(d))
    np.testing.assert_allclose(nsd(d, 1.0), nsd(back, 1.0))


def test_identical_masks_are_zero_apart() -> None:
    mask = np.zeros((6, 6, 4), np.bool_)
    mask[1:5, 2:5, 1:3] = True
    d = surface_distances(mask, mask, SPACING)
    assert (hd95_mm(d), assd_mm(d), hausdorff_mm(d), nsd(d, 0.0)) == (0.0, 0.0, 0.0, 1.0)


def test_a_shift_is_measured_in_mm_and_whole_voxels_reach_their_tolerance() -> None:
    one, other = np.zeros((2, 20, 12, 6), np.bool_)
    one[4:10, 3:9, 1:5], other[6:12, 3:9, 1:5] = True, True
    d = surface_distances(one, other, (1.0, 1.0, 4.0))
    assert hausdorff_mm(d) == 2.0
    assert nsd(d, 2.0) == 1.0
    assert 0 < nsd(d, 1.0) < 1


def test_empty_masks_give_nan_and_the_reason() -> None:
    empty, full = np.zeros((3, 3, 3), np.bool_), np.ones((3, 3, 3), np.bool_)
    for one, other, reason, overlap in (
        (empty, empty, "reference and prediction are empty", math.nan),
        (full, empty, "prediction is empty", 0.0),
        (empty, full, "reference is empty", 0.0),
    ):
        d = surface_distances(one, other, SPACING)
        assert d.reason == reason
        assert all(math.isnan(m(d)) for m in (hd95_mm, assd_mm, hausdorff_mm))
        np.testing.assert_equal(nsd(d, 1.0), overlap)


def test_one_slice_is_measured_as_an_outline() -> None:
    one, other = np.zeros((2, 20, 20, 1), np.bool_)
    one[4:14, 4:14], other[7:17, 4:14] = True, True
    d = surface_distances(one, other, (1.0, 1.0, 4.0))
    assert len(d.reference_mm) == 36  # the outline, not the 100 voxels
    assert hausdorff_mm(d) == 3.0


def test_open_ends_leave_cut_faces_out() -> None:
    one, other = np.zeros((2, 16, 16, 5), np.bool_)
    one[3:10, 3:10], other[4:11, 3:10] = True, True
    closed = surface_distances(one, other, (1.0, 1.0, 4.0))
    opened = surface_distances(one, other, (1.0, 1.0, 4.0), open_ends=True)
    assert len(opened.reference_mm) == 24 * 5
    assert len(closed.reference_mm) == 24 * 3 + 49 * 2
    assert assd_mm(opened) > assd_mm(closed)
    full = np.ones((4, 4, 4), np.bool_)
    assert hd95_mm(surface_distances(full, full, SPACING, open_ends=True)) == 0.0


def test_shapes_must_agree() -> None:
    with pytest.raises(GeometryError, match="shapes"):
        surface_distances(np.ones((2, 2, 2), np.bool_), np.ones((2, 2, 3), np.bool_), SPACING)


@settings(max_examples=15)
@given(masks, masks)
def test_directed_means_and_hausdorff_equal_medpy(one: np.ndarray, other: np.ndarray) -> None:
    binary = pytest.importorskip("medpy.metric.binary")
    if not (one.any() and other.any()):
        return
    d = surface_distances(one, other, SPACING)
    assert d.reference_mm.mean() == pytest.approx(binary.asd(one, other, SPACING), abs=1e-9)
    assert d.prediction_mm.mean() == pytest.approx(binary.asd(other, one, SPACING), abs=1e-9)
    assert hausdorff_mm(d) == pytest.approx(binary.hd(one, other, SPACING), abs=1e-9)
