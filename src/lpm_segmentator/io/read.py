"""Read images and label maps.

What is read is checked once, here: every other room may rely on three axes, real finite numbers
and an affine that can be inverted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import FileFormatError, GeometryError, LabelError, Remedy
from lpm_segmentator.core.geometry import FloatArray, Geometry
from lpm_segmentator.core.labels import LPM_SCHEME
from lpm_segmentator.core.numbering import LPM_NUMBERING, NUMBERINGS, LabelNumbering
from lpm_segmentator.core.source import Source
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.io.formats import open_raw
from lpm_segmentator.io.image import Image, LabelImage
from lpm_segmentator.io.nifti.container import RawNifti
from lpm_segmentator.io.nifti.header import HeaderOptions, affine_of, in_mm, read_shape
from lpm_segmentator.io.sidecar import contrast_of, uids_of

__all__ = [
    "IGNORED_VALUE",
    "read_geometry",
    "read_image",
    "read_label_map",
    "read_source",
    "read_voxels",
]

IGNORED_VALUE = 255
"""What voxels to leave out have where the numbering of a label map is another program's."""

_LABEL_TOLERANCE = 0.01
"""Labels stored with scaling or rounding lie this close to a whole number."""

#: an image with so few values, all of them whole numbers, is a label map
_FEWEST_GREY_VALUES = 5
#: squares and sums of such values are still finite in single precision
_LARGEST_VALUE = 1e15
_PLAIN = HeaderOptions()


@dataclass(frozen=True, eq=False)
class _Opened:
    """A file whose header was read and checked."""

    raw: RawNifti
    header: Any
    shape: tuple[int, ...]
    affine: FloatArray
    notes: tuple[str, ...]

    @property
    def source(self) -> Source:
        """Where results about the file come from."""
        # Results are written as NIfTI-1 or NIfTI-2 single files, whatever the container was.
        return Source(self.raw.path, self.header.binaryblock, uids_of(self.raw.path))


def read_image(path: str | os.PathLike[str], options: HeaderOptions = _PLAIN) -> Image:
    """Read a 3-D image.

    The file's scaling is applied, and lengths in metres or micrometres become mm. Trailing axes
    of length 1 are dropped; a single slice of shape (x, y, 1) is accepted.

    Parameters
    ----------
    path : path-like
    options : HeaderOptions
        What to trust where the header is wrong or contradicts itself.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated, damaged or not NIfTI; if it is 2-D, holds several
        volumes, colours or complex numbers, values that are not finite or above 10¹⁵, or one value
        only.
    GeometryError
        If its affine is singular, or its header states no geometry or two.
    LabelError
        If it is a label map.
    """
    opened, array = _load(path, options)
    if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
        raise FileFormatError(
            f"{array.size - int(finite.sum())} of {array.size} voxels are nan or infinite",
            where=path,
            hint="Replace them by the value of air (usually 0) and save the image again",
        )
    if (largest := max(-float(array.min()), float(array.max()))) > _LARGEST_VALUE:
        raise FileFormatError(
            f"voxels have values of up to {largest:.3g}, which no scanner gives",
            where=path,
            hint="Check the scaling in the header, and the conversion of this series",
        )
    if array.min() == array.max():
        raise FileFormatError(
            f"every voxel has the value {array.flat[0]}: the image shows nothing",
            where=path,
            hint="Check the conversion of this series",
        )
    _refuse_label_map(array, path)
    known = contrast_of(opened.raw.path)
    volume = _placed(Volume, path, array, opened.affine, known.contrast)
    return Image(volume, opened.source, known, opened.notes)


def read_label_map(
    path: str | os.PathLike[str],
    numbering: LabelNumbering = LPM_NUMBERING,
    *,
    ignore: Iterable[int] = (),
    options: HeaderOptions = _PLAIN,
) -> LabelImage:
    """Read a label map; one without any label is accepted.

    Parameters
    ----------
    path : path-like
    numbering : LabelNumbering
        What the values of the file mean; the map that is returned has the values of `LPM_SCHEME`.
    ignore : iterable of int
        Further values to accept, which mark voxels to leave out of comparisons. They stay in the
        array, and in the returned map's scheme as `LabelScheme.ignored`; where the numbering is
        another program's they become `IGNORED_VALUE`.
    options : HeaderOptions
        What to trust where the header is wrong or contradicts itself.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated, damaged, not NIfTI, or not one 3-D volume.
    GeometryError
        If its affine is singular, or its header states no geometry or two.
    LabelError
        If it holds values that are not whole numbers (within 0.01) or that the numbering does not
        know, or none of the values that it does know.
    """
    opened, array = _load(path, options)
    array, notes = _whole_numbers(path, array)
    if numbering.is_own:
        scheme = LPM_SCHEME.ignoring(ignore)
    else:
        array, more = _translated(path, array, numbering, frozenset(ignore))
        notes += more
        scheme = LPM_SCHEME.ignoring([IGNORED_VALUE] if ignore else [])
    try:
        labels: LabelMap = _placed(LabelMap, path, array, opened.affine, scheme)
    except LabelError as error:
        raise LabelError(
            error.what,
            where=path,
            hint=_numbering_hint(array),
            remedy=(Remedy.LABEL_SCHEME, Remedy.IGNORE_LABEL),
        ) from error
    return LabelImage(labels, opened.source, (*opened.notes, *notes))


def _translated(
    path: str | os.PathLike[str],
    array: npt.NDArray[Any],
    numbering: LabelNumbering,
    ignore: frozenset[int],
) -> tuple[npt.NDArray[np.uint8], tuple[str, ...]]:
    """Return an array with the values of `LPM_SCHEME`, and which values were left out."""
    translated = numbering.translated(array)
    others = tuple(value for value in numbering.others_in(array) if value not in ignore)
    if array.any() and not translated.any():
        shown = ", ".join(map(str, others[:8])) or "values to ignore"
        raise LabelError(
            f"no value of the label scheme {numbering.name} is in this label map, which holds "
            f"{shown}",
            where=path,
            hint=_numbering_hint(array),
            remedy=Remedy.LABEL_SCHEME,
        )
    if ignore:
        translated[np.isin(array, sorted(ignore))] = IGNORED_VALUE
    if not others:
        return translated, ()
    shown = ", ".join(map(str, others[:8])) + (" and more" if others[8:] else "")
    return translated, (f"other structures count as background (values {shown})",)


def _numbering_hint(array: npt.NDArray[Any]) -> str:
    """Return what to do about unknown values; a program whose values these are is named.

    A program that uses the values of `LPM_SCHEME` in another order is not: they tell nothing.
    """
    present = {int(value) for value in np.unique(array)} - {0}
    fits = [
        name
        for name, known in NUMBERINGS.items()
        if (theirs := {value for value, _ in known.values}) <= present
        and not theirs <= set(LPM_SCHEME.values)
    ]
    named = f"These may be the values of {' or '.join(fits)}. " if fits else ""
    return (
        f"{named}Check that this is a label map; name its label scheme ({Remedy.LABEL_SCHEME}) or "
        f"the values to leave out ({Remedy.IGNORE_LABEL})"
    )


def read_voxels(
    path: str | os.PathLike[str], options: HeaderOptions = _PLAIN
) -> tuple[npt.NDArray[np.int64], Geometry]:
    """Read a map of whole numbers of any meaning, such as one of vertebrae.

    Returns
    -------
    values : ndarray of int64, shape (i, j, k)
    geometry : Geometry

    Raises
    ------
    FileFormatError, GeometryError, LabelError
        As `read_label_map`.
    """
    opened, array = _load(path, options)
    values, _ = _whole_numbers(path, array)
    return values.astype(np.int64), _placed(Geometry, path, opened.shape, opened.affine)


def read_source(path: str | os.PathLike[str], options: HeaderOptions = _PLAIN) -> Source:
    """Read the header alone, to serve as `like` when a result for this file is written.

    Raises
    ------
    FileFormatError
        As `read_image`, as far as the header tells.
    """
    return _open(path, options).source


def read_geometry(path: str | os.PathLike[str], options: HeaderOptions = _PLAIN) -> Geometry:
    """Read where an image lies, without its voxels.

    Raises
    ------
    FileFormatError, GeometryError
        As `read_image`, as far as the header tells.
    """
    opened = _open(path, options)
    geometry: Geometry = _placed(Geometry, path, opened.shape, opened.affine)
    return geometry


def _refuse_label_map(array: npt.NDArray[Any], path: str | os.PathLike[str]) -> None:
    """Refuse whole numbers of so few values that no scanner gives them."""
    sample = array.ravel()[:: max(1, array.size // 4096)]
    if np.unique(sample).size > _FEWEST_GREY_VALUES:  # the usual case, at once
        return
    values = np.unique(array)
    if values.size > _FEWEST_GREY_VALUES or (values != np.rint(values)).any():
        return
    raise LabelError(
        f"this is a label map (its values are {', '.join(f'{v:g}' for v in values)}), not an image",
        where=path,
        hint="Give the image that belongs to it; 'lpm measure' measures label maps",
        remedy=Remedy.LABELS,
    )


def _whole_numbers(
    path: str | os.PathLike[str], array: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Return integers; rounding errors of programs that scale or resave are removed."""
    if array.dtype.kind in "biu":
        return array, ()
    notes = []
    undefined = np.isnan(array)
    if undefined.any():
        array = np.where(undefined, 0, array)
        notes.append(f"{int(undefined.sum())} undefined voxels (nan) were taken as background")
    with np.errstate(invalid="ignore"):
        whole = np.rint(array)
        # int64 holds every whole number below 2**53 that a float can tell apart.
        odd = ~(np.abs(array - whole) <= _LABEL_TOLERANCE) | (np.abs(array) > 2.0**53)
    if odd.any():
        shown = ", ".join(f"{v:g}" for v in np.unique(array[odd])[:5])
        raise LabelError(
            f"a label map must hold whole numbers, this holds {shown}",
            where=path,
            hint="Give a label map, not an image or probabilities; resample label maps by nearest "
            "neighbour",
        )
    if whole.min() == whole.max() and (array != whole.flat[0]).any():
        raise LabelError(
            f"all values, from {array.min():g} to {array.max():g}, round to {whole.flat[0]:g}",
            where=path,
            hint="The scaling of the header is wrong: export the label map again",
        )
    if (whole != array).any():
        notes.append("values within 0.01 of whole numbers were rounded")
    return whole.astype(np.int64), tuple(notes)


def _placed(kind: Any, path: str | os.PathLike[str], *args: Any) -> Any:
    """Make a Volume, LabelMap or Geometry; an error of its geometry names the file."""
    try:
        return kind(*args)
    except GeometryError as error:
        raise GeometryError(
            error.what, where=path, hint=error.hint, remedy=error.remedies
        ) from error


def _open(path: str | os.PathLike[str], options: HeaderOptions) -> _Opened:
    """Open a NIfTI file and check its header."""
    raw = open_raw(Path(path))
    _check_type(raw, path)
    shape = read_shape(raw.header, path)
    header, unit_notes = in_mm(raw.header, path)
    affine, notes = affine_of(header, shape, options, path)
    return _Opened(raw, header, shape, affine, (*raw.notes, *unit_notes, *notes))


def _check_type(raw: RawNifti, path: str | os.PathLike[str]) -> None:
    try:
        kind = raw.header.get_data_dtype().kind
    except Exception as error:  # nibabel raises its own kinds for unknown codes
        raise FileFormatError(
            f"the header names an unknown data type (code {int(raw.header['datatype'])})",
            where=path,
            hint="Copy or export the file again",
        ) from error
    if kind not in "iuf":
        what = {"V": "colours", "c": "complex numbers"}.get(kind, "something else")
        raise FileFormatError(
            f"the image holds {what}, not grey values",
            where=path,
            hint="Save the magnitude as integers or floats",
        )


def _load(path: str | os.PathLike[str], options: HeaderOptions) -> tuple[_Opened, npt.NDArray[Any]]:
    """Return the opened file and its voxels: 3-D, real, in the machine's byte order."""
    opened = _open(path, options)
    array = opened.raw.voxels(opened.shape)
    if array.dtype.itemsize > np.dtype(np.float64).itemsize:  # long double: nobody computes in it
        array = array.astype(np.float64)
    return opened, array
