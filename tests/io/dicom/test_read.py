"""Pixels: equal to what was written and to dcm2niix, in every encoding."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dcm2niix_files import assert_among, canonical, convert
from dicom_damage import (
    big_endian,
    deflated,
    high_throughput,
    implicit,
    jpeg_2000,
    jpeg_lossless,
    jpeg_ls,
    mislabelled,
    no_preamble,
    rle,
    undefined_lengths,
)
from dicom_dialects import (
    DIALECTS,
    GE_IDEAL_ONE_SERIES,
    PHILIPS_CLASSIC,
    PHILIPS_ENHANCED,
    SIEMENS_CLASSIC,
    Dialect,
    Scaling,
)
from dicom_files import (
    as_written,
    by_slices,
    dixon_images,
    only_volume,
    plane,
    ramp,
    stacks_in,
    write_dixon,
    write_series,
)
from lpm_segmentator.core import Contrast, Volume
from lpm_segmentator.io import read_image
from lpm_segmentator.io.dicom import read_stack

SHAPE = (40, 36, 5)
AFFINE = plane(shape=SHAPE, spacing_mm=(5.0, 6.0, 4.0), tilt_deg=9, center_mm=(3, -40, 200))
REAL = (
    "enhanced_philips_fieldmap", "enhanced_siemens_xa10", "failing_slicecount_001",
    "ge_anatomical_001", "generic_compressed_j2k_001", "generic_compressed_jpegls_001",
    "generic_compressed_rle_001", "hitachi_anatomical_001", "philips_anatomical_001",
)  # fmt: skip


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
