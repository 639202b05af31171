"""How a table is read, and the column names that are recognised by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lpm_segmentator.core.errors import AgreementError, Remedy

# (reference, prediction) words at the end or the start of a column's name.
ROLE_PAIRS = (
    ("gd", "ai"),
    ("reference", "prediction"),
    ("ref", "pred"),
    ("manual", "automatic"),
    ("manual", "auto"),
    ("manual", "ai"),
    ("gt", "pred"),
    ("gt", "ai"),
)
CASE_COLUMNS = ("case", "case_id", "ct_id", "pid", "image", "id")
SUBJECT_COLUMNS = ("subject", "subject_id", "participant_id", "participant")
SOURCE_COLUMNS = ("source", "rater", "method", "role")
STRATUM_COLUMNS = ("measure", "structure", "muscle", "side", "level", "definition")

# Whether a pair is compared: a function of the measure and the strata ({"muscle": "ES", ...}).
Selection = Callable[[str, Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class TableOptions:
    r"""How a table is read.

    Attributes
    ----------
    case, subject, source : str or None
        Columns with the case, the subject and, in the long layout, the origin of a row.
        None looks for the usual names (``CASE_COLUMNS``, ``SUBJECT_COLUMNS``,
        ``SOURCE_COLUMNS``). Cases and subjects are text: 012 and 12 are different.
    subject_pattern : str or None
        A regular expression whose first group is the subject within the name of the case, such
        as ``^(\d+)_`` for ``0299_T2``.
    roles : tuple of (str, str) or None
        The words for (reference, prediction) in column names or in the source column.
    pairs : mapping of str to (str, str), or None
        Name → (reference column, prediction column), where names follow no pattern.
    measures : sequence of str or None
        Only these measures.
    selection : callable or None
        Only the pairs for which it returns True, called with the measure and the strata, such as
        `is_default_pair`.
    by : str or sequence of str
        Columns that define subgroups.
    unit : str or None
        Unit of all measures; None takes it from their names.
    check_units : bool
        Whether pairs that seem to mix units are refused.

    Raises
    ------
    AgreementError
        If both roles are the same word.
    """

    case: str | None = None
    subject: str | None = None
    source: str | None = None
    subject_pattern: str | None = None
    roles: tuple[str, str] | None = None
    pairs: Mapping[str, tuple[str, str]] | None = None
    measures: Sequence[str] | None = None
    selection: Selection | None = None
    by: str | Sequence[str] = ()
    unit: str | None = None
    check_units: bool = True

    def __post_init__(self) -> None:
        if self.roles is not None and self.roles[0].casefold() == self.roles[1].casefold():
            raise AgreementError(
                f"both roles are {self.roles[0]!r}, so that a column would be compared with itself",
                hint=f"Give two words, the reference's first: pass {Remedy.ROLES}",
                remedy=Remedy.ROLES,
            )

    @property
    def by_columns(self) -> tuple[str, ...]:
        """The columns that define subgroups."""
        return (self.by,) if isinstance(self.by, str) else tuple(self.by)
