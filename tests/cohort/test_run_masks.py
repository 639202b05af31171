"""Masks that were edited in the output folder, or come from elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from cohort_runs import run, states
from lpm_segmentator import api, cohort
from lpm_segmentator.core import (
    LpmError,
)
from lpm_segmentator.study.layout import StudyFolder


def edit(path: Path, slice_index: int = 2) -> None:
    """Erase a slice of a mask, as an editor would."""
    image = nib.load(path)
    array = np.asarray(image.dataobj).copy()
    assert array[..., slice_index].any()
    array[..., slice_index] = 0
    nib.Nifti1Image(array, image.affine, image.header).to_filename(path)


def volumes(out: Path) -> str:
    return (out / "volumes.csv").read_text()


@pytest.mark.parametrize("in_place", [True, False])
def test_an_edited_mask_is_noticed_measured_and_never_overwritten(
    study, tmp_path, options, in_place
):
    out = tmp_path / "out"
    run(study, out, options)
    folder = StudyFolder(out).case("A")
    before = volumes(out)
    mask = folder.mask if in_place else folder.edited_mask
    if not in_place:
        mask.write_bytes(folder.mask.read_bytes())
    edit(mask)
    content = mask.read_bytes()
    # The same command measures nothing anew, and says that the numbers are not about the edit.
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}
    assert volumes(out) == before
    assert "edited after it was measured" in (out / "report.html").read_text(encoding="utf-8")
    assert "edited after it was measured" in (out / "measures.csv").read_text()
    (record,) = api.remeasure(out)
    api.write_results(out)
    assert (record.case, record.mask.kind, record.mask.file) == ("A", "edited", mask.name)
    assert record.mask.edited
    assert (record.mask.changed_voxels is None) is in_place
    assert volumes(out) != before
    assert "edited after it was measured" not in (out / "measures.csv").read_text()
    assert api.remeasure(out) == []
    assert states(run(study, out, options)) == {"A": "skipped", "B": "skipped"}
    # Another option runs the case again; the edited mask stays, and so do its numbers.
    edited = volumes(out)
    other = dataclasses.replace(options, accept_origin_mismatch=True)
    assert states(run(study, out, other)) == {"A": "done", "B": "done"}
    assert folder.edited_mask.read_bytes() == content
    assert volumes(out) == edited


def test_an_edit_that_another_program_turned_is_measured(study, tmp_path, options):
    out = tmp_path / "out"
    run(study, out, options)
    folder = StudyFolder(out).case("A")
    expected = api.read_records(out)[0].volumes
    image = nib.load(folder.mask)
    turned = nib.as_closest_canonical(image)
    assert turned.affine[0, 0] != image.affine[0, 0]
    nib.save(turned, folder.edited_mask)
    (record,) = api.remeasure(str(out), ["A"])
    assert record.volumes == expected
    assert record.mask.changed_voxels == 0


def test_cases_that_are_not_there_are_named(study, tmp_path, options):
    run(study, tmp_path / "out", options)
    with pytest.raises(LpmError, match="no finished case 'Z'"):
        api.remeasure(tmp_path / "out", ["Z"])


def test_masks_from_elsewhere_are_measured_instead_of_segmented(study, tmp_path, options):
    cases = api.find_cases([study], masks=study, reference=study)
    result = cohort.run_cohort(cases, tmp_path / "out", options)
    assert states(result) == {"A": "done", "B": "done"}
    for record in api.read_records(tmp_path / "out"):
        assert record.mask.kind == "imported"
        assert record.quality is None
        assert record.accuracy["dsc_global"] == 1.0
