"""Numbers that other programs give to the muscles, and names that mean one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import LabelError
from lpm_segmentator.core.labels import LPM_SCHEME, Muscle, Side, Structure

__all__ = ["LPM_NUMBERING", "NUMBERINGS", "LabelNumbering", "structure_named"]


@dataclass(frozen=True)
class LabelNumbering:
    """Which values of a label map mean which structure of `LPM_SCHEME`.

    Parameters
    ----------
    name : str
        For messages.
    values : tuple of tuple of int
        Pairs of a value in the file and the value in `LPM_SCHEME`; several values may mean one
        structure.
    has_others : bool
        Whether other values stand for other structures, which count as background; otherwise they
        are an error.

    Raises
    ------
    LabelError
        If there is no pair, a value is used twice or is not positive, or a meaning is unknown.
    """

    name: str
    values: tuple[tuple[int, int], ...]
    has_others: bool = True

    def __post_init__(self) -> None:
        theirs = [value for value, _ in self.values]
        if not theirs:
            raise LabelError("a label scheme needs at least one erector spinae or multifidus")
        if len(set(theirs)) < len(theirs) or min(theirs) < 1:
            raise LabelError(f"label values must be positive and distinct, got {theirs}")
        for _, ours in self.values:
            LPM_SCHEME.by_value(ours)

    @classmethod
    def from_names(cls, name: str, values: Mapping[int, str]) -> LabelNumbering:
        """Return a numbering from the names of values; other names are other structures.

        Raises
        ------
        LabelError
            If no name means an erector spinae or multifidus of one side.
        """
        meant = {value: structure_named(text) for value, text in values.items()}
        return cls(name, tuple((v, s.value) for v, s in sorted(meant.items()) if s is not None))

    @property
    def is_own(self) -> bool:
        """Whether the values are those of `LPM_SCHEME`."""
        return not self.has_others and all(theirs == ours for theirs, ours in self.values)

    def others_in(self, array: npt.NDArray[Any]) -> tuple[int, ...]:
        """Return the values of an array that mean no structure and are not background."""
        known = {0, *(theirs for theirs, _ in self.values)}
        return tuple(sorted({int(v) for v in np.unique(array)} - known))

    def translated(self, array: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.uint8]:
        """Return an array with the values of `LPM_SCHEME`; everything else is background."""
        result = np.zeros(array.shape, dtype=np.uint8)
        for theirs, ours in self.values:
            result[array == theirs] = ours
        return result


LPM_NUMBERING = LabelNumbering(
    "lpm", tuple((value, value) for value in LPM_SCHEME.values), has_others=False
)
"""The values of `LPM_SCHEME` themselves."""

_MUSCLES = (
    (re.compile(r"\b(erector ?spinae|erector|es|esp)\b"), Muscle.ERECTOR_SPINAE),
    (re.compile(r"\b(multifidus|multifidi|mf|transversospinalis)\b"), Muscle.MULTIFIDUS),
)
_SIDES = (
    (re.compile(r"\b(right|rt|r|re|rechts|dexter)\b"), Side.RIGHT),
    (re.compile(r"\b(left|lt|l|li|links|sinister)\b"), Side.LEFT),
)


def structure_named(name: str) -> Structure | None:
    """Return the structure that a name means; None if it means none, or more than one.

    Examples
    --------
    >>> structure_named("erector_spinae_left").key, structure_named("MF-R").key
    ('ES_L', 'MF_R')
    >>> structure_named("psoas_R") is None, structure_named("multifidus") is None
    (True, True)
    """
    words = re.sub(r"[_\-.,;/()]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).lower()
    muscles = [muscle for pattern, muscle in _MUSCLES if pattern.search(words)]
    sides = [side for pattern, side in _SIDES if pattern.search(words)]
    if len(muscles) != 1 or len(sides) != 1:
        return None
    return LPM_SCHEME.find(muscles[0], sides[0])


NUMBERINGS: Mapping[str, LabelNumbering] = MappingProxyType(
    {
        numbering.name: numbering
        for numbering in (
            LPM_NUMBERING,
            # docs/anatomy.md of MuscleMap; its transversospinalis includes the multifidus
            LabelNumbering("musclemap", ((5101, 3), (5102, 2), (5111, 4), (5112, 1))),
            # MuscleMap's former model of the abdomen (contrast_agnostic_abdomen_model.json)
            LabelNumbering("musclemap-abdomen", ((1, 2), (2, 3), (3, 1), (4, 4))),
            # task abdominal_muscles of TotalSegmentator; others merge the two muscles
            LabelNumbering("totalsegmentator", ((15, 1), (16, 4), (17, 2), (18, 3))),
        )
    }
)
"""Known numberings by name."""
