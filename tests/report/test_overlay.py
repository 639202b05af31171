from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lpm_segmentator.core import LPM_SCHEME, LabelMap, Volume, reorient
from lpm_segmentator.report.overlay import (
    MUSCLE_COLOURS,
    Layout,
    SliceNotes,
    choose_slices,
    overlay_montage,
)
from phantoms import labels_of, pair_of, phantom
from strategies import ORIENTATIONS

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])


def scene() -> tuple[Volume, LabelMap]:
    """A body of 100 x 60 x 4 that is bright on the patient's right; ES there and left."""
    image = np.zeros((100, 60, 4), np.float32)
    image[:50], image[50:] = 200.0, 50.0
    labels = np.zeros(image.shape, np.uint8)
    labels[30:45, 20:40], labels[55:70, 20:40] = 1, 4
    return Volume(image, AFFINE), LabelMap(labels, AFFINE)


def tiles(figure):
    """The slices of a picture, each with its image, its texts and its frames."""
    (axis,) = figure.axes
    found = []
    for image in axis.images:
        left, right, bottom, top = image.get_extent()

        def inside(x, y, edges=(left, right, bottom, top)):
            return edges[0] <= x <= edges[1] and edges[3] - 0.1 <= y <= edges[2]

        texts = [text for text in axis.texts if inside(*text.get_position())]
        frames = [patch for patch in axis.patches if inside(*patch.get_xy())]
        (title,) = (text.get_text() for text in texts if text.get_text().startswith("slice"))
        found.append(
            SimpleNamespace(
                shown=np.asarray(image.get_array()),
                image=image,
                size=(right - left, bottom - top),
                texts=texts,
                title=title,
                frames=frames,
            )
        )
    return found


def titles(figure):
    return [tile.title for tile in tiles(figure)]


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_the_patients_right_is_on_the_left_whatever_the_file(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    for tile in tiles(overlay_montage(image, labels, layout=Layout(2))):
        assert tile.shown[:, 0].mean() > 150 > tile.shown[:, -1].mean()
        letters = [text for text in tile.texts if len(text.get_text()) == 1]
        right, left = sorted(letters, key=lambda text: text.get_position())
        assert (right.get_text(), left.get_text()) == ("R", "L")


def test_the_back_is_below():
    image, labels = scene()
    array = np.zeros(image.shape, np.float32)
    array[:, 40:] = 100.0  # the second axis grows to posterior
    figure = overlay_montage(image.with_array(array), labels, layout=Layout(1))
    (tile,) = tiles(figure)
    assert tile.shown[-1].mean() > tile.shown[0].mean()
    assert tile.image.origin == "upper"
    left, right, bottom, top = tile.image.get_extent()
    assert left < right
    assert top < bottom
    assert figure.axes[0].yaxis_inverted()


@pytest.mark.parametrize("codes", [("L", "P", "S"), ("R", "A", "I"), ("S", "L", "P")])
def test_slices_are_numbered_as_in_the_file_head_first(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    head_first = [0, 1, 2, 3] if "I" in codes else [3, 2, 1, 0]
    figure = overlay_montage(image, labels, layout=Layout(4))
    assert titles(figure) == [f"slice {number}" for number in head_first]


def test_slices_may_have_names():
    figure = overlay_montage(*scene(), notes=SliceNotes({2: "L3-L4"}), layout=Layout(4))
    assert titles(figure)[1] == "slice 2 · L3-L4"


def test_every_structure_is_outlined_in_its_colour_and_named():
    made = phantom()
    figure = overlay_montage(pair_of(made).water, labels_of(made), layout=Layout(3))
    colours = [
        tuple(colour[:3])
        for lines in figure.axes[0].collections
        for colour in lines.get_edgecolor()
    ]
    assert colours == [to_rgb(MUSCLE_COLOURS[s.muscle]) for s in LPM_SCHEME]
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["erector spinae", "multifidus"]  # R and L on the picture tell the sides


def test_slices_to_review_are_all_shown_framed_and_scored():
    made = phantom()
    notes = SliceNotes(scores={1: 0.5, 3: 0.9}, flagged=(1, 3))
    figure = overlay_montage(pair_of(made).water, labels_of(made), notes=notes, layout=Layout(1))
    framed = {tile.title for tile in tiles(figure) if tile.frames}
    assert framed == {"slice 1 · score 0.50", "slice 3 · score 0.90"}


def test_all_slices_are_shown_on_request():
    made = phantom()
    figure = overlay_montage(pair_of(made).water, labels_of(made), layout=Layout(None, 6, 1.7))
    assert len(tiles(figure)) == int(labels_of(made).foreground.any(axis=(0, 1)).sum())


def test_the_reference_is_drawn_and_named():
    image, labels = scene()
    figure = overlay_montage(image, labels, reference=labels, layout=Layout(1))
    assert figure.legends[0].get_texts()[-1].get_text() == "reference"
    assert (
        len(figure.axes[0].collections) == 4
    )  # ES right and left, each drawn and as the reference


@pytest.mark.parametrize("count", [1, 2, 4])
def test_every_name_lies_within_the_picture(count):
    image, labels = scene()
    figure = overlay_montage(image, labels, reference=labels, layout=Layout(count))
    figure.savefig(io.BytesIO(), format="png")
    (legend,) = figure.legends
    for text in legend.get_texts():
        box = text.get_window_extent()
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0


def test_the_picture_is_cut_to_the_muscles():
    image, labels = scene()
    (tile,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    height, width = tile.shown.shape
    assert (width, height) == (30 + 10 + 20 + 20, 60)  # muscles and 20 mm on each side, the border


@pytest.mark.parametrize("shape", [(40, 30, 1), (40, 30, 2), (1, 30, 3)])
def test_odd_shapes_and_empty_masks_are_drawn(shape):
    image = Volume(np.random.default_rng(0).random(shape), AFFINE)
    figure = overlay_montage(image, LabelMap(np.zeros(shape, np.uint8), AFFINE))
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    assert len(tiles(figure)) == min(8, shape[2])


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
        rows, columns = tile.shown.shape
        assert (tile.size[1] / rows) / (tile.size[0] / columns) == pytest.approx(3.0)


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_outlines_lie_on_the_borders_of_the_muscles(codes):
    """Of every slice, wherever it stands in the picture."""
    image, labels = (reorient(grid, codes) for grid in scene())
    figure = overlay_montage(image, labels, layout=Layout(4, columns=3))
    right, left = figure.axes[0].collections  # ES on both sides
    for number, tile in enumerate(tiles(figure)):
        start, stop, bottom, top = tile.image.get_extent()
        rows, columns = tile.shown.shape
        for lines, first, last in ((right, 20, 35), (left, 45, 60)):  # of 80 columns
            (outline,) = [
                line for line in lines.get_segments()
                if start <= line[0, 0] <= stop and top <= line[0, 1] <= bottom
            ]  # fmt: skip
            ends = (np.array([outline[:, 0].min(), outline[:, 0].max()]) - start) / (stop - start)
            assert ends * columns == pytest.approx([first, last], abs=0.3), number
            ends = (np.array([outline[:, 1].min(), outline[:, 1].max()]) - top) / (bottom - top)
            assert ends * rows == pytest.approx([20, 40], abs=0.3), number


def test_slices_do_not_overlap():
    made = phantom()
    figure = overlay_montage(pair_of(made).water, labels_of(made), layout=Layout(None, 2, 1.7))
    places = [tile.image.get_extent() for tile in tiles(figure)]
    width, height = figure.get_size_inches()
    for n, (left, right, bottom, top) in enumerate(places):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
        for other_left, other_right, other_bottom, other_top in places[:n]:
            apart = left > other_right or right < other_left
            assert apart or top > other_bottom or bottom < other_top


def test_slices_are_spread_over_the_labelled_ones():
    labelled = np.zeros(30, bool)
    labelled[5:26] = True
    assert choose_slices(labelled, 5) == [5, 10, 15, 20, 25]
    assert choose_slices(labelled, 100) == list(range(5, 26))
    assert choose_slices(np.zeros(4, bool), 2) == [0, 3]
