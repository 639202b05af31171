"""What is called with the damaged files, and what its answer is."""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from fuzz import seeds
from fuzz.models import CHECKPOINT, ONNX, PICKLE
from fuzz.mutate import Contract, Mutation, of_bytes, of_json, of_table
from fuzz.nifti import Parsed
from fuzz.nifti_damage import of_nifti
from lpm_segmentator import api
from lpm_segmentator.core import Geometry
from lpm_segmentator.io import (
    is_image,
    label_numbering,
    read_image,
    read_label_map,
    read_slice_table,
    read_voxels,
)
from lpm_segmentator.levels import levels_from_vertebrae
from lpm_segmentator.models import ModelStore, load_predictor
from lpm_segmentator.study.complete import check_complete
from lpm_segmentator.study.dicom import discover_dicom
from lpm_segmentator.study.dicom.source import import_images
from lpm_segmentator.study.levels_files import read_levels, read_slice_levels
from lpm_segmentator.study.listing import ImageFile
from lpm_segmentator.study.options import ReadOptions, SliceTable
from lpm_segmentator.study.record import read_case_record

Answer = dict[str, Any]
Files = Mapping[str, bytes]

_MEASURE = api.MeasureOptions(check_with_model=False, intensity_fat=False)
_LAST_CODE = 5


class WrongAnswerError(AssertionError):
    """A result that cannot be."""


@dataclass(frozen=True)
class Target:
    """A call of the Python API, the files that it reads, and how these are damaged.

    `run` gets the folder of the files and returns the answer. `weight` is the relative number of
    cases.
    """

    name: str
    weight: float
    files: Callable[[], Files]
    mutations: Mapping[str, Sequence[Mutation]]
    run: Callable[[Path], Answer]


def _one(folder: Path, stem: str) -> Path:
    """Return the image of a name, whatever its container."""
    return next((p for p in sorted(folder.glob(f"{stem}.*")) if is_image(p)), folder / stem)


def _rows(rows: Iterable[Mapping[str, Any]], *keys: str) -> Answer:
    """Return the numbers of a table; rows of one name in ascending order, whatever theirs was."""
    values: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        name = "/".join(str(row.get(key)) for key in keys)
        for column, value in row.items():
            if isinstance(value, int | float) and column != "slice":
                values[f"{name}/{column}"].append(value)
    return {name: sorted(found, key=lambda v: (math.isnan(v), v)) for name, found in values.items()}


def _measures(measured: Any) -> Answer:
    case = measured.measures
    return {
        **_rows((row.to_dict() for row in case.rows), "muscle", "side", "level"),
        **_rows((row.to_dict() for row in case.profile), "muscle", "side"),
        "volumes": [case.volumes_ml[value] for value in sorted(case.volumes_ml)],
        "fat": [case.fat_ratios[value] for value in sorted(case.fat_ratios)],
    }


def _voxels(array: np.ndarray, geometry: Geometry) -> Answer:
    values = np.sort(array.astype(np.float64).ravel())
    return {
        "voxels": [values.size, values[0], values[-1], values[values.size // 2]],
        "mean": float((values / values.size).sum()),
        "spacing": sorted(geometry.spacing_mm),
        "volume": geometry.voxel_volume_ml,
        "centre": geometry.centre_mm.tolist(),
    }


def _compare_with_nibabel(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Refuse voxels and places that are not those that nibabel reads, where it reads the file."""
    level = nib.imageglobals.logger.level
    nib.imageglobals.logger.setLevel(logging.CRITICAL)
    try:
        image: Any = nib.load(path)
        theirs, place = np.asanyarray(image.dataobj), image.affine
        steps, unit = image.header["pixdim"][1:4], image.header.get_xyzt_units()[0]
    except Exception:  # noqa: BLE001 - what nibabel does not read cannot be compared
        return
    finally:
        nib.imageglobals.logger.setLevel(level)
    if theirs.size != array.size or not np.isfinite(theirs).all():
        return
    if not np.allclose(theirs.reshape(array.shape), array, rtol=1e-6, atol=0.01):
        raise WrongAnswerError("the voxels are not those that nibabel reads")
    if not (steps > 0).all() or unit in ("meter", "micron") or not np.isfinite(place).all():
        return
    fields = Parsed(path.read_bytes()).fields
    if max(fields["qform_code"], fields["sform_code"]) > _LAST_CODE:
        return  # nibabel takes an unknown code for none, the format's own library for one
    if not np.allclose(place, affine, rtol=1e-5, atol=1e-3):
        raise WrongAnswerError("the affine is not that of nibabel")


def _read_image(folder: Path) -> Answer:
    path = _one(folder, "A_water")
    volume = read_image(path).volume
    _compare_with_nibabel(path, volume.array, volume.affine)
    return _voxels(volume.array, volume.geometry)


def _read_labels(folder: Path) -> Answer:
    path = _one(folder, "A_dseg")
    labels = read_label_map(path, ignore=[255]).labels
    _compare_with_nibabel(path, labels.array, labels.affine)
    return {**_voxels(labels.array, labels.geometry), "present": list(labels.present)}


def _measure(folder: Path) -> Answer:
    files = api.CaseFiles("A", mask=_one(folder, "A_dseg"))
    return _measures(api.measure_file(files, _MEASURE))


def _measure_pair(folder: Path) -> Answer:
    water, fat, mask = (_one(folder, f"A_{role}") for role in ("water", "fat", "dseg"))
    files = api.CaseFiles("A", water=water, fat=fat, mask=mask)
    options = api.MeasureOptions(
        check_with_model=False, intensity_fat=False, levels=folder / "A_levels.json"
    )
    return _measures(api.measure_file(files, options))


def _evaluate(folder: Path) -> Answer:
    reference, prediction = _one(folder, "A_dseg"), _one(folder, "P_dseg")
    accuracy = api.evaluate_files("A", reference, prediction).accuracy
    return _numbers(accuracy.wide())


def _numbers(row: Mapping[str, Any]) -> Answer:
    return {key: value for key, value in row.items() if isinstance(value, int | float)}


def _cropped(folder: Path) -> Answer:
    path, target = _one(folder, "A_water"), folder / "out.nii.gz"
    api.crop_file(
        ImageFile("A_water", path), target, SliceTable(folder / "slices.csv", "inclusive")
    )
    written = read_image(target).volume
    return _voxels(written.array, written.geometry)


def _cleaned(folder: Path) -> Answer:
    target = folder / "out.nii.gz"
    removed = api.postprocess_file(_one(folder, "A_dseg"), target)
    written = read_label_map(target).labels
    return {**_voxels(written.array, written.geometry), "removed": removed}


def _slice_table(folder: Path) -> Answer:
    table = read_slice_table(folder / "slices.csv", end="inclusive")
    return {entry.case: [entry.start, entry.stop] for entry in table}


def _levels(folder: Path) -> Answer:
    path, geometry = folder / "A_levels.json", seeds.geometry()
    levels = read_levels(path, names=["A"], geometry=geometry)
    slices, _ = read_slice_levels(path, ["A"], geometry)
    return {
        **{f"{d.disc}": [*d.centre_mm, *d.normal, d.confidence] for d in levels.discs},
        "regions": [f"{region.name}: {region.slices}" for region in slices.regions()],
    }


def _vertebrae(folder: Path) -> Answer:
    values, geometry = read_voxels(_one(folder, "V_vertebrae"))
    if values.min() < 0:
        return {}
    levels = levels_from_vertebrae(values, geometry)
    return {f"{d.disc}": [*d.centre_mm, *d.normal] for d in levels.discs}


def _dicom(folder: Path) -> Answer:
    """Import what is in an export; files that are damaged are left out, as they are in practice."""
    found = discover_dicom([folder / "dicom"], folder / "out")
    values: Answer = {"cases": len(found.cases)}
    for number, files in enumerate(found.cases):
        assert files.dicom is not None
        import_images(files.dicom, files.paths)
        for role, path in files.paths.items():
            read = read_image(path).volume
            found_in = _voxels(read.array, read.geometry)
            values |= {f"{number} {role} {key}": value for key, value in found_in.items()}
    return values


def _scheme(name: str) -> Callable[[Path], Answer]:
    def run(folder: Path) -> Answer:
        numbering = label_numbering(folder / name)
        options = api.MeasureOptions(ReadOptions(label_scheme=numbering), check_with_model=False)
        files = api.CaseFiles("A", mask=folder / "A_dseg.nii.gz")
        return _measures(api.measure_file(files, options))

    return run


def _agreement(folder: Path) -> Answer:
    files = api.compare_file(folder / "pairs.csv", folder / "out", plots=False)
    return _rows(files.comparison.to_rows(), "measure")


def _record(folder: Path) -> Answer:
    record = read_case_record(folder / "cases/A/case.json")
    check_complete(record)
    return {**_rows(record.measures, "muscle", "side", "level"), **_numbers(record.volumes)}


def _results(folder: Path) -> Answer:
    (record,) = api.read_records(folder)
    api.write_results(folder)
    return {**_rows(record.measures, "muscle", "side", "level"), **_numbers(record.volumes)}


def _onnx(folder: Path) -> Answer:
    predictor = load_predictor(folder / "tiny.onnx", threads=1)
    prediction = predictor.predict(seeds.tiny_volume())
    counts = np.bincount(prediction.labels.array.ravel(), minlength=5)
    confidence = float(np.asarray(prediction.confidence, dtype=np.float64).mean())
    return {"labels": counts.tolist(), "confidence": confidence}


def _segment(folder: Path) -> Answer:
    target = folder / "out.nii.gz"
    api.segment_file(_one(folder, "A_water"), target, predictor=seeds.tiny_predictor())
    written = read_label_map(target).labels
    return _voxels(written.array, written.geometry)


def _installed(folder: Path) -> Answer:
    store = ModelStore(folder)
    (installed,) = store.list()
    predictor = _open(installed.folder)
    return {**installed.to_dict(), "folder": "", "size_bytes": 0, **_info(predictor)}


def _open(folder: Path) -> Any:
    from lpm_segmentator.models.installed import open_folder

    return open_folder(folder)


def _info(predictor: Any) -> Answer:
    info = predictor.info
    return {"sha256": info.sha256, "labels": str(sorted(dict(info.labels).items()))}


def _nnunet(name: str) -> Callable[[Path], Answer]:
    def run(folder: Path) -> Answer:
        predictor = load_predictor(folder / name)
        return {
            **_info(predictor),
            "spec": json.dumps(predictor.model.spec.to_dict(), sort_keys=True),
        }

    return run


_SIDECAR = of_json(damage=Contract.SAME, cut=Contract.SAME)
_IMAGE, _LABELS = of_nifti(), of_nifti(labels=True)
# Boxes have ties, which the rounding of a quaternion decides.
_VERTEBRAE = of_nifti(without=("without_sform", "sform_alone"), turned=False)
_FILE = of_bytes(Contract.ANY)
_CHECKED = of_bytes(Contract.SAME_OR_REFUSED)
_MODEL_JSON = of_json(mark=False)
_PAIR = {
    "A_water.nii.gz": _IMAGE,
    "A_fat.nii.gz": _IMAGE,
    "A_dseg.nii.gz": _LABELS,
    "A_levels.json": of_json(),
    "A_water.json": _SIDECAR,
}

TARGETS: tuple[Target, ...] = (
    Target(
        "image", 14, seeds.images,
        {"A_water.nii.gz": _IMAGE, "A_water.json": _SIDECAR}, _read_image,
    ),
    Target("labels", 12, seeds.labels, {"A_dseg.nii.gz": _LABELS}, _read_labels),
    Target("measure", 8, seeds.labels, {"A_dseg.nii.gz": _LABELS}, _measure),
    Target("measure pair", 10, seeds.pair, _PAIR, _measure_pair),
    Target(
        "evaluate", 7, seeds.two_labels,
        {"A_dseg.nii.gz": _LABELS, "P_dseg.nii.gz": _LABELS}, _evaluate,
    ),
    Target(
        "crop", 5, seeds.images,
        {"A_water.nii.gz": of_nifti(turned=False), "slices.csv": of_table()}, _cropped,
    ),
    Target("clean", 4, seeds.labels, {"A_dseg.nii.gz": _LABELS}, _cleaned),
    Target(
        "segment", 3, seeds.images,
        {"A_water.nii.gz": _IMAGE, "A_water.json": of_json()}, _segment,
    ),
    Target("vertebrae", 3, seeds.vertebrae, {"V_vertebrae.nii.gz": _VERTEBRAE}, _vertebrae),
    Target("slice table", 6, seeds.images, {"slices.csv": of_table()}, _slice_table),
    Target("levels", 8, seeds.pair, {"A_levels.json": of_json()}, _levels),
    Target("scheme json", 3, seeds.labels, {"scheme.json": of_json()}, _scheme("scheme.json")),
    Target("scheme table", 3, seeds.labels, {"scheme.tsv": of_table()}, _scheme("scheme.tsv")),
    Target("dicom", 4, seeds.dicom, dict.fromkeys(seeds.dicom(), _FILE), _dicom),
    Target(
        "dicom enhanced", 2, seeds.dicom_enhanced,
        dict.fromkeys(seeds.dicom_enhanced(), _FILE), _dicom,
    ),
    Target("dicom zip", 2, seeds.dicom_zip, {"dicom/export.zip": _FILE}, _dicom),
    Target("agreement", 6, seeds.table, {"pairs.csv": of_table(decimals=True)}, _agreement),
    Target("record", 5, seeds.study, {"cases/A/case.json": of_json()}, _record),
    Target(
        "results", 4, seeds.study,
        {"cases/A/case.json": of_json(), "run.json": of_json()}, _results,
    ),
    Target("onnx", 4, seeds.onnx, {"tiny.onnx": (*_FILE, *ONNX, *ONNX, *ONNX)}, _onnx),
    Target(
        "installed", 2, seeds.installed,
        {"models/tiny/model.json": _MODEL_JSON, "models/tiny/model.onnx": _CHECKED}, _installed,
    ),
    Target(
        "nnunet v1", 2, seeds.nnunet_v1,
        {"v1/plans.pkl": (*_FILE, *PICKLE),
         "v1/fold_0/model_final_checkpoint.model": (*_FILE, *CHECKPOINT),
         "v1/fold_0/model_final_checkpoint.model.pkl": (*_FILE, *PICKLE)}, _nnunet("v1"),
    ),
    Target(
        "nnunet v2", 3, seeds.nnunet_v2,
        {"v2/plans.json": _MODEL_JSON, "v2/dataset.json": _MODEL_JSON,
         "v2/fold_0/checkpoint_final.pth": (*_FILE, *CHECKPOINT)}, _nnunet("v2"),
    ),
    Target("nnunet zip", 1, seeds.nnunet_zip, {"v2.zip": _CHECKED}, _nnunet("v2.zip")),
)  # fmt: skip
