from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import Geometry, Volume
from lpm_segmentator.report.levels import NamedDisc, sagittal_figure

# Sagittal slices of 4 mm: to the right, feet, back.
SAGITTAL = Volume(
    np.random.default_rng(1).integers(0, 100, (13, 160, 40)),
    np.array([[4.0, 0, 0, -22.0], [0, 0, -2.0, 50.0], [0, -2.0, 0, 140.0], [0, 0, 0, 1.0]]),
)
DISCS = [
    NamedDisc("L4-L5", (2.0, 10.0, 0.0), (0.0, 0.0, 1.0), 0.9, 10),
    NamedDisc("L5-S1", (2.0, 12.0, -36.0), (0.0, 0.5, 0.866), 0.8, None),
]


def stack(tilt_deg: float = 0.0) -> Geometry:
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag([1.0, 1.0, 4.0])
    affine[:3, 3] = (-40, -40, -40)
    return Geometry((80, 80, 20), affine)


def lines(figure: object, count: int) -> list[np.ndarray]:
    (axis,) = figure.axes  # type: ignore[attr-defined]
    drawn = [line.get_xydata() for line in axis.lines]
    assert len(drawn) == count
    return drawn


def test_a_slice_is_drawn_where_it_cuts_the_plane() -> None:
    drawn = lines(sagittal_figure(SAGITTAL, DISCS, stack=stack(), slices=None), 20 + 2)
    for index in range(20):
        expected = (140 - (-40 + 4 * index)) / 2  # row of that height
        assert drawn[index][:, 1] == pytest.approx(expected)


def test_an_oblique_slice_is_an_oblique_line() -> None:
    first = lines(sagittal_figure(SAGITTAL, DISCS, stack=stack(30), slices=None), 22)[0]
    (x0, y0), (x1, y1) = first
    assert abs((y1 - y0) / (x1 - x0)) == pytest.approx(np.tan(np.radians(30)))


def test_discs_carry_their_names_and_slices() -> None:
    figure = sagittal_figure(SAGITTAL, DISCS, stack=stack(), slices=(3, 9))
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["L4-L5 · slice 10", "L5-S1 · outside"]
    guess = sagittal_figure(SAGITTAL, DISCS, stack=stack(), slices=None, sure=False)
    assert all("?" in text.get_text() for text in guess.axes[0].texts)
    disc = lines(figure, 22)[20]
    assert disc.mean(axis=0) == pytest.approx([20, 70])  # column and row of the middle


def test_slices_left_out_look_different() -> None:
    figure = sagittal_figure(SAGITTAL, DISCS, stack=stack(), slices=(3, 9))
    colours = [line.get_color() for line in figure.axes[0].lines[:20]]
    assert len(set(colours[3:9])) == 1
    assert set(colours[:3] + colours[9:]).isdisjoint(colours[3:9])


def test_an_axial_stack_is_its_own_view() -> None:
    image = Volume(np.ones(stack().shape, np.float32), stack().affine)
    drawn = lines(sagittal_figure(image, DISCS, stack=stack(), slices=None), 22)
    assert [line[0, 1] for line in drawn[:20]] == pytest.approx(list(range(19, -1, -1)))
