"""How a table is to be read, and the names that are understood without being told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# (reference, prediction) words at the end or the start of a column's name.
from lpm_segmentator.agreement.errors import AgreementError

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


@dataclass(frozen=True, slots=True)
class TableOptions:
    r"""How a table is to be read.

    Attributes
    ----------
    case, subject, source : str or None
        Columns with the case, the subject and, in the long layout, the origin of a row.
        None looks for the usual names (``CASE_COLUMNS``, ``SUBJECT_COLUMNS``,
        ``SOURCE_COLUMNS``).
    subject_pattern : str or None
        A regular expression whose first group is the subject within the case's name, as
        ``^(\d+)_`` for ``0299_T2``.
    roles : tuple of str or None
        The words for (reference, prediction) in column names or the source column.
    pairs : mapping or None
        Name → (reference column, prediction column), where names follow no pattern.
    measures : sequence of str or None
        Only these measures.
    by : sequence of str
        Columns that make subgroups.
    unit : str or None
        Unit of all measures; None reads it off their names.
    check_units : bool
        Refuse pairs that seem to mix units.
    """

    case: str | None = None
    subject: str | None = None
    source: str | None = None
    subject_pattern: str | None = None
    roles: tuple[str, str] | None = None
    pairs: Mapping[str, tuple[str, str]] | None = None
    measures: Sequence[str] | None = None
    by: Sequence[str] = ()
    unit: str | None = None
    check_units: bool = True

    def __post_init__(self) -> None:
        if self.roles is not None and self.roles[0].casefold() == self.roles[1].casefold():
            raise AgreementError(
                f"both roles are {self.roles[0]!r}: a column would be compared with itself",
                hint="Give two words, that of the reference first",
            )
