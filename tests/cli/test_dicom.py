"""``lpm inspect``, and ``lpm run`` on DICOM exports, in this process."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import lpm_segmentator.study.dicom
from dicom_damage import encrypt, jpip, strip_pixels, truncate, zip_bomb, zip_files, zip_slip
from dicom_dialects import SIEMENS_CLASSIC
from dicom_files import Study, dixon_images, plane, ramp, write_dixon, write_series
from dicom_studies import write_multi_stack, write_screenshot, write_study
from lpm_segmentator.cli.main import main
from phantoms import phantom, write_pair
from stacked import PARTS, part_of, write_discs, write_stacks

SHAPE, SAGITTAL = (8, 8, 4), (90, 90, 5)
AFFINE = plane(shape=SHAPE, spacing_mm=(8.0, 8.0, 30.0))
JANE = Study()
JOHN = Study(name="Roe^John", patient_id="PAT-0001-Z", accession="ACC-0002-Z", sex="M")


@dataclass(frozen=True)
class Said:
    """What the command printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return " ".join((self.out + self.err).split())


Lpm = Callable[..., Said]


@pytest.fixture
def lpm(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lpm:
    """Run the command in this process, with a cache of its own and a wide terminal."""
    monkeypatch.setattr(lpm_segmentator.study.dicom, "scan_cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def run(lpm: Lpm, tiny_path: Path) -> Lpm:
    """Run ``lpm run`` with a model that costs nothing."""

    def with_model(*arguments: object) -> Said:
        model = ("--model", tiny_path, "--mode", "fast", "--keep-low-confidence")
        return lpm("run", *arguments, *model, "--no-intensity-fat")

    return with_model


def dixon(folder: Path, study: Study = JANE, **options: object) -> Path:
    """Write the phantom as a Dixon scan."""
    made = phantom()
    images = {"water": made.water, "fat": made.fat}
    rounded = {kind: np.rint(array).astype(np.int16) for kind, array in images.items()}
    write_dixon(folder, rounded, made.affine, dialect=SIEMENS_CLASSIC, study=study, **options)
    return folder


def t2w(folder: Path, study: Study = JANE, number: int = 5, **options: object) -> list[Path]:
    """Write the phantom as a T2w series."""
    made = phantom()
    array = np.rint(made.t2w).astype(np.int16)
    return write_series(folder, array, made.affine, study=study, number=number, **options)


def sagittal(folder: Path) -> list[Path]:
    """Write a sagittal series that shows no spine."""
    affine = plane("sagittal", SAGITTAL, (2.0, 2.0, 5.0))
    return write_series(folder, ramp(SAGITTAL), affine, number=2, protocol="t2_tse_sag")


def stacks(folder: Path, parts: tuple[tuple[int, int], ...] = PARTS, number: int = 3) -> Path:
    """Write the phantom as a T2w scan in several stacks."""
    for n, part in enumerate(parts):
        write_series(folder / str(n), *part_of(phantom().t2w, *part), number=number + n)
    return folder


def states(out: Path) -> dict[str, str]:
    cases = json.loads((out / "run.json").read_text(encoding="utf-8"))["cases"]
    return {case: state["state"] for case, state in cases.items()}


def errors(out: Path) -> dict[str, str]:
    cases = json.loads((out / "run.json").read_text(encoding="utf-8"))["cases"]
    return {case: state["error"] or "" for case, state in cases.items()}


def table(out: Path, name: str) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def record(out: Path, case: str = "*") -> dict:
    (path,) = (out / "cases").glob(f"{case}/case.json")
    return json.loads(path.read_text(encoding="utf-8"))


def contents(out: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file with its content, unpacked."""
    for path in sorted(out.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path.relative_to(out), gzip.decompress(data) if path.suffix == ".gz" else data


def leaks(out: Path, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the files whose name or content holds a word, by file and word."""
    return [
        (str(path), word)
        for path, data in contents(out)
        for word in words
        if word.lower() in str(path).lower() or word.lower().encode() in data.lower()
    ]


# -- inspect


def test_inspect_shows_each_series_with_its_use_and_reason(lpm: Lpm, tmp_path: Path):
    said = lpm("inspect", write_study(tmp_path / "in"))
    assert said.code == 0
    assert "Patient 1, examination 1, SIEMENS Skyra 3 T" in said.out
    for part in (
        "10 t2_tse_dixon_tra_W water 8 water axial Dixon pair; one grid, two series",
        "2 t2_tse_sag T2w 5 levels locates the discs",
        "1 localizer T2w 3 – it is a localiser",
        "3 t2_tse_tra T2w 4 – the Dixon pair series of the examination is preferred",
        "91 – unknown 0 – it holds no image",
    ):
        assert part in said.text
    assert not [word for word in (*JANE.identity, JANE.date) if word in said.text]


def test_inspect_prints_json(lpm: Lpm, tmp_path: Path):
    said = lpm("inspect", write_study(tmp_path / "in"), "--json")
    (exam,) = json.loads(said.out)["examinations"]
    assert said.err == ""
    assert {row["number"]: row["use"] for row in exam["series"]}[11] == "fat"
    assert not [word for word in (*JANE.identity, JANE.date) if word in said.out]


def test_inspect_shows_what_naming_a_series_would_do(lpm: Lpm, tmp_path: Path):
    write_study(tmp_path / "in")
    assert "stack 2" in lpm("inspect", tmp_path / "in", "--series", "3").out
    said = lpm("inspect", tmp_path / "in", "--series", "99")
    assert said.code == 2
    assert "no series is called '99'" in said.err
    assert "--series UID|NUMBER|TEXT" in said.err


def test_inspect_shows_brackets_in_descriptions_as_they_are(lpm: Lpm, tmp_path: Path):
    t2w(tmp_path / "in", SeriesDescription="t2 [/S1] [bold]x", ManufacturerModelName="Sky[/]ra")
    said = lpm("inspect", tmp_path / "in")
    assert said.code == 0
    assert "t2 [/S1] [bold]x" in said.text
    assert "Sky[/]ra" in said.text


def test_inspect_names_what_was_left_out(lpm: Lpm, tmp_path: Path):
    paths = t2w(tmp_path / "in")
    truncate(paths[0], 400)
    for n in range(5):
        (tmp_path / "in" / f"letter{n}.pdf").write_bytes(b"%PDF-1.4")
    said = lpm("inspect", tmp_path / "in")
    assert "letter0.pdf, letter1.pdf, letter2.pdf and 2 more: this is no DICOM file" in said.err
    assert f"{paths[0].name}: the file is truncated" in said.err
    assert lpm("inspect", tmp_path / "in", "--quiet").err == ""


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_without_pydicom_one_line_says_what_to_install(
    lpm: Lpm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
):
    t2w(tmp_path / "in")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    more = ("-o", tmp_path / "out") if command == "run" else ()
    said = lpm(command, tmp_path / "in", *more)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "pip install 'lpm-segmentator[dicom]'" in said.err


# -- run


def test_an_export_becomes_cases_tables_and_a_report(run: Lpm, tmp_path: Path):
    """At any depth, packed or not, of several patients, beside other files."""
    export = tmp_path / "in"
    dixon(export / "a" / "b" / "c")
    t2w(tmp_path / "john", JOHN)
    zip_files(export / "john.zip", sorted((tmp_path / "john").iterdir()))
    write_screenshot(export / "capture", study=JOHN)
    (export / "letter.pdf").write_bytes(b"%PDF-1.4")
    said = run(export, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "2 done" in said.out
    kinds = {row["case"].split("_", 2)[2]: row for row in table(tmp_path / "out", "cases")}
    assert set(kinds) == {"acq-dixon10", "acq-5_T2w"}
    assert (kinds["acq-dixon10"]["sex"], kinds["acq-5_T2w"]["sex"]) == ("F", "M")
    assert kinds["acq-dixon10"]["age_years"] == "62.0"
    assert float(kinds["acq-dixon10"]["height_m"]) == 1.68
    assert len(table(tmp_path / "out", "fat_ratios")) == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "axial Dixon pair; one grid, two series" in page
    assert "its modality is OT, not MR" in page


def test_a_repeated_run_skips_finished_cases(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    run(tmp_path / "in", "-o", tmp_path / "out")
    assert "1 skipped" in run(tmp_path / "in", "-o", tmp_path / "out").out
    # also where the results lie in the export
    run(tmp_path / "in", "-o", tmp_path / "in" / "out")
    assert "1 skipped" in run(tmp_path / "in", "-o", tmp_path / "in" / "out").out


def test_no_identity_reaches_files_names_or_the_terminal(run: Lpm, tmp_path: Path):
    """Names are long: a short one occurs in compressed pictures by chance."""
    export = tmp_path / "in"
    her = Study(name="Featherstonehaugh^Wilhelmina")
    him = Study(
        name="Cholmondeley^Bartholomew", patient_id="PAT-0001-Z", accession="ACC-0002-Z",
        birth_date="19550228", date="20230701",
    )  # fmt: skip
    write_study(export, study=her)
    dixon(export / "second", him)
    encrypt(t2w(export / "broken", replace(her, date="20240401"))[1])
    said = run(export, "-o", tmp_path / "out")
    assert said.code == 1
    words = (*her.identity, *him.identity, her.date, him.date, "20240401", "2024-03-12")
    assert leaks(tmp_path / "out", words) == []
    assert not [word for word in words if word in said.out + said.err]
    # the path of the export is kept as part of the command line only
    assert leaks(tmp_path / "out", (str(export),)) == []


def test_identity_is_kept_on_request(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    run(tmp_path / "in", "-o", tmp_path / "out", "--keep-identity")
    (row,) = table(tmp_path / "out", "cases")
    identity = (row["patient_id"], row["accession_number"], row["study_date"])
    assert identity == ("PAT-4711-X", "ACC-0815-Y", "20240312")
    assert record(tmp_path / "out")["examination"]["covariates"]["patient_id"] == "PAT-4711-X"
    assert leaks(tmp_path / "out", ("Jane", JANE.birth_date)) == []
    assert row["case"].startswith("sub-")


def test_pseudonyms_are_stable_in_a_folder_and_differ_between_folders(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    for out, more in (("a", ()), ("a", ("--dry-run",)), ("b", ())):
        run(tmp_path / "in", "-o", tmp_path / out, *more)
    first, second = (set(states(tmp_path / out)) for out in "ab")
    assert len(first) == len(second) == 1
    assert not first & second
    t2w(tmp_path / "later", replace(JANE, date="20250101"))
    run(tmp_path / "later", "-o", tmp_path / "a")
    subjects = {row["subject"] for row in table(tmp_path / "a", "cases")}
    assert len(states(tmp_path / "a")) == 2
    assert len(subjects) == 1


@pytest.mark.parametrize(
    ("case_from", "cases"),
    [
        ("PatientID", {"PAT-4711-X", "PAT-0001-Z"}),
        ("AccessionNumber", {"ACC-0815-Y", "ACC-0002-Z"}),
        ("folder", {"one", "two"}),
    ],
)
def test_cases_are_named_by_what_the_user_says(run: Lpm, tmp_path: Path, case_from: str, cases):
    for folder, study in (("one", JANE), ("two", JOHN)):
        dixon(tmp_path / "in" / folder / "MR", study)
    said = run(
        tmp_path / "in", "-o", tmp_path / "out", "--case-from", case_from, "--dry-run", "--json"
    )
    assert {case["case"] for case in json.loads(said.out)["cases"]} == cases


def test_reference_and_masks_belong_to_cases_named_by_identifier(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    made = phantom()
    for folder in ("reference", "masks"):
        (tmp_path / folder).mkdir()
        nib.Nifti1Image(made.labels, made.affine).to_filename(
            tmp_path / folder / "PAT-4711-X_dseg.nii.gz"
        )
    said = run(
        tmp_path / "in", "-o", tmp_path / "out", "--case-from", "PatientID",
        "--reference", tmp_path / "reference", "--masks", tmp_path / "masks",
    )  # fmt: skip
    assert said.code == 0, said.err
    (row,) = table(tmp_path / "out", "accuracy")
    assert (row["case"], float(row["dsc_global"])) == ("PAT-4711-X", 1.0)


def test_levels_are_located_where_there_is_a_sagittal_series(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "without", JOHN)
    dixon(tmp_path / "in" / "with" / "tra")
    sagittal(tmp_path / "in" / "with" / "sag")
    run(tmp_path / "in", "-o", tmp_path / "out")
    records = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in (tmp_path / "out").rglob("case.json")
    ]
    with_levels = {"sagittal" in one["inputs"]: one["levels"] is not None for one in records}
    assert with_levels == {True: True, False: False}
    run(tmp_path / "in", "-o", tmp_path / "none", "--levels", "none")
    assert all(
        json.loads(path.read_text(encoding="utf-8"))["levels"] is None
        for path in (tmp_path / "none").rglob("case.json")
    )


def test_a_sagittal_series_that_cannot_be_read_is_no_failure(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "tra")
    strip_pixels(sagittal(tmp_path / "in" / "sag")[2])
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert "the sagittal series was not used: series 2 (t2_tse_sag)" in said.text
    assert record(tmp_path / "out")["levels"] is None


def test_series_overrules_the_choice(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "a")
    t2w(tmp_path / "in" / "b", SeriesDescription="t2_fs_tra")
    run(tmp_path / "in", "-o", tmp_path / "out", "--series", "t2_fs")
    series = record(tmp_path / "out")["examination"]["series"]
    assert [(s["number"], s["reason"]) for s in series if s["role"]] == [(5, "named by the user")]
    assert {s["reason"] for s in series if not s["role"]} == {"another series was named"}


def test_ties_are_all_run(run: Lpm, tmp_path: Path):
    for number in (5, 7):
        t2w(tmp_path / "in", number=number)
    assert "2 done" in run(tmp_path / "in", "-o", tmp_path / "out").out
    ends = sorted(case.split("_", 2)[2] for case in states(tmp_path / "out"))
    assert ends == ["acq-5_T2w", "acq-7_T2w"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (strip_pixels, "holds no pixels"),
        (encrypt, "holds encrypted content and no pixels"),
        (jpip, "the address of a server (JPIP)"),
        (truncate, "is truncated"),
    ],
)
def test_a_case_whose_pixels_cannot_be_read_fails_alone(run: Lpm, tmp_path: Path, damage, message):
    t2w(tmp_path / "in" / "good")
    damage(t2w(tmp_path / "in" / "bad", JOHN)[1])
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 1
    assert sorted(states(tmp_path / "out").values()) == ["done", "failed"]
    (error,) = filter(None, errors(tmp_path / "out").values())
    assert message in error
    assert error.startswith("series 5 (t2_tse_tra): ")
    assert message in said.err


def test_the_only_case_that_fails_is_told_in_one_line(run: Lpm, tmp_path: Path):
    encrypt(t2w(tmp_path / "in")[1])
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 2
    assert "holds encrypted content and no pixels. Export the series again." in said.err
    assert said.err.count("\n") == 1


def test_what_harms_or_is_useless_is_named_and_the_rest_goes_on(run: Lpm, tmp_path: Path):
    export = tmp_path / "in"
    paths = t2w(export / "good")
    zip_bomb(export / "bomb.zip")
    zip_slip(export / "slip.zip", paths[0])
    truncate(t2w(export / "cut", JOHN)[1], 400)
    write_series(export / "sag", ramp(SHAPE), plane("sagittal", SHAPE), protocol="t2_sag",
                 study=replace(JOHN, patient_id="P3"))  # fmt: skip
    write_series(export / "neck", ramp(SHAPE), AFFINE, StudyDescription="MRI neck",
                 BodyPartExamined="NECK", study=replace(JOHN, patient_id="P4"))  # fmt: skip
    said = run(export, "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert list(states(tmp_path / "out").values()) == ["done"]
    for part in (
        "bomb.dcm: would grow to 268 MB",
        "leads out of the archive",
        "the file is truncated",
        "1 of 6 slices are missing",
        "series 5 (t2_sag): sagittal, not axial",
        "another part of the body (neck)",
    ):
        assert part in said.text
    assert not list(tmp_path.rglob("outside.dcm"))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: write_screenshot(path / "a"), "its modality is OT, not MR"),
        (
            lambda path: write_series(path, ramp(SHAPE), plane("sagittal", SHAPE)),
            "sagittal, not axial",
        ),
        (
            lambda path: write_dixon(
                path,
                {k: v for k, v in dixon_images(SHAPE).items() if "phase" in k},
                AFFINE,
                dialect=SIEMENS_CLASSIC,
            ),
            "do not tell whether water or fat predominates",
        ),
        (lambda path: zip_bomb(path / "a.zip"), "would grow to"),
    ],
)
def test_an_export_without_anything_to_segment_is_an_error(
    run: Lpm, tmp_path: Path, write, message
):
    (tmp_path / "in").mkdir()
    write(tmp_path / "in")
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 2
    assert message in said.text
    assert "Traceback" not in said.err
    assert not (tmp_path / "out").exists()


# -- several stacks


def test_stacks_are_one_case_with_a_mask_each_and_are_skipped(run: Lpm, tmp_path: Path):
    discs = write_discs(tmp_path / "discs.json")
    arguments = (stacks(tmp_path / "in"), "-o", tmp_path / "out", "--levels", discs)
    said = run(*arguments)
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
    assert "1 skipped" in run(*arguments).out


def test_masks_of_stacks_that_were_edited_are_measured(run: Lpm, lpm: Lpm, tmp_path: Path):
    discs = write_discs(tmp_path / "discs.json")
    run(stacks(tmp_path / "in"), "-o", tmp_path / "out", "--levels", discs)
    shutil.rmtree(tmp_path / "in")  # the export is not needed any more
    (mask,) = (tmp_path / "out").rglob("*_chunk-2_dseg.nii.gz")
    image = nib.load(mask)
    nib.Nifti1Image(np.zeros(image.shape, np.uint8), image.affine).to_filename(mask)
    said = lpm("remeasure", tmp_path / "out")
    assert said.code == 0, said.err
    found = record(tmp_path / "out")
    assert [stack["mask"]["kind"] for stack in found["stacks"]] == [
        "automatic", "edited", "automatic",
    ]  # fmt: skip
    assert lpm("report", tmp_path / "out").code == 0
    assert lpm("remeasure", tmp_path / "out").code == 0


def test_a_repeated_stack_and_a_long_one_are_cases_of_their_own(run: Lpm, tmp_path: Path):
    write_multi_stack(tmp_path / "in" / "a")
    write_multi_stack(tmp_path / "in" / "b", tilts_deg=(2.0,), centers_z_mm=(0.0,), number=7)
    shape = (32, 32, 24)
    write_series(tmp_path / "in" / "long", ramp(shape), plane(shape=shape), number=8)
    said = run(tmp_path / "in", "-o", tmp_path / "out", "--dry-run", "--json")
    roles = [
        sorted(role for role in case if role.startswith(("image", "stack")))
        for case in json.loads(said.out)["cases"]
    ]
    assert sorted(roles) == [["image"], ["image"], ["stack-1", "stack-2", "stack-3"]]


def test_nifti_stacks_with_a_sagittal_series_are_one_case(run: Lpm, tmp_path: Path):
    parts = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 6))
    write_stacks(tmp_path / "in", parts)
    nib.Nifti1Image(ramp(SAGITTAL), plane("sagittal", SAGITTAL, (2.0, 2.0, 5.0))).to_filename(
        tmp_path / "in" / "P1_T2_sag.nii.gz"
    )
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert states(tmp_path / "out") == {"P1_T2_tra": "done"}
    found = record(tmp_path / "out")
    assert len(found["stacks"]) == 5
    assert Path(found["inputs"]["sagittal"]).name == "P1_T2_sag.nii.gz"
    assert found["levels"]["discs"] == []
    assert "no disc is named" in said.text
    assert "1 skipped" in run(tmp_path / "in", "-o", tmp_path / "out").out


# -- options


def test_a_folder_of_both_is_run_as_nifti_with_a_note(run: Lpm, tmp_path: Path):
    write_pair(tmp_path / "in" / "nifti", "A")
    dixon(tmp_path / "in" / "dicom")
    said = run(tmp_path / "in", "-o", tmp_path / "out")
    assert said.code == 0, said.err
    assert states(tmp_path / "out") == {"A": "done"}
    assert "its DICOM files are left out since it holds NIfTI images" in said.text
    # given apart, both are run
    said = run(tmp_path / "in/nifti", tmp_path / "in/dicom", "-o", tmp_path / "both")
    assert "2 done" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--contrast", "T1w"), "--contrast is about NIfTI"),
        (("--water", "w.nii.gz"), "--water names a NIfTI image, and an input is DICOM"),
        (("--sagittal", ".", "--levels", "auto"), "--sagittal . is a folder"),
        (("--from-slice", "0", "--to-slice", "1"), "--from-slice is about one image, and 2 cases"),
        (("--levels", "auto", "--anchor", "L4-L5=1"), "--anchor is about one image, and 2 cases"),
        (("--levels", "discs.json"), "--levels is about one image, and 2 cases were given"),
    ],
)
def test_options_that_would_have_no_effect_are_refused(
    run: Lpm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options, message
):
    monkeypatch.chdir(tmp_path)
    write_discs(tmp_path / "discs.json")
    dixon(tmp_path / "in" / "a")
    t2w(tmp_path / "in" / "b", JOHN)
    said = run(tmp_path / "in", "-o", tmp_path / "out", *options)
    assert said.code == 2
    assert message in said.text


@pytest.mark.parametrize(
    "options", [("--series", "5"), ("--case-from", "folder"), ("--keep-identity",)]
)
def test_options_about_dicom_are_refused_where_there_is_none(run: Lpm, tmp_path: Path, options):
    write_pair(tmp_path / "in", "A")
    said = run(tmp_path / "in", "-o", tmp_path / "out", *options)
    assert said.code == 2
    assert f"{options[0]} is about DICOM, and no input is DICOM" in said.err


def test_a_trial_writes_nothing(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in")
    said = run(tmp_path / "in", "-o", tmp_path / "out", "--dry-run")
    assert said.code == 0
    assert "Dixon pair" in said.out
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_cases_are_imported_by_worker_processes(run: Lpm, tmp_path: Path):
    dixon(tmp_path / "in" / "a")
    stacks(tmp_path / "in" / "b")
    t2w(tmp_path / "in" / "c", JOHN)
    said = run(tmp_path / "in", "-o", tmp_path / "out", "--workers", "2")
    assert said.code == 0, said.err
    assert "2 done" in said.out
