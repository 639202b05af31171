"""``lpm levels`` and ``lpm run --levels auto`` with the model that is shipped, on real images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import Disc, reorient, resample
from lpm_segmentator.io import read_image, write_image

NAMES = [str(disc) for disc in Disc]


@pytest.fixture(scope="session")
def examination(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sagittal series and an axial stack of 4 mm of one person, made from it."""
    folder = tmp_path_factory.mktemp("examination")
    sagittal = read_image(shared_data / "sagittal" / "myosegmentum-01_water_image.nii.gz").volume
    turned = reorient(sagittal, "LAS")
    x, y, _ = turned.spacing_mm
    axial = resample(turned, turned.geometry.with_spacing((x, y, 4.0)), order=1, antialias=True)
    write_image(sagittal, folder / "P1_sag.nii.gz")
    write_image(axial, folder / "P1_ax.nii.gz")
    return folder


def test_sagittal_series_and_axial_stack_name_the_same_slices(lpm, examination, tmp_path):
    found = {}
    for name, more in (("alone", []), ("sagittal", ["--sagittal", examination / "P1_sag.nii.gz"])):
        path = tmp_path / f"{name}.json"
        done = lpm("levels", examination / "P1_ax.nii.gz", "-o", path, *more)
        assert done.returncode == 0, done.stderr
        found[name] = json.loads(path.read_text())
        assert [disc["name"] for disc in found[name]["discs"]] == NAMES
    slices = np.array([[disc["slice"] for disc in levels["discs"]] for levels in found.values()])
    assert np.abs(slices[0] - slices[1]).max() <= 1
    assert (np.diff(slices) < 0).all()  # from head to foot


def test_the_series_of_another_person_is_refused_unless_it_is_said(
    lpm, examination, shared_data, tmp_path
):
    other = shared_data / "sagittal" / "vb2-02_spinecho_image.nii.gz"
    moved = nib.load(other)
    affine = moved.affine.copy()
    middles = (
        image.affine[:3] @ [*(np.array(image.shape[:3]) - 1) / 2, 1]
        for image in (nib.load(examination / "P1_ax.nii.gz"), moved)
    )
    affine[:3, 3] += np.subtract(*middles)
    nib.save(nib.Nifti1Image(np.asarray(moved.dataobj), affine), tmp_path / "sag.nii.gz")
    call = ["levels", examination / "P1_ax.nii.gz", "--sagittal", tmp_path / "sag.nii.gz"]
    done = lpm(*call, "-o", tmp_path / "out.json")
    assert done.returncode == 2
    assert "mm from" in done.stderr
    assert "--accept-frame-mismatch" in done.stderr
    assert not (tmp_path / "out.json").exists()
    done = lpm(*call, "-o", tmp_path / "out.json", "--accept-frame-mismatch")
    assert done.returncode == 0, done.stderr


def test_a_table_of_slices_is_the_seeds(lpm, examination, tmp_path):
    done = lpm("levels", examination / "P1_ax.nii.gz", "-o", tmp_path / "slices.csv")
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader((tmp_path / "slices.csv").read_text().splitlines())
    assert list(row) == ["pid", "slice_start", "slice_stop"]
    assert row["pid"] == "P1_ax"
    assert 0 < int(row["slice_start"]) < int(row["slice_stop"])


def test_a_run_finds_the_series_by_itself(lpm, examination, tiny_path, tmp_path):
    out = tmp_path / "out"
    done = lpm("run", examination, "-o", out, "--levels", "auto", "--model", tiny_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "cases" / "P1_ax" / "case.json").read_text())
    assert record["inputs"]["sagittal"].endswith("P1_sag.nii.gz")
    slices = {disc["name"]: disc["slice"] for disc in record["levels"]["discs"]}
    assert record["slices"] == [slices["L5-S1"], slices["L1-L2"] + 1]
    assert {row["level"] for row in record["measures"]} >= {"all", "L3", *NAMES}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Sagittal view" in page
    assert "L5-S1" in page


def _only(folder: Path, examination: Path, keep: slice) -> Path:
    """Write the slices of the axial stack that are in view."""
    image = nib.load(examination / "P1_ax.nii.gz")
    path = folder / "cut.nii.gz"
    nib.save(image.slicer[:, :, keep], path)
    return path


def test_without_the_sacrum_names_are_asked_for_and_nothing_is_labelled(
    lpm, examination, tiny_path, tmp_path
):
    cut = _only(tmp_path, examination, slice(22, None))  # nothing below L4
    out = tmp_path / "out"
    done = lpm("run", cut, "-o", out, "--levels", "auto", "--model", tiny_path)
    assert done.returncode == 0, done.stderr
    assert "--anchor" in done.stderr
    record = json.loads((out / "cases" / "cut" / "case.json").read_text())
    assert record["slices"] is None
    assert {row["level"] for row in record["measures"]} == {"all"}
    assert all(disc["confidence"] <= 0.5 for disc in record["levels"]["discs"])
    lowest = max(record["levels"]["discs"], key=lambda disc: NAMES.index(disc["name"]))
    anchor = f"L3-L4={lowest['slice']}"
    done = lpm("run", cut, "-o", out, "--levels", "auto", "--anchor", anchor, "--model", tiny_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "cases" / "cut" / "case.json").read_text())
    assert {row["level"] for row in record["measures"]} >= {"L1-L2", "L2-L3", "L3-L4", "L2"}


def _brain(folder: Path) -> Path:
    """A sagittal head: skull, brain, ventricles, with noise."""
    grid = np.moveaxis(np.indices((40, 110, 100)), 0, -1) * (4.0, 2.0, 2.0) - (80, 110, 100)
    r = np.linalg.norm(grid / (70, 95, 85), axis=-1)
    rng = np.random.default_rng(3)
    image = np.where(r < 1, 300.0, 5.0) * (np.abs(r - 0.92) > 0.04)
    image += 120 * (np.linalg.norm(grid / (30, 35, 18), axis=-1) < 1)
    image = np.abs(image + rng.normal(0, 15, image.shape))
    affine = np.array([[-4.0, 0, 0, 80], [0, 0, -2.0, 100], [0, -2.0, 0, 110], [0, 0, 0, 1]])
    path = folder / "brain.nii.gz"
    nib.save(nib.Nifti1Image(image.astype(np.float32), affine), path)
    return path


def _turned(folder: Path, examination: Path, name: str) -> Path:
    """Write the sagittal series with a header that makes it coronal, a localiser or one slice."""
    image = nib.load(examination / "P1_sag.nii.gz")
    array, affine = np.asarray(image.dataobj), image.affine.copy()
    if name == "coronal":
        affine[[0, 1]] = affine[[1, 0]]
    elif name == "localiser":
        array, affine[:3, 2] = array[:, :, ::7], affine[:3, 2] * 7
    else:  # the header of an axial slice
        array, affine = array[:, :, 10:11], affine[:, [2, 0, 1, 3]]
    path = folder / f"{name}.nii.gz"
    nib.save(nib.Nifti1Image(array, affine), path)
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("coronal", "coronal"),
        ("localiser", "localiser"),
        ("one slice", "single slice"),
        ("brain", "no lumbar spine detected"),
    ],
)
def test_images_that_show_no_lumbar_spine_get_a_message_and_no_levels(
    lpm, examination, tmp_path, name, message
):
    path = _brain(tmp_path) if name == "brain" else _turned(tmp_path, examination, name)
    done = lpm("levels", path, "-o", tmp_path / "out.json")
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sagittal", "P1_ax.nii.gz"], "this is not a sagittal series"),
        (["--anchor", "L5-S1=2"], "--anchor is about the discs and needs --levels auto"),
        (["--levels", "none", "--anchor", "L5-S1=2"], "--anchor and --levels none contradict"),
        (["--slice-end", "exclusive"], "--slice-end is about a slice table (--levels SLICES.csv)"),
        (
            ["--levels", "x.csv", "--from-slice", "1", "--to-slice", "2"],
            "--levels x.csv contradict",
        ),
        (["--levels", "auto", "--slice-end", "exclusive"], "--slice-end and --levels auto"),
        (
            ["--levels", "auto", "--vertebrae", "P1_ax.nii.gz", "--anchor", "L5-S1=2"],
            "--vertebrae and --anchor contradict each other",
        ),
        (["--levels", "auto", "--numbering", "spineps"], "--numbering is about the map"),
        (["--levels", "auto", "--from-slice", "3"], "go together"),
        (["--levels", "auto", "--sagittal", "none.nii.gz"], "no such file"),
        (["--levels", "broken.json"], "JSON"),
    ],
)
def test_bad_sources_of_levels_end_a_run(lpm, examination, tmp_path, arguments, message):
    (examination / "broken.json").write_text("{")
    if "--sagittal" in arguments and "--levels" not in arguments:
        arguments = ["--levels", "auto", *arguments]
    named = [examination / a if a.endswith((".gz", ".json")) else a for a in arguments]
    out = tmp_path / "out"
    done = lpm("run", examination / "P1_ax.nii.gz", "-o", out, *named)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_sources_of_levels_that_contradict_each_other_are_named(lpm, examination, tmp_path):
    out = tmp_path / "levels.json"
    by_hand = ["--anchor", "L1-L2=3", "--anchor", "L5-S1=1"]
    for more in (["--vertebrae", tmp_path / "v.nii.gz"],):
        done = lpm("levels", examination / "P1_ax.nii.gz", "-o", out, *by_hand, *more)
        assert done.returncode == 2
        assert f"{more[0]} and --anchor contradict each other" in " ".join(done.stderr.split())
        assert not out.exists()


def test_levels_of_another_case_end_a_run_unless_that_is_said(
    lpm, examination, tiny_path, tmp_path
):
    image, levels = examination / "P1_ax.nii.gz", tmp_path / "Q7.json"
    anchors = ["--anchor", "L1-L2=30", "--anchor", "L5-S1=10"]
    done = lpm("levels", image, "-o", levels, *anchors)
    assert done.returncode == 0, done.stderr
    values = json.loads(levels.read_text())
    levels.write_text(json.dumps({**values, "case": "Q7", "image": "Q7.nii.gz"}))
    call = ["run", image, "-o", tmp_path / "out", "--levels", levels, "--model", tiny_path]
    done = lpm(*call)
    assert done.returncode != 0
    assert "not of 'P1_ax'" in done.stderr
    assert not (tmp_path / "out" / "cases" / "P1_ax").exists()
    done = lpm(*call, "--accept-frame-mismatch")
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "out" / "cases" / "P1_ax" / "case.json").read_text())
    assert record["slices"] == [10, 31]
