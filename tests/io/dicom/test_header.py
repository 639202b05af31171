"""What headers say: in each vendor's dialect, without identities, and damaged."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from dicom_damage import big_endian, deflated, implicit, mislabelled, no_preamble, undefined_lengths
from dicom_dialects import (
    DIALECTS,
    DIXON,
    PHILIPS_CLASSIC,
    PHILIPS_ENHANCED,
    SIEMENS_CLASSIC,
    SIEMENS_XA_ENHANCED,
    Dialect,
)
from dicom_files import STUDY, Study, dixon_images, plane, ramp, write_dixon, write_series
from lpm_segmentator.io.dicom.elements import NotDicomError
from lpm_segmentator.io.dicom.header import Frame, HeaderReader

SHAPE = (6, 4, 2)


def frames_of(*paths: Path) -> list[Frame]:
    reader = HeaderReader()
    found = []
    for path in paths:
        with path.open("rb") as stream:
            found += reader.frames(stream, str(path))
    return found


def test_a_classic_header(tmp_path: Path):
    affine = plane(shape=SHAPE, spacing_mm=(2.0, 3.0, 4.0))
    tags = {"RescaleSlope": "2", "RescaleIntercept": "-1", "TriggerTime": "3"}
    paths = write_series(tmp_path, ramp(SHAPE), affine, number=7, protocol="t2_tra", **tags)
    first, second = frames_of(*paths)
    assert first.tags is second.tags
    assert (first.slope, first.intercept, first.instance, second.instance) == (2.0, -1.0, 1, 2)
    assert first.position_mm == pytest.approx(np.diag([-1, -1, 1, 1])[:3] @ affine[:, 3])
    assert first.time_s == first.tags.time_s == 36900.0
    tags = first.tags
    assert (tags.rows, tags.columns, tags.samples, tags.frames) == (4, 6, 1, 1)
    assert tags.pixel_spacing_mm == (3.0, 2.0)
    assert tags.orientation == (1, 0, 0, 0, 1, 0)
    assert (tags.number, tags.description, tags.protocol) == (7, "t2_tra", "t2_tra")
    assert (tags.study, tags.frame_of_reference) == (STUDY.uid, STUDY.frame_of_reference)
    assert (tags.modality, tags.manufacturer, tags.model) == ("MR", "SIEMENS", "Skyra")
    assert (tags.tr_ms, tags.te_ms, tags.flip_deg, tags.field_t) == (4000, 80, 150, 3)
    assert (tags.body_part, tags.sex, tags.age_years) == ("LSPINE", "F", 62)
    assert (tags.height_m, tags.weight_kg, tags.burned_in) == (1.68, 71, False)
    assert np.isnan(tags.ti_ms)


def kinds_of(frames: list[Frame]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(frame.tags.image_type for frame in frames))


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_each_dialect_states_what_its_images_show(tmp_path: Path, dialect: Dialect):
    paths = write_dixon(tmp_path, dixon_images(SHAPE), plane(shape=SHAPE), dialect=dialect)
    frames = frames_of(*paths)
    assert len(frames) == 4 * SHAPE[2]
    series = {frame.tags.series for frame in frames}
    assert len(series) == (1 if dialect.one_series else 4)
    descriptions = {frame.tags.description for frame in frames}
    assert descriptions == {dialect.description[kind].format("t2_tse_dixon_tra") for kind in DIXON}
    for kind, image_type in zip(DIXON, kinds_of(frames), strict=False):
        assert image_type[: len(dialect.type_of(kind))] == dialect.type_of(kind)


def test_xa_states_the_classic_image_type_after_that_of_the_frame(tmp_path: Path):
    images = {"water": ramp(SHAPE)}
    (path,) = write_dixon(tmp_path, images, plane(shape=SHAPE), dialect=SIEMENS_XA_ENHANCED)
    assert kinds_of(frames_of(path)) == [
        ("DERIVED", "PRIMARY", "DIXON", "WATER",
         "DERIVED", "PRIMARY", "M", "WATER", "NORM", "DIS2D"),
    ]  # fmt: skip


def test_frames_of_enhanced_files_have_their_own_place_scale_and_kind(tmp_path: Path):
    affine = plane(shape=SHAPE)
    (path,) = write_dixon(
        tmp_path, dixon_images(SHAPE), affine, dialect=PHILIPS_ENHANCED, EchoTime=2.3
    )
    frames = frames_of(path)
    classic = write_dixon(
        tmp_path / "classic", dixon_images(SHAPE), affine, dialect=PHILIPS_CLASSIC, EchoTime=2.3
    )
    for enhanced, other in zip(frames, frames_of(*classic), strict=True):
        # Not the position in the private sequence of Philips
        assert enhanced.position_mm == other.position_mm
        assert (enhanced.slope, enhanced.intercept) == (other.slope, other.intercept)
        assert enhanced.tags.orientation == other.tags.orientation
        assert enhanced.tags.pixel_spacing_mm == other.tags.pixel_spacing_mm
        assert (enhanced.tags.tr_ms, enhanced.tags.te_ms) == (4000, 2.3)
    assert [frame.index for frame in frames] == list(range(8))


def test_enhanced_files_without_frames_are_refused(tmp_path: Path):
    (path,) = write_series(
        tmp_path, ramp(SHAPE), plane(shape=SHAPE), dialect=PHILIPS_ENHANCED,
        PerFrameFunctionalGroupsSequence=None,
    )  # fmt: skip
    with pytest.raises(NotDicomError, match="no place of its frames"):
        frames_of(path)


@pytest.mark.parametrize("dialect", [SIEMENS_CLASSIC, PHILIPS_ENHANCED], ids=str)
def test_no_identity_is_kept(tmp_path: Path, dialect: Dialect):
    (frame, *_) = frames_of(
        *write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE), dialect=dialect)
    )
    kept = repr(frame).replace(str(tmp_path), "")
    assert not [part for part in STUDY.identity if part in kept]


def test_a_patient_is_known_by_the_identifier_then_by_name_and_birth_date(tmp_path: Path):
    def patient(**changes: str) -> str:
        folder = tmp_path / "_".join(map(str, changes.values())).replace("^", "")
        study = Study(**changes)
        return frames_of(*write_series(folder, ramp(SHAPE), plane(), study=study))[0].tags.patient

    assert patient() == patient(name="Doe^Janet") != patient(patient_id="other")
    assert patient(patient_id="", name="A") != patient(patient_id="", name="B")
    assert patient(patient_id="", name="", birth_date="") == ""


@pytest.mark.parametrize(
    "change", [deflated, big_endian, implicit, mislabelled, no_preamble, undefined_lengths]
)
def test_the_encoding_changes_nothing(tmp_path: Path, change):
    (path, *_) = write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE))
    (before,) = frames_of(path)
    (after,) = frames_of(change(path))
    assert after.position_mm == before.position_mm
    for name in ("rows", "columns", "orientation", "patient", "description", "te_ms", "image_type"):
        assert getattr(after.tags, name) == getattr(before.tags, name)


DAMAGED = {
    "classic": (SIEMENS_CLASSIC, None, 1),
    "implicit": (PHILIPS_CLASSIC, None, 1),
    "deflated": (SIEMENS_CLASSIC, deflated, 1),
    "sequences": (SIEMENS_CLASSIC, undefined_lengths, 1),
    "enhanced Siemens": (SIEMENS_XA_ENHANCED, None, 9),
    "enhanced Philips": (PHILIPS_ENHANCED, None, 11),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_anywhere_is_read_or_refused(tmp_path: Path, name: str):
    dialect, change, step = DAMAGED[name]
    images = {"water": ramp(SHAPE)}
    (path, *_) = write_dixon(tmp_path, images, plane(shape=SHAPE), dialect=dialect)
    content = (path if change is None else change(path)).read_bytes()
    reader = HeaderReader()
    for at in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[at] ^= (0xFF, 0x01, 0x20)[at % 3]
        for damaged in (content[:at], bytes(flipped)):
            with suppress(NotDicomError):
                assert list(reader.frames(BytesIO(damaged), "x"))
