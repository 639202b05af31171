"""Slice numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["name_slices"]


def name_slices(slices: Sequence[int]) -> str:
    """Return slice indices in words, runs joined.

    Parameters
    ----------
    slices : sequence of int
        Ascending, at least one.

    Examples
    --------
    >>> name_slices([3]), name_slices([0, 1, 2, 7, 9, 10])
    ('slice 3', 'slices 0–2, 7, 9–10')
    """
    runs: list[list[int]] = []
    for index in slices:
        if runs and index == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], index]
        else:
            runs.append([index])
    text = ", ".join("–".join(map(str, run)) for run in runs)
    return f"{'slice' if len(slices) == 1 else 'slices'} {text}"
