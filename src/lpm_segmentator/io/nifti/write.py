"""Write NIfTI images and label maps.

What is written keeps the header of the image it is about, so that it overlays that image in any
viewer.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import GeometryError, OutputError
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.quiet import quiet_log
from lpm_segmentator.core.source import Source
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.io.files import atomic_path
from lpm_segmentator.io.nifti.container import NIBABEL_LOG
from lpm_segmentator.io.nifti.header import stated_form

__all__ = ["write_image", "write_label_map"]

_WRITTEN_SUFFIXES = (".nii.gz", ".nii")
_SAME_MM = 1e-3  # grids closer than this are one grid; headers hold float32
_AXES = 3
_NIFTI1_BYTES = 348
_EOL_CHECK = (13, 10, 26, 10)  # shows whether a transfer converted the ends of lines
_ALIGNED, _LAST_CODE = 2, 4


def write_label_map(
    labels: LabelMap, path: str | os.PathLike[str], *, like: Source | None = None
) -> None:
    """Write a label map as uint8, whole or not at all.

    Parameters
    ----------
    labels : LabelMap
    path : path-like
        Ends in ``.nii`` or ``.nii.gz``.
    like : Source, optional
        Of the image that was labelled. On the same grid both forms of its header, their codes and
        units are kept to the bit; on a crop of it both forms are moved alike.

    Raises
    ------
    OutputError
        If the file cannot be written or its name does not end in ``.nii`` or ``.nii.gz``.
    """
    _write(labels.array, labels.geometry, path, like)


def write_image(
    volume: Volume, path: str | os.PathLike[str], *, like: Source | None = None
) -> None:
    """Write an image in its own number type, whole or not at all.

    Booleans become uint8, float16 becomes float32, and 64-bit integers, which many readers do
    not know, int32 where they fit and float64 where not.

    Parameters
    ----------
    volume : Volume
    path, like
        As for `write_label_map`.

    Raises
    ------
    OutputError
        If the file cannot be written or its name does not end in ``.nii`` or ``.nii.gz``.
    """
    _write(_storable(volume.array), volume.geometry, path, like)


def _storable(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    dtype: Any = array.dtype
    if dtype.kind == "b":
        dtype = np.uint8
    elif dtype == np.float16:
        dtype = np.float32
    elif dtype in (np.int64, np.uint64):
        limits = np.iinfo(np.int32)
        fits = limits.min <= array.min() and array.max() <= limits.max
        dtype = np.int32 if fits else np.float64
    return array.astype(dtype, copy=False)


def _write(
    array: npt.NDArray[Any],
    geometry: Geometry,
    path: str | os.PathLike[str],
    like: Source | None,
) -> None:
    if not Path(path).name.lower().endswith(_WRITTEN_SUFFIXES):
        raise OutputError(
            "images are written as NIfTI only", where=path, hint="End the name in .nii or .nii.gz"
        )
    header = _header_for(geometry, like)
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0  # the template's display window is not ours
    # Without an affine nibabel takes the header's two forms as they are.
    kind: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    with quiet_log(NIBABEL_LOG), atomic_path(path) as temporary:
        kind(array, None, header).to_filename(temporary)


def _header_for(geometry: Geometry, like: Source | None) -> Any:
    """Return a header that places an array on `geometry`, as near to the template as can be."""
    if like is None or not like.nifti_header:
        header: Any = nib.Nifti1Header()  # type: ignore[no-untyped-call]
        header.set_data_shape(geometry.shape)
        header.set_xyzt_units("mm")
        header.set_qform(geometry.affine, code="scanner")
        header.set_sform(geometry.affine, code="scanner")
        return header
    header = _decoded(like.nifti_header)
    template = _stated_geometry(header)
    header.set_data_shape(geometry.shape)
    if template is None:
        _replace_forms(header, geometry)
        return header
    if template.describe_difference(geometry, _SAME_MM) is None:
        return header
    start = np.rint(template.world_to_voxel(geometry.origin_mm))
    moved = template.shifted(start.tolist(), geometry.shape)
    if moved.describe_difference(geometry, _SAME_MM) is None:
        # Of a header without any code nothing is moved: that the orientation is a guess must
        # stay visible, and such a header cannot state a position anyway.
        _move_origin(header, start)
    else:
        _replace_forms(header, geometry)
    return header


def _decoded(block: bytes) -> Any:
    """Return the header of its bytes, as that of a single file."""
    kind: Any = nib.Nifti1Header if len(block) == _NIFTI1_BYTES else nib.Nifti2Header
    header = kind(block, check=False).as_byteswapped("<")
    header["magic"] = b"n+1" if len(block) == _NIFTI1_BYTES else b"n+2"
    if "eol_check" in header.keys():  # noqa: SIM118 - a header is no mapping; NIfTI-2 alone
        header["eol_check"] = _EOL_CHECK
    header["vox_offset"] = 0  # nibabel sets it when it writes
    return header


def _stated_geometry(header: Any) -> Geometry | None:
    """Return the grid that the header's own forms give; None where they give none."""
    try:
        shape = [max(1, int(n)) for n in header["dim"][1 : 1 + _AXES]]
        return Geometry((shape[0], shape[1], shape[2]), header.get_best_affine())
    except (GeometryError, ValueError, nib.spatialimages.HeaderDataError):
        return None  # a header that the user overruled


def _move_origin(header: Any, start: npt.NDArray[np.float64]) -> None:
    """Move both forms' origin to the voxel `start`; steps, rotation and codes stay to the bit."""
    if (q := stated_form(header, "qform")) is not None:
        origin = q[:3, :3] @ start + q[:3, 3]
        header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = origin
    if (s := stated_form(header, "sform")) is not None:
        origin = s[:3, :3] @ start + s[:3, 3]
        header["srow_x"][3], header["srow_y"][3], header["srow_z"][3] = origin


def _known_code(code: Any) -> int:
    """Return the code of a form; one that NIfTI does not define becomes "aligned"."""
    return int(code) if code <= _LAST_CODE else _ALIGNED


def _replace_forms(header: Any, geometry: Geometry) -> None:
    """Set both forms to a grid that is no crop of the template; codes that are set are kept.

    A header without any code cannot state another grid; it gets an sform ("aligned"). So does one
    with a qform alone, which cannot hold shear.
    """
    q, s = (_known_code(header[name]) for name in ("qform_code", "sform_code"))
    header.set_qform(geometry.affine, code=max(q, 0))
    header.set_sform(geometry.affine, code=s if s > 0 else q if q > 0 else _ALIGNED)
