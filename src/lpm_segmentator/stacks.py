"""An examination in several stacks, as of slices tilted to each disc: one case, one table.

Each stack is segmented and measured by itself, in its own geometry. A disc is measured in the slice
that lies nearest to its plane, whichever stack that is in, so that overlapping stacks count once.
What lies between stacks is not known: no volume is given.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lpm_segmentator.case import Case, CaseResult, MaskOrigin, Settings
from lpm_segmentator.core import (
    Area,
    Disc,
    Finding,
    InputError,
    LabelMap,
    Severity,
    Source,
    Volume,
)
from lpm_segmentator.levels import (
    DiscSlice,
    GivenLevels,
    LevelRequest,
    Levels,
    nearest_slices,
    stated_discs,
)
from lpm_segmentator.measure import MeasureRow, ProfileRow
from lpm_segmentator.pipeline import measure_labels, run_case
from lpm_segmentator.segment import Predictor, Quality

__all__ = ["NO_VOLUME", "StackLevels", "StackedResult", "run_stacks"]

NO_VOLUME = "several stacks: what lies between them is not known, so that there is no volume"
_NAN = float("nan")
_STACK_KIND = "stack"
#: numbers and lists of them, which differ between findings of one kind
_NUMBERS = re.compile(r"[\d.,–−-]*\d")


@dataclass(frozen=True, eq=False)
class StackLevels:
    """The discs of an examination in several stacks.

    Attributes
    ----------
    levels : Levels
        Empty where no disc was found.
    source : Source
        What they come from.
    shown_on : Volume
    slices : tuple of DiscSlice
        Where each disc is measured; empty where the names of the discs are a guess.
    """

    levels: Levels
    source: Source
    shown_on: Volume
    slices: tuple[DiscSlice, ...]


@dataclass(frozen=True, eq=False)
class StackedResult:
    """Everything that is known about an examination in several stacks.

    Attributes
    ----------
    name : str
    stacks : tuple of CaseResult
        From foot to head.
    located : StackLevels or None
        None where none were requested.
    rows : tuple of MeasureRow
        Undefined over all slices, each stack (``"stack 1"``), each disc.
    profile : tuple of ProfileRow
        Every slice, counted through all stacks.
    offsets : tuple of int
        Number of each stack's first slice in that count.
    quality : Quality or None
    covered_mm : float
        Height that is covered by any stack.
    findings : tuple of Finding
    seconds : mapping of str to float
    """

    name: str
    stacks: tuple[CaseResult, ...]
    located: StackLevels | None
    rows: tuple[MeasureRow, ...]
    profile: tuple[ProfileRow, ...]
    offsets: tuple[int, ...]
    quality: Quality | None
    covered_mm: float
    findings: tuple[Finding, ...]
    seconds: Mapping[str, float]


def run_stacks(
    cases: Sequence[Case],
    predictor: Predictor | None,
    settings: Settings | None = None,
    *,
    masks: Sequence[LabelMap] | None = None,
    mask: MaskOrigin = "edited",
    expected: Sequence[LabelMap | None] | None = None,
) -> StackedResult:
    """Segment and measure the stacks of an examination.

    Parameters
    ----------
    cases : sequence of Case
        One a stack, with one name, from foot to head. The first one's request for levels counts
        for all.
    predictor : Predictor, optional
        Not needed where all masks are given.
    settings : Settings, optional
    masks : sequence of LabelMap, optional
        Masks that are measured in place of the model's.
    mask : MaskOrigin
        Who drew these.
    expected : sequence of (LabelMap or None), optional
        The model's mask of each stack where it is known: shows whether a given one is mirrored or
        turned.

    Raises
    ------
    GeometryError, InputError, ModelError
        As `run_case`.
    """
    began = time.perf_counter()
    located, findings = _located(cases)
    located_at = time.perf_counter()
    placed = [_placed(case, number, located) for number, case in enumerate(cases)]
    if masks is not None:
        results = [
            measure_labels(case, labels, mask, settings, expected=automatic)
            for case, labels, automatic in zip(
                placed, masks, expected or [None] * len(masks), strict=True
            )
        ]
    elif predictor is not None:
        results = [run_case(case, predictor, settings) for case in placed]
    else:
        raise ValueError("either a predictor or masks are needed")
    return _combined(
        results,
        located,
        findings,
        {
            "levels": round(located_at - began, 3),
            "segment": round(sum(result.seconds.get("segment", 0.0) for result in results), 3),
            "measure": round(sum(result.seconds.get("measure", 0.0) for result in results), 3),
        },
    )


def _located(cases: Sequence[Case]) -> tuple[StackLevels | None, tuple[Finding, ...]]:
    """Return the discs and where each is measured, and what there is to say about them."""
    request = cases[0].levels
    if request is None:
        return None, ()
    of_reading = tuple(found for found in cases[0].findings if found.area is Area.LEVELS)
    try:
        found = stated_discs([(case.image, case.source) for case in cases], request)
    except InputError as error:
        if request.sagittal_required or request.is_stated:
            raise
        message = f"no disc is named: {error}"
        empty = StackLevels(Levels((), (message,)), cases[0].source, cases[0].image, ())
        note = Finding(Area.LEVELS, Severity.NOTE, "levels-not-found", message)
        return empty, (*of_reading, note)
    levels, source, shown_on = found
    warnings = (Finding(Area.LEVELS, Severity.CHECK, "levels", text) for text in levels.warnings)
    findings = [*of_reading, *warnings]
    slices: tuple[DiscSlice, ...] = ()
    if request.is_stated or levels.named_surely:
        slices = nearest_slices(levels, [case.image.geometry for case in cases])
        findings += _outside(levels, slices)
    else:
        message = "the levels are uncertain, so that no disc is named"
        findings.append(Finding(Area.LEVELS, Severity.CHECK, "levels-uncertain", message))
    return StackLevels(levels, source, shown_on, slices), tuple(findings)


def _outside(levels: Levels, slices: Sequence[DiscSlice]) -> Iterator[Finding]:
    shown = {found.disc for found in slices}
    missing = [str(found.disc) for found in levels.discs if found.disc not in shown]
    if missing:
        message = f"outside of all stacks: {', '.join(missing)}"
        yield Finding(Area.LEVELS, Severity.NOTE, "outside-stacks", message)


def _placed(case: Case, number: int, located: StackLevels | None) -> Case:
    """Return the case of a stack with the discs that are measured in it."""
    whole = (0, case.image.shape[case.image.slice_axis])
    own = {found.disc for found in located.slices if found.stack == number} if located else set()
    if located is None or not own:
        return replace(case, levels=None, slices=case.slices or whole)
    discs = tuple(found for found in located.levels.discs if found.disc in own)
    given = GivenLevels(Levels(discs), located.source)
    return replace(case, levels=LevelRequest(given=given), slices=case.slices or whole)


def _combined(
    results: Sequence[CaseResult],
    located: StackLevels | None,
    findings: Sequence[Finding],
    seconds: Mapping[str, float],
) -> StackedResult:
    name = results[0].case.name
    counts = [result.labels.shape[result.labels.slice_axis] for result in results]
    offsets = tuple(int(n) for n in np.cumsum([0, *counts[:-1]]))
    note = Finding(Area.INPUT, Severity.NOTE, "stacks", f"{len(results)} stacks; {NO_VOLUME}")
    return StackedResult(
        name=name,
        stacks=tuple(results),
        located=located,
        rows=tuple(_rows(results, located)),
        profile=tuple(_profile(results, offsets)),
        offsets=offsets,
        quality=_quality(results, offsets),
        covered_mm=_covered_mm(results),
        findings=(note, *findings, *_of_stacks(results)),
        seconds=seconds,
    )


def _of_stacks(results: Sequence[CaseResult]) -> Iterator[Finding]:
    """Yield the findings of the stacks; those that differ in numbers only are one."""
    groups: dict[tuple[str, str, str], dict[int, Finding]] = {}
    for number, result in enumerate(results, start=1):
        for finding in result.findings:
            if finding.area is not Area.LEVELS:
                key = (finding.area, finding.code, _NUMBERS.sub("0", finding.message))
                groups.setdefault(key, {}).setdefault(number, finding)
    for found in groups.values():
        (first, finding), *others = found.items()
        named = ", ".join(str(number) for number, _ in others)
        also = f" (likewise in stack{'s' if len(others) > 1 else ''} {named})" if others else ""
        yield replace(finding, message=f"stack {first}: {finding.message}{also}")


def _rows(results: Sequence[CaseResult], located: StackLevels | None) -> Iterator[MeasureRow]:
    """Yield undefined rows over all slices, then those of the stacks, then those of the discs."""
    for row in results[0].measures.rows:
        if row.level_kind == "all":
            values = {key: "" if isinstance(value, str) else _NAN
                      for key, value in row.values.items()}  # fmt: skip
            yield replace(row, values=values, note=NO_VOLUME, valid=True)
    for number, result in enumerate(results, start=1):
        for row in result.measures.rows:
            if row.level_kind == "all":
                yield replace(row, level=f"stack {number}", level_kind=_STACK_KIND)
    at = {str(found.disc): found for found in located.slices} if located else {}
    for disc in map(str, Disc):
        if disc not in at:
            continue
        for row in results[at[disc].stack].measures.rows:
            if row.level_kind == "disc" and row.level == disc:
                yield replace(row, note="; ".join(filter(None, (row.note, _where(at[disc])))))


def _where(found: DiscSlice) -> str:
    return (
        f"slice {found.slice} of stack {found.stack + 1}, {found.distance_mm:.1f} mm from the disc "
        f"and at {found.angle_deg:.0f}° to it"
    )


def _profile(results: Sequence[CaseResult], offsets: Sequence[int]) -> Iterator[ProfileRow]:
    for result, offset in zip(results, offsets, strict=True):
        for row in result.measures.profile:
            yield replace(row, slice=row.slice + offset)


def _quality(results: Sequence[CaseResult], offsets: Sequence[int]) -> Quality | None:
    """Return the quality of all slices together; None if any mask was drawn by no model."""
    qualities = [result.quality for result in results if result.quality is not None]
    if len(qualities) < len(results):
        return None
    scores = {
        index + offset: score
        for quality, offset in zip(qualities, offsets, strict=True)
        for index, score in quality.slice_scores.items()
    }
    weights = [len(quality.slice_scores) for quality in qualities]
    expected = [
        (quality.expected_dice, weight)
        for quality, weight in zip(qualities, weights, strict=True)
        if weight and not math.isnan(quality.expected_dice)
    ]
    total = sum(weight for _, weight in expected)
    return Quality(
        score=float(np.mean(list(scores.values()))) if scores else _NAN,
        slice_scores=scores,
        expected_dice=sum(e * w for e, w in expected) / total if total else _NAN,
        low_confidence_slices=tuple(
            index + offset
            for quality, offset in zip(qualities, offsets, strict=True)
            for index in quality.low_confidence_slices
        ),
        flags=(),
        minimum_expected_dice=qualities[0].minimum_expected_dice,
    )


def _covered_mm(results: Sequence[CaseResult]) -> float:
    """Return the height that slices with muscle cover along the spine, overlaps once."""
    spans = []
    for result in results:
        geometry, slices = result.labels.geometry, result.coverage.slices
        half = geometry.slice_spacing_mm / 2
        for index in slices:
            height = float(geometry.slice_centre_mm(index)[2])
            spans.append((height - half, height + half))
    covered, top = 0.0, -math.inf
    for low, high in sorted(spans):
        covered += max(0.0, high - max(low, top))
        top = max(top, high)
    return covered
