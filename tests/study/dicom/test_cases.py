"""From exports to cases."""

from __future__ import annotations

import pickle
import re
import shutil
import zipfile
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from dicom_cases import AFFINE, JOHN, LATER, SHAPE, discover, imported, t2w
from dicom_damage import (
    no_preamble,
    zip_files,
)
from dicom_dialects import DIALECTS, DIXON, PHILIPS_CLASSIC, SIEMENS_CLASSIC, Dialect
from dicom_files import Study, dixon_images, plane, ramp, write_dixon, write_series
from dicom_studies import write_dicomdir, write_multi_stack, write_study
from lpm_segmentator.core import Contrast, FileFormatError, InputError, Remedy
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.dicom import DicomOptions, discover_dicom, scan_cache
from lpm_segmentator.study.dicom import cases as dicom_cases
from lpm_segmentator.study.dicom.source import import_images
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.tables import dictionary


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_water_and_fat_are_not_swapped_in_any_dialect(tmp_path: Path, dialect: Dialect):
    images = dixon_images(SHAPE)
    write_dixon(tmp_path / "in", images, AFFINE, dialect=dialect)
    (files,) = discover(tmp_path).cases
    assert re.search(r"_acq-dixon\d+$", files.case)
    read = imported(files)
    assert set(read) == {"water", "fat"}
    for role, array in read.items():
        np.testing.assert_array_equal(array, images[role])


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("names", [("pre_dixon", "post_dixon"), ("dixon", "dixon")])
def test_two_scans_of_one_study_are_two_pairs(tmp_path: Path, dialect: Dialect, names):
    """Before and after contrast agent, or a scan that was repeated."""
    scans = [dixon_images(SHAPE, seed) for seed in (0, 1)]
    for n, (images, protocol) in enumerate(zip(scans, names, strict=True)):
        write_dixon(
            tmp_path / "in", images, AFFINE, dialect=dialect, number=10 + 4 * n,
            protocol=protocol, AcquisitionTime=f"10{n}500",
        )  # fmt: skip
    cases = discover(tmp_path).cases
    assert len(cases) == 2
    for files, images in zip(cases, scans, strict=True):
        for role, array in imported(files).items():
            np.testing.assert_array_equal(array, images[role])


def test_the_images_of_a_scan_in_another_order_keep_their_roles(tmp_path: Path):
    images = dixon_images(SHAPE)
    for number, kind in enumerate(reversed(DIXON), start=30):
        write_series(tmp_path / "in", images[kind], AFFINE, kind=kind, number=number,
                     protocol="t2_dixon")  # fmt: skip
    (files,) = discover(tmp_path).cases
    for role, array in imported(files).items():
        np.testing.assert_array_equal(array, images[role])


def test_a_scan_in_one_series_whose_instances_lost_their_identifiers_is_a_pair(tmp_path: Path):
    images = dixon_images(SHAPE)
    write_dixon(tmp_path / "in", images, AFFINE, dialect=PHILIPS_CLASSIC, SOPInstanceUID="1.2.3")
    (files,) = discover(tmp_path).cases
    for role, array in imported(files).items():
        np.testing.assert_array_equal(array, images[role])


def test_results_of_another_examination_are_not_replaced(tmp_path: Path):
    """Each export is run by itself, and both are named by the patient."""
    t2w(tmp_path / "first")
    t2w(tmp_path / "second", study=LATER)
    (first,) = discover(tmp_path, tmp_path / "first", case_from="PatientID").cases
    record = StudyFolder(tmp_path / "out").case(first.case).record
    record.parent.mkdir(parents=True)
    record.write_text("{}", encoding="utf-8")  # damaged: of whom it is, is not known
    (second,) = discover(tmp_path, tmp_path / "second", case_from="PatientID").cases
    assert second.case.startswith(f"{first.case}_ses-")
    (again,) = discover(tmp_path, tmp_path / "second", case_from="PatientID").cases
    assert again.case == second.case


def test_another_series_of_an_examination_has_another_name(tmp_path: Path):
    """Results, and masks that were corrected in them, are those of one series."""
    for number in (5, 7):
        t2w(tmp_path / "in", number=number)
    for case_from in ("pseudonym", "PatientID"):
        names = []
        for series in ("5", "7"):
            (files,) = discover(tmp_path, case_from=case_from, series=(series,)).cases
            names.append(files.case)
            record = StudyFolder(tmp_path / "out").case(files.case).record
            record.parent.mkdir(parents=True, exist_ok=True)
            record.write_text("{}", encoding="utf-8")
        assert len(set(names)) == 2


def test_a_case_keeps_its_name_when_more_examinations_are_exported(tmp_path: Path, monkeypatch):
    t2w(tmp_path / "a")
    t2w(tmp_path / "b", study=LATER)
    (alone,) = discover(tmp_path, tmp_path / "a", case_from="PatientID").cases
    exam = alone.examination
    folder = StudyFolder(tmp_path / "out").case(alone.case)
    folder.record.parent.mkdir(parents=True)
    folder.record.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(
        dicom_cases, "read_case_record", lambda _path: SimpleNamespace(examination=exam)
    )
    both = discover(tmp_path, tmp_path / "a", tmp_path / "b", case_from="PatientID").cases
    assert alone.case in {files.case for files in both}
    assert len({files.case for files in both}) == 2


def test_a_name_with_results_of_another_series_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    t2w(tmp_path / "in", number=5)
    t2w(tmp_path / "in", number=6)

    def named(series: str) -> CaseFiles:
        (files,) = discover(tmp_path, case_from="PatientID", series=(series,)).cases
        return files

    five = named("5")
    record = StudyFolder(tmp_path / "out").case(five.case).record
    record.parent.mkdir(parents=True)
    record.write_text("{}", encoding="utf-8")
    monkeypatch.setattr(
        dicom_cases, "read_case_record", lambda _path: SimpleNamespace(examination=five.examination)
    )
    assert named("5").case == five.case
    six = named("6")
    assert six.examination is not None
    assert six.case == f"{five.case}_ses-{six.examination.session}"


def test_a_file_that_is_gone_is_named_without_its_folders(tmp_path: Path):
    (path, *_) = t2w(tmp_path / "in" / "DOE_JOHN")
    (files,) = discover(tmp_path).cases
    path.unlink()
    assert files.dicom is not None
    with pytest.raises(FileFormatError, match="cannot be read any more") as caught:
        import_images(files.dicom, files.paths)
    assert "DOE_JOHN" not in str(caught.value)


def test_a_damaged_member_is_named_without_its_folders(tmp_path: Path):
    shape = (128, 128, 2)  # more than is read to find it
    own = write_series(tmp_path / "raw", ramp(shape), plane(shape=shape))
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as stored:
        for path in own:
            stored.write(path, f"DOE_JOHN/{path.name}")
    content = archive.read_bytes()
    at = content.index(own[0].read_bytes()[-200:-100])
    archive.write_bytes(content[:at] + b"damaged!" + content[at + 8 :])
    (files,) = discover(tmp_path, archive).cases
    assert files.dicom is not None
    with pytest.raises(FileFormatError) as caught:
        import_images(files.dicom, files.paths)
    assert "DOE_JOHN" not in str(caught.value)


def test_a_case_without_the_identifier_says_so(tmp_path: Path):
    t2w(tmp_path / "in", PatientID=None)
    (files,) = discover(tmp_path, case_from="PatientID").cases
    assert files.notes == ("no name follows from PatientID: the case has a pseudonym",)


def test_in_phase_and_opposed_phase_images_alone_are_refused_with_the_reason(tmp_path: Path):
    images = {kind: array for kind, array in dixon_images(SHAPE).items() if "phase" in kind}
    write_dixon(tmp_path / "in", images, AFFINE, dialect=SIEMENS_CLASSIC)
    with pytest.raises(InputError, match="do not tell whether water or fat predominates") as caught:
        discover(tmp_path)
    assert caught.value.remedies == (Remedy.SERIES,)


def test_an_export_gives_a_case_with_all_that_was_decided(tmp_path: Path):
    write_study(tmp_path / "in")
    (files,) = discover(tmp_path).cases
    assert set(files.paths) == {"water", "fat", "sagittal"}
    assert files.contrast is None
    images = tmp_path / "out" / "cases" / files.case / "images"
    assert {path.parent for path in files.paths.values()} == {images}
    exam = files.examination
    assert exam is not None
    assert files.case == f"sub-{exam.subject}_ses-{exam.session}_acq-dixon{exam.series[0].number}"
    assert [s.role for s in exam.series if s.role] == ["water", "fat", "sagittal"]
    assert {s.number: s.reason for s in exam.series}[3] == (
        "the Dixon pair series of the examination is preferred"
    )
    assert len(exam.series) == 15
    assert exam.series[0].reason == "axial Dixon pair; one grid, two series; lumbar by header"


def test_covariates_have_the_columns_of_the_dictionary_and_no_identity(tmp_path: Path):
    t2w(tmp_path / "in")
    (files,) = discover(tmp_path).cases
    assert files.examination is not None
    values = files.examination.covariates
    assert (values["age_years"], values["sex"]) == (62.0, "F")
    assert (values["height_m"], values["weight_kg"]) == (1.68, 71.0)
    assert (values["manufacturer"], values["field_strength_t"]) == ("SIEMENS", 3.0)
    assert (values["repetition_time_ms"], values["echo_time_ms"]) == (4000.0, 80.0)
    assert (values["series_number"], values["series_in_study"]) == (5, 1)
    (kept,) = discover(tmp_path, keep_identity=True).cases
    assert kept.examination is not None
    identity = dict(list(kept.examination.covariates.items())[:3])
    assert identity == {
        "patient_id": "PAT-4711-X", "accession_number": "ACC-0815-Y", "study_date": "20240312",
    }  # fmt: skip
    assert {**identity, **values} == kept.examination.covariates
    columns = [row["column"] for row in dictionary() if row["table"] == "cases.csv"]
    assert columns == ["subject", "session", *kept.examination.covariates]


def test_what_a_header_does_not_state_is_undefined(tmp_path: Path):
    t2w(tmp_path / "in", PatientBirthDate="", PatientSex="", PatientSize=None, EchoTime=None)
    (files,) = discover(tmp_path).cases
    assert files.examination is not None
    values = files.examination.covariates
    assert [values[name] for name in ("age_years", "sex", "height_m", "echo_time_ms")] == [None] * 4


def test_a_single_image_knows_its_contrast_from_the_header(tmp_path: Path):
    t2w(tmp_path / "in")
    (files,) = discover(tmp_path).cases
    assert files.contrast is not None
    assert files.contrast.contrast is Contrast.T2W
    assert str(files.contrast.source) == "DICOM header"
    assert files.paths["image"].name == f"{files.case}_T2w.nii.gz"


def test_an_image_of_unknown_contrast_has_none_in_its_name(tmp_path: Path):
    t2w(tmp_path / "in", protocol="axial", EchoTime=20)
    (files,) = discover(tmp_path, series=("5",)).cases
    assert files.contrast is None
    assert files.paths["image"].name == f"{files.case}_image.nii.gz"


def test_stacks_are_one_case_from_foot_to_head(tmp_path: Path):
    write_multi_stack(tmp_path / "in")
    (files,) = discover(tmp_path).cases
    assert list(files.paths) == ["stack-1", "stack-2", "stack-3"]
    import_images(files.dicom, files.paths)
    heights = [nib.load(path).affine[2, 3] for path in files.stacks]
    assert heights == sorted(heights)
    assert files.stacks[0].name == f"{files.case}_stack-1_T2w.nii.gz"


def test_a_long_stack_is_a_case_beside_stacks(tmp_path: Path):
    write_multi_stack(tmp_path / "in")
    t2w(tmp_path / "in", number=8)
    assert sorted(len(files.stacks) for files in discover(tmp_path).cases) == [0, 3]


def test_any_kind_of_input_gives_the_same_cases(tmp_path: Path):
    export = write_study(tmp_path / "in", dixon_images(SHAPE), AFFINE)
    (files,) = discover(tmp_path).cases
    (export / "deep" / "er").mkdir(parents=True)
    shutil.move(export / "10", export / "deep" / "er")
    (export / "letter.pdf").write_bytes(b"%PDF-1.4")
    (export / "Thumbs.db").write_bytes(b"\xd0\xcf")
    packed = zip_files(
        tmp_path / "export.zip",
        {str(p.relative_to(export)): p for p in export.rglob("*") if p.is_file()},
    )
    disc = write_dicomdir(export)
    bare = tmp_path / "bare"
    bare.mkdir()
    for n, path in enumerate(sorted(export.rglob("*.dcm"))):
        shutil.copy(path, bare / f"IM{n:04d}")
    for given in ([export], [packed], [disc], [disc.parent], [bare], sorted(bare.iterdir())):
        assert [f.case for f in discover(tmp_path, *given).cases] == [files.case]


def test_patients_and_studies_that_are_mixed_are_told_apart(tmp_path: Path):
    later = Study(accession="ACC-3", date="20250101")
    for n, study in enumerate((Study(), JOHN, later)):
        for path in t2w(tmp_path / f"s{n}", study=study):
            (tmp_path / "in").mkdir(exist_ok=True)
            shutil.move(path, tmp_path / "in" / f"{n}-{path.name}")
    cases = discover(tmp_path).cases
    assert len({files.case for files in cases}) == 3
    assert len({files.examination.subject for files in cases if files.examination}) == 2


def test_files_without_preamble_are_read(tmp_path: Path):
    for path in t2w(tmp_path / "in"):
        no_preamble(path)
    assert len(discover(tmp_path).cases) == 1


def test_a_trial_keeps_no_secret(tmp_path: Path):
    t2w(tmp_path / "in")
    discover_dicom([tmp_path / "in"], tmp_path / "out", keep_salt=False)
    assert not (tmp_path / "out").exists()
    discover(tmp_path)
    assert (tmp_path / "out" / ".salt").is_file()


def test_cases_can_be_sent_to_worker_processes(tmp_path: Path):
    write_multi_stack(tmp_path / "in")
    (files,) = discover(tmp_path).cases
    sent = pickle.loads(pickle.dumps(files))
    assert sent.paths == files.paths
    import_images(sent.dicom, sent.paths)
    assert all(path.exists() for path in sent.stacks)


def test_the_cache_is_used_and_lies_in_the_users_folder(tmp_path: Path):
    t2w(tmp_path / "in")
    cache = tmp_path / "cache"
    calls = [discover_dicom([tmp_path / "in"], tmp_path / "out", cache=cache) for _ in range(2)]
    assert calls[0].cases[0].case == calls[1].cases[0].case
    assert list(cache.iterdir())
    assert scan_cache().parts[-1] == "dicom"


def test_options_are_those_of_the_command_line():
    assert {f.name for f in fields(DicomOptions)} == {"series", "case_from", "keep_identity"}
