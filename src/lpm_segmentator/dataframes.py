"""Tables as data frames of pandas, which is an optional package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["data_frame", "require_pandas"]


def require_pandas(feature: str) -> ModuleType:
    """Return pandas.

    Parameters
    ----------
    feature : str
        What it is needed for, e.g. ``"comparing tables"``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(feature, extra="compare") from error
    return pd


def data_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a data frame.

    Raises
    ------
    MissingExtraError
        If pandas is not installed.
    """
    frame: pd.DataFrame = require_pandas("a data frame").DataFrame(list(rows))
    return frame
