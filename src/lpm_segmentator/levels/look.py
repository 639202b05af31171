"""A closer look at each disc of a chain: its middle, its plane, and what it may be called."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.levels.chain import Chain, Node, Points
from lpm_segmentator.levels.patches import patches_around

if TYPE_CHECKING:
    from lpm_segmentator.levels.model import LevelModel
    from lpm_segmentator.levels.planes import SagittalPlanes

__all__ = ["look_closer"]

#: a disc is centred, and looked at again from there
_ROUNDS = 2
#: a look shows the disc in the middle or a neighbour's half; it moves no further
_FURTHEST_MM = 15.0
#: where the maps and the look are no further apart, both are right: their mean is nearer
_AGREED_MM = 3.0
#: what is nearer together after that is one disc
_ONE_DISC_MM = 12.0


def look_closer(chain: Chain, planes: SagittalPlanes, model: LevelModel) -> tuple[Chain, Points]:
    """Return the chain with its discs centred, and how likely each name of each disc is.

    Parameters
    ----------
    chain : Chain
        As the maps show it.
    planes : SagittalPlanes
    model : LevelModel

    Returns
    -------
    chain : Chain
        Two discs that prove to be the same are one.
    names : ndarray, shape (discs, 7)
    """
    nodes = chain.nodes
    for _ in range(_ROUNDS):
        _, places = _look(nodes, planes, model)
        nodes = tuple(
            _moved(node, place, planes) for node, place in zip(nodes, places, strict=True)
        )
    both = zip(chain.nodes, nodes, strict=True)
    nodes = _distinct(tuple(_agreed(marked, seen) for marked, seen in both))
    names, _ = _look(nodes, planes, model)
    return Chain(nodes), names


def _look(
    nodes: tuple[Node, ...], planes: SagittalPlanes, model: LevelModel
) -> tuple[Points, Points]:
    """Return the names ``(n, 7)`` and places ``(n, 4)``, the means of several looks at each."""
    patches = np.concatenate([patches_around(planes, node.centre_mm) for node in nodes])
    names, places = (part.astype(np.float64) for part in model.look(patches))
    return (
        names.reshape(len(nodes), -1, names.shape[1]).mean(axis=1),
        places.reshape(len(nodes), -1, places.shape[1]).mean(axis=1),
    )


def _moved(node: Node, place: Points, planes: SagittalPlanes) -> Node:
    geometry = planes.geometry
    axes = geometry.affine[:3, :3] / geometry.spacing_mm
    step = place[:3] * min(1.0, _FURTHEST_MM / max(float(np.linalg.norm(place[:3])), 1e-6))
    tilt = float(place[3])
    _, down, back = axes.T
    centre_mm = node.centre_mm + axes @ step
    normal = -np.cos(tilt) * down - np.sin(tilt) * back
    return dataclasses.replace(
        node, centre_mm=centre_mm, normal=normal, below_mm=node.below_mm - float(step[1])
    )


def _agreed(marked: Node, seen: Node) -> Node:
    step = marked.centre_mm - seen.centre_mm
    if float(np.linalg.norm(step)) > _AGREED_MM:
        return seen
    below_mm = (marked.below_mm + seen.below_mm) / 2
    return dataclasses.replace(seen, centre_mm=seen.centre_mm + step / 2, below_mm=below_mm)


def _distinct(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Keep the better seen of two that are one disc."""
    kept: list[Node] = []
    for node in nodes:
        if kept and float(np.linalg.norm(node.centre_mm - kept[-1].centre_mm)) < _ONE_DISC_MM:
            if node.score > kept[-1].score:
                kept[-1] = node
        else:
            kept.append(node)
    return tuple(kept)
