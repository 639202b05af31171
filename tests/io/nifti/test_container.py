"""NIfTI files as containers: compression, pairs, sizes."""

from __future__ import annotations

import gzip
import struct

import nibabel as nib
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from lpm_segmentator.core import (
    FileFormatError,
    GeometryError,
    LabelMap,
)
from lpm_segmentator.io import (
    read_image,
    read_label_map,
    write_label_map,
)
from nifti_files import AFFINE, RAMP, noise, raw, save


def test_a_file_may_be_replaced_while_its_image_is_in_use(tmp_path):
    path = save(tmp_path / "a.nii", noise())
    volume = read_image(path).volume
    path.write_bytes(b"")
    assert_array_equal(volume.array, noise())


def test_a_damaged_stream_is_refused_though_it_can_be_decoded(tmp_path):
    path = save(tmp_path / "a.nii.gz", noise())
    content = bytearray(path.read_bytes())
    crc, size = struct.unpack("<II", content[-8:])
    for broken in (struct.pack("<II", crc ^ 1, size), struct.pack("<II", crc, size + 1)):
        path.write_bytes(bytes(content[:-8]) + broken)
        with pytest.raises(FileFormatError, match="damaged") as caught:
            read_image(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "zipped"), [("a.nii", True), ("a.nii.gz", False)])
def test_content_counts_not_the_name(tmp_path, name, zipped):
    plain = save(tmp_path / "plain.nii", RAMP).read_bytes()
    path = raw(tmp_path / name, gzip.compress(plain) if zipped else plain)
    read = read_image(path)
    assert_array_equal(read.volume.array, RAMP)
    assert "compressed" in read.notes[0]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pairs_of_header_and_image(tmp_path, suffix):
    image = nib.Nifti1Pair(RAMP, AFFINE)
    image.to_filename(tmp_path / f"a.img{suffix}")
    for name in (f"a.hdr{suffix}", f"a.img{suffix}"):
        read = read_image(tmp_path / name)
        assert_array_equal(read.volume.array, RAMP)
        assert_allclose(read.volume.affine, AFFINE)
    write_label_map(LabelMap(RAMP % 5, AFFINE), tmp_path / "b.nii.gz", like=read.source)
    assert_array_equal(read_label_map(tmp_path / "b.nii.gz").labels.array, RAMP % 5)
    (tmp_path / f"a.img{suffix}").unlink()
    with pytest.raises(FileFormatError, match="of the pair is missing"):
        read_image(tmp_path / f"a.hdr{suffix}")


def test_an_unknown_data_type_is_refused(tmp_path):
    path = save(tmp_path / "a.nii", RAMP)
    data = bytearray(path.read_bytes())
    data[70:72] = (77).to_bytes(2, "little")
    with pytest.raises(FileFormatError, match="unknown data type"):
        read_image(raw(path, bytes(data)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_bytes_that_the_shape_does_not_account_for_are_refused(tmp_path, name):
    path = save(tmp_path / name, RAMP)
    plain = path.read_bytes() if name == "a.nii" else gzip.decompress(path.read_bytes())
    shorter = bytearray(plain)
    struct.pack_into("<h", shorter, 46, 4)  # the third axis has 5 voxels
    path.write_bytes(shorter if name == "a.nii" else gzip.compress(shorter))
    with pytest.raises(FileFormatError, match=r"24 bytes more than the header's shape 3 × 4 × 4"):
        read_image(path)


def test_a_shape_whose_product_no_integer_of_64_bits_holds_is_refused(tmp_path):
    header = nib.Nifti2Image(RAMP, AFFINE).header
    header["dim"][1:4] = 2**32, 2**32, 1
    path = tmp_path / "a.nii"
    path.write_bytes(header.binaryblock + b"\0" * 4 + RAMP.tobytes())
    with pytest.raises(GeometryError, match="would measure"):
        read_image(path)
