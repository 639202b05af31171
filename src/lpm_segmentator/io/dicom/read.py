"""Read the pixels of a stack."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.contrast import Contrast
from lpm_segmentator.core.errors import FileFormatError, GeometryError, MissingExtraError
from lpm_segmentator.core.volume import Volume
from lpm_segmentator.io.dicom.content import content_of, file_name, open_archives
from lpm_segmentator.io.dicom.dataset import load, reading
from lpm_segmentator.io.dicom.decoder import Decoder, MissingDecoderError
from lpm_segmentator.io.dicom.elements import NotDicomError
from lpm_segmentator.io.dicom.enhanced import ENHANCED
from lpm_segmentator.io.dicom.header import Frame
from lpm_segmentator.io.dicom.scan import require_pydicom
from lpm_segmentator.io.dicom.stacks import Stack

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

__all__ = ["read_stack", "series_name"]

_JPIP = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
_VIDEO = "1.2.840.10008.1.2.4.10"
_JPEG = "1.2.840.10008.1.2.4."  # JPEG, JPEG-LS and JPEG 2000
#: Philips: scale slope between stored and floating point values
_SCALE_SLOPE, _PRIVATE_GROUP = 0x2005100E, 0x2005140F
_PIXELS = b"\xe0\x7f\x10\0"  # the tag, as all compressed files write it
_AGAIN = "Export the series again"


def series_name(stack: Stack) -> str:
    """Return a series in words, for messages: number and description."""
    tags = stack.tags
    number = "series" if tags.number is None else f"series {tags.number}"
    return f"{number} ({tags.description})" if tags.description else number


def read_stack(stack: Stack, contrast: Contrast = Contrast.UNKNOWN) -> Volume:
    """Read the voxels of a stack.

    Rescale slope and intercept are applied slice by slice. Of Philips images with a scale slope SS
    (2005,100E) the values are the floating point values ``(stored + RI/RS) / SS`` (Chenevert et al.
    2014, doi 10.1593/tlo.13811), as of dcm2niix: only these are comparable between images, such as
    the water and fat images of a scan.

    Parameters
    ----------
    stack : Stack
    contrast : Contrast

    Returns
    -------
    Volume
        Integers where nothing has to be scaled, otherwise float32.

    Raises
    ------
    FileFormatError
        If a file cannot be read any more, has no pixels, or these are truncated, encrypted or
        compressed in a way that cannot be decoded; the message names the series and the file.
    GeometryError
        If the slices form no image (`Stack.problem`).
    MissingExtraError
        If pydicom or a decoder is not installed.
    """
    require_pydicom()
    geometry = stack.geometry
    if geometry is None:
        raise GeometryError(stack.problem, where=series_name(stack))
    slices: dict[int, npt.NDArray[Any]] = {}
    scales: dict[int, tuple[float, float]] = {}
    numbers = {id(frame): k for k, frame in enumerate(stack.frames)}
    with open_archives() as archives, Decoder() as decoder:
        for frames in _by_file(stack.frames):
            try:
                content = content_of(frames[0], archives)
            except NotDicomError as error:
                raise _wrong(stack, frames[0], f"cannot be read ({error})") from error
            for frame, pixels, scale in _decoded(content, frames, stack, decoder):
                slices[numbers[id(frame)]] = pixels
                scales[numbers[id(frame)]] = scale
    ordered = [slices[k] for k in range(len(slices))]
    array = _scaled(ordered, [scales[k] for k in range(len(ordered))], stack)
    # Rows are stored in reverse (see `Stack.geometry`).
    return Volume(array[:, ::-1].transpose(2, 1, 0), geometry.affine, contrast)


def _by_file(frames: tuple[Frame, ...]) -> Iterator[list[Frame]]:
    def file(frame: Frame) -> tuple[str, str]:
        return frame.path, frame.member

    for _, group in groupby(sorted(frames, key=file), file):
        yield list(group)


def _wrong(stack: Stack, frame: Frame, what: str, hint: str = _AGAIN) -> FileFormatError:
    name = file_name(frame)
    return FileFormatError(f"the file {name} {what}", where=series_name(stack), hint=hint)


def _decoded(
    content: bytes, frames: list[Frame], stack: Stack, decoder: Decoder
) -> Iterator[tuple[Frame, npt.NDArray[Any], tuple[float, float]]]:
    """Yield the frames of a file with their pixels and scale."""
    first = frames[0]
    if first.tags.syntax in _JPIP:
        hint = "Export it with its pixels instead of links to a server"
        raise _wrong(stack, first, "holds no pixels but the address of a server (JPIP)", hint)
    if first.tags.syntax.startswith(_VIDEO):
        raise _wrong(stack, first, "is a video")
    try:
        data = load(BytesIO(content), first.tags.syntax, pixels=True)
    except NotDicomError as error:
        raise _wrong(stack, first, f"cannot be read ({error})") from error
    if "PixelData" not in data:
        raise _wrong(stack, first, _instead_of_pixels(data, content))
    try:
        with reading():
            _check_size(data, stack, first)
            scales = [_scale(data, frame) for frame in frames]
        pixels = _pixels(data, content, frames, decoder)
    except NotDicomError as error:
        raise _wrong(stack, first, f"holds pixels that cannot be decoded ({error})") from error
    except MissingDecoderError as error:
        what = f"decoding the compressed pixels of {series_name(stack)}"
        raise MissingExtraError(what, extra="dicom") from error
    for frame, array in zip(frames, pixels, strict=True):
        if array.shape != (frame.tags.rows, frame.tags.columns):
            shown = " × ".join(map(str, array.shape))
            raise _wrong(stack, frame, f"holds pixels of the shape {shown}, not one slice")
    yield from zip(frames, pixels, scales, strict=True)


def _check_size(data: Dataset, stack: Stack, frame: Frame) -> None:
    """Check that uncompressed pixels are complete."""
    if data["PixelData"].is_undefined_length:
        return
    count = frame.tags.rows * frame.tags.columns * frame.tags.frames
    there, expected = len(data.PixelData), count * int(data.BitsAllocated) // 8
    if there < expected:
        raise _wrong(
            stack, frame, f"is truncated: {there} of {expected} bytes of its pixels are there"
        )


def _instead_of_pixels(data: Dataset, content: bytes) -> str:
    if "EncryptedAttributesSequence" in data:
        return "holds encrypted content and no pixels"
    if "FloatPixelData" in data:
        return "holds floating point pixels"
    # pydicom leaves out an element that does not end.
    return "is truncated within its pixels" if _PIXELS in content else "holds no pixels"


def _pixels(
    data: FileDataset, content: bytes, frames: list[Frame], decoder: Decoder
) -> list[npt.NDArray[Any]]:
    from pydicom.pixels.utils import pixel_array

    is_enhanced = frames[0].tags.sop_class in ENHANCED
    indices = [frame.index if is_enhanced else None for frame in frames]
    if frames[0].tags.syntax.startswith(_JPEG):
        return decoder.frames(content, indices)
    with reading():
        return [pixel_array(data, index=index, raw=True) for index in indices]


def _scale(data: Dataset, frame: Frame) -> tuple[float, float]:
    """Return factor and summand that turn stored into real values."""
    slope, intercept = frame.slope, frame.intercept
    if not frame.tags.manufacturer.lower().startswith("philips"):
        return slope, intercept
    scale = _scale_slope(data, frame.index)
    return (1.0 / scale, intercept / slope / scale) if scale > 0 else (slope, intercept)


def _scale_slope(data: Dataset, index: int) -> float:
    """Return the scale slope of Philips; 0 where it is not stated."""
    holder = data
    if "PerFrameFunctionalGroupsSequence" in data:
        item = data.PerFrameFunctionalGroupsSequence[index]
        if _PRIVATE_GROUP not in item:
            return 0.0
        holder = item[_PRIVATE_GROUP].value[0]
    if _SCALE_SLOPE not in holder:
        return 0.0
    value = holder[_SCALE_SLOPE].value
    if isinstance(value, bytes):  # a private element whose VR was lost
        return float(struct.unpack("<f", value[:4])[0]) if len(value) >= 4 else 0.0
    return float(value)


def _scaled(
    slices: list[npt.NDArray[Any]], scales: list[tuple[float, float]], stack: Stack
) -> npt.NDArray[Any]:
    """Return the slices as one array, scaled where there is anything to scale."""
    array = np.stack(slices)
    if all(scale == (1.0, 0.0) for scale in scales):
        return array
    factor, summand = np.array(scales).T[:, :, None, None]
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: npt.NDArray[Any] = (array * factor + summand).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise FileFormatError(
            "the rescale slopes give values that are no numbers",
            where=series_name(stack),
            hint=_AGAIN,
        )
    return scaled
