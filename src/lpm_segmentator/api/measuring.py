"""Label map files to tables of measures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.core import Area, Finding, InputError, LabelMap, LpmError, Severity, Source
from lpm_segmentator.io import HeaderOptions, case_id, read_label_map, set_paths
from lpm_segmentator.measure import AsymmetryFormula, CaseMeasures, IntensityFat, measure_case
from lpm_segmentator.measure.checks import check_labels
from lpm_segmentator.models import load_predictor
from lpm_segmentator.pipeline import Case, intensity_of, segment_case
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.grids import input_note
from lpm_segmentator.study.labels import match_label_maps
from lpm_segmentator.study.layout import CaseFolder
from lpm_segmentator.study.levels_files import read_slice_levels
from lpm_segmentator.study.listing import ImageFile, list_label_maps, list_volumes
from lpm_segmentator.study.loading import load_case
from lpm_segmentator.study.options import ReadOptions
from lpm_segmentator.study.writing import write_fat_maps

if TYPE_CHECKING:
    from lpm_segmentator.segment import Predictor

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
    check_with_model : bool
        Whether a label map with an image is compared with the embedded model's, which shows whether
        it is mirrored, turned or renumbered.
    maps : Path, optional
        Folder for the maps of fat; none are written without it.
    """

    read: ReadOptions = field(default_factory=ReadOptions)
    accept_frame_mismatch: bool = False
    levels: Path | None = None
    formula: AsymmetryFormula = AsymmetryFormula.MEAN
    intensity_fat: bool = True
    check_with_model: bool = True
    maps: Path | None = None

    def __post_init__(self) -> None:
        set_paths(self, "levels", "maps")


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
    header: HeaderOptions | None = None,
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
    header : HeaderOptions, optional
        What to trust in headers, where several label maps of a case are compared.

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
    maps = list_label_maps([labels])
    if not folders:
        return [CaseFiles(item.case, mask=item.path) for item in maps]
    cases = find_cases(folders, join_stacks=False)
    images = {path.resolve() for files in cases for path in files.paths.values()}
    maps = [item for item in maps if item.path.resolve() not in images]
    return _matched(cases, maps, labels, header or HeaderOptions(), folders)


def _matched(
    cases: Sequence[CaseFiles],
    maps: Sequence[ImageFile],
    labels: Path,
    header: HeaderOptions,
    folders: Sequence[Path],
) -> list[CaseFiles]:
    """Give each case its label map; what lacks its partner has a `problem`."""
    found = match_label_maps(cases, maps, header)
    matched = found.given_to(cases, "mask")
    if not any(files.mask or files.problem for files in matched):
        names = ", ".join(files.case for files in cases[:3])
        raise InputError(
            f"no label map belongs to any of the cases {names}", where=labels, hint=_HINT
        )
    missing = f"no label map in {labels} belongs to it. {_HINT}"
    where = " and ".join(map(str, folders))
    problem = f"no image in {where} belongs to the label map. {_HINT}"
    return [
        *(f if f.mask or f.problem else replace(f, problem=missing) for f in matched),
        *(
            CaseFiles(item.case, mask=item.path, problem=problem)
            for item in maps
            if item.path in found.unmatched
        ),
    ]


def measure_file(
    files: CaseFiles,
    options: MeasureOptions | None = None,
    *,
    predictor: Predictor | None = None,
) -> Measured:
    """Measure the label map of a case, with fat where there is a Dixon pair or an image.

    Parameters
    ----------
    files : CaseFiles
        The label map is its `mask`.
    options : MeasureOptions, optional
    predictor : Predictor, optional
        What the label map is compared with (`MeasureOptions.check_with_model`); the embedded model
        is loaded if not given.

    Raises
    ------
    LpmError
        Whatever is wrong with the files, their grids included.
    """
    options = options or MeasureOptions()
    given = _given(files, options)
    expected, notes = _expected(given.case, options, predictor)
    levels, findings = None, (*given.findings, *notes)
    if options.levels is not None:
        levels, outside = read_slice_levels(
            options.levels,
            files.ids_of_all,
            given.labels.geometry,
            accept_mismatch=options.accept_frame_mismatch,
        )
        findings += tuple(Finding(Area.LEVELS, Severity.CHECK, "levels", text) for text in outside)
    checks = check_labels(
        given.labels,
        None if given.case is None else given.case.image,
        expected=expected,
        thickness_mm=math.nan if given.case is None else given.case.thickness_mm,
    )
    pair = None if given.case is None else given.case.pair
    measures = measure_case(
        given.labels,
        case=files.case,
        pair=pair,
        intensity=given.intensity,
        levels=levels,
        formula=options.formula,
        cut_off=checks.cut_off,
    )
    if options.maps is not None:
        folder = CaseFolder(options.maps, files.case)
        write_fat_maps(
            folder, given.labels, pair=pair, intensity=given.intensity, like=given.source
        )
    return Measured(measures, (*checks.findings, *findings, *measures.findings))


@dataclass(frozen=True, eq=False)
class _Given:
    """A label map in memory, with its images if there are any."""

    labels: LabelMap
    source: Source
    case: Case | None
    intensity: IntensityFat | None
    findings: tuple[Finding, ...]


def _given(files: CaseFiles, options: MeasureOptions) -> _Given:
    if files.mask is not None and not files.images and not files.problem:
        image = read_label_map(
            files.mask,
            options.read.label_scheme,
            ignore=options.read.ignore,
            options=options.read.header,
        )
        return _Given(
            image.labels, image.source, None, None, tuple(input_note(n) for n in image.notes)
        )
    loaded = load_case(files, options.read)
    if loaded.mask is None:
        raise InputError("the case has no label map", where=files.case)
    case = loaded.case
    intensity, more = intensity_of(case, loaded.mask, requested=options.intensity_fat)
    return _Given(loaded.mask, case.source, case, intensity, (*case.findings, *more))


def _expected(
    case: Case | None, options: MeasureOptions, predictor: Predictor | None
) -> tuple[LabelMap | None, tuple[Finding, ...]]:
    """Return the embedded model's mask, which shows whether the given one is mirrored or turned."""
    if case is None or not options.check_with_model:
        return None, ()
    try:
        return segment_case(case, predictor or load_predictor()).labels, ()
    except LpmError as error:
        note = f"the mask was not compared with the model's: {error}"
        return None, (Finding(Area.SEGMENTATION, Severity.NOTE, "no-model-check", note),)
