"""The errors of this room."""

from __future__ import annotations


class AgreementError(ValueError):
    """A table or a setting from which no agreement can be computed.

    The room knows neither files nor flags, so the message says what is wrong with the values
    and, in ``hint``, what would help; whoever knows the file adds where.

    Parameters
    ----------
    what : str
        What is wrong, with the column or the cases by name.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, what: str, *, hint: str | None = None) -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}. {hint}" if hint else what)


class NoPairsError(AgreementError):
    """A table is as it should be, but no case has both a reference and a prediction."""
