"""Label map files to tables of measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lpm_segmentator.core import Area, Finding, InputError, Severity
from lpm_segmentator.io import case_id, read_label_map, subject_key
from lpm_segmentator.measure import AsymmetryFormula, CaseMeasures, measure_case
from lpm_segmentator.pipeline import intensity_of
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.grids import input_note
from lpm_segmentator.study.labels import with_label_map
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.levels_files import read_slice_levels
from lpm_segmentator.study.listing import list_label_maps, list_volumes
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.options import ReadOptions
from lpm_segmentator.study.writing import write_fat_maps

__all__ = ["MeasureOptions", "Measured", "find_measurable", "measure_file"]

_HINT = "Names are matched whole; name label maps CASE_dseg.nii.gz"


@dataclass(frozen=True)
class MeasureOptions:
    """How label maps are measured.

    Attributes
    ----------
    read : ReadOptions
        How the files are read.
    accept_frame_mismatch : bool
        Whether levels that were written for another subject are used where they lie.
    levels : Path, optional
        JSON of ``lpm levels``, or a folder with one a case.
    formula : AsymmetryFormula
        How right and left are compared.
    intensity_fat : bool
        Whether to measure intensity-based fat where there is an image and no Dixon pair.
    maps : Path, optional
        Folder for the maps of fat; none are written without it.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    accept_frame_mismatch: bool = False
    levels: Path | None = None
    formula: AsymmetryFormula = AsymmetryFormula.MEAN
    intensity_fat: bool = True
    maps: Path | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """The measures of a label map, and what there is to say about it."""

    measures: CaseMeasures
    findings: tuple[Finding, ...]


def find_measurable(
    labels: Path,
    *,
    image: Path | None = None,
    water: Path | None = None,
    fat: Path | None = None,
) -> list[CaseFiles]:
    """List what to measure: one label map, or each of a folder with the images that belong to it.

    The label map is the `mask` of each case. In folders, an image without a label map and a label
    map without an image are listed with a `problem`.

    Parameters
    ----------
    labels : Path
        A label map or a folder.
    image, water, fat : Path, optional
        Files for one label map, folders for a folder of them. Water and fat may be one folder.

    Raises
    ------
    LpmError
        If files are missing or do not belong together.
    """
    if not labels.is_dir():
        list_volumes([labels])
        files = CaseFiles(case_id(labels))
        if water is not None or fat is not None:
            (files,) = find_cases([], water=water, fat=fat)
        elif image is not None:
            files = CaseFiles(case_id(labels), image=image)
        return [replace(files, case=case_id(labels), mask=labels)]
    folders = list(dict.fromkeys(f for f in (image, water, fat) if f is not None))
    maps = [item.path for item in list_label_maps([labels])]
    if not folders:
        return [CaseFiles(case_id(path), mask=path) for path in maps]
    cases = find_cases(folders)
    images = {path.resolve() for files in cases for path in files.paths.values()}
    maps = [path for path in maps if path.resolve() not in images]
    return _matched(cases, maps, labels, folders)


def _matched(
    cases: Sequence[CaseFiles], maps: Sequence[Path], labels: Path, folders: Sequence[Path]
) -> list[CaseFiles]:
    """Give each case its label map; what lacks its partner has a `problem`."""
    matched, known = [], set()
    for files in cases:
        given = files
        if not files.problem:
            given = with_label_map(files, maps, "mask", alone=len(cases) == 1)
        if given.mask is None and not given.problem:
            given = replace(given, problem=f"no label map in {labels} belongs to it. {_HINT}")
        known |= {subject_key(name) for name in given.ids}
        matched.append(given)
    if not any(files.mask for files in matched) and not any(f.problem for f in cases):
        names = ", ".join(files.case for files in cases[:3])
        raise InputError(
            f"no label map belongs to any of the cases {names}", where=labels, hint=_HINT
        )
    where = " and ".join(map(str, folders))
    used = {files.mask for files in matched}
    for path in maps:
        if path not in used and subject_key(case_id(path)) not in known:
            problem = f"no image in {where} belongs to the label map. {_HINT}"
            matched.append(CaseFiles(case_id(path), mask=path, problem=problem))
    return matched


def measure_file(files: CaseFiles, options: MeasureOptions | None = None) -> Measured:
    """Measure the label map of a case, with fat where there is a Dixon pair or an image.

    Parameters
    ----------
    files : CaseFiles
        The label map is its `mask`.
    options : MeasureOptions, optional

    Raises
    ------
    LpmError
        Whatever is wrong with the files, their grids included.
    """
    options = options or MeasureOptions()
    if files.mask is not None and not files.images and not files.problem:
        image = read_label_map(
            files.mask,
            options.read.label_scheme,
            ignore=options.read.ignore,
            options=options.read.header,
        )
        labels, pair, intensity, source = image.labels, None, None, image.source
        findings = [input_note(note) for note in image.notes]
    else:
        loaded = load_case(files, options.read)
        if loaded.mask is None:
            raise InputError("the case has no label map", where=files.case)
        case, labels = loaded.case, loaded.mask
        pair, source, findings = case.pair, case.source, list(case.findings)
        intensity, more = intensity_of(case, labels, requested=options.intensity_fat)
        findings += more
    levels = None
    if options.levels is not None:
        levels, outside = read_slice_levels(
            options.levels,
            files.ids_of_all,
            labels.geometry,
            accept_mismatch=options.accept_frame_mismatch,
        )
        findings += [Finding(Area.LEVELS, Severity.CHECK, "levels", text) for text in outside]
    measures = measure_case(
        labels,
        case=files.case,
        pair=pair,
        intensity=intensity,
        levels=levels,
        formula=options.formula,
    )
    if options.maps is not None:
        folder = CaseFolder(options.maps, files.case)
        write_fat_maps(folder, labels, pair=pair, intensity=intensity, like=source)
    return Measured(measures, (*findings, *measures.findings))
