from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lpm_segmentator.core import LPM_SCHEME, LabelMap, Volume, reorient
from lpm_segmentator.report.overlay import (
    Layout,
    SliceNotes,
    choose_slices,
    overlay_montage,
    structure_colour,
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
    return [axis for axis in figure.axes if axis.images]


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_the_patients_right_is_on_the_left_whatever_the_file(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    for axis in tiles(overlay_montage(image, labels, layout=Layout(2))):
        shown = np.asarray(axis.images[0].get_array())
        assert shown[:, 0].mean() > 150 > shown[:, -1].mean()
        letters = [text for text in axis.texts if text.get_text() != "5 cm"]
        right, left = sorted(letters, key=lambda text: text.get_position())
        assert (right.get_text(), left.get_text()) == ("R", "L")


def test_the_back_is_below():
    image, labels = scene()
    array = np.zeros(image.shape, np.float32)
    array[:, 40:] = 100.0  # the second axis grows to posterior
    (axis,) = tiles(overlay_montage(image.with_array(array), labels, layout=Layout(1)))
    shown = np.asarray(axis.images[0].get_array())
    assert shown[-1].mean() > shown[0].mean()
    assert axis.images[0].origin == "upper"


@pytest.mark.parametrize("codes", [("L", "P", "S"), ("R", "A", "I"), ("S", "L", "P")])
def test_slices_are_numbered_as_in_the_file_head_first(codes):
    image, labels = (reorient(grid, codes) for grid in scene())
    titles = [axis.get_title() for axis in tiles(overlay_montage(image, labels, layout=Layout(4)))]
    head_first = [0, 1, 2, 3] if "I" in codes else [3, 2, 1, 0]
    assert titles == [f"slice {number}" for number in head_first]


def test_slices_may_have_names():
    titles = [
        axis.get_title()
        for axis in tiles(
            overlay_montage(*scene(), notes=SliceNotes({2: "L3-L4"}), layout=Layout(4))
        )
    ]
    assert titles[1] == "slice 2 · L3-L4"


def test_every_structure_is_outlined_in_its_colour_and_named():
    made = phantom()
    figure = overlay_montage(pair_of(made).water, labels_of(made), layout=Layout(3))
    colours = {
        tuple(colour[:3])
        for axis in tiles(figure)
        for lines in axis.collections
        for colour in lines.get_edgecolor()
    }
    assert colours == {to_rgb(structure_colour(s)) for s in LPM_SCHEME}
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["erector spinae", "multifidus"]  # R and L on the picture tell the sides


def test_slices_to_review_are_all_shown_framed_and_scored():
    made = phantom()
    notes = SliceNotes(scores={1: 0.5, 3: 0.9}, flagged=(1, 3))
    figure = overlay_montage(pair_of(made).water, labels_of(made), notes=notes, layout=Layout(1))
    framed = {axis.get_title() for axis in tiles(figure) if axis.patches}
    assert framed == {"slice 1 · score 0.50", "slice 3 · score 0.90"}


def test_all_slices_are_shown_on_request():
    made = phantom()
    figure = overlay_montage(pair_of(made).water, labels_of(made), layout=Layout(None, 6, 1.7))
    shown = [axis for axis in tiles(figure) if axis.images]
    assert len(shown) == int(labels_of(made).foreground.any(axis=(0, 1)).sum())


def test_the_reference_is_drawn_and_named():
    image, labels = scene()
    figure = overlay_montage(image, labels, reference=labels, layout=Layout(1))
    assert figure.legends[0].get_texts()[-1].get_text() == "reference"
    (axis,) = tiles(figure)
    assert len(axis.collections) == 4  # ES right and left, each drawn and as the reference


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
    (axis,) = tiles(overlay_montage(image, labels, layout=Layout(1)))
    height, width = axis.images[0].get_array().shape
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
    (axis,) = tiles(
        overlay_montage(
            image.with_grid(image.array, affine),
            labels.with_grid(labels.array, affine),
            layout=Layout(1),
        )
    )
    assert axis.get_aspect() == pytest.approx(3.0)


def test_slices_are_spread_over_the_labelled_ones():
    labelled = np.zeros(30, bool)
    labelled[5:26] = True
    assert choose_slices(labelled, 5) == [5, 10, 15, 20, 25]
    assert choose_slices(labelled, 100) == list(range(5, 26))
    assert choose_slices(np.zeros(4, bool), 2) == [0, 3]
