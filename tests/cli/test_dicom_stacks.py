"""Examinations in several stacks, from DICOM and NIfTI."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from dicom_files import plane, ramp, write_series
from dicom_studies import write_multi_stack
from exports import (
    SAGITTAL,
    Lpm,
    record,
    stacks,
    states,
)
from lpm_segmentator.io import write_image
from phantoms import phantom
from stacked import PARTS, image_of, part_of, write_discs, write_stacks


def test_stacks_are_one_case_with_a_mask_each_and_are_skipped(run_here: Lpm, tmp_path: Path):
    discs = write_discs(tmp_path / "discs.json")
    arguments = (stacks(tmp_path / "in"), "-o", tmp_path / "out", "--levels", discs)
    said = run_here(*arguments)
    assert said.code == 0, said.err
    (case,) = states(tmp_path / "out")
    found = record(tmp_path / "out")
    for number, part in enumerate(PARTS, start=1):
        mask = nib.load(tmp_path / f"out/cases/{case}/{case}_chunk-{number}_dseg.nii.gz")
        array, affine = part_of(phantom().t2w, *part)
        assert mask.shape == array.shape
        # rows are stored in reverse
        turned = affine @ np.diag([1, -1, 1, 1.0])
        turned[:3, 3] += affine[:3, 1] * (array.shape[1] - 1)
        np.testing.assert_allclose(mask.affine, turned, atol=1e-3)
    levels = {row["level"] for row in found["measures"] if row["level_kind"] == "disc"}
    assert levels == {"L2-L3", "L3-L4", "L4-L5", "L5-S1"}
    assert "several stacks: what lies between them is not known" in said.text
    assert "1 skipped" in run_here(*arguments).out


def test_masks_of_stacks_that_were_edited_are_measured(
    run_here: Lpm, lpm_here: Lpm, tmp_path: Path
):
    discs = write_discs(tmp_path / "discs.json")
    run_here(stacks(tmp_path / "in"), "-o", tmp_path / "out", "--levels", discs)
    shutil.rmtree(tmp_path / "in")  # the export is not needed any more
    (mask,) = (tmp_path / "out").rglob("*_chunk-2_dseg.nii.gz")
    image = nib.load(mask)
    nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine).to_filename(mask)
    said = lpm_here("remeasure", tmp_path / "out")
    assert said.code == 0, said.err
    found = record(tmp_path / "out")
    assert [stack["mask"]["kind"] for stack in found["stacks"]] == [
        "automatic", "edited", "automatic",
    ]  # fmt: skip
    assert lpm_here("report", tmp_path / "out").code == 0
    assert lpm_here("remeasure", tmp_path / "out").code == 0


def test_a_repeated_stack_and_a_long_one_are_cases_of_their_own(run_here: Lpm, tmp_path: Path):
    write_multi_stack(tmp_path / "in" / "a")
    write_multi_stack(tmp_path / "in" / "b", tilts_deg=(2.0,), centers_z_mm=(0.0,), number=7)
    shape = (32, 32, 24)
    write_series(tmp_path / "in" / "long", ramp(shape), plane(shape=shape), number=8)
    said = run_here(tmp_path / "in", "-o", tmp_path / "out", "--dry-run", "--json")
    roles = [
        sorted(role for role in case if role.startswith(("image", "stack")))
        for case in json.loads(said.out)["cases"]
    ]
    assert sorted(roles) == [["image"], ["image"], ["stack-1", "stack-2", "stack-3"]]


def test_nifti_stacks_with_a_sagittal_series_are_one_case(run_here: Lpm, tmp_path: Path):
    parts = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 6))
    write_stacks(tmp_path / "in", parts)
    nib.Nifti1Image(ramp(SAGITTAL), plane("sagittal", SAGITTAL, (2.0, 2.0, 5.0))).to_filename(
        tmp_path / "in" / "P1_T2_sag.nii.gz"
    )
    said = run_here(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert states(tmp_path / "out") == {"P1_T2_tra": "done"}
    found = record(tmp_path / "out")
    assert len(found["stacks"]) == 5
    assert Path(found["inputs"]["sagittal"]).name == "P1_T2_sag.nii.gz"
    assert found["levels"]["discs"] == []
    assert "no disc is named" in said.text
    assert "1 skipped" in run_here(tmp_path / "in", "-o", tmp_path / "out").out


def test_stacks_of_one_subject_do_not_change_the_results_of_others(run_here: Lpm, tmp_path: Path):
    write_image(image_of(1, 4), tmp_path / "in" / "P2_T2_tra.nii.gz")
    out = tmp_path / "out"
    assert run_here(tmp_path / "in", "-o", out).code == 0
    before = record(out, "P2_T2_tra")
    write_stacks(tmp_path / "in")
    sagittal = nib.Nifti1Image(ramp(SAGITTAL), plane("sagittal", SAGITTAL, (2.0, 2.0, 5.0)))
    for subject in ("P1", "P2"):
        sagittal.to_filename(tmp_path / "in" / f"{subject}_T2_sag.nii.gz")
    said = run_here(tmp_path / "in", "-o", out)
    assert "1 skipped" in said.text
    assert set(record(out, "P1_T2_tra")["inputs"]) > {"sagittal"}
    assert record(out, "P2_T2_tra") == before
    assert states(out)["P2_T2_sag"] == "failed"  # as it does without the stacks
