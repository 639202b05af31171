"""Scores of a level model on labelled volumes, and on stacks and crops made from them."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import (
    Disc,
    Geometry,
    InputError,
    Volume,
    crop_slices,
    reorient,
    resample,
)
from lpm_segmentator.levels.locate import find_levels
from lpm_segmentator.levels.types import Levels, slice_at
from lpm_segmentator.train.scores import markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lpm_segmentator.levels.model import LevelModel
    from lpm_segmentator.levels.vertebrae import Plane
    from lpm_segmentator.train.levels.subjects import LevelSubject

__all__ = ["LevelScore", "evaluate_levels", "levels_table", "score_volume"]

_AXIAL_MM = 4.0
#: how tables name the kinds of subjects
_SEQUENCES = {"spinecho": "spin echo", "water": "Dixon water", "boxed": "mid-sagittal slice"}
#: furthest that the middle of a correct disc is from its reference; a box is less accurate
_NEAR_MM, _NEAR_BOX_MM = 4.0, 8.0


@dataclass(frozen=True)
class LevelScore:
    """The score of one disc of one case in one kind of input.

    Attributes
    ----------
    subject, kind, disc : str
    error_mm : float
        Distance in the sagittal plane between reference and detected middle; nan if not detected.
    slices_off : float
        Distance of the two in slices of the input; nan if not detected.
    in_view : bool
        Whether the reference disc lies in the image.
    warned : bool
        Whether the case had a warning or was refused.
    seconds : float
        Time of the case.
    """

    subject: str
    kind: str
    disc: str
    error_mm: float
    slices_off: float
    in_view: bool
    warned: bool
    seconds: float


def evaluate_levels(model: LevelModel, subject: LevelSubject) -> list[LevelScore]:
    """Score a model on a subject's volume, on an axial stack of it, and on crops.

    A slice with boxes is scored as it is.
    """
    if not subject.has_bodies:
        return score_volume(model, subject, _contrast(subject.name))
    scores: list[LevelScore] = []
    for kind, volume in _inputs(subject):
        scores += score_volume(model, dataclasses.replace(subject, volume=volume), kind)
    return scores


def _contrast(name: str) -> str:
    """Return the contrast that the name of a slice states, or "slice"."""
    return next((word for word in ("T1w", "T2w") if word in name.split("_")), "slice")


def score_volume(model: LevelModel, subject: LevelSubject, kind: str) -> list[LevelScore]:
    """Score the discs detected in a subject's volume; a refused volume counts as a warning.

    Parameters
    ----------
    model : LevelModel
    subject : LevelSubject
    kind : str
        The kind of input; the scores state the sequence as well.
    """
    sequence = _SEQUENCES[subject.kind]
    geometry = subject.volume.geometry
    started = time.monotonic()
    try:
        levels = find_levels(subject.volume, model)
        warned = bool(levels.warnings)
    except InputError:
        levels, warned = Levels(()), True
    seconds = time.monotonic() - started
    scores = []
    for disc in Disc:
        plane = subject.discs[str(disc)]
        scores.append(
            LevelScore(
                subject.name,
                f"{sequence}, {kind}",
                str(disc),
                *_errors(levels, disc, plane, geometry),
                in_view=_inside(plane, geometry),
                warned=warned,
                seconds=seconds,
            )
        )
    return scores


def _errors(levels: Levels, disc: Disc, plane: Plane, geometry: Geometry) -> tuple[float, float]:
    """Return the in-plane error in mm and the distance in slices; nan if not detected."""
    located = levels.find(disc)
    if located is None:
        return float("nan"), float("nan")
    offset = np.asarray(located.centre_mm) - plane.centre_mm
    column = geometry.axis_codes.index("R") if "R" in geometry.axis_codes else None
    column = geometry.axis_codes.index("L") if column is None else column
    side = geometry.affine[:3, column] / geometry.spacing_mm[column]
    in_plane = offset - (offset @ side) * side
    a = slice_at(geometry, located.centre_mm)
    b = slice_at(geometry, tuple(plane.centre_mm))
    slices = abs(a - b) if a is not None and b is not None else float("nan")
    return float(np.linalg.norm(in_plane)), float(slices)


def _inside(plane: Plane, geometry: Geometry) -> bool:
    voxel = geometry.world_to_voxel(plane.centre_mm)
    axis = geometry.slice_axis
    if geometry.shape[axis] == 1:
        return True
    return bool(1 <= voxel[axis] <= geometry.shape[axis] - 2)


def _inputs(subject: LevelSubject) -> Iterator[tuple[str, Volume]]:
    volume = subject.volume
    yield "sagittal", volume
    yield "axial 4 mm", _axial(volume)
    # Crops end in the middle of a vertebral body (15 mm), or almost at its far endplate (27 mm).
    cuts: dict[str, tuple[str | None, str | None, float]] = {
        "crop: half of L5": (None, "L4-L5", 15.0),
        "crop: L5, no sacrum": (None, "L4-L5", 27.0),
        "crop: L3 to S1": ("L2-L3", None, 15.0),
        "crop: thoracolumbar": (None, "L3-L4", 15.0),
        "crop: thoracolumbar, L4": (None, "L3-L4", 27.0),
    }
    for name, (above, below, beyond) in cuts.items():
        yield name, _cut(volume, subject.discs, above, below, beyond_mm=beyond)


def _axial(volume: Volume) -> Volume:
    turned = reorient(volume, "LAS")
    x, y, _ = turned.spacing_mm
    target = turned.geometry.with_spacing((x, y, _AXIAL_MM))
    return resample(turned, target, order=1, antialias=True)


def _cut(
    volume: Volume,
    discs: dict[str, Plane],
    above: str | None,
    below: str | None,
    *,
    beyond_mm: float,
) -> Volume:
    """Keep the slices below one disc and above another, with a margin beyond it."""
    turned = reorient(volume, "LAS")
    start, stop = 0, turned.shape[2]
    step = turned.spacing_mm[2]
    if below is not None:
        at = turned.geometry.world_to_voxel(discs[below].centre_mm)[2]
        start = max(0, round(at - beyond_mm / step))
    if above is not None:
        at = turned.geometry.world_to_voxel(discs[above].centre_mm)[2]
        stop = min(stop, round(at + beyond_mm / step))
    return crop_slices(turned, start, stop)[0]


def levels_table(scores: Sequence[LevelScore]) -> str:
    """Return a Markdown table with a row for each kind of input.

    A disc is correct within 4 mm of the reference in the sagittal plane (8 mm of the middle of a
    box), or within one slice of an axial stack. "Wrong without warning" is the share of cases in
    which a named disc lies more than 10 mm from its reference, without any warning.
    """
    columns = (
        "input",
        "cases",
        "correct discs",
        "median error, mm",
        "all in view correct",
        "warned",
        "wrong without warning",
        "s per case",
    )
    kinds = dict.fromkeys(score.kind for score in scores)
    return markdown_table(columns, (_row(kind, scores) for kind in kinds))


def _row(kind: str, scores: Sequence[LevelScore]) -> list[object]:
    rows = [score for score in scores if score.kind == kind]
    cases = [list(_of(rows, name)) for name in dict.fromkeys(row.subject for row in rows)]
    visible = _visible(rows)
    errors = np.array([row.error_mm for row in visible])
    detected = errors[np.isfinite(errors)]
    return [
        kind,
        len(cases),
        _percent(map(_correct, visible)),
        f"{np.median(detected):.1f}" if len(detected) else "–",
        _percent(all(map(_correct, _visible(case))) for case in cases),
        _percent(case[0].warned for case in cases),
        _percent(map(_wrong_unwarned, cases)),
        f"{np.median([case[0].seconds for case in cases]):.1f}",
    ]


def _of(rows: Iterable[LevelScore], subject: str) -> Iterator[LevelScore]:
    return (row for row in rows if row.subject == subject)


def _visible(case: Iterable[LevelScore]) -> list[LevelScore]:
    return [row for row in case if row.in_view]


def _correct(row: LevelScore) -> bool:
    near_mm = _NEAR_BOX_MM if row.kind.startswith(_SEQUENCES["boxed"]) else _NEAR_MM
    return row.slices_off <= 1 if "axial" in row.kind else row.error_mm <= near_mm


def _wrong_unwarned(case: Sequence[LevelScore]) -> bool:
    return not case[0].warned and any(row.error_mm > 10.0 for row in case)


def _percent(values: Iterable[bool]) -> str:
    listed: list[bool] = list(values)
    return f"{100 * sum(listed) / len(listed):.1f} %" if listed else "–"
