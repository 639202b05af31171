"""From DICOM examinations to cases."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lpm_segmentator.core import (
    Contrast,
    ContrastSource,
    FileFormatError,
    InputError,
    KnownContrast,
    RecordError,
    Remedy,
)
from lpm_segmentator.io.dicom import Identity, Stack, read_identity, scan, series_name
from lpm_segmentator.study.cases import CaseFiles, Unused, stack_role
from lpm_segmentator.study.dicom.choose import Candidate
from lpm_segmentator.study.dicom.describe import Described
from lpm_segmentator.study.dicom.examinations import Examination, examinations
from lpm_segmentator.study.dicom.names import CaseFrom, Pseudonyms, case_names, label_of
from lpm_segmentator.study.dicom.source import DicomSource
from lpm_segmentator.study.discovery import Discovery
from lpm_segmentator.study.layout import CaseFolder, StudyFolder
from lpm_segmentator.study.record import read_case_record
from lpm_segmentator.study.record_parts import ExaminationRecord, SeriesRecord

__all__ = ["DicomOptions", "discover_dicom", "scan_cache"]

Covariates = dict[str, bool | int | float | str | None]


@dataclass(frozen=True)
class DicomOptions:
    """How cases are made of DICOM examinations.

    Attributes
    ----------
    series : tuple of str
        Series to segment in place of those that would be chosen: UIDs, numbers, or parts of
        descriptions.
    case_from : {'pseudonym', 'PatientID', 'AccessionNumber', 'folder'}
        What cases are named by.
    keep_identity : bool
        Whether patient identifier, accession number and date are kept in records and tables.
    """

    series: tuple[str, ...] = ()
    case_from: CaseFrom = "pseudonym"
    keep_identity: bool = False


@dataclass(frozen=True)
class _Study:
    """The output folder, and the pseudonyms in it."""

    folder: StudyFolder
    pseudonyms: Pseudonyms


def scan_cache() -> Path:
    """Return the folder that keeps headers between runs: the platform's, for caches."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("lpm-segmentator", appauthor=False)) / "dicom"


def discover_dicom(
    inputs: Sequence[str | os.PathLike[str]],
    out: Path,
    options: DicomOptions | None = None,
    *,
    cache: Path | None = None,
    keep_salt: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Discovery:
    """Find the cases in DICOM exports.

    Parameters
    ----------
    inputs : sequence of path-like
        Folders of any depth, zip archives, a ``DICOMDIR``, files.
    out : Path
        The output folder: imported images lie in it, and the secret of its pseudonyms.
    options : DicomOptions, optional
    cache, progress
        As of `scan`.
    keep_salt : bool
        Whether the secret of a new study is written.

    Raises
    ------
    LpmError
        If an input does not exist, nothing in it can be segmented, or no series is the one named.
    """
    options = options or DicomOptions()
    found = scan(inputs, cache=cache, progress=progress)
    exams = examinations(found, options.series)
    unused = [
        Unused(Path(path), skipped.reason)
        for skipped in found.skipped
        if "no DICOM" not in skipped.reason
        for path in skipped.paths
    ]
    if not any(exam.choice.chosen for exam in exams):
        raise _nothing(inputs, exams)
    pseudonyms = Pseudonyms.of_study(out, keep=keep_salt)
    names = case_names(exams, pseudonyms, options.case_from, [Path(given) for given in inputs])
    study = _Study(StudyFolder(out), pseudonyms)
    cases = [
        _named_case(exam, candidate, name, study, options)
        for exam, own in zip(exams, names, strict=True)
        for candidate, name in zip(exam.choice.chosen, own, strict=True)
    ]
    unused += [
        Unused(Path(f"examination {pseudonyms.session(exam)}"), _why_nothing(exam))
        for exam in exams
        if not exam.choice.chosen
    ]
    return Discovery(tuple(sorted(cases, key=lambda files: files.case)), tuple(unused))


def _named_case(
    exam: Examination, candidate: Candidate, name: str, study: _Study, options: DicomOptions
) -> CaseFiles:
    """Return a case under its name; it says where the name that was asked for is not known."""
    keep = options.keep_identity
    if not name.startswith(study.pseudonyms.examination(exam)):
        folder = _folder_of(name, exam, candidate, study)
        return _case(exam, candidate, folder, study.pseudonyms, keep_identity=keep)
    files = _case(exam, candidate, study.folder.case(name), study.pseudonyms, keep_identity=keep)
    if options.case_from == "pseudonym":
        return files
    note = f"no name follows from {options.case_from}: the case has a pseudonym"
    return replace(files, notes=(*files.notes, note))


def _folder_of(name: str, exam: Examination, candidate: Candidate, study: _Study) -> CaseFolder:
    """Return the folder of a case: the one that holds its results, or one that holds none.

    The name depends on what else is in the export, and another examination or series may have had
    it before.
    """
    session = f"_ses-{study.pseudonyms.session(exam)}"
    plain = name.replace(session, "", 1)
    label = label_of(candidate)
    variants = dict.fromkeys((name, plain, f"{plain}{session}", f"{plain}{session}_{label}"))
    folders = [study.folder.case(variant) for variant in variants if variant]
    own = (folder for folder in folders if _is_of(folder, exam, candidate, study))
    free = (folder for folder in folders if not folder.record.exists())
    return next(own, None) or next(free, folders[-1])


def _is_of(folder: CaseFolder, exam: Examination, candidate: Candidate, study: _Study) -> bool:
    """Whether a folder holds the results of this series of this examination."""
    if not folder.record.exists():
        return False
    try:
        before = read_case_record(folder.record).examination
    except RecordError:  # of whom it is, is not known
        return False
    return (
        before is not None
        and before.session == study.pseudonyms.session(exam)
        and before.covariates.get("series_number") == candidate.image.tags.number
    )


def _case(
    exam: Examination,
    candidate: Candidate,
    folder: CaseFolder,
    pseudonyms: Pseudonyms,
    *,
    keep_identity: bool,
) -> CaseFiles:
    images = _images_by_role(exam, candidate)
    covariates = _covariates(exam, candidate)
    problem = ""
    if keep_identity:
        try:
            identity = read_identity(candidate.image.stack.frames[0])
        except FileFormatError as error:
            identity, problem = Identity("", "", ""), error.what
        covariates = {
            "patient_id": identity.patient_id,
            "accession_number": identity.accession_number,
            "study_date": identity.study_date,
            **covariates,
        }
    stacks = {role: image.stack for role, image in images.items()}
    contrasts = {role: image.contrast for role, image in images.items()}
    paths = {role: folder.imported(_label(role, image)) for role, image in images.items()}
    known = None
    if candidate.fat is None and candidate.image.contrast is not Contrast.UNKNOWN:
        known = KnownContrast(candidate.image.contrast, ContrastSource.DICOM)
    record = ExaminationRecord(
        subject=pseudonyms.subject(exam),
        session=pseudonyms.session(exam),
        series=tuple(_series(exam, candidate, images)),
        covariates=covariates,
    )
    return CaseFiles.from_paths(
        folder.case,
        paths,
        contrast=known,
        problem=problem,
        dicom=DicomSource(stacks, contrasts),
        examination=record,
    )


def _images_by_role(exam: Examination, candidate: Candidate) -> dict[str, Described]:
    if candidate.fat is not None:
        images = {"water": candidate.image, "fat": candidate.fat}
    elif candidate.stacks:
        images = {stack_role(n): image for n, image in enumerate(candidate.stacks, start=1)}
    else:
        images = {"image": candidate.image}
    if exam.choice.sagittal is not None:
        images["sagittal"] = exam.choice.sagittal
    return images


def _label(role: str, image: Described) -> str:
    """Return what the file of an image is called."""
    if role in ("water", "fat", "sagittal") or image.contrast is Contrast.UNKNOWN:
        return role
    return str(image.contrast) if role == "image" else f"{role}_{image.contrast}"


def _series(
    exam: Examination, candidate: Candidate, images: dict[str, Described]
) -> Iterable[SeriesRecord]:
    """Yield the stacks of the examination: those of the case, those of other cases, the others."""
    used = {id(image) for image in images.values()}
    for role, image in images.items():
        why = "; ".join(candidate.reasons) if role != "sagittal" else "shows the levels"
        yield _series_record(image, role, why)
    for other in exam.choice.chosen:
        for image in other.images:
            if id(image) not in used:
                yield _series_record(image, "", "a case of its own")
    for image, reason in exam.choice.others:
        yield _series_record(image, "", reason)


def _series_record(image: Described, role: str, reason: str) -> SeriesRecord:
    tags = image.tags
    return SeriesRecord(
        role=role,
        number=tags.number,
        description=tags.description,
        plane=image.plane,
        contrast=str(image.contrast),
        slices=len(image.stack.frames) if tags.rows else 0,
        reason=reason,
    )


def _covariates(exam: Examination, candidate: Candidate) -> Covariates:
    """Return what may explain differences between patients and scanners."""
    tags = candidate.image.tags
    values: Covariates = {
        "age_years": tags.age_years,
        "sex": tags.sex or None,
        "height_m": tags.height_m,
        "weight_kg": tags.weight_kg,
        "manufacturer": tags.manufacturer or None,
        "scanner_model": tags.model or None,
        "field_strength_t": tags.field_t,
        "sequence_name": tags.sequence_name or None,
        "acquisition_type": tags.acquisition_type or None,
        "repetition_time_ms": tags.tr_ms,
        "echo_time_ms": tags.te_ms,
        "flip_angle_deg": tags.flip_deg,
        "slice_thickness_mm": tags.thickness_mm,
        "series_number": tags.number,
        "series_in_study": len({image.tags.series for image in exam.images}),
    }
    return {key: _defined(value) for key, value in values.items()}


def _defined(value: bool | int | float | str | None) -> bool | int | float | str | None:
    return None if isinstance(value, float) and math.isnan(value) else value


def _why_nothing(exam: Examination) -> str:
    """Return why nothing of an examination is segmented: the reason of each series."""
    reasons: dict[str, list[Stack]] = {}
    for image, reason in exam.choice.others:
        reasons.setdefault(reason, []).append(image.stack)
    parts = [
        f"{', '.join(dict.fromkeys(map(series_name, stacks)))}: {reason}"
        for reason, stacks in reasons.items()
    ]
    return "nothing can be segmented: " + "; ".join(parts)


def _nothing(inputs: Sequence[str | os.PathLike[str]], exams: Sequence[Examination]) -> InputError:
    where = ", ".join(map(str, inputs))
    shown = "; ".join(_why_nothing(exam) for exam in exams[:3])
    return InputError(
        shown,
        where=where,
        hint="Name a series to segment it nevertheless",
        remedy=Remedy.SERIES,
    )
