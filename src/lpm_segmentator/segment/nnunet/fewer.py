"""Fewer tiles where they nearly coincide: five of eight, if the fifth is as the four foretold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

__all__ = ["Position", "average_with_stand_ins", "nearly_coincide", "scores_of_few_tiles"]

Float32 = npt.NDArray[np.float32]
#: of a tile among 2 x 2 x 2: 0 or 1 along each axis
Position = tuple[int, ...]
_FIRST: tuple[Position, ...] = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0))
_TEST: Position = (1, 0, 0)
#: where tiles lie a larger share of their size apart, one tells too little of another
_NEAREST = 8
#: the mask is settled where the fifth tile gives less than this share of its voxels another label
_SETTLED = 0.005


def nearly_coincide(shape: Sequence[int], patch: Sequence[int]) -> bool:
    """Return whether an image has 2 x 2 x 2 tiles, each at most an eighth of its size apart."""
    return len(shape) == len(patch) == 3 and all(
        0 < n - p <= p / _NEAREST for n, p in zip(shape, patch, strict=True)
    )


def scores_of_few_tiles(
    answer: Callable[[Position], Float32],
    weight: Float32,
    starts: Sequence[Sequence[int]],
    shape: Sequence[int],
) -> tuple[Float32, int]:
    """Return the tiles' weighted average, computing as few of them as tell it.

    Four tiles, every other one, tell the average of all eight if moving a tile along one axis
    changes its answer by the same amount wherever it lies along the others. A fifth tests that: if
    it changes almost no label of the mask, the three that are left are estimated, else computed.

    Parameters
    ----------
    answer : callable
        Gives the answer (classes, *size of the tile) of the tile at a position.
    weight : ndarray
        Of each voxel of a tile.
    starts
        Where the tiles start along each axis, two numbers an axis.
    shape
        Size of the image.

    Returns
    -------
    scores : ndarray, shape (classes, *shape)
    computed : int
        How many tiles were computed, 5 or 8.
    """
    answers = {position: answer(position) for position in _FIRST}
    foretold = average_with_stand_ins(answers, weight, starts, shape).argmax(axis=0)
    answers[_TEST] = answer(_TEST)
    scores = average_with_stand_ins(answers, weight, starts, shape)
    labels = scores.argmax(axis=0)
    changed = np.count_nonzero(labels != foretold)
    if changed > _SETTLED * np.count_nonzero(labels):
        answers |= {p: answer(p) for p in product((0, 1), repeat=3) if p not in answers}
        scores = average_with_stand_ins(answers, weight, starts, shape)
    return scores, len(answers)


def average_with_stand_ins(
    answers: Mapping[Position, Float32],
    weight: Float32,
    starts: Sequence[Sequence[int]],
    shape: Sequence[int],
) -> Float32:
    """Return the weighted average of all tiles, those without an answer estimated.

    Wherever the same tiles overlap, the answer of one that is left out is fitted to those that are
    there, as a sum of one effect per axis, by least squares (in the theory of experiments: main
    effects from a fraction of a 2^3 factorial design). What only tiles left out would have seen, a
    corner of the image, is background.

    Parameters
    ----------
    answers : mapping of position to ndarray, shape (classes, *size of the tile)
    weight, starts, shape
        See `scores_of_few_tiles`.
    """
    classes = len(next(iter(answers.values())))
    total: Float32 = np.zeros((classes, *shape), dtype=np.float32)
    spans = [_spans(s, p, n) for s, p, n in zip(starts, weight.shape, shape, strict=True)]
    for cell in product(*spans):
        place = tuple(slice(begin, end) for begin, end, _ in cell)
        tiles = list(product(*(along for _, _, along in cell)))
        kept = [tile for tile in tiles if tile in answers]
        if not kept:
            total[0][place] = 1
            continue
        within = {
            tile: tuple(
                slice(own.start - start[i], own.stop - start[i])
                for own, start, i in zip(place, starts, tile, strict=True)
            )
            for tile in tiles
        }
        shares = np.stack([weight[within[tile]] for tile in tiles])
        shares /= shares.sum(axis=0)
        shares = np.tensordot(_stand_ins(tiles, kept).T, shares, axes=1)
        for tile, share in zip(kept, shares, strict=True):
            total[(slice(None), *place)] += share * answers[tile][(slice(None), *within[tile])]
    return total


def _spans(
    starts: Sequence[int], length: int, size: int
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Give the stretches of an axis over which the same tiles lie: begin, end, tiles."""
    cuts = sorted({0, size, *starts, *(start + length for start in starts)})
    for begin, end in pairwise(cuts):
        tiles = tuple(i for i, s in enumerate(starts) if s <= begin and end <= s + length)
        yield begin, end, tiles


def _stand_ins(tiles: Sequence[Position], kept: Sequence[Position]) -> Float32:
    """Return the share of each kept tile (columns) in what each tile (rows) is taken to answer."""
    own = np.array(kept, dtype=float)
    middle = own.mean(axis=0)
    shares = 1 / len(kept) + (np.array(tiles) - middle) @ np.linalg.pinv(own - middle)
    for column, tile in enumerate(kept):
        shares[tiles.index(tile)] = np.arange(len(kept)) == column
    stand_ins: Float32 = shares.astype(np.float32)
    return stand_ins
