from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from matplotlib.colors import to_hex

from lpm_segmentator.core import Geometry, Volume
from lpm_segmentator.report.levels import _DISC_COLOUR, _SLICE_COLOUR, NamedDisc, sagittal_figure

# Sagittal slices of 4 mm: to the right, feet, back.
SAGITTAL = Volume(
    np.random.default_rng(1).integers(0, 100, (13, 160, 40)),
    np.array([[4.0, 0, 0, -22.0], [0, 0, -2.0, 50.0], [0, -2.0, 0, 140.0], [0, 0, 0, 1.0]]),
)
DISCS = [
    NamedDisc("L4-L5", (2.0, 10.0, 0.0), (0.0, 0.0, 1.0), 0.9, "slice 10"),
    NamedDisc("L5-S1", (2.0, 12.0, -36.0), (0.0, 0.5, 0.866), 0.8, ""),
]


def stack(tilt_deg: float = 0.0) -> Geometry:
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag([1.0, 1.0, 4.0])
    affine[:3, 3] = (-40, -40, -40)
    return Geometry((80, 80, 20), affine)


class Drawn:
    """What a figure shows: places in pixels of the view, from its lines in inches."""

    def __init__(self, figure, pixels=(160, 40)) -> None:
        (axis,) = figure.axes
        self.figure = figure
        self.plain, self.marked = axis.images
        self.left, self.right, self.bottom, self.top = self.marked.get_extent()
        self.pixels = pixels
        self.lines = axis.lines
        self.texts = axis.texts

    def of(self, colour, points, width):
        """Columns and rows of the lines of a colour, number of points and width."""
        return [
            self.voxels(line.get_xydata())
            for line in self.lines
            if to_hex(line.get_color()).upper() == colour
            and len(line.get_xydata()) == points
            and line.get_linewidth() == width
        ]

    def voxels(self, inches):
        shape = np.asarray(self.marked.get_array()).shape
        place = (inches - (self.left, self.top)) / (self.right - self.left, self.bottom - self.top)
        return place * shape[::-1] - 0.5

    @property
    def bracket(self):
        """Rows at which the bracket of the measured slices begins and ends."""
        ((_, low, high, _),) = self.of(_SLICE_COLOUR, 4, 1.6)
        return low[1], high[1]

    @property
    def outer_slices(self):
        return self.of(_SLICE_COLOUR, 2, 0.9)

    @property
    def discs(self):
        return self.of(_DISC_COLOUR, 2, 1.6)


def row_of(index: int) -> float:
    """Row of the view that a slice of `stack` lies at."""
    return (140 - (-40 + 4 * index)) / 2


def test_a_bracket_shows_the_measured_slices_where_they_cut_the_plane() -> None:
    for slices, first, last, words in (
        (None, 0, 19, "measured:\nslices 0–19"),
        ((3, 9), 3, 8, "measured:\nslices 3–8"),
        ((4, 5), 4, 4, "measured:\nslice 4"),
    ):
        drawn = Drawn(sagittal_figure(SAGITTAL, DISCS, stacks=[stack()], slices=slices))
        assert drawn.bracket == pytest.approx((row_of(first), row_of(last)))
        low, high = drawn.outer_slices
        assert low[:, 1] == pytest.approx(row_of(first))
        assert high[:, 1] == pytest.approx(row_of(last))
        assert words in [text.get_text() for text in drawn.texts]


def test_an_oblique_slice_is_an_oblique_line() -> None:
    drawn = Drawn(sagittal_figure(SAGITTAL, DISCS, stacks=[stack(30)], slices=None))
    (x0, y0), (x1, y1) = drawn.outer_slices[0]
    assert abs((y1 - y0) / (x1 - x0)) == pytest.approx(np.tan(np.radians(30)))


def test_discs_carry_their_names_and_slices() -> None:
    drawn = Drawn(sagittal_figure(SAGITTAL, DISCS, stacks=[stack()], slices=(3, 9)))
    texts = [text.get_text() for text in drawn.texts if text.get_text().startswith("L")]
    assert texts == ["L4-L5 · slice 10", "L5-S1 · outside"]
    assert drawn.discs[0].mean(axis=0) == pytest.approx([20, 70])  # column and row of the middle
    guess = Drawn(sagittal_figure(SAGITTAL, DISCS, stacks=[stack()], slices=None, sure=False))
    texts = [text.get_text() for text in guess.texts if text.get_text().startswith("L")]
    assert texts == ["L4-L5? · slice 10", "L5-S1? · outside"]


def test_the_image_stands_beside_without_any_mark() -> None:
    drawn = Drawn(sagittal_figure(SAGITTAL, DISCS, stacks=[stack()], slices=None))
    assert np.array_equal(drawn.plain.get_array(), drawn.marked.get_array())
    _, right, _, _ = drawn.plain.get_extent()
    assert right < drawn.left
    assert all(line.get_xydata()[:, 0].min() > right for line in drawn.lines)
    assert not drawn.figure.axes[0].patches


@pytest.mark.parametrize("shape", [(3, 400, 60), (3, 40, 400), (3, 4, 300), (3, 2, 2)])
@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("slices", [None, (0, 1), (19, 20)])
def test_every_letter_is_in_the_picture_and_readable(shape, count, slices) -> None:
    """Whatever the size of the image, and wherever the discs are."""
    image = Volume(np.random.default_rng(0).random(shape), SAGITTAL.affine)
    rng = np.random.default_rng(count)
    heights = rng.choice(rng.uniform(-90, 190, 2), count)  # some at one place
    discs = [
        NamedDisc(f"L{n}-L{n + 1}", (0.0, 10.0, float(z)), (0.0, 0.0, 1.0), 0.5, "slice 100")
        for n, z in enumerate(heights)
    ]
    figure = sagittal_figure(image, discs, stacks=[stack()], slices=slices, sure=False)
    figure.savefig(io.BytesIO(), format="png", dpi=110)
    texts = figure.axes[0].texts
    assert {text.get_fontsize() for text in texts} == {9}
    assert max(figure.get_size_inches()) < 10
    boxes = [text.get_window_extent() for text in texts]
    for box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_an_axial_stack_is_its_own_view() -> None:
    image = Volume(np.ones(stack().shape, np.float32), stack().affine)
    drawn = Drawn(sagittal_figure(image, DISCS, stacks=[stack()], slices=None))
    assert drawn.bracket == pytest.approx((19, 0))
