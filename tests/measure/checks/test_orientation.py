from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks import Exchange, check_orientation
from strategies import ORIENTATIONS

Back = tuple[LabelMap, Volume]

SIDES, MUSCLES = [0, 4, 3, 2, 1], [0, 2, 1, 4, 3]

WRONG = {
    "mirrored": (lambda a: a[::-1], Exchange.SIDES),
    "sides": (lambda a: np.choose(a, SIDES), Exchange.SIDES),
    "muscles": (lambda a: np.choose(a, MUSCLES), Exchange.MUSCLES),
    "both": (lambda a: np.choose(np.choose(a, SIDES), MUSCLES), Exchange.SIDES_AND_MUSCLES),
    "upside-down": (lambda a: a[:, ::-1], Exchange.UPSIDE_DOWN),
    "rotated": (lambda a: a[::-1, ::-1], Exchange.SIDES),
    "unordered": (lambda a: np.choose(a, [0, 1, 3, 4, 2]), Exchange.UNORDERED),
}


def changed(labels: LabelMap, change: object) -> LabelMap:
    return labels.with_array(np.ascontiguousarray(change(labels.array), dtype=np.uint8))


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("codes", ORIENTATIONS[::11])
def test_a_wrong_mask_is_noticed_in_any_orientation(
    back: Back, name: str, codes: tuple[str, ...]
) -> None:
    labels, image = back
    change, exchange = WRONG[name]
    wrong = reorient(changed(labels, change), codes)
    for given in (reorient(image, codes), None):
        check = check_orientation(wrong, given)
        assert check.exchange is exchange
        assert check.warning
        # Where all slices are wrong the sentence does not list them.
        assert "slices" not in check.warning


@pytest.mark.parametrize("codes", ORIENTATIONS[::7])
def test_a_right_mask_passes_in_any_orientation(back: Back, codes: tuple[str, ...]) -> None:
    labels, image = back
    for given in (reorient(image, codes), None):
        assert check_orientation(reorient(labels, codes), given).exchange is Exchange.NONE


def test_a_transposed_mask_is_noticed(back: Back) -> None:
    array = np.zeros((160, 160, 6), np.uint8)
    array[:, 20:140] = back[0].array
    transposed = LabelMap(np.ascontiguousarray(array.swapaxes(0, 1)), back[0].affine)
    assert check_orientation(transposed).exchange is Exchange.TRANSPOSED


def test_single_slices_are_named(back: Back) -> None:
    array = back[0].array.copy()
    array[..., 2:4] = np.choose(array[..., 2:4], SIDES)
    check = check_orientation(back[0].with_array(array))
    assert (check.exchange, check.slices) == (Exchange.SIDES, (2, 3))
    assert "slices 2–3" in check.warning


def test_one_muscle_on_both_sides_is_enough_to_judge_the_sides(back: Back) -> None:
    erector = changed(back[0], lambda a: np.where((a == 1) | (a == 4), a, 0))
    assert check_orientation(erector).exchange is Exchange.NONE
    assert check_orientation(changed(erector, lambda a: a[::-1])).exchange is Exchange.SIDES


def test_too_little_says_nothing(back: Back) -> None:
    for kept in ([], [1], [1, 2]):
        some = changed(back[0], lambda a, kept=kept: np.where(np.isin(a, kept), a, 0))
        assert check_orientation(some, back[1]).exchange is Exchange.NONE


def test_an_image_without_signal_is_judged_by_its_grid(back: Back) -> None:
    labels, image = back
    dark = image.with_array(np.zeros_like(image.array))
    assert check_orientation(labels, dark).exchange is Exchange.NONE
    upside_down = changed(labels, lambda a: a[:, ::-1])
    assert check_orientation(upside_down, dark).exchange is Exchange.UPSIDE_DOWN


def test_another_grid_is_refused(back: Back) -> None:
    with pytest.raises(GeometryError, match="another grid"):
        check_orientation(back[0], Volume(np.ones((4, 4, 4)), np.eye(4)))


@pytest.mark.parametrize("sequence", ["T1w", "T2w"])
def test_manual_masks_at_l4_l5_pass(shared_data: Path, sequence: str) -> None:
    masks = np.load(shared_data / "label_shapes" / f"l4l5_3shot_{sequence}.npz")["labels"]
    affine = np.diag([-0.6875, -0.6875, 4.0, 1.0])
    stack = LabelMap(np.ascontiguousarray(masks.transpose(2, 1, 0)), affine)
    assert check_orientation(stack).warning == ""


def test_real_subjects_pass(tum) -> None:  # type: ignore[no-untyped-def]
    for subject in ("TUM01", "TUM02"):
        labels, pair = tum(subject)
        for image in (pair.water, pair.fat, None):
            assert check_orientation(labels, image).warning == ""
        upside_down = changed(labels, lambda a: a[:, ::-1])
        assert check_orientation(upside_down, pair.fat).exchange is Exchange.UPSIDE_DOWN
