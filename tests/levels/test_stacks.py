"""Which slice of which stack shows a disc best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_files import plane
from lpm_segmentator.core import Disc, Geometry
from lpm_segmentator.levels import DiscLocation, DiscSlice, Levels, nearest_slices

SHAPE = (40, 40, 5)


def stack(z_mm: float = 0.0, tilt_deg: float = 0.0, step_mm: float = 4.0) -> Geometry:
    affine = plane("axial", SHAPE, (4.0, 4.0, step_mm), tilt_deg=tilt_deg, center_mm=(0, 0, z_mm))
    return Geometry(SHAPE, affine)


def normal(tilt_deg: float) -> tuple[float, float, float]:
    angle = math.radians(tilt_deg)
    return 0.0, -math.sin(angle), math.cos(angle)


def disc(z_mm: float, tilt_deg: float = 0.0, which: Disc = Disc.L4_L5) -> DiscLocation:
    return DiscLocation(which, (0.0, 0.0, z_mm), normal(tilt_deg), 1.0)


def nearest(location: DiscLocation, *stacks: Geometry) -> DiscSlice:
    (found,) = nearest_slices(Levels((location,)), stacks)
    return found


def test_the_slice_through_a_disc_is_found_with_its_distance():
    found = nearest(disc(5.0), stack())
    assert (found.stack, found.slice) == (0, 3)
    assert found.distance_mm == pytest.approx(1.0)
    assert found.angle_deg == pytest.approx(0.0, abs=1e-6)


def test_a_stack_along_the_disc_goes_before_one_that_is_tilted_to_it():
    found = nearest(disc(0.0, 15.0), stack(), stack(tilt_deg=15.0))
    assert found.stack == 1
    assert found.angle_deg == pytest.approx(0.0, abs=1e-5)


def test_a_near_slice_that_is_tilted_may_be_better_than_a_parallel_one_far_off():
    far, near = stack(1.8), stack(0.0, 5.0)
    assert nearest(disc(0.0), far, near).stack == 1
    assert nearest(disc(0.0), far, stack(0.0, 20.0)).stack == 0


def test_each_disc_is_found_once_in_the_order_of_the_levels():
    levels = Levels((disc(8.0, which=Disc.L3_L4), disc(-8.0)))
    found = nearest_slices(levels, [stack(-2.0), stack(2.0), stack(0.5)])
    assert [one.disc for one in found] == [Disc.L3_L4, Disc.L4_L5]


def test_a_disc_that_no_stack_shows_is_left_out():
    assert nearest_slices(Levels((disc(30.0),)), [stack(), stack(-40.0)]) == ()
    assert nearest_slices(Levels((disc(30.0),)), []) == ()


@given(tilt=st.floats(-25, 25), off=st.floats(-9, 9), angle=st.floats(0, 40))
def test_distance_and_angle_do_not_depend_on_how_the_stack_lies(tilt, off, angle):
    """The disc is placed within a tilted stack by distance and angle."""
    geometry = stack(12.0, tilt)
    along = np.asarray(normal(tilt))
    centre = geometry.centre_mm + off * along
    turned = DiscLocation(Disc.L4_L5, tuple(map(float, centre)), normal(tilt + angle), 1.0)
    found = nearest(turned, geometry)
    assert found.distance_mm == pytest.approx(abs(off - 4.0 * round(off / 4.0)), abs=1e-6)
    assert found.angle_deg == pytest.approx(angle, abs=1e-3)


def test_the_deviation_is_the_root_mean_square_distance_over_a_disc():
    rng = np.random.default_rng(0)
    radius = 18.0 * np.sqrt(rng.random(200_000))
    x = radius * np.cos(rng.random(200_000) * 2 * np.pi)
    for distance, angle in ((0.0, 10.0), (2.0, 0.0), (1.5, 25.0)):
        points = distance + x * math.sin(math.radians(angle))
        expected = math.sqrt(np.mean(points**2))
        found = DiscSlice(Disc.L4_L5, 0, 0, distance, angle)
        assert found.deviation_mm == pytest.approx(expected, rel=0.01)
