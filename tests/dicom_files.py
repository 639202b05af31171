"""DICOM files for tests: series and Dixon scans from arrays, in the dialects of the vendors.

``write_series`` writes one image, ``write_dixon`` the four of a Dixon scan; `dicom_studies` whole
examinations, `dicom_damage` what goes wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import dicom_parts as parts
from dicom_dialects import DIXON, SIEMENS_CLASSIC, Dialect, Scaling
from dicom_enhanced import write_enhanced
from dicom_parts import STUDY, Choices, Edit, Study, uid
from lpm_segmentator.core import Volume
from lpm_segmentator.io.dicom import Stack, read_stack, scan, stacks_of


def plane(
    name: str = "axial",
    shape: tuple[int, int, int] = (32, 32, 8),
    spacing_mm: tuple[float, float, float] = (8.0, 8.0, 4.0),
    *,
    tilt_deg: float = 0.0,
    center_mm: Sequence[float] = (0.0, 0.0, 0.0),
) -> np.ndarray:
    """Return the affine (RAS) of a stack: columns, rows, slices, around a point.

    Axial slices run to the left, to the back and to the head, sagittal ones to the back, to the
    foot and to the left, coronal ones to the left, to the foot and to the front. The tilt turns
    about the left-right axis, for axial slices as the one of a disc.
    """
    axes = {
        "axial": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
        "sagittal": [[0, -1, 0], [0, 0, -1], [-1, 0, 0]],
        "coronal": [[-1, 0, 0], [0, 0, -1], [0, 1, 0]],
    }[name]
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    affine = np.eye(4)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    affine[:3, :3] = turn @ np.array(axes, dtype=float).T * spacing_mm
    affine[:3, 3] = np.array(center_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def ramp(shape: tuple[int, int, int] = (32, 32, 8), step: int = 1) -> np.ndarray:
    """Return an image whose voxels all differ where 12 bits allow it."""
    return (np.arange(np.prod(shape)) * step % 4001).reshape(shape).astype(np.int16)


def by_slices(volume: Volume) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and its affine with the axial slices along the third axis, to write them."""
    axes = [axis for axis in range(3) if axis != volume.slice_axis] + [volume.slice_axis]
    return volume.array.transpose(axes), volume.affine[:, [*axes, 3]]


def write_series(
    folder: Path,
    array: np.ndarray,
    affine: np.ndarray,
    *,
    dialect: Dialect = SIEMENS_CLASSIC,
    kind: str = "T2w",
    study: Study = STUDY,
    number: int = 5,
    series_uid: str = "",
    protocol: str = "t2_tse_tra",
    scaling: Scaling | Sequence[Scaling] | None = None,
    first_instance: int = 1,
    edit: Edit | None = None,
    **tags: object,
) -> list[Path]:
    """Write an image: one file a slice, or one enhanced file, as the dialect does.

    Parameters
    ----------
    folder : Path
        Made where it is missing. Files are named after series and instance.
    array : ndarray, shape (columns, rows, slices)
    affine : ndarray, shape (4, 4)
        Voxels to RAS mm; the third axis runs from slice to slice.
    kind : str
        The contrast; those of Dixon images get the tags that the dialect gives them.
    scaling : Scaling or one a slice
        How values are stored; by default as the dialect does.
    edit : callable, optional
        Changes each data set before it is written; gets the data set and the slice.
    **tags
        Any DICOM keyword: ``SeriesDescription="…"``, ``EchoTime=80``; None leaves it out.
    """
    series_uid = series_uid or uid("series", study.uid, number, protocol)
    scalings = _scalings(scaling or dialect.scaling.get(kind, Scaling()), array.shape[2])
    base = parts.base(dialect, kind, study, protocol)
    base.SeriesNumber, base.SeriesInstanceUID = number, series_uid
    base.InstanceNumber = first_instance
    choices = Choices(dialect, tags, edit)
    if dialect.enhanced:
        path = folder / f"s{number:03d}_{kind}_{first_instance:04d}.dcm"
        return [write_enhanced(path, base, {kind: (array, scalings)}, affine, choices)]
    paths = []
    for k in range(array.shape[2]):
        data = parts.copy(base)
        parts.place(data, array, affine, k)
        parts.store(data, [parts.stored(array[:, :, k], scalings[k])], signed=dialect.signed)
        parts.scale(data, data, scalings[k])
        data.InstanceNumber = first_instance + k
        path = folder / f"s{number:03d}_{kind}_{first_instance + k:04d}.dcm"
        paths.append(parts.finish(data, path, choices, k))
    return paths


def write_dixon(
    folder: Path,
    images: Mapping[str, np.ndarray],
    affine: np.ndarray,
    *,
    dialect: Dialect,
    study: Study = STUDY,
    number: int = 10,
    protocol: str = "t2_tse_dixon_tra",
    edit: Edit | None = None,
    **tags: object,
) -> list[Path]:
    """Write the images of a Dixon scan, as one series or several, as the dialect does."""
    options = dict(dialect=dialect, study=study, protocol=protocol, edit=edit, **tags)
    if not dialect.one_series:
        written = [
            write_series(folder, array, affine, kind=kind, number=number + n, **options)
            for n, (kind, array) in enumerate(images.items())
        ]
        return [path for paths in written for path in paths]
    series_uid = uid("series", study.uid, number, protocol)
    if dialect.enhanced:
        base = parts.base(dialect, "water", study, protocol)
        base.SeriesNumber, base.SeriesInstanceUID, base.InstanceNumber = number, series_uid, 1
        scaled = {
            kind: (array, _scalings(dialect.scaling.get(kind, Scaling()), array.shape[2]))
            for kind, array in images.items()
        }
        path = folder / f"s{number:03d}_dixon.dcm"
        return [write_enhanced(path, base, scaled, affine, Choices(dialect, tags, edit))]
    paths: list[Path] = []
    for kind, array in images.items():
        paths += write_series(
            folder, array, affine, kind=kind, number=number, series_uid=series_uid,
            first_instance=len(paths) + 1, **options,
        )  # fmt: skip
    return paths


def dixon_images(shape: tuple[int, int, int] = (32, 32, 8), seed: int = 0) -> dict[str, np.ndarray]:
    """Return the four images of a Dixon scan: noise that differs between them."""
    rng = np.random.default_rng(seed)
    water, fat = rng.integers(0, 1000, (2, *shape)).astype(np.int16)
    images = (water, fat, water + fat, np.abs(water - fat))
    return dict(zip(DIXON, images, strict=True))


def _scalings(scaling: Scaling | Sequence[Scaling], count: int) -> list[Scaling]:
    return [scaling] * count if isinstance(scaling, Scaling) else list(scaling)


def stacks_in(folder: Path) -> list[Stack]:
    """Return the stacks of all series in a folder."""
    series = defaultdict(list)
    for frame in scan([folder]).frames:
        series[frame.tags.series].append(frame)
    return [stack for frames in series.values() for stack in stacks_of(frames)]


def only_volume(folder: Path) -> Volume:
    """Return the image of a folder that holds one."""
    (stack,) = stacks_in(folder)
    return read_stack(stack)


def as_written(volume: Volume) -> np.ndarray:
    """Voxels in the order of `write_series`: rows are reversed."""
    return volume.array[:, ::-1]
