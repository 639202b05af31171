"""Subjects of the level model: their heat maps and folds."""

from __future__ import annotations

from lpm_segmentator.train.levels.subjects import assign_folds


def test_scans_of_one_person_share_a_fold() -> None:
    folds = assign_folds(["a_water", "a_water", "b_water", "c_water", "d_spinecho"], 3)
    assert sorted(folds.values()) == [0, 0, 1, 2]
