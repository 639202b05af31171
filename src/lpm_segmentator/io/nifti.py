"""Read and write NIfTI images and label maps.

What is read is checked once, here: every other room may rely on three axes, real finite numbers
and an affine that can be inverted. What is written keeps the template's header, so that the file
overlays its image in any viewer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import (
    FileFormatError,
    GeometryError,
    LabelError,
    OutputError,
)
from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.labels import LPM_SCHEME, LabelScheme
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.io.files import atomic_path

__all__ = [
    "NIFTI_SUFFIXES",
    "Image",
    "is_nifti",
    "read_geometry",
    "read_header",
    "read_image",
    "read_label_map",
    "write_image",
    "write_label_map",
]

logger = logging.getLogger(__name__)

NIFTI_SUFFIXES = (".nii.gz", ".nii")

_SAME_MM = 1e-3  # grids closer than this are one grid; headers hold float32
_FORMS_DIFFER_MM = 0.5
_AXES = 3
_UNITS_MM = {"meter": 1000.0, "micron": 0.001}
#: voxels of another size are no MRI of a back: the unit is wrong
_SMALLEST_VOXEL_MM, _LARGEST_VOXEL_MM = 0.05, 100.0


@dataclass(frozen=True, eq=False)
class Image:
    """An image and the header of the file it came from.

    Parameters
    ----------
    volume : Volume
    header : object
        The NIfTI header, to be handed to `write_image` or `write_label_map` as `like`.
    notes : tuple of str
        What is doubtful about the header, such as an orientation that it does not state.
    """

    volume: Volume
    header: Any
    notes: tuple[str, ...] = ()


def is_nifti(path: str | os.PathLike[str]) -> bool:
    """Return whether the name ends in ``.nii`` or ``.nii.gz``, in any case."""
    return Path(path).name.lower().endswith(NIFTI_SUFFIXES)


def read_image(path: str | os.PathLike[str]) -> Image:
    """Read a 3-D image.

    The file's scaling is applied, and lengths in metres or micrometres become mm. Trailing axes
    of length 1 are dropped; a single slice of shape (x, y, 1) is welcome.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated or not NIfTI; if it is 2-D, holds several
        volumes, colours or complex numbers, values that are not finite, or one value only.
    GeometryError
        If its affine is singular.
    """
    loaded, array = _load(path)
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        raise FileFormatError(
            f"{array.size - int(finite.sum())} of {array.size} voxels are nan or infinite",
            where=path,
            hint="Replace them by the value of air (usually 0) and save the image again",
        )
    if array.min() == array.max():
        raise FileFormatError(
            f"every voxel has the value {array.flat[0]}: there is nothing to see in it",
            where=path,
            hint="Check the conversion of this series",
        )
    volume = _placed(Volume, path, array, loaded.affine)
    return Image(volume, loaded.header.copy(), _orientation_notes(loaded.header))


def read_label_map(
    path: str | os.PathLike[str], scheme: LabelScheme = LPM_SCHEME, *, ignore: Iterable[int] = ()
) -> LabelMap:
    """Read a label map; one without any label is fine.

    Parameters
    ----------
    path : path-like
    scheme : LabelScheme
        What the values mean.
    ignore : iterable of int
        Further values to accept, which mark voxels to leave out of comparisons. They stay in the
        array, and in the returned map's scheme as `LabelScheme.ignored`.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated, not NIfTI, or not one 3-D volume of numbers.
    GeometryError
        If its affine is singular.
    LabelError
        If it holds values that are not integers or that the scheme does not know.
    """
    loaded, array = _load(path)
    scheme = scheme.ignoring(ignore)
    if array.dtype.kind == "f":
        array = _whole_numbers(path, array)
    try:
        labels: LabelMap = _placed(LabelMap, path, array, loaded.affine, scheme)
    except LabelError as error:
        hint = "Check that this is a label map; give values to leave out with --ignore-label"
        raise LabelError(error.what, where=path, hint=hint) from error
    return labels


def read_header(path: str | os.PathLike[str]) -> Any:
    """Read the header alone, to serve as `like` when a result for this file is written.

    Raises
    ------
    FileFormatError
        As `read_image`, as far as the header tells.
    """
    return _open(path).header.copy()


def read_geometry(path: str | os.PathLike[str]) -> Geometry:
    """Read where an image lies, without its voxels.

    Raises
    ------
    FileFormatError, GeometryError
        As `read_image`, as far as the header tells.
    """
    header = _open(path).header
    geometry: Geometry = _placed(
        Geometry, path, header.get_data_shape()[:_AXES], header.get_best_affine()
    )
    return geometry


def _whole_numbers(path: str | os.PathLike[str], array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats that are whole numbers as integers."""
    # int64 holds every whole number below 2**53 that a float can tell apart.
    odd = ~np.isfinite(array) | (array != np.rint(array)) | (np.abs(array) > 2.0**53)
    if odd.any():
        shown = ", ".join(f"{v:g}" for v in np.unique(array[odd])[:5])
        raise LabelError(
            f"a label map must hold whole numbers, this holds {shown}",
            where=path,
            hint="Give a label map, not an image or probabilities; resample it by nearest voxel",
        )
    return array.astype(np.int64)


def _placed(kind: Any, path: str | os.PathLike[str], *args: Any) -> Any:
    """Make a Volume or LabelMap; an error of its geometry names the file."""
    try:
        return kind(*args)
    except GeometryError as error:
        raise GeometryError(error.what, where=path, hint=error.hint) from error


def _open(path: str | os.PathLike[str]) -> Any:
    """Open a NIfTI file and check what its header tells."""
    path = Path(path)
    _check_file(path)
    try:
        # Without memory maps: a mapped file that is replaced while in use kills the process.
        loaded = nib.load(path, mmap=False)
    except Exception as error:  # decoders raise anything on foreign bytes
        raise _unreadable(path, error) from error
    if not isinstance(loaded, (nib.Nifti1Image, nib.Nifti2Image)):
        raise FileFormatError(
            f"this is {type(loaded).__name__.removesuffix('Image')}, not a single NIfTI file",
            where=path,
            hint="Convert it to .nii.gz",
        )
    loaded = _in_mm(path, loaded)
    _check_header(path, loaded)
    return loaded


def _in_mm(path: Path, loaded: Any) -> Any:
    """Return the file with a header in mm where it says that it is in metres or micrometres.

    Headers that say so in error give voxels of impossible size, and are refused.
    """
    unit = str(loaded.header.get_xyzt_units()[0])
    if unit not in _UNITS_MM:
        return loaded
    header, factor = loaded.header.copy(), _UNITS_MM[unit]
    header["pixdim"][1:4] *= factor
    for name in ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"):
        header[name] = header[name] * factor
    header.set_xyzt_units("mm", header.get_xyzt_units()[1])
    steps = header.get_zooms()[:_AXES]
    if min(steps) < _SMALLEST_VOXEL_MM or max(steps) > _LARGEST_VOXEL_MM:
        raise FileFormatError(
            f"the header gives lengths in {unit}s, so that a voxel would measure "
            f"{' x '.join(f'{v:.3g}' for v in steps)} mm",
            where=path,
            hint="If they are millimetres, save the file again with the unit mm, e.g. with "
            "nibabel: image.header.set_xyzt_units('mm')",
        )
    logger.info("%s: lengths in %ss were converted to mm", path, unit)
    return type(loaded)(loaded.dataobj, header.get_best_affine(), header)


def _load(path: str | os.PathLike[str]) -> tuple[Any, npt.NDArray[Any]]:
    """Return the opened file and its voxels: 3-D, real, in the machine's byte order."""
    loaded = _open(path)
    try:
        array = np.asanyarray(loaded.dataobj)
    except Exception as error:  # decoders raise anything on foreign bytes
        raise _unreadable(Path(path), error) from error
    array = array.reshape(array.shape[:_AXES])
    dtype = array.dtype.newbyteorder("=")
    if dtype.itemsize > np.dtype(np.float64).itemsize:  # long double: nobody else computes in it
        dtype = np.dtype(np.float64)
    return loaded, array.astype(dtype, copy=False)


def _check_file(path: Path) -> None:
    if not path.exists():
        raise FileFormatError(
            "there is no such file", where=path, hint="Check the path for typing mistakes"
        )
    if path.is_dir():
        raise FileFormatError("this is a folder, not an image file", where=path)
    if path.stat().st_size == 0:
        raise FileFormatError(
            "the file is empty (0 bytes)", where=path, hint="Copy or export it again"
        )


def _unreadable(path: Path, error: Exception) -> FileFormatError:
    """Say why a file could not be decoded, as far as its first bytes and the error tell."""
    try:
        with path.open("rb") as file:
            start = file.read(132)
    except OSError as denied:
        return FileFormatError(f"cannot be opened ({denied.strerror})", where=path)
    if start[128:] == b"DICM":
        hint = "Give the folder of the series, or convert it to .nii.gz first"
        return FileFormatError("this is a DICOM file, not NIfTI", where=path, hint=hint)
    text = " ".join(str(error).split())
    cut = isinstance(error, EOFError) or "Expected" in text or "end-of-stream" in text
    if cut and is_nifti(path):
        hint = "Copy or export it again"
        return FileFormatError("the file is truncated: data are missing", where=path, hint=hint)
    return FileFormatError(
        f"cannot be read as NIfTI ({text or type(error).__name__})",
        where=path,
        hint="Give a .nii or .nii.gz file; copy or convert it again if it should be one",
    )


def _check_header(path: Path, loaded: Any) -> None:
    shape = loaded.shape
    if len(shape) < _AXES:
        raise FileFormatError(
            f"the image has {len(shape)} axes, shape {shape}, so that its place is not known",
            where=path,
            hint="Save a single slice as a 3-D image of shape (x, y, 1) with its slice thickness",
        )
    if 0 in shape:
        raise FileFormatError(f"the image has no voxels, shape {shape}", where=path)
    if any(n != 1 for n in shape[_AXES:]):
        raise FileFormatError(
            f"the file holds several volumes, shape {shape}",
            where=path,
            hint="Extract one, counting from 0, with e.g. nibabel: "
            "nibabel.load(path).slicer[..., 0].to_filename('volume0.nii.gz')",
        )
    dtype = loaded.get_data_dtype()
    if dtype.kind not in "iuf":
        kind = {"V": "colours", "c": "complex numbers"}.get(dtype.kind, str(dtype))
        raise FileFormatError(
            f"the image holds {kind}, not grey values",
            where=path,
            hint="Save the magnitude as integers or floats",
        )
    for note in _orientation_notes(loaded.header):
        logger.warning("%s: %s", path, note)


def _orientation_notes(header: Any) -> tuple[str, ...]:
    q, s = _form(header, "qform"), _form(header, "sform")
    if q is None and s is None:
        return ("the header states no orientation; left and right are a guess (LAS)",)
    if q is not None and s is not None:
        off_mm = float(np.abs(q - s)[:3, 3].max())
        if off_mm > _FORMS_DIFFER_MM:
            return (f"qform and sform place the image {off_mm:.1f} mm apart; the sform is used",)
    return ()


def _form(header: Any, name: str) -> npt.NDArray[np.float64] | None:
    """Return the qform or sform of a header, None if it is not set or makes no sense."""
    try:
        matrix, code = getattr(header, f"get_{name}")(coded=True)
    except (ValueError, nib.spatialimages.HeaderDataError):  # no rotation has such a quaternion
        return None
    return np.asarray(matrix, dtype=np.float64) if code else None


def write_label_map(
    labels: LabelMap, path: str | os.PathLike[str], *, like: Any | None = None
) -> None:
    """Write a label map as uint8, whole or not at all.

    Parameters
    ----------
    labels : LabelMap
    path : path-like
        Ends in ``.nii`` or ``.nii.gz``.
    like : object, optional
        Header of the image that was labelled (`Image.header`). On the same grid both its forms,
        their codes and units are kept to the bit; on a crop of it both forms are moved alike.

    Raises
    ------
    OutputError
        If the file cannot be written or its name does not end in ``.nii`` or ``.nii.gz``.
    """
    _write(labels.array, labels.geometry, path, like)


def write_image(volume: Volume, path: str | os.PathLike[str], *, like: Any | None = None) -> None:
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
    array: npt.NDArray[Any], geometry: Geometry, path: str | os.PathLike[str], like: Any | None
) -> None:
    if not is_nifti(path):
        raise OutputError(
            "images are written as NIfTI only", where=path, hint="End the name in .nii or .nii.gz"
        )
    header = _header_for(geometry, like)
    header.set_data_dtype(array.dtype)
    header["cal_min"] = header["cal_max"] = 0  # the template's display window is not ours
    # Without an affine nibabel takes the header's two forms as they are.
    kind: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    with atomic_path(path) as temporary:
        kind(array, None, header).to_filename(temporary)


def _header_for(geometry: Geometry, like: Any | None) -> Any:
    """Return a header that places an array on `geometry`, as near to the template as can be."""
    if like is None:
        header: Any = nib.Nifti1Header()  # type: ignore[no-untyped-call]
        header.set_data_shape(geometry.shape)
        header.set_xyzt_units("mm")
        header.set_qform(geometry.affine, code="scanner")
        header.set_sform(geometry.affine, code="scanner")
        return header
    header = like.copy()
    template = Geometry(like.get_data_shape()[:_AXES], like.get_best_affine())
    header.set_data_shape(geometry.shape)
    if template.describe_difference(geometry, _SAME_MM) is None:
        return header
    start = np.rint(template.world_to_voxel(geometry.origin_mm))
    moved = template.shifted(start.tolist(), geometry.shape)
    is_crop = moved.describe_difference(geometry, _SAME_MM) is None
    if is_crop and (header["qform_code"] > 0 or header["sform_code"] > 0):
        _move_origin(header, start)
    else:
        _replace_forms(header, geometry)
    return header


def _move_origin(header: Any, start: npt.NDArray[np.float64]) -> None:
    """Move both forms' origin to the voxel `start`; steps, rotation and codes stay to the bit."""
    if (q := _form(header, "qform")) is not None:
        origin = q[:3, :3] @ start + q[:3, 3]
        header["qoffset_x"], header["qoffset_y"], header["qoffset_z"] = origin
    if (s := _form(header, "sform")) is not None:
        origin = s[:3, :3] @ start + s[:3, 3]
        header["srow_x"][3], header["srow_y"][3], header["srow_z"][3] = origin


def _replace_forms(header: Any, geometry: Geometry) -> None:
    """Set both forms to a grid that is no crop of the template; codes are kept where they are.

    A header without any code places the image by its shape alone, which another grid cannot
    follow; it gets an sform ("aligned"). So does one with a qform alone, which cannot hold shear.
    """
    q, s = int(header["qform_code"]), int(header["sform_code"])
    header.set_qform(geometry.affine, code=q)
    header.set_sform(geometry.affine, code=s or q or 2)
