from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from lpm_segmentator.core import LPM_SCHEME, LabelMap, Muscle, Volume, reorient
from lpm_segmentator.report.overlay import (
    MUSCLE_COLOURS,
    Layout,
    SliceNotes,
    choose_slices,
    overlay_montage,
)
from phantoms import labels_of, pair_of, phantom
from pictures import distance, find_words, hued, pixels, says, written
from strategies import ORIENTATIONS

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])
#: of the default layout: width of a place and of a slice, height of a title, sizes of letters
PLACE, WIDTH, TITLE, LETTERS, SIDE_LETTERS = 338, 331, 29, 14, 16
FLAG = "#FFB000"
ES, MF = (MUSCLE_COLOURS[muscle] for muscle in Muscle)


def scene(*, touching: bool = False) -> tuple[Volume, LabelMap]:
    """A body of 100 x 60 x 4 that is brighter on the patient's right; ES there and left.

    Black and white stripes at the front and the back keep the body itself from either.
    """
    image = np.zeros((100, 60, 4), np.float32)
    image[:50], image[50:] = 150.0, 50.0
    image[:, 2:4], image[:, 57:59] = 0.0, 200.0
    labels = np.zeros(image.shape, np.uint8)
    labels[30:45, 20:40], labels[55:70, 20:40] = 1, 4
    if touching:
        labels[38:45, 20:40] = 2
    return Volume(image, AFFINE), LabelMap(labels, AFFINE)


@dataclass
class Tile:
    """A slice in a picture: its pixels, what is above, and its place."""

    shown: np.ndarray
    title: np.ndarray
    left: int
    top: int

    @property
    def is_framed(self) -> bool:
        edges = [self.shown[:3], self.shown[-3:], self.shown[:, :3], self.shown[:, -3:]]
        return all((distance(edge, FLAG) == 0).all() for edge in edges)


def tiles(picture: Image.Image) -> list[Tile]:
    """The slices of a picture in the default size, found by their first, bright column."""
    shown = pixels(picture)
    found = []
    for place in range(0, picture.width, PLACE):
        left = place + (PLACE - WIDTH) // 2
        bright = shown[:, left].any(axis=-1)
        bright = ndimage.binary_closing(bright, iterations=12)  # over the black stripe
        for (rows,) in ndimage.find_objects(ndimage.label(bright)[0]):
            if rows.stop - rows.start < 60:  # a letter of the legend
                continue
            above = slice(rows.start - TITLE + 1, rows.start)
            found.append(
                Tile(
                    shown[rows, left : left + WIDTH],
                    shown[above, place : place + PLACE],
                    left,
                    rows.start,
                )
            )
    return sorted(found, key=lambda tile: (tile.top, tile.left))


def assert_titles(picture: Image.Image, *titles: str) -> None:
    found = tiles(picture)
    assert len(found) == len(titles)
    for tile, title in zip(found, titles, strict=True):
        assert says(tile.title, title, FLAG if tile.is_framed else "white", LETTERS), title


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_the_patients_right_is_on_the_left_whatever_the_file(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    for tile in tiles(overlay_montage(image, labels, layout=Layout(2))):
        assert tile.shown[90:, 10:40].mean() > 150 > tile.shown[90:, -40:-10].mean()
        corners = tile.shown[:35, :35], tile.shown[:35, -35:]
        for corner, side, other in zip(corners, "RL", "LR", strict=True):
            assert find_words(corner, side, "white", SIDE_LETTERS, bold=True)
            assert not find_words(corner, other, "white", SIDE_LETTERS, bold=True) or side == "R"


def test_sides_have_a_dark_border():
    image, labels = scene()
    (tile,) = tiles(overlay_montage(image.with_array(image.array + 1e3), labels, layout=Layout(1)))
    corner = tile.shown[:35, :35]
    ((left, top, right, bottom),) = find_words(corner, "R", "white", SIDE_LETTERS, bold=True)
    background = corner[30:, 2].max()
    assert corner[top - 1, left + 2 : right - 4].max() < 0.6 * background
    assert corner[bottom, left + 1].max() < 0.6 * background


def test_the_back_is_below():
    image, labels = scene()
    array = np.full(image.shape, 50.0, np.float32)
    array[:, 40:] = 100.0  # the second axis grows to posterior
    array[:, 58:] = 0.0
    picture = overlay_montage(image.with_array(array), labels, layout=Layout(1))
    shown, middle = pixels(picture)[TITLE:], WIDTH // 2
    scale = WIDTH / 80  # pixels of the picture per row of the image
    assert shown[round(50 * scale), middle].min() > 200 > shown[round(30 * scale), middle].max()


@pytest.mark.parametrize("codes", [("L", "P", "S"), ("R", "A", "I"), ("S", "L", "P")])
def test_slices_are_numbered_as_in_the_file_head_first(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    head_first = [0, 1, 2, 3] if "I" in codes else [3, 2, 1, 0]
    picture = overlay_montage(image, labels, layout=Layout(4))
    assert_titles(picture, *(f"slice {number}" for number in head_first))


def test_slices_may_have_names():
    picture = overlay_montage(*scene(), notes=SliceNotes({2: "L3-L4"}), layout=Layout(4))
    assert_titles(picture, "slice 3", "slice 2  ·  L3-L4", "slice 1", "slice 0")


def test_every_structure_is_outlined_in_its_colour_and_named():
    made = phantom()
    labels = labels_of(made)
    picture = overlay_montage(pair_of(made).water, labels, layout=Layout(3))
    shown = pixels(picture)
    # R and L on the picture tell the sides: each muscle has one colour, and an outline on each.
    for muscle in Muscle:
        drawn = hued(shown[:-40], MUSCLE_COLOURS[muscle])
        for slot in range(3):
            part = drawn[:, slot * PLACE : (slot + 1) * PLACE]
            columns = np.flatnonzero(part.any(axis=0))
            assert columns[0] < PLACE / 2 < columns[-1]
    for muscle in {structure.muscle for structure in LPM_SCHEME}:
        assert len(find_words(shown[-60:], muscle.full_name, "white", LETTERS)) == 1
        assert hued(shown[-40:], MUSCLE_COLOURS[muscle]).any()
    assert not find_words(shown[-60:], "reference", "white", LETTERS)


def test_slices_to_review_are_all_shown_framed_and_scored():
    image, labels = scene()
    notes = SliceNotes(scores={1: 0.5, 3: 0.9, 0: 0.8}, flagged=(1, 3))
    picture = overlay_montage(image, labels, notes=notes, layout=Layout(1))
    assert [tile.is_framed for tile in tiles(picture)] == [True, True, False]
    titles = ("slice 3  ·  score 0.90", "slice 1  ·  score 0.50", "slice 0  ·  score 0.80")
    assert_titles(picture, *titles)


def test_all_slices_are_shown_on_request():
    image, labels = scene()
    array = np.repeat(image.array, 5, axis=2)
    mask = np.repeat(labels.array, 5, axis=2)
    mask[..., :3] = 0
    picture = overlay_montage(
        image.with_grid(array, AFFINE), labels.with_grid(mask, AFFINE), layout=Layout(None, 6)
    )
    assert_titles(picture, *(f"slice {n}" for n in range(19, 2, -1)))


def test_the_reference_is_drawn_and_named():
    """White dots on the border, inside which the coloured line still is seen."""
    image, labels = scene()
    (alone,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    picture = overlay_montage(image, labels, reference=labels, layout=Layout(1))
    assert len(find_words(pixels(picture)[-60:], "reference", "white", LETTERS)) == 1
    (tile,) = tiles(picture)
    changed = (tile.shown != alone.shown).any(axis=-1)
    assert (tile.shown[changed] > alone.shown[changed]).any(axis=-1).all()
    _, dots = ndimage.label(changed & (tile.shown.min(axis=-1) > 150))
    assert dots > 100  # of a solid line it would be one for each of two muscles
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    scale = WIDTH / 80
    assert (columns[0], columns[-1]) == pytest.approx((20 * scale, 60 * scale), abs=2.5)
    assert (rows[0], rows[-1]) == pytest.approx((20 * scale, 40 * scale), abs=2.5)
    # Dotted: of the left border of ES right, some rows are white and others are not.
    border = changed[rows[0] + 5 : rows[0] + 75, round(20 * scale) - 2 : round(20 * scale) + 2]
    assert 0.2 < border.any(axis=1).mean() < 0.9
    assert hued(tile.shown, ES).sum() > 0.5 * hued(alone.shown, ES).sum()


def test_the_border_that_two_muscles_share_is_drawn_for_both():
    image, labels = scene(touching=True)
    (tile,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    scale = WIDTH / 80
    row = round(30 * scale)
    border = 28 * scale  # of the 80 columns shown; ES lies left of it
    for colour, inside in ((ES, border - 1.0), (MF, border + 1.0)):
        near = tile.shown[row - 20 : row + 20, round(inside - 1) : round(inside + 1)]
        assert (distance(near, colour).min(axis=1) < 40).all()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_name_lies_within_the_picture(count):
    image, labels = scene()
    notes = SliceNotes(dict.fromkeys(range(4), "stack 12"), dict.fromkeys(range(4), 0.5))
    layout = Layout(count, 2, 1.7, dpi=100)
    picture = overlay_montage(image, labels, reference=labels, notes=notes, layout=layout)
    shown = pixels(picture)
    assert not any(edge.any() for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]))
    for name in ("erector spinae", "multifidus", "reference"):
        ((left, top, right, bottom),) = find_words(shown, name, "white", 11)
        assert 0 < left < right < picture.width
        assert 0 < top < bottom < picture.height
    found = find_words(shown, "score 0.50", "white", 11)
    assert len(found) == count
    for number, (_, _, right, _) in enumerate(sorted(found, key=lambda box: (box[1], box[0]))):
        assert right <= (number % 2 + 1) * 170


def test_the_longest_title_fits_the_smallest_slice():
    title = SliceNotes({128: "stack 12"}, {128: 0.69}).title(128)
    assert title == "slice 128  ·  stack 12  ·  score 0.69"
    assert written(title, "white", 11).shape[1] < 170


def test_the_picture_is_cut_to_the_muscles():
    image, labels = scene()
    (tile,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    height, width = tile.shown.shape[:2]
    columns, rows = 30 + 10 + 20 + 20, 60  # muscles and 20 mm on each side, the border
    assert height / width == pytest.approx(rows / columns, abs=0.01)


@pytest.mark.parametrize("shape", [(40, 30, 1), (40, 30, 2), (1, 30, 3), (900, 2, 2), (1, 900, 9)])
def test_odd_shapes_and_empty_masks_are_drawn(shape):
    image = Volume(np.random.default_rng(0).random(shape), AFFINE)
    picture = overlay_montage(image, LabelMap(np.zeros(shape, np.uint8), AFFINE))
    shown = pixels(picture)
    count = min(8, shape[2])
    assert picture.width == PLACE * min(4, count)
    assert max(picture.size) < 3000
    titles = sum(
        bool(find_words(shown, f"slice {n}", "white", LETTERS)) for n in range(shape[2])
    )  # fmt: skip
    assert titles == count


def test_pixels_keep_their_shape():
    image, labels = scene()
    affine = np.diag([-0.5, -1.5, 4.0, 1.0])
    for tile in tiles(
        overlay_montage(
            image.with_grid(image.array, affine),
            labels.with_grid(labels.array, affine),
            layout=Layout(2),
        )
    ):
        height, width = tile.shown.shape[:2]
        rows, columns = 40 + 13, 100  # 20 mm are 13 rows behind the muscles, and all columns
        assert (height / rows) / (width / columns) == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_outlines_lie_on_the_borders_of_the_muscles(codes):
    """Of every slice, wherever it stands in the picture."""
    image, labels = (reorient(grid, codes) for grid in scene())
    found = tiles(overlay_montage(image, labels, layout=Layout(4, columns=3)))
    assert len(found) == 4
    scale = WIDTH / 80
    for tile in found:
        drawn = distance(tile.shown, ES) < 40
        for first, last in ((20, 35), (45, 60)):  # of 80 columns: ES right and left
            part = np.zeros_like(drawn)
            side = slice(round((first - 4) * scale), round((last + 4) * scale))
            part[:, side] = drawn[:, side]
            columns = np.flatnonzero(part.any(axis=0))
            rows = np.flatnonzero(part.any(axis=1))
            ends = (columns[0], columns[-1] + 1), (rows[0], rows[-1] + 1)
            assert ends[0] == pytest.approx((first * scale, last * scale), abs=1.1)
            assert ends[1] == pytest.approx((20 * scale, 40 * scale), abs=1.1)
            # a line, not an area: the muscle itself is seen
            inside = part[round(24 * scale) : round(36 * scale), side]
            assert not inside[:, round(8 * scale) : round(15 * scale)].any()


def test_outlines_have_a_dark_border_outside():
    image, labels = scene()
    (tile,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    scale = WIDTH / 80
    row, border = round(30 * scale), round(20 * scale)
    beside, body = tile.shown[row, border - 2 : border], tile.shown[row, border - 12]
    assert beside.min() < 0.6 * body.min()


def test_holes_and_islands_are_outlined():
    image, labels = scene()
    mask = labels.array.copy()
    mask[30:45, 20:40] = 1
    mask[33:42, 24:36] = 0
    mask[36:39, 28:32] = 1
    (tile,) = tiles(overlay_montage(image, labels.with_array(mask), layout=Layout(1)))
    scale = WIDTH / 80
    row = tile.shown[round(30 * scale), round(18 * scale) : round(37 * scale)]
    runs, count = ndimage.label(distance(row, ES) < 40)
    assert count == 6  # outside, hole and island, on both sides
    middles = ndimage.center_of_mass(runs > 0, runs, range(1, count + 1))
    edges = [x[0] / scale + 18 for x in middles]
    assert edges == pytest.approx([20, 23, 26, 29, 32, 35], abs=0.6)


def test_a_bar_is_five_centimetres_long():
    image, labels = scene()
    (tile,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    foot = tile.shown[-25:]
    assert find_words(tile.shown[-45:, :60], "5 cm", "white", 13)
    white = (foot == 255).all(axis=-1)
    rows = [row for row in white[:-12] if row.sum() > 100]
    assert rows
    for row in rows:
        columns = np.flatnonzero(row)
        assert np.ptp(columns) + 1 == pytest.approx(50 * WIDTH / 80, abs=1)


def test_slices_do_not_overlap():
    image, labels = scene()
    found = tiles(overlay_montage(image, labels, layout=Layout(None, 2)))
    assert len(found) == 4
    for n, tile in enumerate(found):
        for other in found[:n]:
            apart = abs(tile.left - other.left) > WIDTH
            assert apart or tile.top - other.top > tile.shown.shape[0] + 10
    assert all((tile.shown.shape == found[0].shown.shape) for tile in found)


def test_the_same_case_gives_the_same_picture():
    made = phantom()
    pictures = [
        overlay_montage(pair_of(made).water, labels_of(made), reference=labels_of(made))
        for _ in range(2)
    ]
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_slices_are_spread_over_the_labelled_ones():
    labelled = np.zeros(30, bool)
    labelled[5:26] = True
    assert choose_slices(labelled, 5) == [5, 10, 15, 20, 25]
    assert choose_slices(labelled, 100) == list(range(5, 26))
    assert choose_slices(np.zeros(4, bool), 2) == [0, 3]
