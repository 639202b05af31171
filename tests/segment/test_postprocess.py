from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from lpm_segmentator.core import LPM_SCHEME, LabelMap
from lpm_segmentator.segment import keep_largest
from strategies import label_maps

CONNECTIVITY = {6: 1, 18: 2, 26: 3}


def by_scipy(array: np.ndarray, connectivity: int) -> np.ndarray:
    """The published step in its plainest form: label, count, argmax."""
    structure = ndimage.generate_binary_structure(3, CONNECTIVITY[connectivity])
    kept = np.zeros_like(array)
    for value in np.unique(array[array > 0]):
        components, _ = ndimage.label(array == value, structure)
        sizes = np.bincount(components.ravel())[1:]
        kept[components == sizes.argmax() + 1] = value
    return kept


def on_grid(array: np.ndarray) -> LabelMap:
    return LabelMap(array, np.diag([1.0, 1.0, 4.0, 1.0]))


# Few values on few voxels, so that components of equal size are common.
crowded = hnp.arrays(
    np.uint8, st.tuples(*[st.integers(1, 7)] * 3), elements=st.sampled_from([0, 0, 1, 2, 4])
)


@given(crowded, st.sampled_from([6, 18, 26]))
def test_it_is_scipys_label_and_argmax(array, connectivity):
    cleaned = keep_largest(on_grid(array), connectivity=connectivity).labels.array
    assert np.array_equal(cleaned, by_scipy(array, connectivity))


def test_of_equal_components_the_first_in_the_array_stays():
    array = np.zeros((5, 1, 6), np.uint8)
    array[0, 0, 4:6] = 1
    array[3, 0, 0:2] = 1
    assert keep_largest(on_grid(array)).labels.array[0].sum() == 2


@given(label_maps())
def test_it_is_idempotent(labels):
    once = keep_largest(labels).labels
    again = keep_largest(once)
    assert np.array_equal(again.labels.array, once.array)
    assert again.removed_share == 0


@given(label_maps())
def test_it_only_takes_away(labels):
    result = keep_largest(labels)
    kept = result.labels.array
    assert np.array_equal(kept[kept > 0], labels.array[kept > 0])
    lost = {v: int((labels.array == v).sum() - (kept == v).sum()) for v in labels.present}
    assert lost == result.removed_voxels
    assert result.labels.geometry == labels.geometry


@given(label_maps(), st.sampled_from([6, 18, 26]))
def test_every_label_that_was_there_is_one_component(labels, connectivity):
    cleaned = keep_largest(labels, connectivity=connectivity).labels
    assert cleaned.present == labels.present
    structure = ndimage.generate_binary_structure(3, CONNECTIVITY[connectivity])
    for value in labels.present:
        assert ndimage.label(cleaned.mask(value), structure)[1] == 1


@pytest.mark.parametrize(("connectivity", "kept"), [(6, 1), (18, 2), (26, 3)])
def test_connectivity_decides_what_touches(connectivity, kept):
    array = np.zeros((4, 4, 4), np.uint8)
    array[0, 0, 0] = array[0, 1, 1] = array[1, 2, 2] = 2  # across an edge, then a corner
    cleaned = keep_largest(on_grid(array), connectivity=connectivity).labels
    assert np.count_nonzero(cleaned.array) == kept


def test_an_unknown_connectivity_is_refused():
    with pytest.raises(ValueError, match="6, 18 or 26"):
        keep_largest(on_grid(np.ones((2, 2, 2), np.uint8)), connectivity=4)  # type: ignore[arg-type]


def test_an_empty_map_stays_empty():
    result = keep_largest(on_grid(np.zeros((3, 3, 3), np.uint8)))
    assert result.removed_voxels == {}
    assert result.removed_share == 0
    assert not result.labels.array.any()


def test_ignored_values_stay_wherever_they_are():
    array = np.zeros((6, 1, 1), np.uint8)
    array[[0, 2, 4], 0, 0] = 255
    array[[1, 5], 0, 0] = 3
    labels = LabelMap(array, np.eye(4), LPM_SCHEME.ignoring([255]))
    assert keep_largest(labels).labels.array.ravel().tolist() == [255, 3, 255, 0, 255, 0]


@pytest.fixture(scope="module")
def speckled(shared_data) -> LabelMap:
    """TUM01's label map with 0.05 % of the voxels set to random labels."""
    nib = pytest.importorskip("nibabel")
    path = shared_data / "myosegmentum" / "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz"
    loaded = nib.load(path)
    array = np.asarray(loaded.dataobj).astype(np.uint8)
    rng = np.random.default_rng(0)
    chosen = rng.choice(array.size, array.size // 2000, replace=False)
    array.flat[chosen] = rng.integers(1, 5, len(chosen))
    return LabelMap(array, loaded.affine)


def test_on_a_real_map_with_speckles_it_is_scipys_result(speckled):
    result = keep_largest(speckled)
    assert np.array_equal(result.labels.array, by_scipy(speckled.array, 6))
    assert sum(result.removed_voxels.values()) > 2000


@pytest.mark.slow
def test_on_a_real_map_it_is_a_hundred_times_faster_than_copying_by_component(speckled):
    def by_component(array: np.ndarray, label: int, parts: int) -> None:
        """A share of what a loop over components does: one full comparison and copy each."""
        components, _ = ndimage.label(array == label)
        for number in range(1, parts + 1):
            copy = np.zeros_like(array)
            copy[components == number] = label

    started = time.process_time()
    keep_largest(speckled)
    ours = time.process_time() - started
    counts = {v: ndimage.label(speckled.mask(v))[1] for v in speckled.present}
    started = time.process_time()
    by_component(speckled.array, 1, 20)
    loop = (time.process_time() - started) / 20 * sum(counts.values())
    assert loop > 100 * ours
