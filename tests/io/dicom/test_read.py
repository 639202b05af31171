"""Pixels: equal to what was written and to dcm2niix, in every encoding; damage is named."""

from __future__ import annotations

import shutil
import struct
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41

from dcm2niix_files import assert_among, canonical, convert
from dicom_damage import (
    big_endian,
    deflated,
    encrypt,
    high_throughput,
    implicit,
    jpeg_2000,
    jpeg_lossless,
    jpeg_ls,
    jpip,
    mislabelled,
    no_preamble,
    rewrite,
    rle,
    spoil_jpeg,
    strip_pixels,
    truncate,
    undefined_lengths,
    zip_files,
)
from dicom_dialects import (
    DIALECTS,
    GE_IDEAL_ONE_SERIES,
    PHILIPS_CLASSIC,
    PHILIPS_ENHANCED,
    SIEMENS_CLASSIC,
    SIEMENS_XA_ENHANCED,
    Dialect,
    Scaling,
)
from dicom_files import STUDY, by_slices, dixon_images, plane, ramp, write_dixon, write_series
from lpm_segmentator.core import Contrast, Volume
from lpm_segmentator.core.errors import (
    FileFormatError,
    GeometryError,
    LpmError,
    MissingExtraError,
)
from lpm_segmentator.io import read_image
from lpm_segmentator.io.dicom import Stack, read_stack, scan, series_name, stacks_of

SHAPE = (40, 36, 5)
AFFINE = plane(shape=SHAPE, spacing_mm=(5.0, 6.0, 4.0), tilt_deg=9, center_mm=(3, -40, 200))
REAL = (
    "enhanced_philips_fieldmap", "enhanced_siemens_xa10", "failing_slicecount_001",
    "ge_anatomical_001", "generic_compressed_j2k_001", "generic_compressed_jpegls_001",
    "generic_compressed_rle_001", "hitachi_anatomical_001", "philips_anatomical_001",
)  # fmt: skip


def stacks_in(folder: Path) -> list[Stack]:
    series = defaultdict(list)
    for frame in scan([folder]).frames:
        series[frame.tags.series].append(frame)
    return [stack for frames in series.values() for stack in stacks_of(frames)]


def only_volume(folder: Path) -> Volume:
    (stack,) = stacks_in(folder)
    return read_stack(stack)


def as_written(volume: Volume) -> np.ndarray:
    """Voxels in the order of `write_series`: rows are reversed."""
    return volume.array[:, ::-1]


# --- equal to dcm2niix ---


@pytest.mark.parametrize("name", REAL)
def test_real_series_equal_dcm2niix(shared_data: Path, tmp_path: Path, name: str):
    folder = shared_data / "dicom" / name
    images = convert(folder, tmp_path / "out")
    stacks = stacks_in(folder)
    assert len(stacks) == len(images)
    for stack in stacks:
        assert_among(read_stack(stack), images)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_dixon_images_of_each_dialect_equal_dcm2niix(tmp_path: Path, dialect: Dialect):
    # One image at a time: dcm2niix scales images of one series together by the slopes of the first.
    for n, (kind, array) in enumerate(dixon_images(SHAPE).items()):
        folder = tmp_path / kind
        write_dixon(folder, {kind: array}, AFFINE, dialect=dialect, number=n + 1)
        volume = only_volume(folder)
        assert np.array_equal(as_written(volume), array)
        images = convert(folder, tmp_path / f"{kind}_nifti")
        assert len(images) == 1
        assert_among(volume, images)


@pytest.mark.parametrize("name", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("tilt", [-30.0, 0.0, 12.5])
def test_planes_equal_dcm2niix(tmp_path: Path, name: str, tilt: float):
    affine = plane(name, SHAPE, (0.7, 0.9, 4.4), tilt_deg=tilt, center_mm=(10, -20, 300))
    write_series(tmp_path / "in", ramp(SHAPE), affine)
    assert_among(only_volume(tmp_path / "in"), convert(tmp_path / "in", tmp_path / "out"))


def overlaid(data, _: int) -> None:
    """Draw an overlay into the bits that the image leaves free."""
    pixels = np.frombuffer(data.PixelData, "<u2") | (np.arange(SHAPE[0] * SHAPE[1]) % 2 << 15)
    data.PixelData = pixels.astype("<u2").tobytes()


def signed(data, _: int) -> None:
    """Store signed numbers of 12 bits, their sign not extended."""
    pixels = np.frombuffer(data.PixelData, "<u2").astype(int) - 2000
    data.PixelData = (pixels & 0xFFF).astype("<u2").tobytes()
    data.PixelRepresentation = 1


def of_8_bits(data, _: int) -> None:
    data.PixelData = (np.frombuffer(data.PixelData, "<u2") >> 4).astype("u1").tobytes()
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7


def of_32_bits(data, _: int) -> None:
    data.PixelData = (np.frombuffer(data.PixelData, "<u2") * np.uint32(70000)).tobytes()
    data.BitsAllocated, data.BitsStored, data.HighBit = 32, 32, 31


def padded(data, _: int) -> None:
    data.PixelData += bytes(6)


@pytest.mark.parametrize("edit", [overlaid, signed, of_8_bits, of_32_bits, padded])
def test_ways_to_store_pixels_equal_dcm2niix(tmp_path: Path, edit: Callable):
    write_series(tmp_path / "in", ramp(SHAPE), AFFINE, edit=edit)
    assert_among(only_volume(tmp_path / "in"), convert(tmp_path / "in", tmp_path / "out"))


def test_slopes_of_single_slices_equal_dcm2niix(tmp_path: Path):
    scaling = [Scaling(1 + 0.1 * k, -5.0 * k) for k in range(SHAPE[2])]
    array = ramp(SHAPE)
    write_series(tmp_path / "in", array, AFFINE, scaling=scaling)
    volume = only_volume(tmp_path / "in")
    assert volume.array.dtype == np.float32
    assert np.abs(as_written(volume) - array).max() <= 0.5 * 1.4 + 1e-3
    assert_among(volume, convert(tmp_path / "in", tmp_path / "out"))


# --- values ---


@pytest.mark.parametrize("dialect", [SIEMENS_CLASSIC, PHILIPS_ENHANCED], ids=str)
def test_the_real_dixon_pair_is_as_in_nifti(shared_data: Path, tmp_path: Path, dialect: Dialect):
    folder = shared_data / "myosegmentum"
    pair = {
        kind: read_image(folder / f"TUM01_{kind}_img_img_L2-L5.nii.gz").volume
        for kind in ("water", "fat")
    }
    images = {kind: by_slices(volume)[0] for kind, volume in pair.items()}
    _, affine = by_slices(pair["fat"])  # the water image lost its place
    write_dixon(tmp_path, images, affine, dialect=dialect)
    stacks = stacks_in(tmp_path)
    assert len(stacks) == 2
    for stack, kind in zip(stacks, pair, strict=True):
        array, place = canonical(read_stack(stack))
        expected, expected_place = canonical(Volume(pair[kind].array, pair["fat"].affine))
        # The fat image is no whole numbers: it is stored to the next step.
        step = dialect.scaling.get(kind, Scaling()).gain
        assert np.abs(array - expected).max() <= step / 2 + 1e-3
        assert np.abs(place - expected_place).max() < 1e-4


@pytest.mark.parametrize(
    "dialect", [PHILIPS_CLASSIC, PHILIPS_ENHANCED, GE_IDEAL_ONE_SERIES], ids=str
)
def test_images_of_one_series_have_their_own_values(tmp_path: Path, dialect: Dialect):
    images = dixon_images(SHAPE)
    write_dixon(tmp_path, images, AFFINE, dialect=dialect)
    stacks = stacks_in(tmp_path)
    for stack, array in zip(stacks, images.values(), strict=True):
        assert np.array_equal(as_written(read_stack(stack)), array)


def test_fat_fractions_of_philips_are_in_their_unit(tmp_path: Path):
    fraction = np.linspace(-20, 100, num=int(np.prod(SHAPE))).reshape(SHAPE)
    write_dixon(tmp_path, {"fat-fraction": fraction}, AFFINE, dialect=PHILIPS_CLASSIC)
    assert np.abs(as_written(only_volume(tmp_path)) - fraction).max() < 0.026


def test_a_scale_slope_whose_vr_was_lost_is_read(tmp_path: Path):
    array = dixon_images(SHAPE)["water"]
    write_dixon(tmp_path, {"water": array}, AFFINE, dialect=PHILIPS_CLASSIC,
                edit=lambda data, _: _lose_vr(data))  # fmt: skip
    assert np.array_equal(as_written(only_volume(tmp_path)), array)


def _lose_vr(data) -> None:
    del data[0x20050010]  # without the creator the VR is unknown
    data.add_new(0x2005100E, "UN", struct.pack("<f", 2.0))


def test_scale_slopes_of_other_vendors_are_not_taken_for_those_of_philips(tmp_path: Path):
    array = ramp(SHAPE)
    write_series(tmp_path, array, AFFINE, edit=lambda data, _: data.add_new(0x2005100E, "FL", 2.0))
    assert np.array_equal(as_written(only_volume(tmp_path)), array)


def test_integers_that_need_no_scaling_stay_integers(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), AFFINE)
    (stack,) = stacks_in(tmp_path)
    volume = read_stack(stack, Contrast.T2W)
    assert volume.array.dtype == np.uint16
    assert volume.contrast is Contrast.T2W


@pytest.mark.parametrize(
    "change",
    [
        deflated,
        big_endian,
        implicit,
        no_preamble,
        mislabelled,
        undefined_lengths,
        rle,
        jpeg_2000,
        jpeg_lossless,
        jpeg_ls,
    ],
)
def test_the_encoding_of_a_slice_changes_nothing(tmp_path: Path, change: Callable):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    change(paths[2])
    assert np.array_equal(as_written(only_volume(tmp_path)), ramp(SHAPE))


@pytest.mark.parametrize("change", [deflated, rle, jpeg_2000])
def test_the_encoding_of_an_enhanced_file_changes_nothing(tmp_path: Path, change: Callable):
    images = dixon_images(SHAPE)
    (path,) = write_dixon(tmp_path, images, AFFINE, dialect=PHILIPS_ENHANCED)
    change(path)
    for stack, array in zip(stacks_in(tmp_path), images.values(), strict=True):
        assert np.array_equal(as_written(read_stack(stack)), array)


def test_high_throughput_jpeg_2000_is_decoded(tmp_path: Path):
    pytest.importorskip("pylibjpeg", reason="needs pylibjpeg (the extra dicom)")
    (path,) = write_series(tmp_path, ramp((32, 32, 1)), AFFINE)
    high_throughput(path)
    expected = np.add.outer(np.arange(32), np.arange(32))[..., None] * 10
    assert np.array_equal(as_written(only_volume(tmp_path)), expected)


# --- what cannot be read ---


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, "s005_T2w_0003.dcm is truncated: 2780 of 2880 bytes of its pixels are there"),
        (strip_pixels, "s005_T2w_0003.dcm holds no pixels. Export the series again"),
        (encrypt, "s005_T2w_0003.dcm holds encrypted content and no pixels"),
        (jpip, "the address of a server (JPIP). Export it with its pixels"),
        (lambda path: truncate(rle(path)), "s005_T2w_0003.dcm is truncated within its pixels"),
        (lambda path: path.write_bytes(b""), "s005_T2w_0003.dcm holds no pixels"),
        (lambda path: path.unlink(), "s005_T2w_0003.dcm cannot be read (No such file"),
    ],
)
def test_the_file_that_cannot_be_read_is_named(tmp_path: Path, damage: Callable, message: str):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    (stack,) = stacks_in(tmp_path)
    damage(paths[2])
    if paths[2].exists() and paths[2].stat().st_size:
        (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError) as caught:
        read_stack(stack)
    assert message in str(caught.value)
    assert str(caught.value).startswith("series 5 (t2_tse_tra): the file ")
    assert not [part for part in STUDY.identity if part in str(caught.value)]


def _with(**tags: object) -> Callable:
    def edit(data) -> None:
        for name, value in tags.items():
            setattr(data, name, value)

    return lambda path: rewrite(path, edit)


def _of_floats(data) -> None:
    del data.PixelData
    data.FloatPixelData = bytes(4)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_with(Rows=10, Columns=10), "holds pixels of the shape .*, not one slice"),
        (_with(BitsAllocated=7), "cannot be decoded"),
        (_with(NumberOfFrames=3), "cannot be decoded"),
        (lambda path: rewrite(path, _of_floats), "holds floating point pixels"),
    ],
)
def test_pixels_that_are_not_those_of_the_header_are_named(
    tmp_path: Path, damage: Callable, message: str
):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    (stack,) = stacks_in(tmp_path)
    damage(paths[2])
    with pytest.raises(FileFormatError, match=message):
        read_stack(stack)


def _video(data) -> None:
    data.PixelData = encapsulate([b"mpeg"])
    data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
    data.file_meta.TransferSyntaxUID = MPEG4HP41


def test_a_video_is_named(tmp_path: Path):
    paths = write_series(tmp_path, ramp((40, 36, 1)), AFFINE)
    rewrite(paths[0], _video)
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError, match="is a video"):
        read_stack(stack)


def test_slopes_that_give_no_numbers_are_refused(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), AFFINE, RescaleSlope="1e300", RescaleIntercept="0")
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(FileFormatError, match="values that are no numbers"):
        read_stack(stack)


def test_a_stack_that_forms_no_image_is_refused(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), AFFINE, PixelSpacing=None)
    (stack,) = stacks_in(tmp_path)
    with pytest.raises(GeometryError, match=r"series 5 \(t2_tse_tra\): the headers state no"):
        read_stack(stack)


def test_damage_that_ends_the_decoder_ends_nothing_else(tmp_path: Path, capfd):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE)
    for path in paths:
        jpeg_lossless(path)
    assert np.array_equal(as_written(only_volume(tmp_path)), ramp(SHAPE))
    spoil_jpeg(paths[2])
    with pytest.raises(FileFormatError, match=r"s005_T2w_0003.dcm holds .* \(the decoder ended"):
        only_volume(tmp_path)
    assert capfd.readouterr() == ("", "")


def _without_gdcm(folder: Path) -> Path:
    """Return a folder that hides GDCM from a process that looks for modules there."""
    folder.mkdir()
    (folder / "gdcm.py").write_text("raise ImportError")
    return folder


def test_a_missing_decoder_is_named_and_damage_is_not_taken_for_it(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "in"
    shutil.copytree(shared_data / "dicom" / "generic_compressed_jpegls_001", folder)
    (stack,) = stacks_in(folder)
    path = Path(stack.frames[1].path)
    path.write_bytes(path.read_bytes().replace(b"\xff\xd8\xff\xf7", bytes(4)))
    with pytest.raises(FileFormatError, match="cannot be decoded"):
        read_stack(stack)
    monkeypatch.setenv("PYTHONPATH", str(_without_gdcm(tmp_path / "modules")))
    with pytest.raises(MissingExtraError, match=r"series 4 .*lpm-segmentator\[dicom\]"):
        read_stack(stack)


def test_a_file_changed_in_an_archive_is_named(tmp_path: Path):
    paths = write_series(tmp_path / "in", ramp(SHAPE), AFFINE)
    archive = zip_files(tmp_path / "in.zip", paths)
    (stack,) = stacks_of(scan([archive]).frames)
    zip_files(archive, paths[1:])
    with pytest.raises(FileFormatError, match=r"the file s005_T2w_0001.dcm cannot be read"):
        read_stack(stack)


def test_nothing_is_printed_logged_or_warned(tmp_path: Path, capfd, caplog):
    paths = write_series(tmp_path, ramp(SHAPE), AFFINE, edit=padded)
    for path, old, new in zip(
        paths, (b"4000", b"LSPINE", b"20240312"), (b"4 k ", b"a~\\b?!", b"31122024"), strict=False
    ):
        path.write_bytes(path.read_bytes().replace(old, new))
    only_volume(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_series_are_named_by_number_and_description(tmp_path: Path):
    write_series(tmp_path, ramp((40, 36, 1)), AFFINE, SeriesNumber=None, SeriesDescription=None)
    assert series_name(stacks_in(tmp_path)[0]) == "series"


DAMAGED = {
    "classic": (SIEMENS_CLASSIC, None, 5),
    "implicit": (PHILIPS_CLASSIC, None, 5),
    "deflated": (SIEMENS_CLASSIC, deflated, 5),
    "rle": (SIEMENS_CLASSIC, rle, 5),
    "enhanced Siemens": (SIEMENS_XA_ENHANCED, None, 23),
    "enhanced Philips": (PHILIPS_ENHANCED, None, 29),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_anywhere_is_read_or_refused(tmp_path: Path, name: str):
    dialect, change, step = DAMAGED[name]
    shape = (6, 4, 2)
    (path, *_) = write_dixon(tmp_path, {"water": ramp(shape)}, plane(shape=shape), dialect=dialect)
    content = (path if change is None else change(path)).read_bytes()
    for at in range(0, len(content), step):
        flipped = bytearray(content)
        flipped[at] ^= (0xFF, 0x01, 0x20)[at % 3]
        for damaged in (content[:at], bytes(flipped)):
            path.write_bytes(damaged)
            for stack in stacks_of(scan([path]).frames):
                try:
                    read_stack(stack)
                except LpmError as error:
                    text = str(error)
                    assert not [part for part in STUDY.identity if part in text]
