from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lpm_segmentator.core import (
    LPM_SCHEME,
    DixonPair,
    FileFormatError,
    GeometryError,
    LabelError,
    LabelMap,
    PairingError,
    Volume,
)

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])


def test_arrays_cannot_be_written_but_the_callers_own_still_can():
    mine = np.zeros((2, 3, 4))
    volume = Volume(mine, AFFINE)
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    mine[0, 0, 0] = 1


@pytest.mark.parametrize("kind", [Volume, LabelMap])
def test_three_axes_or_nothing(kind):
    with pytest.raises(FileFormatError, match="3 axes"):
        kind(np.zeros((2, 2), dtype=np.uint8), AFFINE)
    with pytest.raises(GeometryError, match="at least one voxel"):
        kind(np.zeros((0, 2, 2), dtype=np.uint8), AFFINE)


@pytest.mark.parametrize("dtype", [np.complex64, object, [("R", "u1"), ("G", "u1")], "U3"])
def test_only_real_numbers(dtype):
    with pytest.raises(FileFormatError, match="real numbers"):
        Volume(np.zeros((2, 2, 2), dtype=dtype), AFFINE)


def test_with_array_keeps_the_grid():
    volume = Volume(np.zeros((2, 3, 4)), AFFINE).with_array(np.ones((2, 3, 4), np.int16))
    assert volume.array.dtype == np.int16
    assert_array_equal(volume.affine, AFFINE)
    with pytest.raises(FileFormatError, match="shape"):
        volume.with_array(np.ones((2, 3, 5)))


def test_label_map_knows_its_structures():
    labels = LabelMap(np.array([0, 1, 2, 4], dtype=np.int64).reshape(1, 1, 4), AFFINE)
    assert labels.array.dtype == np.uint8
    assert labels.present == (1, 2, 4)
    assert labels.mask(4).sum() == labels.mask(LPM_SCHEME.by_value(4)).sum() == 1
    assert labels.foreground.sum() == 3
    assert not labels.ignored.any()


@pytest.mark.parametrize("value", [-1, 5, 256, 257, 70000])
def test_unknown_values_are_named(value):
    array = np.zeros((2, 2, 2), dtype=np.int32)
    array[1, 1, 1] = value
    with pytest.raises(LabelError, match=rf"\[{value}\]"):
        LabelMap(array, AFFINE)


def test_label_map_of_floats_is_refused():
    with pytest.raises(LabelError, match="float64"):
        LabelMap(np.zeros((2, 2, 2)), AFFINE)


def test_ignored_values_are_kept_apart():
    array = np.array([0, 1, 255, 255]).reshape(1, 1, 4)
    labels = LabelMap(array, AFFINE, LPM_SCHEME.ignoring([255]))
    assert labels.ignored.sum() == 2
    assert labels.foreground.sum() == 1
    assert labels.present == (1,)
    assert labels.with_array(array).scheme == labels.scheme


def dixon(water, fat, affine=AFFINE):
    shape = (1, 1, len(water))
    return DixonPair(
        Volume(np.array(water).reshape(shape), AFFINE), Volume(np.array(fat).reshape(shape), affine)
    )


def test_integer_images_do_not_overflow():
    pair = dixon(np.array([65535], np.uint16), np.array([65535], np.uint16))
    assert pair.total().array.item() == 131070


def test_pairs_on_other_grids_are_refused_with_the_difference():
    moved = AFFINE.copy()
    moved[0, 3] = 204.5
    with pytest.raises(PairingError, match=r"origins differ by 204\.50 mm"):
        dixon([1], [1], moved)
