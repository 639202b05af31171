"""Agreement of two measurements of the same cases: tables in, numbers out.

>>> from lpm_segmentator.agreement import compare_pair
>>> pair = compare_pair([10.0, 20.0, 30.0, 40.0], [11.0, 19.0, 31.0, 41.0])
>>> round(pair.icc.agreement.value, 3)
0.997
"""

from lpm_segmentator.agreement.bland_altman import BlandAltmanResult, bland_altman
from lpm_segmentator.agreement.columns import require_columns
from lpm_segmentator.agreement.compare import compare_pair, compare_table
from lpm_segmentator.agreement.deviation import absolute_errors, correlations, within_subject_cv
from lpm_segmentator.agreement.estimate import Estimate
from lpm_segmentator.agreement.icc import (
    IccResult,
    MeanSquares,
    icc,
    icc_from_mean_squares,
    koo_li_band,
    mean_squares,
)
from lpm_segmentator.agreement.long_format import join_tables
from lpm_segmentator.agreement.multiplicity import holm
from lpm_segmentator.agreement.options import TableOptions
from lpm_segmentator.agreement.paired_table import PairedColumn, PairedTable, read_pairs
from lpm_segmentator.agreement.regression import LineFit, deming, ols, passing_bablok
from lpm_segmentator.agreement.result import Comparison, PairAgreement
from lpm_segmentator.agreement.selection import (
    DEFAULT_MEASURES,
    DRAWN_MEASURES,
    default_selection,
    is_default_pair,
)
from lpm_segmentator.agreement.settings import Settings
from lpm_segmentator.agreement.tost import TostResult, normality_p, tost_paired
from lpm_segmentator.agreement.units import unit_of

__all__ = [
    "DEFAULT_MEASURES",
    "DRAWN_MEASURES",
    "BlandAltmanResult",
    "Comparison",
    "Estimate",
    "IccResult",
    "LineFit",
    "MeanSquares",
    "PairAgreement",
    "PairedColumn",
    "PairedTable",
    "Settings",
    "TableOptions",
    "TostResult",
    "absolute_errors",
    "bland_altman",
    "compare_pair",
    "compare_table",
    "correlations",
    "default_selection",
    "deming",
    "holm",
    "icc",
    "icc_from_mean_squares",
    "is_default_pair",
    "join_tables",
    "koo_li_band",
    "mean_squares",
    "normality_p",
    "ols",
    "passing_bablok",
    "read_pairs",
    "require_columns",
    "tost_paired",
    "unit_of",
    "within_subject_cv",
]
