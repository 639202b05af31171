"""One case from files to files.

``OUT/cases/CASE/`` holds what was found out about a case; ``case.json`` is written last and holds
every number, so a folder with it is complete.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import json
import logging
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator import __version__
from lpm_segmentator.api.cases import CaseFiles, LoadedCase, SliceTable, load_case
from lpm_segmentator.api.levels import LevelOptions
from lpm_segmentator.api.maps import write_fat_maps
from lpm_segmentator.api.models import Mode, load_predictor
from lpm_segmentator.api.results import RECORD, Record
from lpm_segmentator.api.run_levels import (
    CaseLevels,
    level_figure,
    levels_of_case,
)
from lpm_segmentator.api.steps import refuse_overwriting
from lpm_segmentator.core import LpmError, OutputError
from lpm_segmentator.io import (
    atomic_path,
    remove_file,
    remove_leftovers,
    write_json,
    write_label_map,
)
from lpm_segmentator.measure import fat_ratio_row, intensity_fat_possible, volume_row
from lpm_segmentator.pipeline import CaseResult, run_case

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lpm_segmentator.measure import Accuracy
    from lpm_segmentator.segment import ModelInfo, Predictor

__all__ = [
    "RunOptions",
    "is_done",
    "prepare_output",
    "process_case",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunOptions:
    """What decides the result of a run, beside the files.

    Attributes
    ----------
    model : str
        ``"embedded"``, an installed model's name, or the path of a model.
    mode : {'fast', 'exact'}, optional
        See `load_predictor`.
    slices : SliceTable, optional
        The slice CSV; all slices if neither it nor `levels` is given.
    levels : LevelOptions, optional
        Where the levels come from that choose and name the slices.
    accept_origin_mismatch : bool
        Whether images of one scan that differ by a lost origin count as one grid.
    ignore : tuple of int
        Values of the reference that mark voxels to leave out of the comparison.
    keep_doubtful : bool
        Whether a mask that hardly is one of a lumbar back is kept; it is emptied otherwise.
    brightness : bool
        Whether to measure fat by brightness on images that are no Dixon pair.
    """

    model: str = "embedded"
    mode: Mode | None = None
    slices: SliceTable | None = None
    levels: LevelOptions | None = None
    accept_origin_mismatch: bool = False
    ignore: tuple[int, ...] = ()
    keep_doubtful: bool = False
    brightness: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as they are recorded."""
        return {
            "model": self.model,
            "mode": self.mode,
            "slices": None if self.slices is None else str(self.slices.path),
            "slice_end": None if self.slices is None else self.slices.end,
            "levels": None if self.levels is None else self.levels.to_dict(),
            "accept_origin_mismatch": self.accept_origin_mismatch,
            "ignore": list(self.ignore),
            "keep_doubtful": self.keep_doubtful,
            "brightness": self.brightness,
        }


def prepare_output(out: Path) -> None:
    """Make the output folder and make sure that it can be written to.

    Raises
    ------
    OutputError
        If it cannot.
    """
    if out.exists() and not out.is_dir():
        raise OutputError("this is a file, not a folder", where=out, hint="Name a folder with -o")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror or error})",
            where=out,
            hint="Choose another place with -o, or make room and check permissions",
        ) from error
    remove_leftovers(out)


def _load(files: CaseFiles, options: RunOptions) -> LoadedCase:
    return load_case(
        files,
        slices=None if options.slices is None else options.slices.read(),
        accept_origin_mismatch=options.accept_origin_mismatch,
        ignore=options.ignore,
    )


def process_case(
    files: CaseFiles,
    out: Path,
    options: RunOptions,
    *,
    predictor: Predictor | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Record:
    """Run one case and write its folder.

    Parameters
    ----------
    files : CaseFiles
    out : Path
        The output folder of the whole run.
    options : RunOptions
    predictor : Predictor, optional
        Loaded from the options if not given.
    progress : callable, optional
        Called with the slices done and the slices there are.

    Returns
    -------
    dict
        The record, as in ``case.json``.

    Raises
    ------
    LpmError
        Whatever is wrong with the case; then nothing was written.
    """
    started = time.perf_counter()
    folder = out / "cases" / files.case
    mask = folder / f"{files.case}_dseg.nii.gz"
    refuse_overwriting([mask], files.paths.values())
    loaded = _load(files, options)
    read_seconds = time.perf_counter() - started
    levels = None
    if options.levels is not None:
        levels = levels_of_case(files, loaded.case, options.levels)
        loaded = dataclasses.replace(loaded, case=levels.case)
    level_seconds = time.perf_counter() - started - read_seconds
    if predictor is None:
        predictor = load_predictor(options.model, mode=options.mode, progress=progress)
    result = run_case(
        loaded.case,
        predictor,
        keep_doubtful=options.keep_doubtful,
        by_brightness=options.brightness,
    )
    remove_leftovers(folder)
    asked = None if options.levels is None else options.levels.of_case(files.case).written
    told = _keep_corrected(folder, files.case, asked)
    # While outputs of two runs lie beside each other the case must not look done.
    remove_file(folder / RECORD)
    write_label_map(result.labels, mask, like=loaded.header)
    written = write_fat_maps(
        folder / files.case,
        result.labels,
        pair=loaded.case.pair,
        brightness=result.brightness,
        like=loaded.header,
    )
    _write_picture(result, folder / f"{files.case}_qc.png")
    record = _record(files, options, result)
    record["warnings"] += told
    if levels is not None:
        record |= _write_levels(levels, files, folder)
        record["warnings"] = [*levels.warnings, *record["warnings"]]
        written += [folder / f"{files.case}_levels.{end}" for end in ("json", "png")]
        record["levels_file"] = _levels_file(written[-2], asked)
    _remove_stale(folder, files.case, keep=written)
    record["seconds"] = {
        "read": round(read_seconds, 3),
        "levels": round(level_seconds, 3),
        **result.seconds,
        "total": round(time.perf_counter() - started, 3),
    }
    write_json(record, folder / RECORD)
    return record


def is_done(files: CaseFiles, out: Path, options: RunOptions, model: ModelInfo) -> bool:
    """Return whether the folder holds a complete result of these files, options and model."""
    path = out / "cases" / files.case / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        fingerprint = _fingerprint(files, options, model)
    except (OSError, ValueError, LpmError):  # no record, or an input is gone: the run will tell
        return False
    ends = ["_dseg.nii.gz", "_qc.png"]
    if options.levels is not None:
        ends.append("_levels.json")
    complete = all((path.parent / f"{files.case}{end}").exists() for end in ends)
    return complete and record.get("fingerprint") == fingerprint


def _fingerprint(files: CaseFiles, options: RunOptions, model: ModelInfo) -> str:
    """Return a hash that changes when the inputs, the options, model or package change."""
    inputs = {}
    named = dict(files.paths)
    if options.slices is not None:
        named["slices"] = options.slices.path
    if options.levels is not None:
        named |= options.levels.of_case(files.case).paths
    for role, path in named.items():
        stat = path.stat()
        inputs[role] = [str(path.resolve()), stat.st_size, stat.st_mtime_ns]
    # Installing the packages that it needs gives fat by brightness to cases that went without.
    brightness = files.image is not None and options.brightness and intensity_fat_possible()
    told = [__version__, inputs, options.to_dict(), model.to_dict(), brightness]
    parts = json.dumps(told, sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()


def _record(files: CaseFiles, options: RunOptions, result: CaseResult) -> Record:
    case, measures = result.case, result.measures
    known = result.reference_measures
    geometry = case.image.geometry
    return {
        "case": files.case,
        "fingerprint": _fingerprint(files, options, result.model),
        "inputs": {role: str(path) for role, path in files.paths.items()},
        "image": {
            "shape": geometry.shape,
            "spacing_mm": geometry.spacing_mm,
            "axis_codes": "".join(geometry.axis_codes),
            "obliquity_deg": measures.obliquity_deg,
        },
        "slices": None if case.slices is None else list(case.slices),
        "levels": None,
        "options": options.to_dict(),
        "model": result.model.to_dict(),
        "prediction": dict(result.details),
        "asymmetry_formula": measures.asymmetry_formula,
        "measures": [dataclasses.asdict(row) for row in measures.rows],
        "profile": [dataclasses.asdict(row) for row in measures.profile],
        "volumes": volume_row(
            files.case, measures.volumes_ml, None if known is None else known.volumes_ml
        ),
        "fat_ratios": None
        if case.pair is None
        else fat_ratio_row(
            files.case, measures.fat_ratios, None if known is None else known.fat_ratios
        ),
        "reference_measures": None
        if known is None
        else [dataclasses.asdict(row) for row in known.rows],
        "brightness": [split.to_dict() for split in measures.splits],
        "accuracy": None if result.accuracy is None else result.accuracy.wide(),
        "accuracy_levels": _rows_of(result.accuracy, "rows"),
        "accuracy_slices": _rows_of(result.accuracy, "slices"),
        "quality": dataclasses.asdict(result.quality),
        "notes": [*case.notes, *result.notes],
        "warnings": list(result.warnings),
    }


def _rows_of(accuracy: Accuracy | None, name: str) -> list[Record]:
    return [] if accuracy is None else [dataclasses.asdict(row) for row in getattr(accuracy, name)]


def _write_levels(levels: CaseLevels, files: CaseFiles, folder: Path) -> Record:
    """Write what is known of a case's levels, and return what its record says of them."""
    found = levels.to_dict(files)
    write_json(found, folder / f"{files.case}_levels.json")
    picture = folder / f"{files.case}_levels.png"
    if levels.found is None:
        picture.unlink(missing_ok=True)
        return {"levels": None}
    with atomic_path(picture) as temporary:
        level_figure(levels).savefig(temporary, dpi=110)
    return {"levels": {**found, "source": str(levels.found.source)}}


def _keep_corrected(folder: Path, case: str, asked: Path | None) -> list[str]:
    """Save levels that somebody corrected in the case's folder, and say so.

    Unless this run goes by that file (`asked`). The record tells what the file was when the case
    was done (`_levels_file`).
    """
    path = folder / f"{case}_levels.json"
    if not path.exists() or (asked is not None and asked.exists() and path.samefile(asked)):
        return []
    try:
        told = json.loads((folder / RECORD).read_text(encoding="utf-8"))["levels_file"]
        as_written = None if told["corrected"] else told["sha256"]
    except (OSError, ValueError, KeyError, TypeError):  # nothing is known of it
        return []
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() == as_written:
        return []
    number, kept = 1, folder / f"{case}_levels-corrected.json"
    while kept.exists() and kept.read_bytes() != content:
        number += 1
        kept = folder / f"{case}_levels-corrected-{number}.json"
    with atomic_path(kept) as temporary:
        temporary.write_bytes(content)
    return [
        f"the corrected levels of an earlier run were not asked for and lie in {kept.name}; to "
        "go by them name that file with --levels"
    ]


def _levels_file(path: Path, asked: Path | None) -> Record:
    """Return what the record says of the file of levels, so that a correction is seen."""
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        # What was corrected in place was written anew, and is a person's work all the same.
        "corrected": asked is not None and asked.resolve() == path.resolve(),
    }


def _remove_stale(folder: Path, case: str, *, keep: Sequence[Path]) -> None:
    """Remove the maps and levels of an earlier run that this one did not write."""
    levels = [folder / f"{case}_levels.{end}" for end in ("json", "png")]
    for path in [*levels, *sorted(folder.glob(f"{glob.escape(case)}_fatmap-*.nii.gz"))]:
        if path not in keep:
            remove_file(path)


def _write_picture(result: CaseResult, path: Path) -> None:
    from lpm_segmentator.report.overlay import overlay_montage

    case = result.case
    names = {}
    if case.levels is not None:
        names = {i: case.levels.level_of(i) for i in range(case.levels.n_slices)}
    figure = overlay_montage(case.image, result.labels, reference=case.reference, slice_names=names)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
