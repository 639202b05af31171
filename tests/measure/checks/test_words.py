from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.measure.checks.words import name_slices


@given(st.sets(st.integers(0, 30), min_size=1))
def test_every_slice_is_named_once(slices: set[int]) -> None:
    word, _, runs = name_slices(sorted(slices)).partition(" ")
    assert word == ("slice" if len(slices) == 1 else "slices")
    named = []
    for run in runs.split(", "):
        first, _, last = run.partition("–")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(slices)
