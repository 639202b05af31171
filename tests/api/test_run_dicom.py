"""Masks and numbers of images from DICOM equal those of the same images from NIfTI."""

from __future__ import annotations

import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from dicom_dialects import PHILIPS_CLASSIC, SIEMENS_CLASSIC, Dialect
from dicom_files import write_dixon, write_series
from lpm_segmentator import api
from lpm_segmentator.core import Contrast, Volume, reorient
from lpm_segmentator.io import read_label_map, write_image
from lpm_segmentator.study.dicom import discover_dicom
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import CaseRecord
from phantoms import phantom

Images = dict[str, Volume]


def run_both(
    folder: Path, images: Images, options: api.RunOptions, dialect: Dialect = SIEMENS_CLASSIC
) -> tuple[tuple[CaseRecord, np.ndarray], tuple[CaseRecord, np.ndarray]]:
    """Return record and mask of both ways, the masks in one orientation."""
    turned = {kind: reorient(volume, "LPS") for kind, volume in images.items()}
    affine = next(iter(turned.values())).affine
    arrays = {kind: volume.array for kind, volume in turned.items()}
    if "water" in images:
        write_dixon(folder / "dicom", arrays, affine, dialect=dialect)
    else:
        write_series(folder / "dicom", arrays["T2w"], affine, dialect=dialect)
    for kind, volume in images.items():
        write_image(volume, folder / "nifti" / f"A_{kind}.nii.gz")
    (from_dicom,) = discover_dicom([folder / "dicom"], folder / "out").cases
    (from_nifti,) = api.find_cases([folder / "nifti"])
    results = []
    for files in (from_dicom, from_nifti):
        record = api.process_case(files, folder / "out", options)
        labels = read_label_map(StudyFolder(folder / "out").case(files.case).mask).labels
        results.append((record, reorient(labels, "RAS").array))
    return results[0], results[1]


def numbers(record: CaseRecord) -> list[tuple[object, ...]]:
    names = ("muscle", "side", "level", "volume_ml", "csa_mean_mm2", "fat_ratio")
    rows = ([row[name] for name in names] for row in record.measures)
    return [tuple(math.nan if value is None else value for value in row) for row in rows]


def assert_equal(one: CaseRecord, other: CaseRecord) -> None:
    for mine, theirs in zip(numbers(one), numbers(other), strict=True):
        assert mine[:3] == theirs[:3]
        assert mine[3:] == pytest.approx(theirs[3:], rel=1e-6, nan_ok=True)


def volume(array: np.ndarray, contrast: Contrast) -> Volume:
    return Volume(np.rint(array).astype(np.int16), phantom().affine, contrast)


def phantom_pair() -> Images:
    return {
        "water": volume(phantom().water, Contrast.WATER),
        "fat": volume(phantom().fat, Contrast.FAT),
    }


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(
        model=str(tiny_path), mode="fast", keep_low_confidence=True, intensity_fat=False
    )


@pytest.mark.parametrize("dialect", [SIEMENS_CLASSIC, PHILIPS_CLASSIC], ids=str)
def test_a_dixon_pair_gives_the_same_mask_and_numbers(tmp_path: Path, options, dialect: Dialect):
    """Philips stores scaled values: they come back as they were."""
    ours, theirs = run_both(tmp_path, phantom_pair(), options, dialect)
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert np.unique(ours[1]).tolist() == [0, 1, 2, 3, 4]
    if dialect is SIEMENS_CLASSIC:
        assert_equal(ours[0], theirs[0])


def test_a_t2w_image_gives_the_same_mask_and_numbers(tmp_path: Path, options):
    images = {"T2w": volume(phantom().t2w, Contrast.T2W)}
    ours, theirs = run_both(tmp_path, images, options)
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert_equal(ours[0], theirs[0])
    assert ours[0].image.contrast == theirs[0].image.contrast == "T2w"
    assert ours[0].image.contrast_source == "DICOM header"


@pytest.mark.slow
def test_a_real_dixon_pair_gives_the_same_mask_and_numbers(tmp_path: Path, shared_data: Path):
    images, folder = {}, shared_data / "myosegmentum"
    affine = nib.load(folder / "TUM02_fat_img_img_L2-L5.nii.gz").affine
    for kind, contrast in (("water", Contrast.WATER), ("fat", Contrast.FAT)):
        part = nib.load(folder / f"TUM02_{kind}_img_img_L2-L5.nii.gz").slicer[:, :, 10:15]
        array = np.rint(np.asarray(part.dataobj)).astype(np.int16)
        images[kind] = Volume(array, affine, contrast)  # the water image has lost its origin
    ours, theirs = run_both(tmp_path, images, api.RunOptions(mode="fast"))
    assert np.unique(ours[1]).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(ours[1], theirs[1])
    assert_equal(ours[0], theirs[0])
