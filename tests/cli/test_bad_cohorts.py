"""One bad case among good ones is told, and the good ones are done."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.io import write_image, write_label_map
from phantoms import labels_of, pair_of, phantom, write_pair, write_reference


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """A and C are good, B is truncated; all have label maps."""
    place = tmp_path / "in"
    for seed, case in enumerate("ABC"):
        write_pair(place, case, seed)
        write_reference(place, case, seed)
    path = place / "B_fat.nii.gz"
    path.write_bytes(path.read_bytes()[:9000])
    return place


def test_run_goes_on_past_a_bad_case(lpm, cohort, tmp_path, tiny_path):
    out = tmp_path / "out"
    done = lpm("run", cohort, "--model", tiny_path, "--mode", "fast", "-o", out, "--json")
    assert done.returncode == 1
    assert "1 of 3 cases failed" in done.stderr
    assert "B_fat.nii.gz" in done.stderr
    assert "Traceback" not in done.stderr
    states = json.loads(done.stdout)["cases"]
    assert {case: entry["state"] for case, entry in states.items()} == {
        "A": "done",
        "B": "failed",
        "C": "done",
    }
    assert "truncated" in states["B"]["error"]
    assert sorted(path.name for path in (out / "cases").iterdir()) == ["A", "C"]
    assert (out / "report.html").exists()


def test_run_and_measure_go_on_past_an_odd_name(lpm, tmp_path, tiny_path):
    place, out = tmp_path / "in", tmp_path / "out"
    for seed, case in enumerate("AB"):
        write_pair(place, case, seed)
        write_reference(place, case, seed)
    for name in ("C_water_fat", "water", " "):
        write_image(pair_of(phantom()).water, place / "x.nii.gz")
        (place / "x.nii.gz").rename(place / f"{name}.nii.gz")
    done = lpm("run", place, "--model", tiny_path, "--mode", "fast", "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    states = {k: v["state"] for k, v in json.loads(done.stdout)["cases"].items()}
    assert set(states) == {"A", "B", "C_water_fat", "water"}
    record = json.loads((out / "cases" / "water" / "case.json").read_text(encoding="utf-8"))
    assert any("there is a water image but no fat image" in note for note in record["notes"])
    assert " .nii.gz: left out" in done.stderr
    table = tmp_path / "m.csv"
    done = lpm("measure", "--labels", place, "--water", place, "-o", table)
    assert done.returncode == 1
    assert "belongs to it" in done.stderr
    assert {line.split(",")[0] for line in table.read_text().splitlines()[1:]} == {"A", "B"}


def test_segment_and_crop_go_on_past_a_bad_case(lpm, cohort, tmp_path, tiny_path):
    out = tmp_path / "masks"
    done = lpm("segment", cohort, "--model", tiny_path, "--mode", "fast", "-o", out, "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert "1 of 6 failed" in done.stderr
    assert len(list(out.iterdir())) == 5
    text = "pid,slice_start,slice_stop\n" + "".join(
        f"{case}_{kind},1,2\n" for case in "ABC" for kind in ("water", "fat")
    )
    out, slices = tmp_path / "crops", tmp_path / "slices.csv"
    slices.write_text(text)
    images = sorted(cohort.glob("*_water.nii.gz")) + sorted(cohort.glob("*_fat.nii.gz"))
    done = lpm("crop", *images, "--slices", slices, "-o", out)
    assert done.returncode == 1
    assert "B_fat" in done.stderr
    assert len(list(out.iterdir())) == 5


def test_measure_and_evaluate_go_on_past_a_bad_case(lpm, cohort, tmp_path):
    done = lpm(
        "measure", "--labels", cohort, "--water", cohort, "--fat", cohort,
        "-o", tmp_path / "m.csv", "--json",
    )  # fmt: skip
    assert done.returncode == 1
    assert "1 of 3 failed" in done.stderr
    assert {row["case"] for row in json.loads(done.stdout)} == {"A", "C"}
    bad = tmp_path / "predictions"
    for seed, case in enumerate("ABC"):
        write_reference(bad, case, seed)
    labels = labels_of(phantom())
    affine = labels.affine.copy()
    affine[:3, 3] += affine[:3, 0] / 2  # half a voxel beside
    write_label_map(labels.with_grid(labels.array[1:], affine), bad / "B_dseg.nii.gz")
    done = lpm("evaluate", "--reference", cohort, "--prediction", bad, "-o", tmp_path / "e.csv")
    assert done.returncode == 1
    assert "B_dseg" in done.stderr
    text = (tmp_path / "e.csv").read_text(encoding="utf-8")
    assert "A_dseg," in text
    assert "C_dseg," in text
    assert "B_dseg" not in text


def test_a_folder_that_is_no_run_is_left_as_it_was(lpm, tmp_path):
    (tmp_path / "measures.csv").write_text("mine")
    for command in ("remeasure", "report"):
        done = lpm(command, tmp_path)
        assert done.returncode == 2
        assert "no finished case" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["measures.csv"]


def test_references_may_be_numbered_otherwise_than_predictions(lpm, tmp_path):
    reference = write_reference(tmp_path / "r", "A")
    (tmp_path / "s.json").write_text('{"ES_R": 11, "MF_R": 12, "MF_L": 13, "ES_L": 14}')
    image = nib.load(reference)
    array = np.asarray(image.dataobj)
    theirs = np.where(array > 0, array + 10, 0).astype(np.uint8)
    nib.Nifti1Image(theirs, image.affine).to_filename(tmp_path / "p.nii.gz")
    given = ("--reference", reference, "--prediction", tmp_path / "p.nii.gz", "--json")
    schemes = ("--label-scheme", tmp_path / "s.json", "--reference-scheme", "lpm")
    done = lpm("evaluate", *given, *schemes, "-o", tmp_path / "a.csv")
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "a.csv")["dsc_global"].tolist() == [1]
