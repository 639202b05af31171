"""The table that ``lpm compare`` prints: 80 columns wide, nothing cut."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lpm_segmentator.agreement import Comparison, Estimate, PairAgreement, TostResult

__all__ = ["WIDTH", "agreement_lines"]

WIDTH = 80
_MOST_ROWS = 60  # with more, levels are left to agreement.csv
_MOST_NAMES = 3  # of rows that lack a statistic
_LABEL_WIDTH = 20
_ROW = f"{{:{_LABEL_WIDTH}}} {{:>4}}  {{:23}} {{:11}} {{:>9}}  {{}}"
_VERDICT = {True: "yes", False: "no", None: "–"}
_SIGN_OF_BOOTSTRAP = "*"


def agreement_lines(comparison: Comparison) -> Iterator[str]:
    """Yield the table of a comparison line by line.

    Parameters
    ----------
    comparison : Comparison

    Yields
    ------
    str
        At most `WIDTH` characters, unless a name is longer.
    """
    from lpm_segmentator.report.words import quantity_label

    pairs = _shown(comparison)
    yield _ROW.format("", "n", "ICC(A,1) [95 % CI]", "reliability", "bias", "equiv.")
    heading = ""
    for pair in pairs:
        quantity = quantity_label(pair.measure, pair.unit)
        if quantity != heading:
            heading = quantity
            yield heading
        yield from _row(pair)
    yield ""
    hidden = len(comparison) - len(pairs)
    if hidden:
        yield f"{hidden} rows of single levels are in agreement.csv."
    yield from _wrapped(_legend(comparison))
    yield from _reasons(pairs)


def _shown(comparison: Comparison) -> list[PairAgreement]:
    """Return the pairs to print: of a long comparison only the whole stack."""
    whole = [p for p in comparison if dict(p.strata).get("level", "all") == "all"]
    return whole if len(comparison) > _MOST_ROWS and whole else list(comparison)


def _row(pair: PairAgreement) -> Iterator[str]:
    from lpm_segmentator.report.words import pair_label

    label = "  " + pair_label(pair)
    cells = (
        pair.n,
        _interval(pair.icc.agreement),
        pair.icc.band,
        f"{pair.bland_altman.bias.value:.3g}",
        _verdict(pair.tost),
    )
    if len(label) > _LABEL_WIDTH:
        yield label
        label = ""
    yield _ROW.format(label, *cells).rstrip()


def _interval(estimate: Estimate) -> str:
    if not estimate.defined:
        return "–"
    bounds = "" if math.isnan(estimate.low) else f" [{estimate.low:.3f}, {estimate.high:.3f}]"
    return f"{estimate.value:.3f}{bounds}"


def _verdict(tost: TostResult) -> str:
    return _VERDICT[tost.equivalent] + _SIGN_OF_BOOTSTRAP * (tost.method == "bootstrap")


def _legend(comparison: Comparison) -> str:
    settings = comparison.settings
    margin = (
        f"{settings.margin_percent:g} % of the reference mean"
        if settings.margin is None
        else f"{settings.margin:g} in the unit of the measure"
    )
    text = (
        "bias: mean of automatic − reference. equiv.: whether the means are equivalent within "
        f"±{margin} (TOST, p < {settings.alpha:g})"
    )
    is_any_bootstrap = any(pair.tost.method == "bootstrap" for pair in comparison)
    return f"{text}; {_SIGN_OF_BOOTSTRAP}: by bootstrap." if is_any_bootstrap else f"{text}."


def _reasons(pairs: list[PairAgreement]) -> Iterator[str]:
    """Yield the reasons for undefined statistics, each once for all rows that share it."""
    names_by_reason: dict[tuple[str, str], list[str]] = {}
    for pair in pairs:
        statistics_by_reason: dict[str, list[str]] = {}
        for statistic, why in pair.reasons.items():
            statistics_by_reason.setdefault(why, []).append(statistic)
        name = f"{pair.name} ({pair.by} {pair.subgroup})" if pair.by else pair.name
        for why, statistics in statistics_by_reason.items():
            names_by_reason.setdefault((why, ", ".join(statistics)), []).append(name)
    for (why, listed), names in names_by_reason.items():
        yield from _wrapped(f"{_listed(names, len(pairs))}: {why} ({listed})")


def _listed(names: list[str], total: int) -> str:
    if len(names) == total > _MOST_NAMES:
        return "all rows"
    shown = ", ".join(names[:_MOST_NAMES])
    hidden = len(names) - _MOST_NAMES
    return f"{shown} and {hidden} more" if hidden > 0 else shown


def _wrapped(text: str) -> Iterable[str]:
    return textwrap.wrap(
        text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
