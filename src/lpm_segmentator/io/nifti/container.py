"""Bytes of a NIfTI file: what is in it is known by its content, not by its name."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import nibabel as nib
import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import FileFormatError
from lpm_segmentator.core.quiet import quiet_log

__all__ = [
    "DICOM_START",
    "RawNifti",
    "is_dicom_start",
    "open_nifti",
    "partner_paths",
]

#: nibabel's remarks about headers, which are ours to make
NIBABEL_LOG = "nibabel.global"
_GZIP = b"\x1f\x8b"
#: how many bytes a DICOM file begins with at least, and the last ones of them
DICOM_START, _DICOM = 132, b"DICM"
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_SIZES = tuple(_HEADERS)
#: of either header, where the magic stands
_MAGIC_AT = {348: 344, 540: 4}
_CHUNK = 2**22
_EXPORT_AGAIN = "Copy or export the file again"


@dataclass(frozen=True, eq=False)
class RawNifti:
    """A NIfTI file as it is: an unchecked header, and the voxels when they are requested.

    Attributes
    ----------
    path : Path
        The file that the user named.
    header : nibabel.Nifti1Header or nibabel.Nifti2Header
        As in the file; nothing was corrected.
    data_path : Path
        The file that holds the voxels: `path`, or the ``.img`` of a pair.
    notes : tuple of str
        What is unusual about the container.
    """

    path: Path
    header: Any
    data_path: Path
    notes: tuple[str, ...] = ()

    def voxels(self, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Read the voxels, scaled as the header says.

        Parameters
        ----------
        shape : tuple of int
            Of the array; what the header says, without trailing axes of length 0 or 1.

        Returns
        -------
        ndarray
            In the machine's byte order; the stored type where the header does not scale, float64
            where it does.

        Raises
        ------
        FileFormatError
            If the file is truncated or longer than the header says, or its compressed stream is
            damaged (wrong checksum).
        """
        dtype = self.header.get_data_dtype()
        count = math.prod(shape)  # of Python's integers, since the numbers may be huge
        offset, surplus = self._offset(), 0
        with _decoded(self.data_path) as stream:
            _skip(stream, offset)
            data = _read_up_to(stream, count * dtype.itemsize)
            while part := stream.read(_CHUNK):  # only at its end does gzip compare the checksum
                surplus += len(part)
        missing = count * dtype.itemsize - len(data)
        if missing > 0:
            raise FileFormatError(
                f"the file is truncated: {missing} bytes of voxels are missing",
                where=self.data_path,
                hint=_EXPORT_AGAIN,
            )
        if surplus:
            raise FileFormatError(
                f"the file holds {surplus} bytes more than the header's shape "
                f"{' × '.join(map(str, shape))} and data type {dtype.name} need",
                where=self.data_path,
                hint=f"The header is damaged, or something was appended. {_EXPORT_AGAIN}",
            )
        array = np.frombuffer(data, dtype, count).reshape(shape, order="F")
        stored = array.astype(dtype.newbyteorder("="), copy=False)
        scaled = _scaled(stored, self.header)
        if scaled is not stored and scaled.min() == scaled.max() and stored.min() < stored.max():
            raise FileFormatError(
                f"the scaling of the header turns all values into {scaled.flat[0]:g}",
                where=self.path,
                hint=_EXPORT_AGAIN,
            )
        return scaled

    def _offset(self) -> int:
        """Return where the voxels begin in their file."""
        offset = float(self.header["vox_offset"])
        least = int(self.header["sizeof_hdr"]) if self.data_path == self.path else 0
        if not (np.isfinite(offset) and 0 <= offset < 2**40):
            raise FileFormatError(
                f"the header is damaged: the voxels would begin at byte {offset:g}",
                where=self.path,
                hint=_EXPORT_AGAIN,
            )
        return max(int(offset), least)


def open_nifti(path: Path) -> RawNifti:
    """Read the header of a NIfTI file, whatever its name says about compression.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated or not NIfTI.
    """
    named = path
    _check_file(path)
    if path.name.lower().endswith((".img", ".img.gz")):
        path = _partner(path, ".img", ".hdr")
    with _decoded(path) as stream:
        start = bytes(_read_up_to(stream, 544))
    size, order = _header_size(start)
    if size is None or not _is_magic(start[_MAGIC_AT[size] :][:3]):
        raise _not_nifti(named, start)
    if len(start) < size:
        raise _truncated(path)
    with quiet_log(NIBABEL_LOG):
        header = _HEADERS[size](start[:size], order, check=False)  # type: ignore[no-untyped-call]
    single = bytes(start[_MAGIC_AT[size] :][:3]) in (b"n+1", b"n+2")
    data_path = path if single else _partner(path, ".hdr", ".img")
    return RawNifti(path, header, data_path, tuple(_container_notes(path)))


def _container_notes(path: Path) -> Iterator[str]:
    compressed = _is_gzip(path)
    if compressed != path.name.lower().endswith(".gz"):
        named, is_ = ("compressed", "is not") if not compressed else ("uncompressed", "is")
        yield f"the file is named as {named}, but {'it ' + is_ + ' compressed'}"


def _header_size(start: bytes) -> tuple[int | None, str]:
    """Return the size that a header states of itself, and its byte order."""
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        size = int.from_bytes(start[:4], order)
        if size in _SIZES:
            return size, order
    return None, ""


def _is_magic(magic: bytes) -> bool:
    return magic in (b"n+1", b"ni1", b"n+2", b"ni2")


def _scaled(array: npt.NDArray[Any], header: Any) -> npt.NDArray[Any]:
    """Apply slope and intercept; a slope of 0 or nan means that there is none."""
    slope, intercept = (float(header[name]) for name in ("scl_slope", "scl_inter"))
    if not np.isfinite(slope) or slope == 0 or array.dtype.kind not in "iuf":
        return array
    intercept = intercept if np.isfinite(intercept) else 0.0
    if slope == 1 and intercept == 0:
        return array
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        scaled: npt.NDArray[Any] = array * np.float64(slope) + np.float64(intercept)
    return scaled


@contextmanager
def _decoded(path: Path) -> Iterator[IO[bytes]]:
    """Open a file's content, decompressed if it is gzip."""
    try:
        if _is_gzip(path):
            with gzip.open(path, "rb") as stream:
                yield stream  # type: ignore[misc]
        else:
            with path.open("rb") as plain:
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error) from error
    except OSError as error:
        raise FileFormatError(f"cannot be read ({error.strerror or error})", where=path) from error


def _is_gzip(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == _GZIP
    except OSError as error:
        raise FileFormatError(f"cannot be opened ({error.strerror})", where=path) from error


def _read_up_to(stream: IO[bytes], count: int) -> bytearray:
    """Read up to `count` bytes."""
    data = bytearray()
    while (missing := count - len(data)) and (part := stream.read(min(missing, _CHUNK))):
        data += part
    return data


def _skip(stream: IO[bytes], count: int) -> None:
    while count and (part := stream.read(min(count, _CHUNK))):
        count -= len(part)


def _partner(path: Path, ending: str, other: str) -> Path:
    """Return the other file of a ``.hdr``/``.img`` pair."""
    candidates = partner_paths(path, ending, other)
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise FileFormatError(
        f"the {other} file of the pair is missing",
        where=path,
        hint=f"Put {candidates[0].name} beside it, or save the image as one .nii.gz file",
    )


def partner_paths(path: Path, ending: str, other: str) -> list[Path]:
    """Return what the other file of a ``.hdr``/``.img`` pair may be called."""
    at = path.name.lower().rindex(ending)
    endings = [end + tail for end in (other, other.upper()) for tail in ("", ".gz")]
    return [path.with_name(path.name[:at] + end) for end in endings]


def _check_file(path: Path) -> None:
    if not path.exists():
        raise FileFormatError("there is no such file", where=path, hint="Check the path")
    if path.is_dir():
        raise FileFormatError("this is a folder, not an image file", where=path)
    if path.stat().st_size == 0:
        raise FileFormatError("the file is empty (0 bytes)", where=path, hint=_EXPORT_AGAIN)


def _truncated(path: Path) -> FileFormatError:
    return FileFormatError(
        "the file is truncated: data are missing", where=path, hint=_EXPORT_AGAIN
    )


def _damaged(path: Path, error: Exception) -> FileFormatError:
    if isinstance(error, EOFError):
        return _truncated(path)
    return FileFormatError(
        f"the compressed file is damaged ({error})", where=path, hint=_EXPORT_AGAIN
    )


def is_dicom_start(start: bytes) -> bool:
    """Return whether the first bytes of a file are those of DICOM.

    Old files have no preamble: they begin with the group of the transfer syntax, or with the data.
    """
    if start[:DICOM_START].endswith(_DICOM) and len(start) >= DICOM_START:
        return True
    is_identifying = start[:2] == b"\x08\0" and start[3:4] == b"\0"
    has_vr_or_short = start[4:6].isalpha() or start[6:8] == b"\0\0"
    return start[:6] == b"\x02\0\0\0UL" or (is_identifying and has_vr_or_short)


def _not_nifti(path: Path, start: bytes) -> FileFormatError:
    if is_dicom_start(start):
        return FileFormatError(
            "this is a DICOM file, not NIfTI",
            where=path,
            hint="Give the folder of the series, or convert it to .nii.gz first",
        )
    if len(start) < min(_SIZES) and _header_size(start)[0] is not None:
        return _truncated(path)
    what = "an Analyze 7.5 image" if _header_size(start)[0] == 348 else "a file of unknown format"
    return FileFormatError(
        f"cannot be read as NIfTI: it is {what}",
        where=path,
        hint="Give a .nii or .nii.gz file; convert the image, or copy it again if it should be one",
    )
