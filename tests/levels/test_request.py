"""Where the discs of an examination in several stacks come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import (
    DicomUids,
    Disc,
    GeometryError,
    InputError,
    Remedy,
    Source,
    Volume,
)
from lpm_segmentator.levels import LevelRequest, Levels, Series, request, stated_discs
from stacked import PARTS, discs, image_of
from stacked import request as given_request

IMAGES = [(image_of(*part), Source(Path(f"stack{n}.nii.gz"))) for n, part in enumerate(PARTS)]


def series(z_mm: float = 0.0, uids: DicomUids | None = None) -> Series:
    affine = np.array([[9.0, 0, 0, -18], [0, 4.0, 0, -120], [0, 0, 4.0, z_mm - 120], [0, 0, 0, 1]])
    volume = Volume(np.zeros((5, 60, 60), np.int16), affine)
    return Series(volume, Source(Path("sag.nii.gz"), uids=uids or DicomUids()))


def test_levels_that_are_given_count():
    levels, source, shown_on = stated_discs(IMAGES, given_request())
    assert levels == discs()
    assert source.name == "discs.json"
    assert shown_on is IMAGES[0][0]
    both = replace(given_request(), sagittal=series())
    assert stated_discs(IMAGES, both)[2] is both.sagittal.volume


def test_one_stack_that_shows_a_disc_is_enough():
    top = tuple(one for one in discs().discs if one.disc is Disc.L2_L3)
    given = replace(given_request().given, levels=Levels(top))
    assert stated_discs(IMAGES, LevelRequest(given=given))[0].discs == top
    with pytest.raises(InputError, match="none of its discs lies in the image"):
        stated_discs(IMAGES[:2], LevelRequest(given=given))


def test_the_discs_are_searched_in_a_sagittal_series(monkeypatch: pytest.MonkeyPatch):
    seen = []

    def find(volume: Volume, model: object, *, anchor: object) -> Levels:
        seen.append(volume)
        return discs()

    monkeypatch.setattr(request, "find_levels", find)
    same = DicomUids(study="1", frame_of_reference="2")
    images = [(image, replace(source, uids=same)) for image, source in IMAGES]
    sagittal = series(uids=same)
    levels, source, shown_on = stated_discs(images, LevelRequest(sagittal=sagittal))
    assert (levels, source.name, shown_on) == (discs(), "sag.nii.gz", sagittal.volume)
    assert seen == [sagittal.volume]


def test_a_series_in_which_nothing_is_found_is_searched_once(monkeypatch: pytest.MonkeyPatch):
    calls = []

    def find(*_: object, **__: object) -> Levels:
        calls.append(1)
        raise InputError("no lumbar spine detected")

    monkeypatch.setattr(request, "find_levels", find)
    with pytest.raises(InputError, match="no lumbar spine detected"):
        stated_discs(IMAGES, LevelRequest(sagittal=series()))
    assert calls == [1]


def test_a_series_of_another_examination_is_refused():
    images = [
        (image, replace(source, uids=DicomUids(frame_of_reference="2"))) for image, source in IMAGES
    ]
    other = series(uids=DicomUids(frame_of_reference="3"))
    with pytest.raises(GeometryError, match="of another examination"):
        stated_discs(images, LevelRequest(sagittal=other))
    with pytest.raises(GeometryError, match="does not overlap"):
        stated_discs(IMAGES, LevelRequest(sagittal=series(z_mm=900.0)))


def test_short_stacks_do_not_show_the_discs():
    with pytest.raises(InputError, match="do not show the discs") as caught:
        stated_discs(IMAGES, LevelRequest())
    assert caught.value.remedies == (Remedy.SAGITTAL,)


def test_slices_of_discs_are_about_one_image():
    with pytest.raises(InputError, match="slices were stated") as caught:
        stated_discs(IMAGES, LevelRequest(anchors=((Disc.L4_L5, 1),)))
    assert caught.value.remedies == (Remedy.SAGITTAL, Remedy.LEVELS)
