"""Lines, images and letters on a canvas of 72 pixels per inch, where a point is a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.report.canvas import Canvas, Tile, text_width
from pictures import find_words, pixels

TILE = Tile(20, 10, 60, 40, (4, 6))


@pytest.fixture
def canvas() -> Canvas:
    return Canvas(100, 60, 72)


def test_places_are_those_of_pixel_centres():
    corners = TILE.place(np.array([[-0.5, -0.5], [5.5, 3.5], [0.0, 0.0]]))
    assert corners.tolist() == [[20, 10], [80, 50], [25, 15]]


def test_an_image_is_shown_in_its_place_between_black_and_white(canvas):
    values = np.zeros((4, 6), np.int16)
    values[:, 3:], values[:, 5] = 50, 300
    canvas.draw_image(TILE, values, (0.0, 100.0))
    shown = pixels(canvas.picture)
    assert shown[30, 25].tolist() == [0, 0, 0]
    assert shown[30, 55, 0] == pytest.approx(128, abs=15)
    assert shown[30, 78].tolist() == [255, 255, 255]  # above the window
    shown[10:50, 20:80] = 0
    assert not shown.any()


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_lines_have_their_width_and_lie_in_their_place(canvas, width):
    canvas.draw_lines([np.array([[10.0, 30.5], [60.0, 30.5]])], "white", width)
    shown = pixels(canvas.picture)[..., 0] / 255
    assert shown[:, 30].sum() == pytest.approx(width, abs=0.35)
    assert (shown[:, 30] @ (np.arange(60) + 0.5)) / shown[:, 30].sum() == pytest.approx(
        30.5, abs=0.2
    )
    assert shown[30].sum() == pytest.approx(50 + width, abs=1.0)


def test_corners_are_whole(canvas):
    canvas.draw_lines([np.array([[10.0, 50.0], [50.0, 10.0], [90.0, 50.0]])], "white", 6)
    assert pixels(canvas.picture)[8:13, 50, 0].min() > 200


def test_lines_can_be_transparent_and_cut_off(canvas):
    far = np.array([[-500.0, 30.0], [500.0, 30.0]])
    canvas.draw_lines([far], "#FF8000", 4, opacity=0.5, within=TILE)
    shown = pixels(canvas.picture)
    assert shown[30, 50].tolist() == [128, 64, 0]
    assert np.flatnonzero(shown[30].any(axis=-1)).tolist() == list(range(20, 80))


def test_dots_are_apart(canvas):
    canvas.draw_lines([np.array([[5.0, 30.5], [95.0, 30.5]])], "white", 2, dotted=True)
    row = pixels(canvas.picture)[30, :, 0] > 128
    starts = np.flatnonzero(np.diff(row.astype(int)) == 1)
    assert len(starts) == pytest.approx(90 / (2 * 2.65), abs=1)
    assert 0.25 < row[5:95].mean() < 0.5


def test_lines_beyond_the_picture_are_not_drawn(canvas):
    canvas.draw_lines([np.array([[-50.0, -90.0], [-20.0, -80.0]])], "white", 2)
    canvas.draw_lines([np.array([[150.0, 90.0], [220.0, 80.0]])], "white", 2)
    canvas.draw_lines([], "white", 2)
    canvas.draw_outlines([], "white", 2)
    assert not pixels(canvas.picture).any()


def test_words_are_as_wide_as_said_and_stand_at_their_anchor(canvas):
    canvas.write((90, 30), "L4-L5", "white", 12, anchor="rm")
    ((left, top, right, bottom),) = find_words(pixels(canvas.picture), "L4-L5", "white", 12)
    assert right == pytest.approx(90, abs=2)
    assert right - left == pytest.approx(text_width("L4-L5", 12, 72), abs=3)
    assert (top + bottom) / 2 == pytest.approx(30, abs=3)


def test_the_font_has_every_letter_that_is_written():
    """A letter that it lacks is shown as a box, which is as wide for every one of them."""
    from PIL import ImageFont

    font = ImageFont.load_default(20)
    missing = bytes(font.getmask("\u0378"))
    for letter in "L1-S?·.,:0123456789abcdefghijklmnopqrstuvwxyzR":
        assert bytes(font.getmask(letter)) != missing, letter
