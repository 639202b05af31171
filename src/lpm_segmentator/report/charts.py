"""Small charts of the report as SVG: values along the spine, and bars of asymmetry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from markupsafe import Markup, escape

__all__ = ["asymmetry_bar", "profile_chart"]

_WIDTH, _HEIGHT = 560.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 12.0, 34.0
_STEPS = (1, 2, 5, 10, 20, 25, 50, 100)
_MOST_TICKS = 6
#: per cent at which the bar of an asymmetry is full
_FULL_PERCENT = 20.0


@dataclass(frozen=True)
class _Scale:
    """A linear map from values to pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.stop - self.start)


def profile_chart(
    rows: Sequence[Mapping[str, Any]], name: str, *, factor: float, title: str
) -> Markup:
    """Draw a measure of each muscle and side along the spine, head on the left.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of ``profiles.csv``.
    name : str
        Column to draw.
    factor : float
        The values times this are shown.
    title : str
        Name and unit, above the chart and for screen readers.

    Returns
    -------
    markupsafe.Markup
        An ``svg`` element; empty if fewer than two slices have a value.
    """
    lines = {
        (muscle, side): [
            (float(r["position_mm"]), factor * float(r[name]))
            for r in rows
            if (r["muscle"], r["side"]) == (muscle, side) and r[name] is not None and r["valid"]
        ]
        for muscle in ("ES", "MF")
        for side in ("R", "L")
    }
    points = [point for line in lines.values() for point in line]
    heights = sorted({height for height, _ in points})
    if len(heights) < 2:
        return Markup("")
    across = _Scale(heights[-1], heights[0], _LEFT, _WIDTH - _RIGHT)
    ticks = _ticks(max(value for _, value in points))
    upward = _Scale(0.0, ticks[-1], _HEIGHT - _BOTTOM, _TOP)
    parts = [*_grid(ticks, upward), *_levels(rows, across)]
    step = min(b - a for a, b in pairwise(heights))
    parts += [
        f'<path class="{muscle.lower()} {side.lower()}" d="{_path(line, across, upward, step)}"/>'
        for (muscle, side), line in lines.items()
        if line
    ]
    label = escape(f"{title}, from head to foot, of both muscles on both sides")
    body = "".join(parts)
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}">'
        f"{body}</svg>"
    )


def _ticks(most: float) -> list[float]:
    """Return round values from 0 to at least the highest one."""
    if most <= 0:
        return [0.0, 1.0]
    scale = 1.0
    while most / scale > _STEPS[-1] * (_MOST_TICKS - 1):
        scale *= 10
    while most / scale < 1:
        scale /= 10
    step = scale * next((s for s in _STEPS if most / (s * scale) <= _MOST_TICKS - 1), _STEPS[-1])
    count = max(1, int(-(-most // step)))
    return [step * n for n in range(count + 1)]


def _grid(ticks: Sequence[float], upward: _Scale) -> Iterator[str]:
    ends = f'x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}"'
    for tick in ticks:
        y = upward(tick)
        yield f'<line class="grid" {ends} y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick end" x="{_LEFT - 6:g}" y="{y + 4:.1f}">{tick:g}</text>'


def _levels(rows: Sequence[Mapping[str, Any]], across: _Scale) -> Iterator[str]:
    """Yield a mark and a name at the slices of the discs, or ends of the spine without them."""
    discs = {str(r["level"]): float(r["position_mm"]) for r in rows if "-" in str(r["level"])}
    y = _HEIGHT - _BOTTOM
    for name, height in discs.items():
        x = across(height)
        yield f'<line class="disc" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP:g}" y2="{y:g}"/>'
        yield f'<text class="tick middle" x="{x:.1f}" y="{y + 16:g}">{escape(name)}</text>'
    if not discs:
        yield f'<text class="tick" x="{_LEFT:g}" y="{y + 16:g}">head</text>'
        yield f'<text class="tick end" x="{_WIDTH - _RIGHT:g}" y="{y + 16:g}">foot</text>'


def _path(line: Sequence[tuple[float, float]], across: _Scale, upward: _Scale, step: float) -> str:
    """Return a path through the points; it is broken where slices are missing."""
    parts, before = [], None
    for height, value in sorted(line, reverse=True):
        is_new = before is None or before - height > 1.5 * step
        parts.append(f"{'M' if is_new else 'L'}{across(height):.1f} {upward(value):.1f}")
        before = height
    return "".join(parts)


def asymmetry_bar(percent: float) -> Markup:
    """Draw an asymmetry as a bar from the middle: to the left where the right side is larger.

    Parameters
    ----------
    percent : float
        Positive where the right side is larger.

    Returns
    -------
    markupsafe.Markup
    """
    length = 50 * min(1.0, abs(percent) / _FULL_PERCENT)
    start = 50 - length if percent > 0 else 50
    return Markup(
        '<svg class="bar" viewBox="0 0 100 10" aria-hidden="true">'
        f'<rect class="value" x="{start:.1f}" y="2" width="{length:.1f}" height="6"/>'
        '<line class="grid" x1="50" x2="50" y1="0" y2="10"/></svg>'
    )
