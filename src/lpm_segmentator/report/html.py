"""The report: HTML pages that contain their pictures and need no other file."""

from __future__ import annotations

import base64
import math
import statistics
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from lpm_segmentator import __version__
from lpm_segmentator.core.remedies import with_flags
from lpm_segmentator.report.cells import number
from lpm_segmentator.report.views import case_view, overview_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jinja2 import Environment

__all__ = ["Pictures", "render_case", "render_index", "render_report"]


@dataclass(frozen=True)
class Pictures:
    """Pictures of a case as bytes; None where there is none.

    Attributes
    ----------
    outlines : bytes or None
        PNG of some slices and those to review.
    all_slices : bytes or None
        JPEG of all slices.
    levels : bytes or None
        PNG of the discs on a sagittal view.
    link, levels_link : str
        Address of the file of `outlines` and of that of `levels`, to see them in full size.
    """

    outlines: bytes | None = None
    all_slices: bytes | None = None
    levels: bytes | None = None
    link: str = ""
    levels_link: str = ""

    @property
    def encoded(self) -> dict[str, str | None]:
        """The pictures as addresses that hold their content."""
        return {
            "outlines": _address(self.outlines, "png"),
            "all_slices": _address(self.all_slices, "jpeg"),
            "levels": _address(self.levels, "png"),
        }


def _address(picture: bytes | None, kind: str) -> str | None:
    if picture is None:
        return None
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"


def render_report(
    records: Sequence[Mapping[str, Any]],
    *,
    run: Mapping[str, Any],
    pictures: Mapping[str, Pictures],
) -> str:
    """Return the report of a few cases as one page.

    Parameters
    ----------
    records : sequence of mapping
        The content of ``case.json`` of each case.
    run : mapping
        The content of ``run.json``; may be empty.
    pictures : mapping of str to Pictures
        By case.

    Returns
    -------
    str
    """
    links = {record["case"]: f"#case-{n}" for n, record in enumerate(records, start=1)}
    rows = _sorted_rows(records, links)
    by_case = {record["case"]: record for record in records}
    cases = [_view(by_case[row["name"]], pictures.get(row["name"]), row["link"]) for row in rows]
    return _render("report.html.j2", rows=rows, cases=cases, run=run)


def render_index(
    records: Iterable[Mapping[str, Any]], *, run: Mapping[str, Any], links: Mapping[str, str]
) -> str:
    """Return the overview of many cases, each of which has a page of its own.

    Parameters
    ----------
    records : iterable of mapping
        As `render_report`; only their rows are kept in memory.
    run : mapping
    links : mapping of str to str
        Address of the page of each case.

    Returns
    -------
    str
    """
    return _render("report.html.j2", rows=_sorted_rows(records, links), cases=[], run=run)


def render_case(
    record: Mapping[str, Any], pictures: Pictures, *, run: Mapping[str, Any], index: str
) -> str:
    """Return the page of one case.

    Parameters
    ----------
    record : mapping
        The content of its ``case.json``.
    pictures : Pictures
    run : mapping
        As `render_report`.
    index : str
        Address of the overview.

    Returns
    -------
    str
    """
    case = _view(record, pictures, "")
    return _render("case.html.j2", case=case, run=run, index=index)


def _sorted_rows(
    records: Iterable[Mapping[str, Any]], links: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows of the overview, worst first."""
    rows = [overview_row(record, links[record["case"]]) for record in records]
    return sorted(rows, key=lambda row: row["rank"])


def _view(record: Mapping[str, Any], pictures: Pictures | None, link: str) -> dict[str, Any]:
    shown = pictures or Pictures()
    return {
        **case_view(record),
        "pictures": shown.encoded,
        "picture_link": shown.link,
        "levels_link": shown.levels_link,
        "anchor": link.removeprefix("#"),
    }


def _render(template: str, **values: Any) -> str:
    run = values.get("run", {})
    states = run.get("cases", {})
    rows = values.get("rows", [])
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            version=__version__,
            failed={
                c: with_flags(s["error"])
                for c, s in states.items()
                if s["state"] in ("failed", "empty")
            },
            earlier=[case for case, state in states.items() if state["state"] == "earlier"],
            dice=_mean_and_sd([row["dice_value"] for row in rows]),
            masks=Counter(row["mask"] for row in rows),
        )
    )


def _mean_and_sd(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Return number, mean and standard deviation of the defined values; None for fewer than two."""
    defined = [value for value in values if value is not None and math.isfinite(value)]
    if len(defined) < 2:
        return None
    mean, sd = statistics.fmean(defined), statistics.stdev(defined)
    return {"n": len(defined), "mean": number(mean, 3).text, "sd": number(sd, 3).text}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("lpm_segmentator.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
