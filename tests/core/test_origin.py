from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import PairingError, Remedy, Volume, pair_volumes, repair_origin


def volume(origin=(0, 0, 0), spacing=(1.0185, 1.0185, 4.0), shape=(4, 5, 6), sign=-1):
    affine = np.diag([sign * spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = origin
    return Volume(np.ones(shape), affine)


PLACED = volume((204.5, 147.9, 192.8), (1.0185186, 1.0185186, 4.0))


@pytest.mark.parametrize("order", [1, -1])
def test_the_image_with_an_origin_gives_the_grid(order):
    pair = repair_origin(*[volume(), PLACED][::order])
    assert pair.geometry == pair.fat.geometry == PLACED.geometry


def test_pairs_that_agree_are_left_alone():
    pair = pair_volumes(PLACED, PLACED.with_array(PLACED.array * 2))
    assert pair.geometry == PLACED.geometry
    zero = repair_origin(volume(), volume())
    assert zero.geometry == volume().geometry


def test_a_lost_origin_is_not_repaired_unasked():
    with pytest.raises(PairingError, match=r"differ by 317\.59 mm.*192\.80\)\. If") as caught:
        pair_volumes(volume(), PLACED)
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)
    assert pair_volumes(volume(), PLACED, accept_origin_mismatch=True).geometry == PLACED.geometry


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            volume((1, 2, 3)),
            "different origins, neither of which is known to be lost.*origins differ",
        ),
        (volume(spacing=(1.1, 1.0185, 4.0)), "more than their origin.*spacings differ"),
        (volume(shape=(4, 5, 7)), "more than their origin.*shapes differ"),
        (volume(sign=1), "more than their origin.*orientations differ"),
    ],
)
def test_other_differences_are_not_repaired(other, words):
    with pytest.raises(PairingError, match=words):
        pair_volumes(PLACED, other, accept_origin_mismatch=True)


@pytest.mark.parametrize("slices", [1, 5, 40])
def test_a_crop_of_an_image_without_origin_has_lost_it_too(slices):
    cropped = volume((0, 0, slices * 4.0))
    pair = pair_volumes(cropped, PLACED, accept_origin_mismatch=True)
    assert pair.geometry == PLACED.geometry


def test_two_crops_without_origin_are_never_paired():
    with pytest.raises(
        PairingError,
        match=r"both lost.*origins differ by 8\.00 mm.*Export both again, or crop both",
    ):
        pair_volumes(volume((0, 0, 4)), volume((0, 0, 12)), accept_origin_mismatch=True)


def test_the_remedy_is_offered_only_where_it_helps():
    with pytest.raises(PairingError) as caught:
        pair_volumes(PLACED, volume(shape=(4, 5, 7)))
    assert caught.value.remedies == ()
