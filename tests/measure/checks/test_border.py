from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks import border_contact, slices_without_signal
from strategies import label_maps

Back = tuple[LabelMap, Volume]


@given(label_maps())
def test_contact_is_a_voxel_in_the_outermost_rows_and_columns(labels: LabelMap) -> None:
    contacts = {c.structure: c for c in border_contact(labels)}
    for structure in labels.scheme:
        where = np.argwhere(labels.mask(structure))
        edge = [
            voxel
            for voxel in where
            if any(voxel[a] in (0, labels.shape[a] - 1) for a in labels.geometry.in_plane_axes)
        ]
        if not edge:
            assert structure.key not in contacts
            continue
        contact = contacts[structure.key]
        assert contact.voxels == len(edge)
        assert contact.slices == tuple(sorted({int(v[labels.slice_axis]) for v in edge}))


def test_a_whole_muscle_touches_nothing(back: Back) -> None:
    assert border_contact(*back) == ()


@pytest.mark.parametrize("codes", ["LPS", "RAS", "ASR"])
def test_a_muscle_at_the_edge_of_the_signal_is_named(back: Back, codes: str) -> None:
    labels, image = back
    array = image.array.copy()
    array[:55, :, 2:4] = 0  # the field of view ends within the right erector spinae
    padded = image.with_array(array)
    (contact,) = border_contact(reorient(labels, tuple(codes)), reorient(padded, tuple(codes)))
    assert contact.structure == "ES_R"
    assert len(contact.slices) == 2
    assert contact.voxels == 3 * (12 + 11)  # two columns outside, and the first inside
    assert "its volume, area and asymmetry are not valid" in contact.warning
    assert border_contact(labels) == ()  # without the image the edge is the grid's


def test_zeros_within_the_signal_are_no_edge(back: Back) -> None:
    labels, image = back
    array = image.array.copy()
    array[labels.mask(2)] = 0
    assert border_contact(labels, image.with_array(array)) == ()


def test_slices_without_signal_are_named_and_outside(back: Back) -> None:
    labels, image = back
    array = image.array.copy()
    array[:, :, 1], array[:, :, 4] = 0, np.nan
    dark = image.with_array(array)
    assert slices_without_signal(dark) == (1, 4)
    assert slices_without_signal(image) == ()
    assert {c.slices for c in border_contact(labels, dark)} == {(1, 4)}


def test_another_grid_is_refused(back: Back) -> None:
    with pytest.raises(GeometryError, match="different grids"):
        border_contact(back[0], Volume(np.ones((4, 4, 4)), np.eye(4)))
