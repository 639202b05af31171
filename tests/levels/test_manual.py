from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError
from lpm_segmentator.levels import DiscLocation, Levels, corrected_levels, to_slices

STACK = Geometry((100, 100, 30), np.diag([1.0, 1.0, 4.0, 1.0]))


def written(*slices: int) -> dict[str, object]:
    """Levels whose discs lie in these slices, from L1-L2 on."""
    discs = tuple(
        DiscLocation(disc, (50.0, 60.0, 4.0 * index + 1.0), (0.0, 0.0, 1.0), 0.4)
        for disc, index in zip(Disc, slices, strict=False)
    )
    return Levels(discs, ("the count is a guess",)).to_dict(STACK, case="a", image="a.nii.gz")


@given(index=st.integers(0, 29))
def test_a_corrected_slice_counts_and_the_middle_moves_into_it(index: int) -> None:
    values = written(27, 18)
    values["discs"][1]["slice"] = index  # type: ignore[index]
    levels = corrected_levels(values, STACK)
    assert to_slices(levels, STACK) == {Disc.L1_L2: 27, Disc.L2_L3: index}
    assert levels.discs[1].centre_mm[:2] == (50.0, 60.0)


def test_what_was_not_corrected_stays_as_it_was() -> None:
    values = written(27, 18, 9)
    assert corrected_levels(values, STACK) == Levels.from_dict(values)


def test_a_new_disc_needs_its_name_and_slice_alone() -> None:
    values = {"discs": [{"name": "L4-L5", "slice": 7}]}
    levels = corrected_levels(values, STACK)
    assert to_slices(levels, STACK) == {Disc.L4_L5: 7}
    assert levels.named_surely
    assert levels.discs[0].normal == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("disc", "message"),
    [
        ({"name": "L4-L5", "slice": 30}, "slices 0 to 29"),
        ({"name": "L4-L5", "slice": 2.5}, "whole number"),
        ({"name": "L4-L5", "slice": True}, "whole number"),
        ({"name": "C1-C2", "slice": 3}, "not levels"),
        ({"name": "L4-L5"}, "name and slice are enough"),
        ({"slice": 3}, "not levels"),
        (3, "not levels"),
    ],
)
def test_corrections_that_make_no_sense_are_refused(disc: object, message: str) -> None:
    with pytest.raises((InputError, GeometryError), match=message):
        corrected_levels({"discs": [disc]}, STACK)


@pytest.mark.parametrize("values", [[], {}, {"discs": 3}, None])
def test_what_is_no_file_of_levels_is_refused(values: object) -> None:
    with pytest.raises(InputError, match="not levels"):
        corrected_levels(values, STACK)  # type: ignore[arg-type]
