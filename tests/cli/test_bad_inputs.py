"""What is wrong with an input is told in one message; nothing is written, no traceback is shown."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import Volume
from lpm_segmentator.io import write_image, write_label_map
from phantoms import labels_of, pair_of, phantom, write_pair, write_reference

# -- bad files


def image_array() -> np.ndarray:
    return np.array(phantom().water)


def saved(array: np.ndarray, path: Path, affine: np.ndarray | None = None) -> Path:
    nib.Nifti1Image(array, phantom().affine if affine is None else affine).to_filename(path)
    return path


def missing(folder: Path) -> Path:
    return folder / "gone.nii.gz"


def empty(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_bytes(b"")
    return folder / "bad.nii.gz"


def truncated(folder: Path) -> Path:
    path = saved(image_array(), folder / "bad.nii.gz")
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def truncated_plain(folder: Path) -> Path:
    path = saved(image_array(), folder / "bad.nii")
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def text_file(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_text("hello")
    return folder / "bad.nii.gz"


def zipped_text(folder: Path) -> Path:
    (folder / "bad.nii.gz").write_bytes(gzip.compress(b"hello" * 1000))
    return folder / "bad.nii.gz"


def photograph(folder: Path) -> Path:
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    return folder / "bad.jpg"


def flat(folder: Path) -> Path:
    return saved(image_array()[..., 0], folder / "bad.nii.gz")


def many_volumes(folder: Path) -> Path:
    return saved(np.stack([image_array()] * 2, axis=3), folder / "bad.nii.gz")


def colours(folder: Path) -> Path:
    rgb = np.zeros((8, 8, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    return saved(rgb, folder / "bad.nii.gz")


def complex_numbers(folder: Path) -> Path:
    return saved(image_array().astype(np.complex64), folder / "bad.nii.gz")


def not_a_number(folder: Path) -> Path:
    array = image_array()
    array[3, 3, 3] = np.nan
    return saved(array, folder / "bad.nii.gz")


def constant(folder: Path) -> Path:
    return saved(np.full((9, 9, 9), 7, np.int16), folder / "bad.nii.gz")


def singular(folder: Path) -> Path:
    image = nib.Nifti1Image(image_array(), None)
    image.header["sform_code"] = 1
    image.header["qform_code"] = 0
    for row, values in zip("xyz", ([1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 4, 0]), strict=True):
        image.header[f"srow_{row}"] = values
    image.to_filename(folder / "bad.nii.gz")
    return folder / "bad.nii.gz"


def sagittal(folder: Path) -> Path:
    affine = np.array([[0, 0, 4, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], float)
    return saved(np.random.default_rng(0).random((60, 70, 9)), folder / "bad.nii.gz", affine)


IMAGES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (missing, "there is no such file"),
    "empty": (empty, "is empty"),
    "truncated": (truncated, "truncated"),
    "truncated-plain": (truncated_plain, "truncated"),
    "text": (text_file, "cannot be read as NIfTI"),
    "zipped-text": (zipped_text, "cannot be read as NIfTI"),
    "photograph": (photograph, "not a NIfTI file"),
    "2-D": (flat, "2 axes"),
    "4-D": (many_volumes, "several volumes"),
    "RGB": (colours, "colours"),
    "complex": (complex_numbers, "complex numbers"),
    "NaN": (not_a_number, "1 of 52800 voxels are nan"),
    "constant": (constant, "every voxel has the value 7"),
    "singular": (singular, "singular"),
    "sagittal": (sagittal, "not axial"),
}

# -- bad arguments; each gets a folder with the good pair A and its label map


@dataclass(frozen=True)
class Bad:
    """Arguments of a command, given a folder and where results would go."""

    arguments: Callable[[Path, Path], list[object]]
    says: str


def pair(folder: Path) -> list[object]:
    return [folder / "A_water.nii.gz", folder / "A_fat.nii.gz"]


def table(folder: Path, text: str) -> Path:
    (folder / "slices.csv").write_text(text)
    return folder / "slices.csv"


def with_slices(text: str, *more: str) -> Callable[[Path, Path], list[object]]:
    return lambda f, out: ["run", *pair(f), "--levels", table(f, text), *more, "-o", out]


def crop_with(text: str) -> Callable[[Path, Path], list[object]]:
    return lambda f, out: [
        "crop", f / "A_water.nii.gz", "--slices", table(f, text), "-o", out / "cut.nii.gz",
    ]  # fmt: skip


def without_origin(folder: Path) -> Path:
    water = pair_of(phantom()).water
    affine = water.affine.copy()
    affine[:3, 3] = 0
    write_image(Volume(water.array, affine), folder / "A_water.nii.gz")
    return folder


def other_labels(folder: Path, kind: str) -> Path:
    labels = labels_of(phantom())
    if kind == "grid":  # half a voxel beside the image's
        affine = labels.affine.copy()
        affine[:3, 3] += affine[:3, 0] / 2
        labels = labels.with_grid(labels.array[1:], affine)
    if kind == "affine":
        affine = labels.affine.copy()
        affine[1, 3] += 12
        labels = labels.with_grid(labels.array, affine)
    write_label_map(labels, folder / "other.nii.gz")
    return folder / "other.nii.gz"


def with_value(folder: Path, value: float) -> Path:
    array = np.array(phantom().labels).astype(np.float32)
    array[0, 0, 0] = value
    return saved(array, folder / "other.nii.gz")


def evaluated(make: Callable[[Path], Path]) -> Callable[[Path, Path], list[object]]:
    return lambda f, out: [
        "evaluate", "--reference", f / "A_dseg.nii.gz", "--prediction", make(f),
        "-o", out / "e.csv",
    ]  # fmt: skip


def measured(make: Callable[[Path], list[object]]) -> Callable[[Path, Path], list[object]]:
    return lambda f, out: ["measure", *make(f), "-o", out / "m.csv"]


HEAD = "pid,slice_start,slice_stop\n"
CASES: dict[str, Bad] = {
    "run-range-outside": Bad(with_slices(HEAD + "A,2,6"), "but the image has 6 .0 to 5."),
    "run-range-outside-exclusive": Bad(
        with_slices(HEAD + "A,2,7", "--slice-end", "exclusive"), "--slice-end"
    ),
    "run-range-reversed": Bad(with_slices(HEAD + "A,4,2"), "holds no slice"),
    "run-range-negative": Bad(with_slices(HEAD + "A,-2,2"), "holds no slice"),
    "run-csv-without-columns": Bad(with_slices("pid,start\nA,1\n"), "columns .* are missing"),
    "run-csv-empty": Bad(with_slices(""), "columns .* are missing"),
    "run-csv-no-rows": Bad(with_slices(HEAD), "no rows"),
    "run-csv-missing": Bad(
        lambda f, out: ["run", *pair(f), "--levels", f / "none.csv", "-o", out], "cannot be read"
    ),
    "run-csv-unknown-case": Bad(with_slices(HEAD + "AA,1,2"), "no row for the case 'A'.*'AA'"),
    "run-csv-case-twice": Bad(with_slices(HEAD + "A,1,2\nA,1,3"), "listed twice"),
    "run-csv-ambiguous-case": Bad(
        with_slices(HEAD + "A_water,1,2\nA_fat,1,3"), "different ranges"
    ),
    "run-lost-origin": Bad(
        lambda f, out: ["run", without_origin(f), "-o", out],
        "origins differ by .* mm.*--accept-origin-mismatch",
    ),
    "run-no-input": Bad(lambda _, out: ["run", "-o", out], "no input"),
    "run-no-such-model": Bad(
        lambda f, out: ["run", *pair(f), "--model", "none", "-o", out], "no model 'none'"
    ),
    "run-reference-other-grid": Bad(
        lambda f, out: ["run", *pair(f), "--reference", other_labels(f, "grid"), "-o", out],
        "lie on different grids.*shape.*--resample",
    ),
    "run-reference-other-affine": Bad(
        lambda f, out: ["run", *pair(f), "--reference", other_labels(f, "affine"), "-o", out],
        "origins differ by 12.00 mm",
    ),
    "run-reference-unknown-values": Bad(
        lambda f, out: ["run", *pair(f), "--reference", with_value(f, 9), "-o", out],
        "unknown label values .9..*--ignore-label",
    ),
    "run-output-below-a-file": Bad(
        lambda f, _: ["run", *pair(f), "-o", f / "A_fat.nii.gz" / "out"], "cannot be written"
    ),
    "run-output-is-a-file": Bad(
        lambda f, _: ["run", *pair(f), "-o", f / "A_fat.nii.gz"], "a file, not a folder"
    ),
    "crop-range-outside": Bad(crop_with(HEAD + "A_water,2,6"), "A_water.nii.gz.*--slice-end"),
    "crop-range-reversed": Bad(crop_with(HEAD + "A_water,4,2"), "holds no slice"),
    "crop-csv-without-columns": Bad(crop_with("id,a,b\n1,2,3\n"), "columns .* are missing"),
    "crop-csv-unknown-case": Bad(crop_with(HEAD + "A,1,2"), "no row for the case 'A_water'"),
    "crop-missing": Bad(
        lambda f, out: ["crop", f / "x.nii", "--slices", table(f, HEAD + "x,1,2"), "-o", out],
        "no such file",
    ),
    "crop-onto-its-input": Bad(
        lambda f, _: [
            "crop", f / "A_water.nii.gz", "--slices", table(f, HEAD + "A_water,1,2"), "-o", f,
        ],
        "would replace an input",
    ),
    "segment-not-a-number": Bad(
        lambda f, out: ["segment", not_a_number(f), "-o", out / "x.nii.gz"], "are nan"
    ),
    "segment-sagittal": Bad(lambda f, out: ["segment", sagittal(f), "-o", out], "not axial"),
    "segment-several-into-one": Bad(
        lambda f, out: ["segment", f, "-o", out / "x.nii.gz"], "cannot go into one file"
    ),
    "segment-below-a-file": Bad(
        lambda f, _: ["segment", f / "A_fat.nii.gz", "-o", f / "A_dseg.nii.gz" / "x.nii.gz"],
        "cannot be written",
    ),
    "clean-an-image": Bad(
        lambda f, out: ["clean", f / "A_water.nii.gz", "-o", out], "whole numbers"
    ),
    "clean-unknown-values": Bad(
        lambda f, out: ["clean", with_value(f, 255), "-o", out], "255.*--ignore-label"
    ),
    "clean-an-empty-folder": Bad(
        lambda f, out: [(f / "none").mkdir(), "clean", f / "none", "-o", out][1:], "holds no"
    ),
    "evaluate-other-grid": Bad(
        evaluated(lambda f: other_labels(f, "grid")), "different grids.*--resample"
    ),
    "evaluate-other-affine": Bad(
        evaluated(lambda f: other_labels(f, "affine")), "12.00 mm.*--resample"
    ),
    "evaluate-unknown-values": Bad(evaluated(lambda f: with_value(f, 9)), "unknown label"),
    "evaluate-halves": Bad(evaluated(lambda f: with_value(f, 0.5)), "whole numbers.*0.5"),
    "evaluate-missing": Bad(evaluated(missing), "no such file"),
    "evaluate-truncated": Bad(evaluated(truncated), "truncated"),
    "measure-other-grid": Bad(
        measured(
            lambda f: ["--labels", other_labels(f, "grid"), "--image", f / "A_water.nii.gz"]
        ),
        "different grids",
    ),
    "measure-other-affine": Bad(
        measured(
            lambda f: ["--labels", other_labels(f, "affine"), "--image", f / "A_water.nii.gz"]
        ),
        "12.00 mm",
    ),
    "measure-water-alone": Bad(
        measured(lambda f: ["--labels", f / "A_dseg.nii.gz", "--water", f / "A_water.nii.gz"]),
        "one image of a Dixon pair was named without the other",
    ),
    "measure-empty": Bad(measured(lambda f: ["--labels", empty(f)]), "is empty"),
    "measure-constant-image": Bad(
        measured(lambda f: ["--labels", f / "A_dseg.nii.gz", "--image", constant(f)]),
        "every voxel has the value 7",
    ),
    "report-of-nothing": Bad(lambda f, _: ["report", f], "no finished case"),
    "report-of-no-folder": Bad(lambda f, _: ["report", f / "none"], "no finished case"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "in"
    write_pair(place, "A")
    write_reference(place, "A")
    return place


def told(done, says: str, place: Path, before: set[Path]) -> None:
    """Check a failed command: code, message, streams, and that nothing was left behind."""
    assert done.returncode == 2, done.stderr
    *others, message = done.stderr.splitlines()
    assert message.startswith("lpm: error: ")
    assert re.search(says, message), message
    assert "unexpected" not in message
    # Which convention a slice table is read by is said before anything else.
    assert all(line.startswith("slice_stop of ") for line in others)
    assert done.stdout == ""
    assert set(place.rglob("*")) == before


@pytest.mark.parametrize("name", IMAGES)
def test_a_bad_image_is_told(lpm, tmp_path, tiny_path, name):
    make, says = IMAGES[name]
    path = make(tmp_path)
    before = set(tmp_path.rglob("*"))
    done = lpm("run", path, "--model", tiny_path, "--mode", "fast", "-o", tmp_path / "out")
    told(done, says, tmp_path, before)
    assert f"error: {path}" in done.stderr or "error: bad: " in done.stderr


@pytest.mark.parametrize("name", CASES)
def test_bad_arguments_are_told(lpm, tmp_path, folder, tiny_path, name):
    bad = CASES[name]
    arguments = bad.arguments(folder, tmp_path / "out")
    if arguments[0] in {"run", "segment"} and "--model" not in arguments:
        arguments += ["--model", tiny_path, "--mode", "fast"]
    before = set(tmp_path.rglob("*"))
    done = lpm(*arguments)
    told(done, bad.says, tmp_path, before)


def test_the_output_may_be_a_place_where_even_root_cannot_write(lpm, folder, tmp_path, tiny_path):
    if not Path("/proc/self").exists():
        pytest.skip("this system has no /proc")
    before = set(tmp_path.rglob("*"))
    done = lpm("run", *pair(folder), "--model", tiny_path, "-o", "/proc/lpm-out")
    told(done, "/proc/lpm-out.*cannot be written", tmp_path, before)


# -- odd, but no error


def test_swapped_water_and_fat_are_warned_of(lpm, tum01, tmp_path):
    done = lpm(
        "measure", "--labels", tum01["labels"], "--water", tum01["fat"], "--fat", tum01["water"],
        "--accept-origin-mismatch", "-o", tmp_path / "m.csv",
    )  # fmt: skip
    assert done.returncode == 0
    assert "water and fat appear to be exchanged" in done.stderr
    assert (tmp_path / "m.csv").exists()
