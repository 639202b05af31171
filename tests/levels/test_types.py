from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError
from lpm_segmentator.levels import (
    DiscLocation,
    Levels,
    levels_from_anchors,
    slice_range,
    to_slices,
)


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


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"discs": [{"name": "L9-L10"}]},
        {"discs": [1]},
        {"discs": [{"name": "L1-L2", "center_mm": [0, 0, float("nan")]}]},
    ],
)
def test_what_are_no_levels_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not levels"):
        Levels.from_dict(broken)


def test_anchors_name_their_discs_alone() -> None:
    levels = levels_from_anchors(stack(), [(Disc.L5_S1, 3), (Disc.L1_L2, 25)])
    assert to_slices(levels, stack()) == {Disc.L1_L2: 25, Disc.L5_S1: 3}


@pytest.mark.parametrize("index", [-1, 30])
def test_anchors_must_be_in_the_image(index: int) -> None:
    with pytest.raises(GeometryError, match="lie outside the image"):
        levels_from_anchors(stack(), [(Disc.L5_S1, index)])


def test_a_disc_is_named_once() -> None:
    with pytest.raises(InputError, match="named twice"):
        levels_from_anchors(stack(), [(Disc.L5_S1, 3), (Disc.L5_S1, 4)])


def spine(top: float, bottom: float, confidence: float = 0.9) -> Levels:
    """L1-L2 and L5-S1 at two heights."""
    ends = ((Disc.L1_L2, top), (Disc.L5_S1, bottom))
    return Levels(tuple(DiscLocation(d, (50.0, 50.0, z), (0, 0, 1), confidence) for d, z in ends))


@pytest.mark.parametrize(
    ("top", "bottom", "expected"),
    [
        (80.0, 20.0, (5, 21)),  # both slices are kept
        (300.0, 20.0, (5, 30)),  # the stack begins below L1-L2
        (80.0, -50.0, (0, 21)),
        (300.0, -50.0, (0, 30)),
        (300.0, 200.0, None),  # all of it lies above the stack
    ],
)
def test_the_range_reaches_from_disc_to_disc_as_far_as_the_image(
    top: float, bottom: float, expected: tuple[int, int] | None
) -> None:
    assert slice_range(spine(top, bottom), stack()) == expected


def test_a_range_needs_both_ends() -> None:
    assert slice_range(Levels(spine(80, 20).discs[:1]), stack()) is None


def test_names_without_confidence_are_no_sure_names() -> None:
    assert spine(80, 20).named_surely
    assert not spine(80, 20, confidence=0.5).named_surely
    assert not Levels(()).named_surely


def test_a_disc_has_one_place() -> None:
    written = spine(80, 20).to_dict(stack(), case="a", image="a.nii.gz")
    written["discs"][1]["name"] = "L1-L2"
    with pytest.raises(InputError, match="twice"):
        Levels.from_dict(written)
