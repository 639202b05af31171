"""Label map files to tables of measures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.api.cases import CaseFiles, find_cases, load_case, with_reference
from lpm_segmentator.api.levels_file import read_slice_levels
from lpm_segmentator.api.maps import write_fat_maps
from lpm_segmentator.api.steps import find_label_maps
from lpm_segmentator.core import DixonPair, InputError, LabelMap
from lpm_segmentator.io import case_id, find_images, read_header, read_label_map, subject_key
from lpm_segmentator.measure import AsymmetryFormula, CaseMeasures, IntensityFat, measure_case
from lpm_segmentator.pipeline import brightness_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MeasureOptions", "Measured", "find_measurable", "measure_files", "measure_rows"]


@dataclass(frozen=True)
class MeasureOptions:
    """How label maps are measured.

    Attributes
    ----------
    ignore : sequence of int
        Values of the label map that are no structure.
    accept_origin_mismatch : bool
        Whether images of one scan that differ by a lost origin count as one grid.
    accept_frame_mismatch : bool
        Whether levels that were written for another person are taken as they lie.
    levels : Path, optional
        JSON of ``lpm levels``, or a folder with one a case.
    formula : AsymmetryFormula
        How right and left are compared.
    brightness : bool
        Whether to measure fat by brightness where there is an image and no Dixon pair.
    maps : Path, optional
        Folder for the maps of fat; none are written without it.
    """

    ignore: Sequence[int] = ()
    accept_origin_mismatch: bool = False
    accept_frame_mismatch: bool = False
    levels: Path | None = None
    formula: AsymmetryFormula = AsymmetryFormula.MEAN
    brightness: bool = True
    maps: Path | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured on a case, and what there is to say about it."""

    measures: CaseMeasures
    notes: tuple[str, ...]


def find_measurable(
    labels: Path,
    *,
    image: Path | None = None,
    water: Path | None = None,
    fat: Path | None = None,
) -> list[CaseFiles]:
    """List what to measure: one label map, or each of a folder with the images that belong to it.

    The label map is the `reference` of each case. In folders, an image without a label map and a
    label map without an image are listed with a `problem`.

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
        find_images([labels])
        files = CaseFiles(case_id(labels))
        if water is not None or fat is not None:
            (files,) = find_cases([], water=water, fat=fat)
        elif image is not None:
            files = CaseFiles(case_id(labels), image=image)
        return [replace(files, case=case_id(labels), reference=labels)]
    folders = list(dict.fromkeys(f for f in (image, water, fat) if f is not None))
    maps = [item.path for item in find_label_maps([labels])]
    if not folders:
        return [CaseFiles(case_id(path), reference=path) for path in maps]
    cases = find_cases(folders)
    images = {path.resolve() for files in cases for path in files.paths.values()}
    maps = [path for path in maps if path.resolve() not in images]
    return _matched(cases, maps, labels, folders)


def _matched(
    cases: Sequence[CaseFiles], maps: Sequence[Path], labels: Path, folders: Sequence[Path]
) -> list[CaseFiles]:
    """Give each case its label map; what lacks its partner has a `problem`."""
    found, known = [], set()
    for files in cases:
        given = files if files.problem else with_reference(files, maps, alone=len(cases) == 1)
        if given.reference is None and not given.problem:
            given = replace(given, problem=f"no label map in {labels} belongs to it. {_NAMES}")
        known |= {subject_key(name) for name in given.ids}
        found.append(given)
    if not any(files.reference for files in found) and not any(f.problem for f in cases):
        raise InputError(
            f"no label map belongs to any of the cases {[f.case for f in found][:3]}",
            where=labels,
            hint=_NAMES,
        )
    where = " and ".join(map(str, folders))
    for path in maps:
        if subject_key(case_id(path)) not in known:
            problem = f"no image in {where} belongs to the label map. {_NAMES}"
            found.append(CaseFiles(case_id(path), reference=path, problem=problem))
    return found


_NAMES = "Names are matched whole; name label maps CASE_dseg.nii.gz"


def measure_files(files: CaseFiles, options: MeasureOptions | None = None) -> Measured:
    """Measure the label map of a case, with fat where there is a Dixon pair or an image.

    Parameters
    ----------
    files : CaseFiles
        The label map is its `reference`.
    options : MeasureOptions, optional

    Raises
    ------
    LpmError
        Whatever is wrong with the files, their grids included.
    """
    options = options or MeasureOptions()
    given = _read(files, options)
    levels, notes = None, given.notes
    if options.levels is not None:
        geometry = given.labels.geometry
        levels, outside = read_slice_levels(
            options.levels,
            files.ids_of_all,
            geometry,
            accept_mismatch=options.accept_frame_mismatch,
        )
        notes += outside
    measures = measure_case(
        given.labels,
        case=files.case,
        pair=given.pair,
        brightness=given.brightness,
        levels=levels,
        formula=options.formula,
    )
    if options.maps is not None:
        write_fat_maps(
            options.maps / files.case,
            given.labels,
            pair=given.pair,
            brightness=given.brightness,
            like=given.header,
        )
    return Measured(measures, notes)


@dataclass(frozen=True, eq=False)
class _Given:
    """What the files of a case hold."""

    labels: LabelMap
    pair: DixonPair | None
    brightness: IntensityFat | None
    header: Any
    notes: tuple[str, ...]


def _read(files: CaseFiles, options: MeasureOptions) -> _Given:
    if files.reference is not None and list(files.paths) == ["reference"] and not files.problem:
        labels = read_label_map(files.reference, ignore=options.ignore)
        return _Given(labels, None, None, read_header(files.reference), ())
    loaded = load_case(
        files, accept_origin_mismatch=options.accept_origin_mismatch, ignore=options.ignore
    )
    case = loaded.case
    if case.reference is None:
        raise InputError("the case has no label map", where=files.case)
    brightness, said = brightness_of(case, case.reference) if options.brightness else (None, ())
    return _Given(case.reference, case.pair, brightness, loaded.header, (*case.notes, *said))


def measure_rows(measures: CaseMeasures, *, profile: bool = False) -> list[dict[str, Any]]:
    """Return the tidy rows of a case, or those of its course along the spine."""
    return [asdict(row) for row in (measures.profile if profile else measures.rows)]
