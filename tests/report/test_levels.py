from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.core import Geometry, Volume
from lpm_segmentator.report.levels import _DISC_COLOUR, _SLICE_COLOUR, NamedDisc, sagittal_picture
from pictures import find_words, hued, pixels


def sagittal() -> Volume:
    """Slices of 4 mm: to the right, feet, back. Dark, so that lines on it keep their colour."""
    array = np.random.default_rng(1).integers(10, 20, (13, 160, 40))
    array[:, :2] = 100  # a bright border at the head sets the window
    affine = [[4.0, 0, 0, -22.0], [0, 0, -2.0, 50.0], [0, -2.0, 0, 140.0], [0, 0, 0, 1.0]]
    return Volume(array, np.array(affine))


SAGITTAL = sagittal()
DISCS = [
    NamedDisc("L4-L5", (2.0, 10.0, 0.0), (0.0, 0.0, 1.0), "slice 10"),
    NamedDisc("L5-S1", (2.0, 12.0, -36.0), (0.0, 0.5, 0.866), ""),
]
LETTERS, GAP = 14, 11


def stack(tilt_deg: float = 0.0, middle_mm: float = -2.0, count: int = 20) -> Geometry:
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag([1.0, 1.0, 4.0])
    affine[:3, 3] = (-40, -40, middle_mm - 2 * (count - 1))
    return Geometry((80, 80, count), affine)


class Seen:
    """What a picture shows. Both views have a width and a height in pixels, and one top."""

    def __init__(self, picture, shape=(160, 40)) -> None:
        self.picture = picture
        self.shown = pixels(picture)
        grey = self.shown[..., 0] == self.shown[..., 2]
        image = grey & (self.shown[..., 0] > 0)
        columns = np.flatnonzero(image[:, : picture.width // 3].any(axis=0))
        rows = np.flatnonzero(image[:, : picture.width // 3].any(axis=1))
        self.left, self.width = columns[0], columns[-1] + 1 - columns[0]
        self.top, self.height = rows[0], rows[-1] + 1 - rows[0]
        self.plain = self._view(self.left)
        # The same pixels stand again, where no line is drawn on them: the first row of the view.
        first = self.shown[self.top, self.left : self.left + self.width]
        line = self.shown[self.top]
        self.marked_left = next(
            x
            for x in range(self.left + self.width, picture.width - self.width + 1)
            if np.array_equal(line[x : x + self.width], first)
        )
        self.marked = self._view(self.marked_left)
        self.beside = self.shown[:, self.marked_left + self.width :]
        self.names = self.shown[:, self.left + self.width : self.marked_left]
        self.shape = shape

    def _view(self, left):
        return self.shown[self.top : self.top + self.height, left : left + self.width]

    def row(self, y: float) -> float:
        """Row of the image at a row of the marked view."""
        return y / self.height * self.shape[0] - 0.5

    def column(self, x: float) -> float:
        return x / self.width * self.shape[1] - 0.5

    def line(self, colour) -> tuple[np.ndarray, np.ndarray]:
        """Columns and middle rows of the image at which the marked view has a colour."""
        seen = hued(self.marked, colour)
        columns = np.flatnonzero(seen.any(axis=0))
        middles = [np.flatnonzero(seen[:, x]).mean() + 0.5 for x in columns]
        return self.column(columns + 0.5), self.row(np.array(middles))

    @property
    def bracket(self):
        """Rows of the image at which the bracket begins and ends."""
        blue = hued(self.beside[:, : GAP + 3], _SLICE_COLOUR)
        column = np.flatnonzero(blue.sum(axis=0) == blue.sum(axis=0).max())[0]
        rows = np.flatnonzero(blue[:, column])
        return tuple(self.row(y - self.top) for y in (rows[0] + 1.2, rows[-1] - 0.2))

    @property
    def outer_slices(self):
        """Rows of the image at which slices cross the front edge of the marked view."""
        blue = hued(self.marked, _SLICE_COLOUR)[:, :6].all(axis=1)
        found, count = ndimage.label(blue)
        return [
            self.row(m[0] + 0.5) for m in ndimage.center_of_mass(blue, found, range(1, count + 1))
        ]


def row_of(index: int) -> float:
    """Row of the view that a slice of `stack` lies at."""
    return (140 - (-40 + 4 * index)) / 2


def test_a_bracket_shows_the_measured_slices_where_they_cut_the_plane() -> None:
    for slices, first, last, words in (
        (None, 0, 19, "slices 0 to 19"),
        ((3, 9), 3, 8, "slices 3 to 8"),
        ((4, 5), 4, 4, "slice 4"),
    ):
        seen = Seen(sagittal_picture(SAGITTAL, [], stacks=[stack()], slices=slices))
        high, low = row_of(last), row_of(first)  # the head is above
        assert sorted(seen.outer_slices) == pytest.approx(sorted({high, low}), abs=0.4)
        assert seen.bracket == pytest.approx((high, low), abs=1.0)
        (measured,) = find_words(seen.beside, "measured:", _SLICE_COLOUR, LETTERS)
        (named,) = find_words(seen.beside, words, _SLICE_COLOUR, LETTERS)
        assert measured[3] < named[1]


def test_a_grey_line_is_the_whole_stack() -> None:
    seen = Seen(sagittal_picture(SAGITTAL, [], stacks=[stack()], slices=(8, 10)))
    grey = (np.ptp(seen.beside[:, GAP - 2 : GAP + 3], axis=-1) == 0) & (
        seen.beside[:, GAP - 2 : GAP + 3, 0] > 60
    )
    rows = np.flatnonzero(grey.any(axis=1))
    ends = [seen.row(y + 0.5 - seen.top) for y in (rows[0], rows[-1])]
    assert ends == pytest.approx([row_of(19), row_of(0)], abs=0.8)


def test_an_oblique_slice_is_an_oblique_line() -> None:
    tilted = stack(30, middle_mm=0.0, count=1)
    seen = Seen(sagittal_picture(SAGITTAL, [], stacks=[tilted], slices=None))
    columns, rows = seen.line(_SLICE_COLOUR)
    assert len(columns) > 0.9 * seen.width
    slope = np.polyfit(columns, rows, 1)[0]
    assert slope == pytest.approx(np.tan(np.radians(30)), abs=0.01)  # lower towards the back
    assert np.ptp(rows - slope * columns) < 1.0


def test_discs_are_lines_in_their_direction() -> None:
    for disc, middle, slope in (
        (DISCS[0], (20, 70), 0.0),
        (DISCS[1], (19, 88), -0.5 / 0.866),  # lower in front
    ):
        seen = Seen(sagittal_picture(SAGITTAL, [disc], stacks=[stack(0, -120)], slices=None))
        yellow = hued(seen.marked, _DISC_COLOUR)
        thick = ndimage.binary_opening(yellow, np.ones((2, 2)))  # without the line to the name
        rows, columns = np.nonzero(thick)
        found = seen.column(columns.mean() + 0.5), seen.row(rows.mean() + 0.5)
        # Front is left, world y grows to the front and columns to the back.
        assert found == pytest.approx(middle, abs=0.8)
        assert np.polyfit(columns, rows, 1)[0] == pytest.approx(slope, abs=0.04)
        length = np.hypot(np.ptp(columns) / seen.width * 80, np.ptp(rows) / seen.height * 320)
        assert length == pytest.approx(36, abs=2)  # mm


def test_discs_carry_their_names_and_slices() -> None:
    seen = Seen(sagittal_picture(SAGITTAL, DISCS, stacks=[stack()], slices=(3, 9)))
    heights = []
    for words in ("L4-L5  ·  slice 10", "L5-S1  ·  outside"):
        ((_, top, right, bottom),) = find_words(seen.names, words, _DISC_COLOUR, LETTERS)
        heights.append((top + bottom) / 2)
        # A line leads from the name to the view, at the height of the disc's front end.
        beyond = hued(seen.names[top:bottom, right + 6 : right + 9], _DISC_COLOUR)
        assert beyond.any(axis=1).sum() in (1, 2)
    assert heights[0] < heights[1]
    guess = Seen(sagittal_picture(SAGITTAL, DISCS, stacks=[stack()], slices=None, sure=False))
    for words in ("L4-L5?  ·  slice 10", "L5-S1?  ·  outside"):
        assert len(find_words(guess.names, words, _DISC_COLOUR, LETTERS)) == 1


def test_the_image_stands_beside_without_any_mark() -> None:
    seen = Seen(sagittal_picture(SAGITTAL, DISCS, stacks=[stack()], slices=None))
    assert (np.ptp(seen.plain, axis=-1) == 0).all()  # grey
    unmarked = np.ptp(seen.marked, axis=-1) == 0
    assert 0.7 < unmarked.mean() < 1
    assert np.array_equal(seen.plain[unmarked], seen.marked[unmarked])
    before = seen.shown[:, : seen.left + seen.width]
    assert before.sum() == seen.plain.sum()


@pytest.mark.parametrize("shape", [(3, 400, 60), (3, 40, 400), (3, 4, 300), (3, 2, 2)])
@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("stacks", [None, (0, 1), (19, 20), 5])
def test_every_letter_is_in_the_picture_and_readable(shape, count, stacks) -> None:
    """Whatever the size of the image, and wherever the discs and stacks are."""
    image = Volume(np.random.default_rng(0).random(shape), SAGITTAL.affine)
    rng = np.random.default_rng(count)
    heights = rng.choice(rng.uniform(-90, 190, 2), count)  # some at one place
    discs = [
        NamedDisc(f"L{n}-L{n + 1}", (0.0, 10.0, float(z)), (0.0, 0.0, 1.0), "stack 2, slice 3")
        for n, z in enumerate(heights)
    ]
    several = stacks == 5
    geometries = [stack(10 * n, 3.0 * n, 3) for n in range(5)] if several else [stack()]
    slices = None if several else stacks
    picture = sagittal_picture(image, discs, stacks=geometries, slices=slices, sure=False)
    assert max(picture.size) < 1100
    shown = pixels(picture)
    assert not any(edge.any() for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]))
    words = [(f"{disc.name}?  ·  {disc.slice}", _DISC_COLOUR) for disc in discs]
    beside = [f"stack {n}" for n in range(1, 6)] if several else ["measured:"]
    boxes = []
    for text, colour in (*words, *((text, _SLICE_COLOUR) for text in beside)):
        found = find_words(shown, text, colour, LETTERS)
        if colour == _SLICE_COLOUR:  # "stack 1" is blue beside the view only
            found = [box for box in found if box[0] > shown.shape[1] / 2]
        assert len(found) == 1, text
        boxes += found
    for number, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[:number]:
            apart = right <= other[0] or other[2] <= left
            assert apart or bottom <= other[1] or other[3] <= top


def test_several_stacks_are_numbered_from_the_feet() -> None:
    stacks = [stack(0, z, 3) for z in (-60.0, 0.0, 60.0)]
    seen = Seen(sagittal_picture(SAGITTAL, [], stacks=stacks, slices=None))
    rows = [(140 - (z + d)) / 2 for z in (-60, 0, 60) for d in (-4, 4)]
    assert sorted(seen.outer_slices) == pytest.approx(sorted(rows), abs=0.4)
    for number, z in enumerate((-60, 0, 60), start=1):
        ((_, top, _, bottom),) = find_words(seen.beside, f"stack {number}", _SLICE_COLOUR, LETTERS)
        assert seen.row((top + bottom) / 2 - seen.top) == pytest.approx((140 - z) / 2, abs=2)


def test_an_axial_stack_is_its_own_view() -> None:
    array = np.random.default_rng(1).integers(10, 20, stack().shape)
    array[..., -1] = 100  # the highest slice is bright: above
    seen = Seen(
        sagittal_picture(Volume(array, stack().affine), [], stacks=[stack()], slices=None),
        shape=(20, 80),
    )
    assert seen.bracket == pytest.approx((0, 19), abs=0.4)


def test_the_same_levels_give_the_same_picture() -> None:
    pictures = [sagittal_picture(SAGITTAL, DISCS, stacks=[stack()], slices=None) for _ in range(2)]
    assert pictures[0].tobytes() == pictures[1].tobytes()
