"""The undamaged files: small, made from the phantom, the same in every run."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from box_spine import box_geometry, box_vertebrae
from dicom_dialects import PHILIPS_CLASSIC, PHILIPS_ENHANCED, SIEMENS_CLASSIC, Dialect
from dicom_files import dixon_images, plane, write_dixon
from fuzz.mutate import packed, unpacked
from lpm_segmentator import api
from lpm_segmentator.core import Disc, Geometry, LabelMap, Volume
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.levels import levels_from_anchors
from lpm_segmentator.models import ModelStore, load_predictor
from lpm_segmentator.samples.phantom import Phantom, make_phantom
from tiny_model import TINY, tiny_onnx

SHAPE = (40, 32, 5)
SPACING_MM = (8.0, 8.0, 10.0)
DICOM_SHAPE = (8, 6, 3)
ANCHORS = ((Disc.L1_L2, 4), (Disc.L3_L4, 2), (Disc.L4_L5, 1), (Disc.L5_S1, 0))

Files = Mapping[str, bytes]


@cache
def _phantom() -> Phantom:
    return make_phantom(seed=0, shape=SHAPE, spacing_mm=SPACING_MM, noise=0.0)


def geometry() -> Geometry:
    return Geometry(SHAPE, _phantom().affine)


def _nifti(grid: Volume | LabelMap) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii.gz"
        write = write_label_map if isinstance(grid, LabelMap) else write_image
        write(grid, path)  # type: ignore[arg-type]
        return packed(unpacked(path.read_bytes()))


def _image(array: np.ndarray) -> bytes:
    return _nifti(Volume(np.rint(array).astype(np.int16), _phantom().affine))


@cache
def images() -> Files:
    sidecar = {
        "SeriesDescription": "t2_tse_tra",
        "ImageType": ["ORIGINAL", "PRIMARY", "W"],
        "SliceThickness": 4.0,
        "FrameOfReferenceUID": "1.2.3",
        "EchoTime": 0.1,
    }
    table = "pid,slice_start,slice_stop\nA_water,1,3\nB,0,2\n012,5,9\n"
    return {
        "A_water.nii.gz": _image(_phantom().water),
        "A_water.json": json.dumps(sidecar).encode(),
        "slices.csv": table.encode(),
    }


@cache
def labels() -> Files:
    names = {"ES_R": 1, "multifidus right": [2], "MF left": 3, "erector_spinae_left": 4, "psoas": 9}
    rows = [f"{value}\t{name}" for name, given in names.items() for value in np.atleast_1d(given)]
    return {
        "A_dseg.nii.gz": _nifti(LabelMap(_phantom().labels, _phantom().affine)),
        "scheme.json": json.dumps(names).encode(),
        "scheme.tsv": ("\n".join(["index\tname", *rows]) + "\n").encode(),
    }


@cache
def pair() -> Files:
    levels = levels_from_anchors(geometry(), ANCHORS)
    written = levels.to_dict(geometry(), case="A", image="A_water.nii.gz")
    return {
        **images(),
        "A_fat.nii.gz": _image(_phantom().fat),
        "A_dseg.nii.gz": labels()["A_dseg.nii.gz"],
        "A_levels.json": json.dumps(written, indent=2).encode(),
    }


@cache
def two_labels() -> Files:
    shifted = np.roll(_phantom().labels, 1, axis=0)
    return {**labels(), "P_dseg.nii.gz": _nifti(LabelMap(shifted, _phantom().affine))}


@cache
def vertebrae() -> Files:
    grid = box_geometry()
    values, affine = box_vertebrae(grid)[:, ::4, ::2], grid.affine @ np.diag([1.0, 4.0, 2.0, 1.0])
    return {"V_vertebrae.nii.gz": _nifti(Volume(values, affine))}


@cache
def table() -> Files:
    rng = np.random.default_rng(0)
    rows = [
        "case,subject,volume_ml_reference,volume_ml_prediction,fat_ratio_reference,fat_ratio_prediction"
    ]
    for number in range(12):
        volume, fat = rng.uniform(50, 90), rng.uniform(0.1, 0.4)
        errors = rng.normal(0, 1, 2)
        values = (volume, volume + errors[0], fat, fat + errors[1] / 100)
        rows.append(f"c{number:02},s{number:02}," + ",".join(f"{v:.4f}" for v in values))
    return {"pairs.csv": ("\n".join(rows) + "\n").encode()}


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@cache
def study() -> Files:
    """Return the folder of a run with one case, its pictures left out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in pair().items():
            (folder / path).write_bytes(data)
        files = api.CaseFiles(
            "A",
            water=folder / "A_water.nii.gz",
            fat=folder / "A_fat.nii.gz",
            reference=folder / "A_dseg.nii.gz",
        )
        options = api.RunOptions(
            levels=api.LevelOptions(written=folder / "A_levels.json"), keep_low_confidence=True
        )
        api.process_case(files, folder / "out", options, predictor=tiny_predictor())
        found = _tree(folder / "out")
        record = json.loads(found["cases/A/case.json"].replace(name.encode(), b"/data"))
    # What differs between runs would make the cases differ too.
    record |= {"created": "2026-01-01T00:00:00+00:00", "seconds": {"total": 1.5}}
    record |= {"fingerprint": "0" * 64}
    found["cases/A/case.json"] = json.dumps(record).encode()
    run: dict[str, Any] = {
        "version": "1", "python": "3", "platform": "x", "packages": {"numpy": "2"},
        "model": tiny_predictor().info.to_dict(),
        "options": {}, "cases": {"A": {"state": "done", "error": None, "seconds": 1.5}},
        "schema_version": 2,
    }  # fmt: skip
    return {**found, "run.json": json.dumps(run).encode()}


def _dicom(dialect: Dialect) -> Files:
    """Return the files of a Dixon scan; their identifiers are the same in every run."""

    def number(data: Any, _slice: int) -> None:
        data.SOPInstanceUID = f"1.2.{data.SeriesNumber}.{data.InstanceNumber}"

    images = {kind: array for kind, array in dixon_images(DICOM_SHAPE).items() if "-" not in kind}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        affine = plane(shape=DICOM_SHAPE, spacing_mm=(20.0, 20.0, 10.0))
        write_dixon(folder / "dicom", images, affine, dialect=dialect, edit=number)
        return _tree(folder)


@cache
def dicom() -> Files:
    return _dicom(SIEMENS_CLASSIC)


@cache
def dicom_enhanced() -> Files:
    return _dicom(PHILIPS_ENHANCED)


@cache
def dicom_zip() -> Files:
    return {"dicom/export.zip": _zipped(_dicom(PHILIPS_CLASSIC))}


@cache
def onnx() -> Files:
    return {"tiny.onnx": tiny_onnx({"lpm": json.dumps(TINY)})}


@cache
def tiny_predictor() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        path.write_bytes(onnx()["tiny.onnx"])
        return load_predictor(path, threads=1)


@cache
def tiny_volume() -> Volume:
    return Volume(np.rint(_phantom().water[:, :, :2]), _phantom().affine)


@cache
def installed() -> Files:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "tiny.onnx"
        path.write_bytes(onnx()["tiny.onnx"])
        ModelStore(Path(name) / "home").install(path, name="tiny")
        return _tree(Path(name) / "home")


@cache
def nnunet_v1() -> Files:
    from nnunet_models import ANISOTROPIC, v1_plans, write_v1

    with tempfile.TemporaryDirectory() as name:
        write_v1(Path(name) / "v1", v1_plans((8, 16, 16), (4.0, 1.0, 1.0), ANISOTROPIC, base=2))
        return _tree(Path(name))


@cache
def nnunet_v2() -> Files:
    from nnunet_models import ANISOTROPIC, v2_plans, write_v2

    with tempfile.TemporaryDirectory() as name:
        write_v2(Path(name) / "v2", v2_plans((8, 16, 16), (4.0, 1.0, 1.0), ANISOTROPIC, base=2))
        return _tree(Path(name))


@cache
def nnunet_zip() -> Files:
    return {"v2.zip": _zipped(nnunet_v2())}


def _zipped(files: Files) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()
