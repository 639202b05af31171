"""Run a network over an image in tiles, and average the overlapping scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.segment.nnunet.tile_skipping import (
    Position,
    nearly_coincide,
    scores_of_few_tiles,
)

__all__ = ["Engine", "count_tiles", "gaussian", "sliding_scores", "tile_starts"]

Float32 = npt.NDArray[np.float32]
Scores = npt.NDArray[np.floating[Any]]
Place = tuple[int | slice, ...]


class Engine(Protocol):
    """Runs one fold's network on one tile."""

    def __call__(self, tile: Float32) -> Float32:
        """Return logits (classes, *size) of a tile (channels, *size), both float32."""
        ...


def tile_starts(size: int, patch: int, step: float = 0.5) -> list[int]:
    """Return the start of each tile along one axis.

    There are as many tiles as needed for steps of at most ``step * patch``, evenly spaced.

    Parameters
    ----------
    size, patch : int
        Size of the image and of the tile; ``size >= patch``.
    step : float
        As a share of the tile's size.

    Returns
    -------
    list of int

    Examples
    --------
    >>> tile_starts(110, 64)
    [0, 23, 46]
    """
    count = int(np.ceil((size - patch) / (patch * step))) + 1
    actual = (size - patch) / (count - 1) if count > 1 else 0.0
    return [int(np.round(actual * i)) for i in range(count)]


def gaussian(patch: Sequence[int]) -> npt.NDArray[np.float64]:
    """Return the weight of each voxel of a tile: 1 in the centre, sigma an eighth of the size.

    Parameters
    ----------
    patch : sequence of int
        Size of the tile.

    Returns
    -------
    ndarray of float64, shape `patch`
    """
    weight: npt.NDArray[np.float64] = np.ones((), dtype=np.float64)
    for size in patch:
        unit = np.zeros(size)
        unit[size // 2] = 1
        line = ndimage.gaussian_filter1d(unit, size / 8, mode="constant", cval=0)
        weight = np.multiply.outer(weight, line)
    weight /= weight.max()
    return weight


def sliding_scores(
    data: Float32,
    patch: Sequence[int],
    engines: Iterable[Engine],
    *,
    generation: int,
    rounded: bool = True,
    skip_tiles: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> tuple[Scores, int]:
    """Run the network over an image, tile by tile, and average.

    Version 1 averages probabilities, version 2 logits, both weighted by a Gaussian over the tile.

    Parameters
    ----------
    data : ndarray of float32, shape (channels, a, b, c)
        The prepared image.
    patch : sequence of int
        Tile size; two numbers for a 2-D network, which then runs slice by slice along ``a``.
    engines : iterable of Engine
        One for each fold; a generator keeps only one network in memory.
    generation : {1, 2}
        Version of nnU-Net.
    rounded : bool
        Whether version 2's sums are rounded to float16, as nnU-Net does; otherwise float32.
    skip_tiles : bool
        Compute fewer tiles where they nearly coincide, in float32; see `tile_skipping`.
    advance : callable
        Called once for each tile, computed or skipped.

    Returns
    -------
    scores : ndarray of float, shape (classes, a, b, c)
        Probabilities or logits, in float32 or (version 2, rounded) float16.
    computed : int
        Number of tiles computed, over all folds.
    """
    padded, inner = _pad(data, patch)
    kind = _sum_type(generation, rounded=rounded)
    skip_tiles = skip_tiles and nearly_coincide(data.shape[1:], patch)
    scores: Scores | None = None
    folds = computed = 0
    for engine in engines:
        folds += 1
        mean, used = _mean_of_fold(
            padded,
            patch,
            engine,
            generation=generation,
            kind=None if skip_tiles else kind,
            advance=advance,
        )
        computed += used
        scores = mean if scores is None else np.add(scores, mean, out=scores)
    if scores is None:
        raise ValueError("no engine")
    if folds > 1:
        scores /= scores.dtype.type(folds)
    return scores[(slice(None), *inner)], computed


def _mean_of_fold(
    padded: Float32,
    patch: Sequence[int],
    engine: Engine,
    *,
    generation: int,
    kind: type[_Logits | _RoundedLogits] | None,
    advance: Callable[[], None],
) -> tuple[Scores, int]:
    """Return the mean scores of one network and the tiles computed; few where no type is given."""
    shape = padded.shape[1:]

    def run(place: Place) -> Float32:
        logits = engine(np.ascontiguousarray(padded[(slice(None), *place)]))
        advance()
        return logits

    mean: Scores
    if kind is None:
        mean, used = _mean_of_few(run, shape, patch, generation)
    else:
        mean, used = _mean_of_all(run, shape, patch, kind)
    for _ in range(count_tiles(shape, patch) - used):
        advance()
    return mean, used


def count_tiles(shape: Sequence[int], patch: Sequence[int]) -> int:
    """Return the number of tiles of an image for one fold.

    Parameters
    ----------
    shape : sequence of int
        Size of the image (a, b, c).
    patch : sequence of int
        Size of a tile: two numbers for a 2-D network, three for a 3-D one.
    """
    size = [max(n, p) for n, p in zip(shape[-len(patch) :], patch, strict=True)]
    tiles = np.prod([len(tile_starts(n, p)) for n, p in zip(size, patch, strict=True)])
    return int(tiles) * (shape[0] if len(patch) == 2 else 1)


def _pad(data: Float32, patch: Sequence[int]) -> tuple[Float32, tuple[slice, ...]]:
    """Pad with zeros to at least the tile's size; return also the image's place in the result."""
    pads, inner = [(0, 0)], []
    leading = data.ndim - 1 - len(patch)
    for size, least in zip(data.shape[1:], (*(0,) * leading, *patch), strict=True):
        missing = max(0, least - size)
        pads.append((missing // 2, missing - missing // 2))
        inner.append(slice(missing // 2, missing // 2 + size))
    return np.pad(data, pads), tuple(inner)


def _sum_type(generation: int, *, rounded: bool) -> type[_Logits | _RoundedLogits]:
    if generation == 1:
        return _Probabilities
    return _RoundedLogits if rounded else _Logits


def _mean_of_all(
    run: Callable[[Place], Float32],
    shape: Sequence[int],
    patch: Sequence[int],
    sum_type: type[_Logits | _RoundedLogits],
) -> tuple[Scores, int]:
    """Return the mean of all tiles, and their number."""
    total = sum_type(gaussian(patch), shape)
    places = list(_places(shape, patch))
    for place in places:
        total.add(place, run(place))
    return total.mean(), len(places)


def _mean_of_few(
    run: Callable[[Place], Float32], shape: Sequence[int], patch: Sequence[int], generation: int
) -> tuple[Float32, int]:
    """Return the mean of the tiles, some of them skipped, and the number computed."""
    starts = [tile_starts(size, length) for size, length in zip(shape, patch, strict=True)]

    def compute(position: Position) -> Float32:
        corner = [begins[i] for begins, i in zip(starts, position, strict=True)]
        logits = run(tuple(slice(c, c + p) for c, p in zip(corner, patch, strict=True)))
        return _softmax(logits) if generation == 1 else logits

    return scores_of_few_tiles(compute, _float32_weight(gaussian(patch)), starts, shape)


def _places(shape: Sequence[int], patch: Sequence[int]) -> Iterator[Place]:
    leading = len(shape) - len(patch)
    starts = [
        tile_starts(size, length) for size, length in zip(shape[leading:], patch, strict=True)
    ]
    for fixed in product(*(range(n) for n in shape[:leading])):
        for corner in product(*starts):
            yield (*fixed, *(slice(c, c + p) for c, p in zip(corner, patch, strict=True)))


def _float32_weight(weight: npt.NDArray[np.float64]) -> Float32:
    own: Float32 = weight.astype(np.float32)
    own[own == 0] = own[own > 0].min()
    return own


def _softmax(logits: Float32) -> Float32:
    """Turn logits into probabilities, in place."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)
    return logits


class _Logits:
    """Sum of weighted network outputs, in float32."""

    def __init__(self, weight: npt.NDArray[np.float64], shape: Sequence[int]) -> None:
        self.weight = _float32_weight(weight)
        self.shape = tuple(shape)
        self.total: Float32 | None = None
        self.weights = np.zeros(self.shape, dtype=np.float32)

    def add(self, place: Place, logits: Float32) -> None:
        if self.total is None:
            self.total = np.zeros((len(logits), *self.shape), dtype=np.float32)
        logits *= self.weight
        self.total[(slice(None), *place)] += logits
        self.weights[place] += self.weight

    def mean(self) -> Scores:
        if self.total is None:
            raise ValueError("no tiles")
        self.total /= self.weights
        return self.total


class _Probabilities(_Logits):
    """Sum of weighted softmax outputs, in float32."""

    def add(self, place: Place, logits: Float32) -> None:
        super().add(place, _softmax(logits))


class _RoundedLogits:
    """Sum of weighted logits, rounded to float16 wherever nnU-Net v2 rounds."""

    def __init__(self, weight: npt.NDArray[np.float64], shape: Sequence[int]) -> None:
        half = (weight * 10).astype(np.float16)
        half[half == 0] = half[half > 0].min()
        self.weight = half.astype(np.float32)
        self.shape = tuple(shape)
        self.total: npt.NDArray[np.float16] | None = None
        self.weights = np.zeros(self.shape, dtype=np.float16)

    def add(self, place: Place, logits: Float32) -> None:
        if self.total is None:
            self.total = np.zeros((len(logits), *self.shape), dtype=np.float16)
        logits *= self.weight
        for channel, extra in zip(self.total, logits, strict=True):
            channel[place] = channel[place] + extra
        self.weights[place] = self.weights[place] + self.weight

    def mean(self) -> Scores:
        if self.total is None:
            raise ValueError("no tiles")
        for channel in self.total:
            np.divide(channel, self.weights, out=channel)
        return self.total
