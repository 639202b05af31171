"""The folder of an examination in several stacks."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.case import Case, Settings
from lpm_segmentator.core import Contrast, KnownContrast, LabelMap, Volume, reorient
from lpm_segmentator.pipeline import measure_labels
from lpm_segmentator.stacks import StackedResult, run_stacks
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.complete import check_complete
from lpm_segmentator.study.edits import earlier_record
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.options import RunOptions
from lpm_segmentator.study.record import CaseRecord, read_case_record
from lpm_segmentator.study.stack_writing import write_stacks
from lpm_segmentator.study.writing import write_case
from phantoms import Truthful, labels_of, phantom
from stacked import PARTS, image_of, mask_of, request

SETTINGS = Settings(intensity_fat=False, postprocess=False)


def write(folder: CaseFolder, result: StackedResult) -> CaseRecord:
    result = StackedResult(**{**vars(result), "seconds": {**result.seconds, "total": 1.0}})
    return write_stacks(
        result,
        folder,
        files=CaseFiles("P", stacks=tuple(f"{n}.nii.gz" for n in range(len(result.stacks)))),
        options=RunOptions(),
        fingerprint="f",
        contrast=KnownContrast(Contrast.T2W),
        before=earlier_record(folder),
    )


def run(images: list[Volume], masks: list[LabelMap]) -> StackedResult:
    cases = [Case("P", image, levels=request()) for image in images]
    return run_stacks(cases, None, SETTINGS, masks=masks, mask="imported")


@pytest.fixture
def folder(tmp_path: Path) -> CaseFolder:
    return CaseFolder(tmp_path / "P", "P")


def test_the_record_is_written_and_whole(folder: CaseFolder):
    cases = [Case("P", image_of(*part), levels=request()) for part in PARTS]
    record = write(folder, run_stacks(cases, Truthful(labels_of(phantom())), SETTINGS))
    check_complete(record)
    assert read_case_record(folder.record) == record
    assert set(record.inputs) == {"stack-1", "stack-2", "stack-3"}
    assert record.coverage.slices == 7
    assert (record.coverage.covered_mm, record.coverage.gap_mm) == (pytest.approx(48.0), None)
    assert record.slices is record.fat_ratios is None
    assert set(record.volumes.values()) == {"P", None}
    assert record.quality is not None
    assert len(record.quality.slice_scores) == 7
    assert folder.picture.exists()
    assert folder.levels_picture.exists()


def test_stacks_may_differ_in_size_and_in_the_order_of_their_axes(folder: CaseFolder):
    """The picture shows them side by side, the masks keep the grids of their images."""
    parts = ((0, 2), (2, 4), (4, 6))  # no slice is in two stacks
    images, masks = [image_of(*part) for part in parts], [mask_of(*part) for part in parts]
    images[1], masks[1] = reorient(images[1], "RAI"), reorient(masks[1], "RAI")
    box = (slice(5, 100), slice(2, 75))
    affine = images[2].affine.copy()
    affine[:3, 3] = images[2].geometry.voxel_to_world((5, 2, 0))
    images[2] = Volume(images[2].array[box], affine, Contrast.T2W)
    masks[2] = LabelMap(masks[2].array[box], affine)
    record = write(folder, run(images, masks))
    for number, mask in enumerate(masks, start=1):
        written = nib.load(folder.of_stack(number).mask)
        np.testing.assert_array_equal(np.asarray(written.dataobj), mask.array)
        np.testing.assert_allclose(written.affine, mask.affine, atol=1e-4)
    # along its slice axis the second stack runs to the feet
    at = {found.level: (found.stack, found.slice) for found in record.disc_slices}
    assert at["L3-L4"] == (2, 0)
    assert record.image.axis_codes == "LPS"
    assert record.stacks[1].image.axis_codes == "RAI"


def test_slices_of_the_levels_count_through_all_stacks(folder: CaseFolder):
    record = write(folder, run([image_of(*p) for p in PARTS], [mask_of(*p) for p in PARTS]))
    assert record.levels is not None
    assert [disc["slice"] for disc in record.levels.discs] == [6, 3, 1, 0]
    profile = {row["slice"] for row in record.profile}
    assert profile <= set(range(7))
    written = json.loads(folder.levels.read_text(encoding="utf-8"))
    assert all({"stack", "stack_slice"} <= set(disc) for disc in written["discs"])


def test_a_disc_in_no_stack_has_no_slice(folder: CaseFolder):
    parts = PARTS[:2]
    record = write(folder, run([image_of(*p) for p in parts], [mask_of(*p) for p in parts]))
    assert record.levels is not None
    assert record.levels.discs[0]["slice"] is None
    written = json.loads(folder.levels.read_text(encoding="utf-8"))
    assert "stack" not in written["discs"][0]


def some(count: int) -> StackedResult:
    parts = PARTS[:count]
    return run([image_of(*part) for part in parts], [mask_of(*part) for part in parts])


def write_one(folder: CaseFolder, mask: Path | None = None) -> CaseRecord:
    """Write the folder of the same case with one image."""
    result = measure_labels(Case("P", image_of(0, 6)), mask_of(0, 6), "imported", SETTINGS)
    return write_case(
        result,
        folder,
        files=CaseFiles("P", image=Path("0.nii.gz"), mask=mask),
        options=RunOptions(),
        fingerprint="f",
        contrast=KnownContrast(Contrast.T2W),
        before=earlier_record(folder),
    )


def in_folder(folder: CaseFolder) -> set[str]:
    return {path.name for path in folder.path.glob("*.nii.gz")}


def test_masks_and_maps_of_stacks_that_are_no_more_are_removed(folder: CaseFolder):
    write(folder, some(3))
    folder.of_stack(3).fat_map("gmm2").write_bytes(b"old")
    write(folder, some(2))
    assert in_folder(folder) == {"P_chunk-1_dseg.nii.gz", "P_chunk-2_dseg.nii.gz"}


def test_an_edited_mask_of_a_stack_that_is_no_more_is_kept(folder: CaseFolder):
    write(folder, some(3))
    folder.of_stack(3).mask.write_bytes(b"edited")
    folder.of_stack(3).edited_mask.write_bytes(b"edited too")
    write(folder, some(2))
    assert folder.of_stack(3).mask.read_bytes() == b"edited"
    assert folder.of_stack(3).edited_mask.read_bytes() == b"edited too"


def test_one_image_in_place_of_stacks_and_stacks_in_place_of_one_image(folder: CaseFolder):
    write(folder, some(3))
    folder.of_stack(2).fat_map("gmm2").write_bytes(b"old")
    write_one(folder)
    assert in_folder(folder) == {"P_dseg.nii.gz"}
    folder.fat_map("gmm2").write_bytes(b"old")
    write(folder, some(1))
    assert in_folder(folder) == {"P_chunk-1_dseg.nii.gz"}


def test_a_mask_of_an_earlier_run_that_is_an_input_stays(folder: CaseFolder):
    write(folder, some(3))
    write_one(folder, mask=folder.of_stack(1).mask)
    assert in_folder(folder) == {"P_dseg.nii.gz", "P_chunk-1_dseg.nii.gz"}


def test_an_edited_mask_of_one_image_in_place_of_stacks_is_kept(folder: CaseFolder):
    write_one(folder)
    folder.mask.write_bytes(b"edited")
    write(folder, some(2))
    assert folder.mask.read_bytes() == b"edited"
    # and again when there is one image, of which it may not have been a mask
    record = write_one(folder)
    assert folder.earlier_mask(1).read_bytes() == b"edited"
    assert any(f.code == "mask-kept" for f in record.findings)
    assert not folder.edited_mask.exists()
