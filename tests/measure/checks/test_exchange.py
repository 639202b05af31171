from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.labels import LabelScheme
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks import Exchange, check_against

Back = tuple[LabelMap, Volume]

SIDES, MUSCLES = [0, 4, 3, 2, 1], [0, 2, 1, 4, 3]

WRONG = {
    Exchange.SIDES: lambda a: np.choose(a, SIDES),
    Exchange.MUSCLES: lambda a: np.choose(a, MUSCLES),
    Exchange.SIDES_AND_MUSCLES: lambda a: np.choose(np.choose(a, SIDES), MUSCLES),
    Exchange.MIRRORED: lambda a: a[::-1],
    Exchange.UPSIDE_DOWN: lambda a: a[:, ::-1],
    Exchange.ROTATED: lambda a: a[::-1, ::-1],
    Exchange.TRANSPOSED: lambda a: a.swapaxes(0, 1),
    Exchange.REVERSED: lambda a: a[..., ::-1],
    Exchange.SEVERAL: lambda a: np.choose(a[:, ::-1], MUSCLES),
}


def square(labels: LabelMap) -> LabelMap:
    """The same on a square grid, off its middle: transposing keeps the shape."""
    array = np.zeros((160, 160, 6), np.uint8)
    array[:, 30:150] = labels.array
    array[..., 4:] = 0  # so that head and foot differ by more than the taper
    return LabelMap(array, labels.affine)


def drawn_otherwise(labels: LabelMap) -> LabelMap:
    """What another reader, or the model, draws of the same muscles."""
    return labels.with_array(np.roll(labels.array, (1, -1), axis=(0, 1)))


@pytest.mark.parametrize("exchange", WRONG, ids=lambda e: e.name)
@pytest.mark.parametrize("codes", ["LPS", "RAS", "SAL"])
def test_the_exchange_is_named(back: Back, exchange: Exchange, codes: str) -> None:
    labels = square(back[0])
    wrong = labels.with_array(np.ascontiguousarray(WRONG[exchange](labels.array), dtype=np.uint8))
    masks = (reorient(m, tuple(codes)) for m in (wrong, drawn_otherwise(labels)))
    check = check_against(*masks)
    assert check.exchange is exchange
    assert check.best_dice > 0.8 > check.dice
    assert str(exchange) in check.warning


def test_a_right_mask_passes(back: Back) -> None:
    labels, _ = back
    check = check_against(labels, drawn_otherwise(labels))
    assert (check.exchange, check.warning) == (Exchange.NONE, "")
    assert check.dice == check.best_dice > 0.8
    assert check_against(labels, labels).dice == 1.0


def test_masks_of_other_places_and_empty_ones_say_nothing(back: Back) -> None:
    labels, _ = back
    empty = labels.with_array(np.zeros(labels.shape, np.uint8))
    elsewhere = labels.with_array(np.roll(labels.array, (60, 17), axis=(0, 1)))
    for other in (empty, elsewhere):
        assert check_against(labels, other).exchange is Exchange.NONE
    assert check_against(empty, empty).dice == 0.0


def test_a_grid_that_is_no_square_cannot_be_transposed(back: Back) -> None:
    labels, _ = back
    assert check_against(labels, labels).exchange is Exchange.NONE
    mirrored = labels.with_array(np.ascontiguousarray(labels.array[::-1]))
    assert check_against(mirrored, labels).exchange is Exchange.MIRRORED


def test_a_scheme_of_one_side_is_judged_without_exchanged_numbers(back: Back) -> None:
    labels, _ = back
    right = LabelScheme(labels.scheme.structures[:2])
    one_side = LabelMap(np.where(labels.array > 2, 0, labels.array), labels.affine, right)
    upside_down = one_side.with_array(np.ascontiguousarray(one_side.array[:, ::-1]))
    assert check_against(upside_down, one_side).exchange is Exchange.UPSIDE_DOWN


def test_another_grid_is_refused(back: Back) -> None:
    with pytest.raises(GeometryError, match="another grid"):
        check_against(back[0], LabelMap(np.zeros((4, 4, 4), np.uint8), np.eye(4)))
