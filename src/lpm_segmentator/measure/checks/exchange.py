"""Names how a mask is exchanged against a second mask of the same image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import product

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError, LabelError
from lpm_segmentator.core.labels import LabelScheme, Muscle
from lpm_segmentator.core.volume import LabelMap, Volume

__all__ = ["Exchange", "OrientationCheck", "check_against", "check_same_grid"]

IndexArray = npt.NDArray[np.intp]

NAN = float("nan")

#: An exchange must raise the Dice by this much, to at least that much.
_CLEARLY, _AT_LEAST = 0.15, 0.5
#: Of exchanges whose Dice is this close to the best the simplest is named.
_TIE = 0.02

_OTHER_MUSCLE = {
    Muscle.ERECTOR_SPINAE: Muscle.MULTIFIDUS,
    Muscle.MULTIFIDUS: Muscle.ERECTOR_SPINAE,
}


class Exchange(str, Enum):
    """How a mask differs from what it should be, the simple ones first.

    The value completes "the mask is ...".
    """

    NONE = ""
    SIDES = "labelled with right and left exchanged"
    MIRRORED = "mirrored left to right"
    UPSIDE_DOWN = "turned upside down (front to back)"
    ROTATED = "rotated by 180° in the plane"
    TRANSPOSED = "transposed or rotated by 90° in the plane"
    MUSCLES = "labelled with erector spinae and multifidus exchanged"
    SIDES_AND_MUSCLES = "labelled with both sides and muscles exchanged"
    REVERSED = "reversed head to foot"
    SEVERAL = "exchanged in several ways"
    UNORDERED = "not ordered like the muscles of the back"

    def __str__(self) -> str:
        """Return the words."""
        return self.value


@dataclass(frozen=True)
class OrientationCheck:
    """The result of checking a mask's orientation.

    Attributes
    ----------
    exchange : Exchange
        `Exchange.NONE` if nothing is wrong or nothing can be said.
    warning : str
        The sentence to show; empty if there is none.
    slices : tuple of int
        Slices that show it, where they were judged one by one.
    dice, best_dice : float
        Dice of the mask with a second one as it is, and after the exchange is undone; nan without
        a second mask.
    """

    exchange: Exchange = Exchange.NONE
    warning: str = ""
    slices: tuple[int, ...] = ()
    dice: float = NAN
    best_dice: float = NAN


@dataclass(frozen=True)
class _Move:
    """A transposition in the plane and flips along the array axes, about the grid's middle."""

    transposed: bool
    flips: tuple[bool, bool, bool]


def check_against(labels: LabelMap, expected: LabelMap) -> OrientationCheck:
    """Name the exchange that makes a mask agree with a second mask of the same image.

    The mask's array is flipped along each axis and transposed in the plane, about the middle of the
    grid, and its numbers are exchanged; the form with the highest Dice is named if it is clearly
    better than the mask as it is (by 0.15, and at least 0.5).

    Parameters
    ----------
    labels : LabelMap
        The mask to check.
    expected : LabelMap
        On the same grid and of the same scheme, e.g. what the embedded model gives.

    Returns
    -------
    OrientationCheck
        The Dice is ``2 Σ |R ∩ P| / (Σ |R| + Σ |P|)``, summed over the labels.

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    check_same_grid(labels, expected)
    scores = _scores(labels, expected)
    as_it_is, best = scores[Exchange.NONE], max(scores.values())
    if best < max(as_it_is + _CLEARLY, _AT_LEAST):
        return OrientationCheck(dice=as_it_is, best_dice=as_it_is)
    exchange = next(e for e in Exchange if scores.get(e, 0.0) >= best - _TIE)
    return OrientationCheck(
        exchange,
        f"the mask may be {exchange}: its Dice with a second mask of the same image is "
        f"{as_it_is:.2f} as it is and {scores[exchange]:.2f} after that is undone",
        dice=as_it_is,
        best_dice=scores[exchange],
    )


def check_same_grid(labels: LabelMap, other: Volume | LabelMap | None) -> None:
    """Raise a `GeometryError` if a label map and an image, or a second one, differ in grid."""
    difference = other and labels.geometry.describe_difference(other.geometry)
    if difference:
        raise GeometryError(f"the label map lies on another grid: {difference}")


def _scores(labels: LabelMap, expected: LabelMap) -> dict[Exchange, float]:
    """Return the best Dice of each exchange's forms."""
    scores: dict[Exchange, float] = {}
    relabellings = _relabellings(labels.scheme)
    total = np.count_nonzero(labels.foreground) + np.count_nonzero(expected.foreground)
    voxels = np.nonzero(labels.foreground)
    for move in _moves(labels):
        counts = _joint_counts(labels, voxels, expected, move)
        for relabelling, mapping in relabellings.items():
            kind = _name(labels, move)
            if relabelling is not Exchange.NONE:
                kind = relabelling if kind is Exchange.NONE else Exchange.SEVERAL
            shared = sum(counts[value, meant] for value, meant in mapping.items())
            scores[kind] = max(scores.get(kind, 0.0), float(2 * shared / total) if total else 0.0)
    return scores


def _moves(labels: LabelMap) -> Iterator[_Move]:
    """Yield every move that keeps the shape and is not the same as another."""
    first, second = labels.geometry.in_plane_axes
    is_square = labels.shape[first] == labels.shape[second]
    choices = [(False, True) if size > 1 else (False,) for size in labels.shape]
    for transposed in (False, True) if is_square else (False,):
        for i, j, k in product(*choices):
            yield _Move(transposed, (i, j, k))


def _name(labels: LabelMap, move: _Move) -> Exchange:
    codes, slice_axis = labels.geometry.axis_codes, labels.slice_axis
    if move.flips[slice_axis]:
        alone = sum(move.flips) == 1 and not move.transposed
        return Exchange.REVERSED if alone else Exchange.SEVERAL
    if move.transposed:
        return Exchange.TRANSPOSED
    flipped = "".join(code for code, flip in zip(codes, move.flips, strict=True) if flip)
    if len(flipped) == 2:
        return Exchange.ROTATED
    if not flipped:
        return Exchange.NONE
    return Exchange.MIRRORED if flipped in "LR" else Exchange.UPSIDE_DOWN


def _joint_counts(
    labels: LabelMap, voxels: tuple[IndexArray, ...], expected: LabelMap, move: _Move
) -> npt.NDArray[np.int64]:
    """Count the pairs of values of the moved mask and the expected one, shape (256, 256)."""
    where = list(voxels)
    if move.transposed:
        first, second = labels.geometry.in_plane_axes
        where[first], where[second] = where[second], where[first]
    for axis, flip in enumerate(move.flips):
        if flip:
            where[axis] = labels.shape[axis] - 1 - where[axis]
    pairs = labels.array[voxels].astype(np.int64) * 256 + expected.array[tuple(where)]
    return np.bincount(pairs, minlength=256 * 256).reshape(256, 256)


def _relabellings(scheme: LabelScheme) -> Mapping[Exchange, Mapping[int, int]]:
    """Return the exchanges of numbers that the scheme allows, each from value to meant value."""
    kinds = {
        Exchange.NONE: (False, False),
        Exchange.SIDES: (True, False),
        Exchange.MUSCLES: (False, True),
        Exchange.SIDES_AND_MUSCLES: (True, True),
    }
    mappings = {}
    for exchange, (sides, muscles) in kinds.items():
        mapping = {}
        try:
            for structure in scheme:
                muscle = _OTHER_MUSCLE[structure.muscle] if muscles else structure.muscle
                side = structure.side.other if sides else structure.side
                mapping[structure.value] = scheme.find(muscle, side).value
        except LabelError:  # the scheme lacks a side or a muscle
            continue
        mappings[exchange] = mapping
    return mappings
