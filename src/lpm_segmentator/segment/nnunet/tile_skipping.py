"""Skip tiles that nearly coincide: five of eight are enough if the fifth is as predicted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
import numpy.typing as npt

__all__ = ["Position", "nearly_coincide", "scores_of_few_tiles", "weighted_average"]

Float32 = npt.NDArray[np.float32]
Position = tuple[int, ...]
"""Of a tile among 2 x 2 x 2: 0 or 1 along each axis."""
_FIRST: tuple[Position, ...] = ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0))
_TEST: Position = (1, 0, 0)
#: tiles that are further apart than their size divided by this do not predict each other
_DISTANCE_DIVISOR = 8
#: the prediction is confirmed if the fifth tile changes less than this share of the mask
_MAX_CHANGED = 0.005


def nearly_coincide(shape: Sequence[int], patch: Sequence[int]) -> bool:
    """Return whether an image has 2 x 2 x 2 tiles, at most an eighth of their size apart.

    Parameters
    ----------
    shape, patch : sequence of int
        Size of the image and of the tiles.
    """
    return len(shape) == len(patch) == 3 and all(
        0 < n - p <= p / _DISTANCE_DIVISOR for n, p in zip(shape, patch, strict=True)
    )


def scores_of_few_tiles(
    compute: Callable[[Position], Float32],
    weight: Float32,
    starts: Sequence[Sequence[int]],
    shape: Sequence[int],
) -> tuple[Float32, int]:
    """Return the tiles' weighted average from as few of them as predict it.

    Four tiles, every other one, determine the average of all eight if shifting a tile along one
    axis changes its scores by the same amount whatever its position along the others. A fifth
    tile tests this: if it changes almost no label of the mask, the other three are estimated,
    otherwise they are computed.

    Parameters
    ----------
    compute : callable
        Returns the scores (classes, *size of the tile) of the tile at a position.
    weight : ndarray of float32
        Weight of each voxel of a tile.
    starts : sequence of sequence of int
        Start of the tiles along each axis, two numbers an axis.
    shape : sequence of int
        Size of the image.

    Returns
    -------
    scores : ndarray of float32, shape (classes, *shape)
    computed : int
        Number of tiles computed, 5 or 8.
    """
    tiles = {position: compute(position) for position in _FIRST}
    predicted = weighted_average(tiles, weight, starts, shape).argmax(axis=0)
    tiles[_TEST] = compute(_TEST)
    scores = weighted_average(tiles, weight, starts, shape)
    labels = scores.argmax(axis=0)
    changed = np.count_nonzero(labels != predicted)
    if changed > _MAX_CHANGED * np.count_nonzero(labels):
        tiles |= {p: compute(p) for p in product((0, 1), repeat=3) if p not in tiles}
        scores = weighted_average(tiles, weight, starts, shape)
    return scores, len(tiles)


def weighted_average(
    computed: Mapping[Position, Float32],
    weight: Float32,
    starts: Sequence[Sequence[int]],
    shape: Sequence[int],
) -> Float32:
    """Return the weighted average of all tiles; tiles that were skipped are estimated.

    Wherever the same tiles overlap, the scores of a skipped tile are estimated from the computed
    ones by least squares, as a sum of one effect for each axis (main effects of a fractional 2^3
    factorial design). A corner of the image that only skipped tiles cover becomes background.

    Parameters
    ----------
    computed : mapping of position to ndarray of float32, shape (classes, *size of the tile)
        Scores of the computed tiles.
    weight, starts, shape
        See `scores_of_few_tiles`.

    Returns
    -------
    ndarray of float32, shape (classes, *shape)
    """
    classes = len(next(iter(computed.values())))
    total: Float32 = np.zeros((classes, *shape), dtype=np.float32)
    spans = [_spans(s, p, n) for s, p, n in zip(starts, weight.shape, shape, strict=True)]
    for cell in product(*spans):
        place = tuple(slice(begin, end) for begin, end, _ in cell)
        tiles = list(product(*(along for _, _, along in cell)))
        used = [tile for tile in tiles if tile in computed]
        if not used:
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
        shares = np.tensordot(_estimator(tiles, used).T, shares, axes=1)
        for tile, share in zip(used, shares, strict=True):
            total[(slice(None), *place)] += share * computed[tile][(slice(None), *within[tile])]
    return total


def _spans(
    starts: Sequence[int], length: int, size: int
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield the parts of an axis over which the same tiles lie: begin, end, tiles."""
    cuts = sorted({0, size, *starts, *(start + length for start in starts)})
    for begin, end in pairwise(cuts):
        tiles = tuple(i for i, s in enumerate(starts) if s <= begin and end <= s + length)
        yield begin, end, tiles


def _estimator(tiles: Sequence[Position], used: Sequence[Position]) -> Float32:
    """Return the share of each computed tile (columns) in the estimate of each tile (rows)."""
    own = np.array(used, dtype=float)
    centre = own.mean(axis=0)
    shares = 1 / len(used) + (np.array(tiles) - centre) @ np.linalg.pinv(own - centre)
    for column, tile in enumerate(used):
        shares[tiles.index(tile)] = np.arange(len(used)) == column
    estimator: Float32 = shares.astype(np.float32)
    return estimator
