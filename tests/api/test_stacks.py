"""Examinations in several stacks from files to files, and again after an edit."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.core import Contrast, GeometryError, InputError, Volume
from lpm_segmentator.io import write_image
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.options import LevelOptions
from lpm_segmentator.study.record import CaseRecord
from phantoms import Truthful, labels_of, phantom
from stacked import AT, PARTS, image_of, mask_of, write_discs, write_stacks

CASE = "P1_T2_tra"


class Setting:
    """A folder of stacks, and what a run makes of it."""

    def __init__(self, folder: Path, tiny: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        write_stacks(folder / "in")
        self.options = api.RunOptions(
            model=str(tiny),
            mode="fast",
            keep_low_confidence=True,
            intensity_fat=False,
            postprocess=False,
            levels=LevelOptions(written=write_discs(folder / "discs.json")),
        )

    @property
    def case(self) -> CaseFolder:
        return StudyFolder(self.out).case(CASE)

    def files(self) -> api.CaseFiles:
        (files,) = api.find_cases([self.folder / "in"])
        return files

    def run(self, options: api.RunOptions | None = None) -> CaseRecord:
        predictor = Truthful(labels_of(phantom()))
        return api.process_case(
            self.files(), self.out, options or self.options, predictor=predictor
        )

    def cohort(self) -> str:
        result = cohort.run_cohort([self.files()], self.out, self.options)
        return result.events[0].state

    def table(self, name: str) -> list[dict[str, str]]:
        with (self.out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def setting(tmp_path: Path, tiny_path: Path) -> Setting:
    return Setting(tmp_path, tiny_path)


def erase(path: Path, index: int = 1) -> None:
    """Remove the muscles from a slice, as an editor would."""
    image = nib.load(path)
    array = np.asarray(image.dataobj).copy()
    array[:, :, index] = 0
    nib.Nifti1Image(array, image.affine, image.header).to_filename(path)


def areas(record: CaseRecord) -> dict[str, object]:
    return {
        str(row["level"]): row["csa_mean_mm2"]
        for row in record.measures
        if (row["muscle"], row["side"], row["level_kind"]) == ("ES", "R", "disc")
    }


def test_each_stack_gets_a_mask_on_its_own_grid_from_foot_to_head(setting: Setting):
    record = setting.run()
    for number, part in enumerate(PARTS, start=1):
        mask = nib.load(setting.case.path / f"{CASE}_chunk-{number}_dseg.nii.gz")
        np.testing.assert_array_equal(np.asarray(mask.dataobj), mask_of(*part).array)
        np.testing.assert_array_equal(mask.affine, image_of(*part).affine)
    assert not setting.case.mask.exists()
    assert [stack.first_slice for stack in record.stacks] == [0, 2, 4]
    assert [stack.mask.file for stack in record.stacks] == [
        f"{CASE}_chunk-{n}_dseg.nii.gz" for n in (1, 2, 3)
    ]


def test_stacks_are_sorted_by_their_place_and_not_by_their_names(setting: Setting):
    files = setting.files()
    reverse = replace(files, stacks=files.stacks[::-1])
    record = api.process_case(
        reverse, setting.out, setting.options, predictor=Truthful(labels_of(phantom()))
    )
    first = nib.load(setting.case.of_stack(1).mask)
    np.testing.assert_array_equal(first.affine, image_of(*PARTS[0]).affine)
    assert record.disc_slices[-1].stack == 1
    # stack-N of the inputs is chunk-N of the outputs
    assert [record.inputs[f"stack-{n}"] for n in (1, 2, 3)] == [str(p) for p in files.stacks]
    states = [
        cohort.run_cohort([reverse], setting.out, setting.options).events[0].state for _ in range(2)
    ]
    assert states[-1] == "skipped"  # the files count in the order in which they were found


def test_the_record_states_where_each_disc_was_measured(setting: Setting):
    record = setting.run()
    assert {d.level: (d.stack, d.slice) for d in record.disc_slices} == {
        "L2-L3": (3, 2), "L3-L4": (2, 1), "L4-L5": (1, 1), "L5-S1": (1, 0),
    }  # fmt: skip
    assert record.levels is not None
    assert record.levels.source == "discs.json"
    assert [disc["slice"] for disc in record.levels.discs] == [6, 3, 1, 0]
    written = json.loads(setting.case.levels.read_text(encoding="utf-8"))
    assert [(d["stack"], d["stack_slice"], d["slice"]) for d in written["discs"]] == [
        (3, 2, None), (2, 1, None), (1, 1, None), (1, 0, None),
    ]  # fmt: skip
    assert "grid" not in written


def test_the_levels_that_were_written_serve_another_run(setting: Setting):
    first = setting.run()
    levels = LevelOptions(written=setting.case.levels)
    again = setting.run(replace(setting.options, levels=levels))
    assert areas(again) == areas(first)
    assert again.levels is not None
    assert again.levels.corrected  # the user's file stays as it is
    assert not list(setting.case.path.glob("*corrected*"))


def test_tables_and_report_have_one_row_a_disc_and_no_volume(setting: Setting):
    assert setting.cohort() == "done"
    rows = setting.table("measures")
    levels = {row["level"] for row in rows if row["level_kind"] == "disc"}
    assert levels == {str(disc) for disc in AT}
    for row in rows:
        if row["level_kind"] == "all":
            assert row["volume_ml"] == row["csa_mean_mm2"] == "nan"
            assert "what lies between them is not known" in row["note"]
    (volumes,) = setting.table("volumes")
    assert set(volumes.values()) == {CASE, "nan"}
    page = (setting.out / "report.html").read_text(encoding="utf-8")
    assert "0 of stack 1" in page
    assert "several stacks" in page
    assert {int(row["slice"]) for row in setting.table("profiles")} <= set(range(7))


def test_a_finished_case_is_skipped(setting: Setting):
    assert setting.cohort() == "done"
    assert setting.cohort() == "skipped"
    setting.case.of_stack(2).mask.unlink()
    assert setting.cohort() == "done"


def test_a_case_whose_discs_were_not_found_is_skipped_too(setting: Setting):
    noise = np.random.default_rng(0).integers(0, 99, (5, 60, 60)).astype(np.int16)
    affine = np.array([[9.0, 0, 0, -18], [0, 4.0, 0, -120], [0, 0, 4.0, -120], [0, 0, 0, 1]])
    path = setting.folder / "sag.nii.gz"
    write_image(Volume(noise, affine), path)
    options = replace(setting.options, levels=LevelOptions(sagittal_only=True))
    files = replace(setting.files(), sagittal=path)
    states = [cohort.run_cohort([files], setting.out, options).events[0].state for _ in range(2)]
    assert states == ["done", "skipped"]
    record = api.read_records(setting.out)[0]
    assert record.levels is not None
    assert record.levels.discs == ()
    assert any("no disc is named" in note for note in record.notes)
    assert "no disc was found" in (setting.out / "report.html").read_text(encoding="utf-8")


def test_an_edited_mask_of_a_stack_is_measured(setting: Setting):
    before = setting.run()
    erase(setting.case.of_stack(2).mask)
    (record,) = api.remeasure(setting.out)
    assert [stack.mask.kind for stack in record.stacks] == ["automatic", "edited", "automatic"]
    assert record.mask.kind == "edited"
    assert record.model == before.model
    assert areas(record) == {**areas(before), "L3-L4": None}
    assert record.fingerprint == before.fingerprint
    api.write_results(setting.out)  # the record is whole
    assert record.seconds["total"] > 0
    assert api.remeasure(setting.out) == []


def test_a_corrected_mask_beside_the_automatic_one_is_measured(setting: Setting):
    before = setting.run()
    here = setting.case.of_stack(1)
    here.edited_mask.write_bytes(here.mask.read_bytes())
    erase(here.edited_mask)
    (record,) = api.remeasure(setting.out, [CASE])
    assert record.stacks[0].mask.kind == "edited"
    assert record.stacks[0].mask.changed_voxels == np.count_nonzero(mask_of(0, 2).array[:, :, 1])
    assert areas(record)["L4-L5"] is None
    # the edit is undone
    here.edited_mask.unlink()
    (undone,) = api.remeasure(setting.out)
    assert undone.mask.kind == "automatic"
    assert areas(undone) == areas(before)
    assert record.quality is None
    assert (undone.quality, undone.prediction) == (before.quality, before.prediction)


def test_a_corrected_mask_of_a_stack_that_is_mirrored_is_named(setting: Setting):
    setting.run()
    here = setting.case.of_stack(3)
    image = nib.load(here.mask)
    mirrored = np.asarray(image.dataobj)[::-1]
    nib.Nifti1Image(mirrored, image.affine, image.header).to_filename(here.edited_mask)
    (record,) = api.remeasure(setting.out)
    (said,) = (f.message for f in record.findings if f.code == "orientation")
    assert said.startswith("stack 3: the mask may be mirrored")
    assert "a second mask of the same image" in said  # that of the model


def test_a_run_keeps_edited_masks_in_force(setting: Setting):
    assert setting.cohort() == "done"
    erase(setting.case.of_stack(2).mask)
    api.remeasure(setting.out)
    setting.options = replace(setting.options, keep_low_confidence=False)
    assert setting.cohort() == "done"
    here = setting.case.of_stack(2)
    assert here.edited_mask.exists()
    (record,) = api.read_records(setting.out)
    assert record.stacks[1].mask.kind == "edited"
    assert record.stacks[1].mask.file == here.edited_mask.name


def test_an_edited_mask_of_a_stack_that_cannot_be_measured_does_not_fail_the_case(
    setting: Setting,
):
    setting.run()
    bad = setting.case.of_stack(3).edited_mask
    bad.write_bytes(setting.case.of_stack(3).mask.read_bytes())
    for path in (setting.case.of_stack(2).mask, bad):
        erase(path)
    api.remeasure(setting.out)
    bad.write_bytes(b"no image")
    record = setting.run()
    assert [stack.mask.kind for stack in record.stacks] == ["automatic", "edited", "automatic"]
    (said,) = (f for f in record.findings if f.code == "edited-mask-unusable")
    assert bad.name in said.message
    assert bad.read_bytes() == b"no image"
    assert api.read_records(setting.out)[0].mask.kind == "edited"


def test_an_edited_mask_of_another_series_is_set_aside(setting: Setting):
    sidecars = [setting.folder / f"in/P1_T2_tra_stack{n}.json" for n in (1, 2, 3)]
    for path in sidecars:
        path.write_text(json.dumps({"SeriesInstanceUID": "1.2.3"}), encoding="utf-8")
    setting.run()
    for number in (1, 2):
        erase(setting.case.of_stack(number).mask)
    api.remeasure(setting.out)
    sidecars[1].write_text(json.dumps({"SeriesInstanceUID": "1.2.4"}), encoding="utf-8")
    record = setting.run()
    assert [stack.mask.kind for stack in record.stacks] == ["edited", "automatic", "automatic"]
    here = setting.case.of_stack(2)
    assert here.earlier_mask(1).exists()
    assert not here.edited_mask.exists()
    assert any(here.earlier_mask(1).name in f.message for f in record.findings)
    assert record.stacks[1].image.series_uid == "1.2.4"


def test_an_edited_mask_is_not_measured_on_a_stack_of_another_series(setting: Setting):
    sidecars = [setting.folder / f"in/P1_T2_tra_stack{n}.json" for n in (1, 2, 3)]
    for number, path in enumerate(sidecars):
        path.write_text(json.dumps({"SeriesInstanceUID": f"1.2.{number}"}), encoding="utf-8")
    setting.run()
    erase(setting.case.of_stack(1).mask)
    sidecars[1].write_text(json.dumps({"SeriesInstanceUID": "1.2.9"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"P1_T2_tra_stack2.*another DICOM series"):
        api.remeasure(setting.out)


def test_a_mask_that_was_removed_is_named(setting: Setting):
    setting.run()
    erase(setting.case.of_stack(1).mask)
    setting.case.of_stack(3).mask.unlink()
    with pytest.raises(InputError, match="the mask of stack 3 is not there any more"):
        api.remeasure(setting.out)


def test_maps_and_levels_of_an_earlier_run_are_removed(setting: Setting):
    setting.run()
    stale = setting.case.of_stack(2).fat_map("gmm2")
    stale.write_bytes(b"old")
    setting.run(replace(setting.options, levels=None))
    assert not stale.exists()
    assert not setting.case.levels.exists()


def test_stacks_of_different_pixel_spacing_are_refused(setting: Setting):
    other = image_of(4, 6)
    affine = other.affine @ np.diag([1.1, 1.0, 1.0, 1.0])
    write_image(
        Volume(other.array, affine, Contrast.T2W), setting.folder / "in/P1_T2_tra_stack9.nii.gz"
    )
    with pytest.raises(GeometryError, match="different pixel spacings"):
        setting.run()
    assert not setting.case.record.exists()


@pytest.mark.parametrize("role", ["reference", "mask"])
def test_label_maps_and_slices_are_about_one_image(setting: Setting, role: str):
    files = replace(setting.files(), **{role: setting.folder / "in/P1_T2_tra_stack1.nii.gz"})
    predictor = Truthful(labels_of(phantom()))
    with pytest.raises(InputError, match="label maps are not compared or measured"):
        api.process_case(files, setting.out, setting.options, predictor=predictor)
    with pytest.raises(InputError, match="slices were stated"):
        setting.run(replace(setting.options, slices=(0, 1)))
