"""Which structures a number describes."""

from __future__ import annotations

from dataclasses import dataclass

from lpm_segmentator.core.labels import LabelScheme, Muscle, Side

__all__ = ["BOTH_SIDES", "Group", "groups_of"]

#: Side of a group of both sides.
BOTH_SIDES = "both"


@dataclass(frozen=True)
class Group:
    """Structures that are measured together.

    Parameters
    ----------
    muscle : str
        ``"ES"``, ``"MF"`` or ``"ES+MF"``.
    side : str
        ``"R"``, ``"L"`` or ``"both"``.
    values : tuple of int
        Label values of the structures.
    """

    muscle: str
    side: str
    values: tuple[int, ...]

    @property
    def key(self) -> str:
        """Short unique name, e.g. ``"ES+MF_R"``."""
        return f"{self.muscle}_{self.side}"


def groups_of(scheme: LabelScheme) -> tuple[Group, ...]:
    """Return every muscle and their sum: right, left and both sides, as far as the scheme has them.

    Examples
    --------
    >>> from lpm_segmentator.core.labels import LPM_SCHEME
    >>> [group.key for group in groups_of(LPM_SCHEME)][:4]
    ['ES_R', 'ES_L', 'ES_both', 'MF_R']
    """
    muscles: list[tuple[str, tuple[Muscle, ...]]] = [(str(m), (m,)) for m in Muscle]
    muscles.append(("+".join(str(m) for m in Muscle), tuple(Muscle)))
    sides: list[tuple[str, tuple[Side, ...]]] = [(str(s), (s,)) for s in Side]
    sides.append((BOTH_SIDES, tuple(Side)))
    groups = []
    for muscle, members in muscles:
        for side, where in sides:
            values = tuple(s.value for s in scheme if s.muscle in members and s.side in where)
            if len(values) == len(members) * len(where):
                groups.append(Group(muscle, side, values))
    return tuple(groups)
