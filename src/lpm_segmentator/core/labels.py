"""Muscles, sides, discs, and which number in a label map means which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from lpm_segmentator.core.errors import LabelError

__all__ = ["LPM_SCHEME", "Disc", "LabelScheme", "Muscle", "Side", "Structure"]


class Muscle(str, Enum):
    """A paraspinal muscle; the value is its short name."""

    ERECTOR_SPINAE = "ES"
    MULTIFIDUS = "MF"

    def __str__(self) -> str:
        """Return the short name."""
        return self.value

    @property
    def full_name(self) -> str:
        """Name in words, e.g. ``"erector spinae"``."""
        return self.name.replace("_", " ").lower()


class Side(str, Enum):
    """The patient's side; the value is its short name."""

    RIGHT = "R"
    LEFT = "L"

    def __str__(self) -> str:
        """Return the short name."""
        return self.value

    @property
    def full_name(self) -> str:
        """Name in words, e.g. ``"right"``."""
        return self.name.lower()

    @property
    def other(self) -> Side:
        """The opposite side."""
        return Side.LEFT if self is Side.RIGHT else Side.RIGHT


@dataclass(frozen=True, order=True)
class Structure:
    """One muscle on one side and the value that marks it in a label map."""

    value: int
    muscle: Muscle
    side: Side

    @property
    def key(self) -> str:
        """Short unique name, e.g. ``"ES_R"``."""
        return f"{self.muscle}_{self.side}"

    @property
    def full_name(self) -> str:
        """Name in words, e.g. ``"erector spinae, right"``."""
        return f"{self.muscle.full_name}, {self.side.full_name}"


@dataclass(frozen=True)
class LabelScheme:
    """The meaning of the values of a label map; 0 is always background.

    Parameters
    ----------
    structures : tuple of Structure
        Distinct values from 1 to 255, one for each muscle and side.
    ignored : frozenset of int
        Values that mark voxels to leave out of any comparison, such as a reference's 255 where
        the annotator could not decide. They belong to no structure and are not background.

    Raises
    ------
    LabelError
        If values or structures repeat, or a value is outside 1–255.
    """

    structures: tuple[Structure, ...]
    ignored: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        values = [s.value for s in self.structures]
        wrong = [v for v in (*values, *self.ignored) if not 1 <= v <= 255]
        if wrong:
            raise LabelError(f"label values must lie in 1..255, got {sorted(wrong)}")
        if len(set(values)) < len(values) or self.ignored & set(values):
            raise LabelError(f"a label value is used twice in {sorted([*values, *self.ignored])}")
        if len({s.key for s in self.structures}) < len(values):
            raise LabelError("a muscle and side has two label values")

    def __iter__(self) -> Iterator[Structure]:
        """Iterate over the structures in their order."""
        return iter(self.structures)

    def __len__(self) -> int:
        """Return the number of structures."""
        return len(self.structures)

    @property
    def values(self) -> tuple[int, ...]:
        """Label values of the structures, without background and ignored values."""
        return tuple(s.value for s in self.structures)

    @property
    def allowed(self) -> frozenset[int]:
        """Every value a label map may hold: background, structures, ignored values."""
        return frozenset({0, *self.values, *self.ignored})

    def ignoring(self, values: Iterable[int]) -> LabelScheme:
        """Return the scheme with further values that mark voxels to leave out."""
        return replace(self, ignored=self.ignored | frozenset(int(v) for v in values))

    def by_value(self, value: int) -> Structure:
        """Return the structure of a label value.

        Raises
        ------
        LabelError
            If no structure has this value.
        """
        for structure in self.structures:
            if structure.value == value:
                return structure
        raise LabelError(f"no structure has the label {value}; known are {list(self.values)}")

    def find(self, muscle: Muscle, side: Side) -> Structure:
        """Return the structure of a muscle and side.

        Raises
        ------
        LabelError
            If the scheme does not hold it.
        """
        for structure in self.structures:
            if structure.muscle is muscle and structure.side is side:
                return structure
        raise LabelError(f"the scheme does not hold {muscle}_{side}")

    def swap_sides(self) -> dict[int, int]:
        """Return the value of the same muscle on the other side, for every value but background.

        Mirroring an image left to right must relabel its mask by this mapping. Ignored values
        map to themselves.

        Raises
        ------
        LabelError
            If a muscle is there on one side only.
        """
        swapped = {s.value: self.find(s.muscle, s.side.other).value for s in self.structures}
        return swapped | {v: v for v in self.ignored}


LPM_SCHEME = LabelScheme(
    (
        Structure(1, Muscle.ERECTOR_SPINAE, Side.RIGHT),
        Structure(2, Muscle.MULTIFIDUS, Side.RIGHT),
        Structure(3, Muscle.MULTIFIDUS, Side.LEFT),
        Structure(4, Muscle.ERECTOR_SPINAE, Side.LEFT),
    )
)
"""The published order, read off the published label maps (see ADR 0003)."""


class Disc(str, Enum):
    """A lumbar intervertebral disc, from head to foot; the value is its name."""

    L1_L2 = "L1-L2"
    L2_L3 = "L2-L3"
    L3_L4 = "L3-L4"
    L4_L5 = "L4-L5"
    L5_S1 = "L5-S1"

    def __str__(self) -> str:
        """Return the name of the disc."""
        return self.value

    @property
    def above(self) -> str:
        """Vertebra above the disc, e.g. ``"L4"``."""
        return self.value.split("-")[0]

    @property
    def below(self) -> str:
        """Vertebra below the disc, e.g. ``"L5"``."""
        return self.value.split("-")[1]
