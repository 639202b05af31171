"""Import of DICOM images as NIfTI."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dicom_damage import strip_pixels
from dicom_files import plane, ramp, write_series
from lpm_segmentator.core import Contrast, FileFormatError
from lpm_segmentator.io import read_image
from lpm_segmentator.io.dicom import scan, stacks_of
from lpm_segmentator.study.dicom.source import DicomSource, import_images, is_imported

SHAPE = (6, 5, 4)
AFFINE = plane(shape=SHAPE, spacing_mm=(2.0, 3.0, 4.0), tilt_deg=12.0, center_mm=(5, 6, 7))


def source_of(*folders: Path, roles: tuple[str, ...] = ("image",)) -> DicomSource:
    stacks = [stacks_of(scan([folder]).frames)[0] for folder in folders]
    named = dict(zip(roles, stacks, strict=True))
    return DicomSource(named, dict.fromkeys(roles, Contrast.T2W))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_series(tmp_path / "in", ramp(SHAPE), AFFINE, SeriesDescription="t2 tra")
    return tmp_path


def test_voxels_keep_value_and_place(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    assert import_images(source_of(folder / "in"), {"image": path}) is None
    image = nib.load(path)
    assert image.get_data_dtype() == np.uint16
    voxels = np.asarray(image.dataobj)
    # The rows are stored in reverse; each voxel lies where it was written.
    np.testing.assert_array_equal(voxels, ramp(SHAPE)[:, ::-1])
    turned = AFFINE @ np.array([[1, 0, 0, 0], [0, -1, 0, SHAPE[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    np.testing.assert_allclose(image.affine, turned, atol=1e-4)


def test_the_sidecar_has_names_and_units_of_bids(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    import_images(source_of(folder / "in"), {"image": path})
    values = json.loads((folder / "out" / "A_T2w.json").read_text(encoding="utf-8"))
    assert (values["RepetitionTime"], values["EchoTime"]) == (4.0, 0.08)
    assert values["SeriesDescription"] == "t2 tra"
    assert values["FrameNumbers"] == [1, 1, 1, 1]
    assert len(set(values["SOPInstanceUIDs"])) == 4
    assert "InversionTime" not in values  # which the header does not state
    text = json.dumps(values)
    assert not [word for word in ("Doe", "4711", "0815", "1961", "20240312") if word in text]


def test_identifiers_and_thickness_are_read_from_the_sidecar(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    source = source_of(folder / "in")
    import_images(source, {"image": path})
    uids, tags = read_image(path).source.uids, source.stacks["image"].tags
    assert (uids.study, uids.series) == (tags.study, tags.series)
    assert uids.frame_of_reference == tags.frame_of_reference


def test_an_image_is_read_again_only_if_its_files_changed(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    source, paths = source_of(folder / "in"), {"image": path}
    assert not is_imported(source, paths)
    import_images(source, paths)
    assert is_imported(source, paths)
    before = path.stat().st_mtime_ns
    import_images(source, paths)
    assert path.stat().st_mtime_ns == before
    write_series(folder / "in", ramp(SHAPE) + 1, AFFINE, SeriesDescription="t2 tra, again")
    source = source_of(folder / "in")
    assert not is_imported(source, paths)
    import_images(source, paths)
    assert np.asarray(nib.load(path).dataobj).min() == 1


def test_an_image_without_its_sidecar_is_read_again(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    source, paths = source_of(folder / "in"), {"image": path}
    import_images(source, paths)
    path.write_bytes(b"half of an image")
    path.with_name("A_T2w.json").unlink()
    assert not is_imported(source, paths)
    import_images(source, paths)
    assert nib.load(path).shape == SHAPE


def test_an_export_that_was_removed_counts_as_changed(folder: Path):
    path = folder / "out" / "A_T2w.nii.gz"
    source, paths = source_of(folder / "in"), {"image": path}
    import_images(source, paths)
    for file in (folder / "in").iterdir():
        file.unlink()
    assert not is_imported(source, paths)


def test_an_image_that_cannot_be_read_is_an_error_and_leaves_nothing(folder: Path):
    source, path = source_of(folder / "in"), folder / "out" / "A_T2w.nii.gz"
    strip_pixels(next((folder / "in").iterdir()))
    with pytest.raises(FileFormatError, match="holds no pixels"):
        import_images(source, {"image": path})
    assert not (folder / "out").exists()


def test_a_sagittal_series_that_cannot_be_read_is_no_error(folder: Path):
    sagittal = plane("sagittal", SHAPE, (3.0, 3.0, 4.0))
    write_series(folder / "sag", ramp(SHAPE), sagittal, number=2, protocol="t2_sag")
    source = source_of(folder / "in", folder / "sag", roles=("image", "sagittal"))
    paths = {role: folder / "out" / f"A_{role}.nii.gz" for role in ("image", "sagittal")}
    strip_pixels(next((folder / "sag").iterdir()))
    assert "holds no pixels" in str(import_images(source, paths))
    assert paths["image"].exists()
    assert not paths["sagittal"].exists()
