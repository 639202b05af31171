from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError
from lpm_segmentator.levels import DiscLocation, Levels, levels_from_slices, to_slices


def stack(tilt_deg: float = 0.0, slices: int = 30) -> Geometry:
    """Axial slices of 4 mm, tilted about the left-right axis."""
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([1.0, 1.0, 4.0])
    return Geometry((100, 100, slices), affine)


@given(index=st.integers(0, 29), tilt=st.floats(-35, 35))
def test_a_disc_in_a_slice_is_found_in_it_however_oblique(index: int, tilt: float) -> None:
    geometry = stack(tilt)
    x, y, z = (float(v) for v in geometry.voxel_to_world((40, 60, index)))
    levels = Levels((DiscLocation(Disc.L3_L4, (x, y, z), (0, 0, 1), 1.0),))
    assert to_slices(levels, geometry) == {Disc.L3_L4: index}


def test_each_stack_holds_its_own_discs() -> None:
    disc = DiscLocation(Disc.L5_S1, (50.0, 50.0, -20.0), (0, 0, 1), 1.0)
    assert to_slices(Levels((disc,)), stack()) == {}


def test_levels_come_back_from_their_dictionary() -> None:
    disc = DiscLocation(Disc.L4_L5, (50.0, 50.0, 40.0), (0.0, 0.0, 1.0), 0.75)
    levels = Levels((disc,), ("doubtful",))
    written = levels.to_dict(stack(), case="a", image="a.nii.gz")
    assert written["discs"][0]["slice"] == 10
    assert Levels.from_dict(written) == levels


@pytest.mark.parametrize("broken", [{}, {"discs": [{"name": "L9-L10"}]}, {"discs": [1]}])
def test_what_are_no_levels_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no levels"):
        Levels.from_dict(broken)


def test_slices_by_hand_name_the_ends_alone() -> None:
    levels = levels_from_slices(stack(), 25, 3)
    assert to_slices(levels, stack()) == {Disc.L1_L2: 25, Disc.L5_S1: 3}


@pytest.mark.parametrize(("first", "last"), [(-1, 5), (0, 30), (4, 4)])
def test_slices_by_hand_must_be_in_the_image(first: int, last: int) -> None:
    with pytest.raises(GeometryError):
        levels_from_slices(stack(), first, last)
