"""Refine each disc of a chain: its middle, its plane, and the probabilities of its names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import Disc
from lpm_segmentator.levels.chain import SEEN, SPACING_LIMITS_MM, Chain, Node, Points
from lpm_segmentator.levels.patches import patches_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.levels.model import LevelModel
    from lpm_segmentator.levels.planes import SagittalPlanes

__all__ = ["refine_chain"]

#: rounds in which a disc is centred and its patches are cut again
_ROUNDS = 2
#: a patch shows the disc in its middle and half of a neighbour; the middle moves no further
_FURTHEST_MM = 15.0
#: if the maps and the refined middle are no further apart, their mean is more accurate
_AGREED_MM = 3.0
#: discs closer together after that are one disc
_ONE_DISC_MM = 12.0
#: a lowest disc with a lower score, and less probability for two neighbouring names, is none
_FAINT, _NAMELESS = 0.3, 0.6
#: distance below the lowest disc at which a disc that the maps do not show is searched
_NEXT_MM = 36.0
#: it is accepted if the expected name is more probable than this, this far within the image
_DUE = 0.5
_WITHIN_MM = 5.0


def refine_chain(chain: Chain, planes: SagittalPlanes, model: LevelModel) -> tuple[Chain, Points]:
    """Return the chain with its discs centred, and the probability of each name of each disc.

    Two discs that prove to be the same become one. A lowest disc that resembles none is removed,
    and discs that are missing down to L5-S1 are searched.

    Parameters
    ----------
    chain : Chain
        As the maps show it.
    planes : SagittalPlanes
    model : LevelModel

    Returns
    -------
    chain : Chain
    names : ndarray, shape (discs, 7)
    """
    centred = _centred(chain.nodes, planes, model)
    both = zip(chain.nodes, centred, strict=True)
    nodes = _distinct([_agreed(marked, seen) for marked, seen in both])
    names, _ = _look(nodes, planes, model)
    pairs = names[-1, :-1] + names[-1, 1:]
    if len(nodes) > 2 and nodes[-1].score < _FAINT and pairs.max() < _NAMELESS:
        nodes, names = nodes[:-1], names[:-1]
    while (found := _next(nodes, names, planes, model)) is not None:
        nodes.append(found[0])
        names = np.vstack([names, found[1]])
    return Chain(tuple(nodes)), names


def _centred(
    nodes: tuple[Node, ...], planes: SagittalPlanes, model: LevelModel
) -> tuple[Node, ...]:
    for _ in range(_ROUNDS):
        _, places = _look(nodes, planes, model)
        both = zip(nodes, places, strict=True)
        nodes = tuple(_moved(node, place, planes) for node, place in both)
    return nodes


def _look(
    nodes: Sequence[Node], planes: SagittalPlanes, model: LevelModel
) -> tuple[Points, Points]:
    """Return the names ``(n, 7)`` and places ``(n, 4)``, the means over several patches each."""
    patches = np.concatenate([patches_around(planes, node.centre_mm) for node in nodes])
    names, places = (part.astype(np.float64) for part in model.look(patches))
    return (
        names.reshape(len(nodes), -1, names.shape[1]).mean(axis=1),
        places.reshape(len(nodes), -1, places.shape[1]).mean(axis=1),
    )


def _moved(node: Node, place: Points, planes: SagittalPlanes) -> Node:
    axes = planes.geometry.affine[:3, :3] / planes.geometry.spacing_mm
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


def _distinct(nodes: list[Node]) -> list[Node]:
    """Keep the disc of the higher score where two are the same."""
    kept: list[Node] = []
    for node in nodes:
        if kept and _apart_mm(node, kept[-1]) < _ONE_DISC_MM:
            if node.score > kept[-1].score:
                kept[-1] = node
        else:
            kept.append(node)
    return kept


def _apart_mm(one: Node, other: Node) -> float:
    return float(np.linalg.norm(one.centre_mm - other.centre_mm))


def _next(
    nodes: list[Node], names: Points, planes: SagittalPlanes, model: LevelModel
) -> tuple[Node, Points] | None:
    """Return the disc below the lowest one and its names, if the expected disc is there."""
    last, due = nodes[-1], int(names[-1].argmax()) + 1
    if not 2 <= due <= len(Disc) or last.below_mm < SPACING_LIMITS_MM[0]:
        return None
    down = planes.geometry.affine[:3, 1] / planes.geometry.spacing_mm[1]
    step = -_NEXT_MM * last.normal
    guess = Node(last.centre_mm + step, last.normal, SEEN, last.below_mm - float(step @ down))
    (node,) = _centred((guess,), planes, model)
    looks, _ = _look([node], planes, model)
    near, far = SPACING_LIMITS_MM
    anatomical = near <= _apart_mm(node, last) <= far and node.below_mm >= _WITHIN_MM
    return (node, looks[0]) if anatomical and looks[0, due] > _DUE else None
