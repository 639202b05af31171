"""Scores of a level model: distances to the reference, and the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from box_spine import box_geometry, box_vertebrae, write_box_subject
from boxed_slices import SPACING_MM, box_lines, write_slices
from lpm_segmentator.core import Disc, InputError, Volume
from lpm_segmentator.levels.types import DiscLocation, Levels
from lpm_segmentator.levels.vertebrae import levels_from_vertebrae
from lpm_segmentator.train.levels import evaluation
from lpm_segmentator.train.levels.boxes import read_boxed_subjects
from lpm_segmentator.train.levels.evaluation import (
    LevelScore,
    evaluate_levels,
    levels_table,
    score_volume,
)
from lpm_segmentator.train.levels.subjects import LevelSubject, read_level_subject

MODEL: Any = None
TRUTH = levels_from_vertebrae(box_vertebrae(box_geometry()), box_geometry(), "levels")


@pytest.fixture
def subject(tmp_path: Path) -> LevelSubject:
    write_box_subject(tmp_path, "a_water")
    return read_level_subject("a_water", "a", tmp_path)


def _finds(monkeypatch: pytest.MonkeyPatch, levels: Levels) -> None:
    """Replace the model by an answer."""
    monkeypatch.setattr(evaluation, "find_levels", lambda *_: levels)


def _moved(disc: DiscLocation, by_mm: tuple[float, float, float]) -> DiscLocation:
    x, y, z = np.add(disc.centre_mm, by_mm)
    return dataclasses.replace(disc, centre_mm=(float(x), float(y), float(z)))


def test_the_error_is_the_distance_in_the_sagittal_plane(
    subject: LevelSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = dataclasses.replace(
        TRUTH,
        discs=tuple(
            dataclasses.replace(
                disc, centre_mm=tuple(float(v) for v in subject.discs[str(disc.disc)].centre_mm)
            )
            for disc in TRUTH.discs
        ),
    )
    _finds(monkeypatch, exact)
    assert [s.error_mm for s in score_volume(MODEL, subject, "x")] == pytest.approx([0] * 5)
    moved = dataclasses.replace(
        exact, discs=tuple(_moved(disc, (9.0, 3.0, 4.0)) for disc in exact.discs[:4])
    )
    _finds(monkeypatch, moved)
    scores = score_volume(MODEL, subject, "x")
    assert [score.error_mm for score in scores[:4]] == pytest.approx([5] * 4)
    assert np.isnan(scores[4].error_mm)
    assert {score.kind for score in scores} == {"Dixon water, x"}
    assert all(score.in_view and not score.warned for score in scores)


def test_a_slice_with_boxes_is_correct_within_8_mm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_slices(tmp_path, box_lines())
    (boxed,) = read_boxed_subjects(tmp_path, SPACING_MM)
    found = []
    for disc, by_mm in zip(Disc, (0.0, 0.0, 0.0, 7.0, 8.0), strict=True):
        x, y, z = (float(v) for v in boxed.discs[str(disc)].centre_mm)
        found.append(DiscLocation(disc, (x, y + 3.0, z + by_mm), (0.0, 0.0, 1.0), 1.0))
    _finds(monkeypatch, Levels(tuple(found)))
    scores = evaluate_levels(MODEL, boxed)
    assert {score.kind for score in scores} == {"mid-sagittal slice, T1w"}
    assert all(score.in_view for score in scores)
    assert "| mid-sagittal slice, T1w | 1 | 80.0 % | 3.0 | 0.0 % | 0.0 % | 0.0 % |" in levels_table(
        scores
    )


def test_a_refused_volume_counts_as_a_warning(
    subject: LevelSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Levels:
        raise InputError("no lumbar spine detected")

    monkeypatch.setattr(evaluation, "find_levels", refuse)
    scores = score_volume(MODEL, subject, "x")
    assert all(score.warned and np.isnan(score.error_mm) for score in scores)


def test_crops_leave_out_discs(subject: LevelSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Volume] = []

    def record(volume: Volume, _: object) -> Levels:
        seen.append(volume)
        return Levels(())

    monkeypatch.setattr(evaluation, "find_levels", record)
    scores = evaluate_levels(MODEL, subject)
    assert len(seen) == 7
    in_view = {
        kind: [score.disc for score in scores if score.kind == kind and score.in_view]
        for kind in dict.fromkeys(score.kind for score in scores)
    }
    assert len(in_view["Dixon water, sagittal"]) == 5
    assert in_view["Dixon water, crop: half of L5"] == ["L1-L2", "L2-L3", "L3-L4", "L4-L5"]
    assert in_view["Dixon water, crop: L3 to S1"] == ["L2-L3", "L3-L4", "L4-L5", "L5-S1"]


def _score(subject: str, disc: str, error_mm: float, *, warned: bool = False) -> LevelScore:
    return LevelScore(subject, "kind", disc, error_mm, 0.0, True, warned, 2.0)


def test_the_table_counts_discs_and_cases() -> None:
    scores = [
        _score("a", "L4-L5", 1.0),
        _score("a", "L5-S1", 3.0),
        _score("b", "L4-L5", 35.0),
        _score("b", "L5-S1", float("nan")),
        _score("c", "L4-L5", 35.0, warned=True),
        _score("c", "L5-S1", 2.0, warned=True),
    ]
    row = levels_table(scores).splitlines()[-1]
    assert row == "| kind | 3 | 50.0 % | 3.0 | 33.3 % | 33.3 % | 33.3 % | 2.0 |"
