"""From heat maps to a chain of discs, and from their appearance to its position in the spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import Disc, Geometry
from lpm_segmentator.levels.planes import FloatArray

__all__ = [
    "SEEN",
    "SPACING_LIMITS_MM",
    "Chain",
    "Node",
    "Points",
    "find_chain",
    "offset_probabilities",
]

Points = npt.NDArray[np.float64]

_ANY = len(Disc)
#: a disc is a maximum of at least this height
SEEN = 0.2
#: distance between the middles of neighbouring discs in an adult, with a margin
SPACING_LIMITS_MM = (20.0, 52.0)
#: a step longer than the limit, and than this many times the median, skips a disc
_MISSED = 1.6
#: neighbouring patches overlap and their errors are correlated: this share of their evidence counts
_EVIDENCE = 0.5
#: above L4-L5 discs are similar, and their position in one image does not generalise to another:
#: this share of the evidence that distinguishes them counts
_FINE = 0.5
_ALIKE = slice(0, len(Disc) - 1)
#: least probability of a name, so that a single unusual patch does not decide
_LEAST = 0.01
_WINDOW_MM = 12.0
_ALONG_MM = 6.0
_LATERAL_MM = 14.0


@dataclass(frozen=True, eq=False)
class Node:
    """A disc without a name.

    Attributes
    ----------
    centre_mm, normal : ndarray, shape (3,)
        In the world; the normal points to the head.
    score : float
        Height of "any disc" there, 0 to 1.
    below_mm : float
        How far the image reaches below the middle.
    """

    centre_mm: Points
    normal: Points
    score: float
    below_mm: float


@dataclass(frozen=True, eq=False)
class Chain:
    """Discs from head to foot."""

    nodes: tuple[Node, ...]

    @property
    def spacing_mm(self) -> Points:
        """Distances between neighbours."""
        centres = np.array([node.centre_mm for node in self.nodes])
        lengths: Points = np.linalg.norm(np.diff(centres, axis=0), axis=1)
        return lengths

    @property
    def numbers(self) -> npt.NDArray[np.int_]:
        """Numbers of the discs from 0 at the head; one is left out where a disc was missed."""
        spacing_mm = self.spacing_mm
        missed = spacing_mm > SPACING_LIMITS_MM[1]
        if missed.any():
            missed &= spacing_mm > _MISSED * float(np.median(spacing_mm))
        return np.concatenate([[0], np.cumsum(1 + missed)])


def find_chain(maps: FloatArray, geometry: Geometry) -> Chain:
    """Return the best chain of discs in the maps of sagittal planes.

    Parameters
    ----------
    maps : ndarray, shape (channels, x, rows, columns)
    geometry : Geometry
        Grid of the planes: x to the right, rows to the feet, columns to the back.
    """
    from scipy import ndimage

    spacing = geometry.spacing_mm
    named = maps[:_ANY]
    # Discs are wider than the distance of planes: averaging over neighbours removes chance maxima.
    sigma = (6.0 / spacing[0], 1.5 / spacing[1], 2.0 / spacing[2])
    any_disc = ndimage.gaussian_filter(np.maximum(maps[_ANY], named.max(axis=0)), sigma)
    size = [2 * int(mm / step) + 1 for mm, step in zip((20.0, 8.0, 14.0), spacing, strict=True)]
    peaks = ndimage.maximum_filter(any_disc, size=size) == any_disc
    found = np.argwhere(peaks & (any_disc > SEEN))
    nodes = [_node(at, any_disc, geometry) for at in found]
    return Chain(_best_chain(nodes, geometry))


def _node(at: npt.NDArray[np.int_], any_disc: FloatArray, geometry: Geometry) -> Node:
    """Return the disc around a maximum: its middle and plane by the moments of the map."""
    reach = np.ceil(np.array([_LATERAL_MM, _WINDOW_MM, _WINDOW_MM]) / geometry.spacing_mm)
    low = np.maximum(at - reach.astype(int), 0)
    high = np.minimum(at + reach.astype(int) + 1, any_disc.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    voxels = np.moveaxis(np.indices(any_disc[box].shape), 0, -1).reshape(-1, 3) + low
    points = geometry.voxel_to_world(voxels)
    weights = any_disc[box].ravel().astype(np.float64)
    weights = np.where(weights > 0.3 * any_disc[tuple(at)], weights, 0.0)
    down, back = (geometry.affine[:3, a] / geometry.spacing_mm[a] for a in (1, 2))
    centre = geometry.voxel_to_world(at)
    for _ in range(3):  # the window follows the middle, so that its start does not matter
        offset = points - centre
        near = weights * (np.abs(offset @ down) <= _ALONG_MM + 0.5 * np.abs(offset @ back))
        centre = (near[:, None] * points).sum(axis=0) / near.sum()
    offset = points - centre
    normal = _normal(offset, near, down, back)
    score = float(np.clip(any_disc[tuple(at)], 0, 1))
    row = float(geometry.world_to_voxel(centre)[1])
    below_mm = (geometry.shape[1] - 0.5 - row) * geometry.spacing_mm[1]
    return Node(centre, normal, score, below_mm)


def _normal(offset: Points, weights: Points, down: Points, back: Points) -> Points:
    """Return the normal in the sagittal plane: across the long axis of the map's moments."""
    plane = np.stack([offset @ down, offset @ back])
    _, axes = np.linalg.eigh((weights * plane) @ plane.T)
    across = axes[:, 0]
    normal: Points = across[0] * down + across[1] * back
    normal /= np.linalg.norm(normal)
    return -normal if normal @ down > 0 else normal


def _best_chain(nodes: list[Node], geometry: Geometry) -> tuple[Node, ...]:
    """Return the chain of highest total score whose steps are anatomical, head to foot."""
    if not nodes:
        return ()
    down = geometry.affine[:3, 1] / geometry.spacing_mm[1]
    nodes = sorted(nodes, key=lambda node: float(node.centre_mm @ down))
    total = [node.score for node in nodes]
    before: list[int | None] = [None] * len(nodes)
    for i, node in enumerate(nodes):
        for j in range(i):
            gain = total[j] + node.score - _strain(nodes[j], node, down)
            if gain > total[i]:
                total[i], before[i] = gain, j
    at: int | None = int(np.argmax(total))
    chain = []
    while at is not None:
        chain.append(nodes[at])
        at = before[at]
    return tuple(reversed(chain))


def _strain(upper: Node, lower: Node, down: Points) -> float:
    """Return the cost of a step: 0 along the axis of the discs, infinite beyond anatomy.

    The curvature of the spine is largest above the sacrum, where a step runs backward as the
    normals of the discs do. A step over one missing disc is possible, at a cost.
    """
    step = lower.centre_mm - upper.centre_mm
    length = float(np.linalg.norm(step))
    tilt = _angle_deg(step, down)
    if length < 16.0 or tilt > 60.0 or length > 2 * SPACING_LIMITS_MM[1]:
        return np.inf
    bend = _angle_deg(step, -(upper.normal + lower.normal))
    missing = 0.8 if length > SPACING_LIMITS_MM[1] + 4 else 0.0
    short = 0.4 if length < SPACING_LIMITS_MM[0] else 0.0
    return missing + short + 0.1 * (tilt / 45.0) ** 2 + 0.2 * (bend / 45.0) ** 2


def _angle_deg(a: Points, b: Points) -> float:
    lengths = max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-6)
    return float(np.degrees(np.arccos(np.clip(a @ b / lengths, -1, 1))))


def offset_probabilities(chain: Chain, names: Points) -> dict[int, float]:
    """Return the probability of each naming of a chain: its first disc is disc number `offset`.

    Discs count from 0 (L1-L2) to 4 (L5-S1); negative ones are thoracic, higher ones remnants in
    the sacrum. The likelihood of a naming is the product over the chain of the probabilities of
    the names that it gives.

    Parameters
    ----------
    chain : Chain
    names : ndarray, shape (discs, 7)
        Probabilities of each disc: thoracic, L1-L2 … L5-S1, within the sacrum.
    """
    count, numbers = len(Disc), chain.numbers
    likely = np.clip(names, _LEAST, None)
    evidence = np.log(likely)
    alike = np.log(likely[:, _ALIKE].sum(axis=1, keepdims=True))
    evidence[:, _ALIKE] = alike + _FINE * (evidence[:, _ALIKE] - alike)
    logs: dict[int, float] = {}
    for offset in range(-int(numbers[-1]), count):
        classes = np.clip(numbers + offset, -1, count) + 1
        logs[offset] = _EVIDENCE * float(evidence[np.arange(len(classes)), classes].sum())
    top = max(logs.values())
    weights = {offset: float(np.exp(value - top)) for offset, value in logs.items()}
    whole = sum(weights.values())
    return {offset: weight / whole for offset, weight in weights.items()}
