"""Enhanced files: many slices in one, whose places and kinds lie in functional groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from lpm_segmentator.io.dicom.dataset import load, reading
from lpm_segmentator.io.dicom.elements import NotDicomError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["ENHANCED", "SIEMENS_TYPE", "elements_of_frames"]

#: enhanced MR, colour left out, and the legacy conversion of classic files
ENHANCED = frozenset({"1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"})
#: where Siemens XA keeps the image type of classic files
SIEMENS_TYPE = 0x00211175
_SHARED_GROUPS, _GROUPS_OF_FRAMES = 0x52009229, 0x52009230
_DATE_AND_TIME = "FrameAcquisitionDateTime"
#: what frames state for themselves, by keyword, and where classic files hold it
_TAGS = {
    "FrameType": 0x00080008,
    "SliceThickness": 0x00180050,
    "RepetitionTime": 0x00180080,
    "EffectiveEchoTime": 0x00180081,
    "EchoTime": 0x00180081,
    "InversionTimes": 0x00180082,
    "FlipAngle": 0x00181314,
    "ImagePositionPatient": 0x00200032,
    "ImageOrientationPatient": 0x00200037,
    "PixelSpacing": 0x00280030,
    "RescaleIntercept": 0x00281052,
    "RescaleSlope": 0x00281053,
    "TemporalPositionIndex": 0x00200100,
    "FrameAcquisitionNumber": 0x00200012,
    _DATE_AND_TIME: 0x00080032,
}


def elements_of_frames(
    stream: IO[bytes], elements: Mapping[int, bytes], syntax: str
) -> list[dict[int, bytes]]:
    """Return the elements of each frame as a classic file would hold them.

    Parameters
    ----------
    stream : binary file
        At its beginning.
    elements : mapping of int to bytes
        Those of the file as a whole.
    syntax : str
        Transfer syntax.

    Raises
    ------
    NotDicomError
        If the file is damaged or states no frames.
    """
    with reading():
        data = load(stream, syntax, pixels=False)
        common = _merged(_items(data, _SHARED_GROUPS))
        frames = [{**elements, **common, **_merged([item])}
                  for item in _items(data, _GROUPS_OF_FRAMES)]  # fmt: skip
    if not frames:
        raise NotDicomError("the file states no place of its frames (functional groups)")
    return frames


def _items(data: Dataset, tag: int) -> list[Dataset]:
    element = data.get(tag)
    return [] if element is None else list(element.value)


def _merged(items: list[Dataset]) -> dict[int, bytes]:
    """Return the elements in the sequences of functional groups, by classic tag."""
    found: dict[int, bytes] = {}
    for sequence in (element for item in items for element in item if element.VR == "SQ"):
        for element in (element for inner in sequence.value for element in inner):
            if element.value in (None, ""):
                continue
            if element.tag == SIEMENS_TYPE:
                found[SIEMENS_TYPE] = _encoded(element.value)
            # Philips repeats a classic header in a private sequence, with other positions.
            elif element.keyword in _TAGS and not sequence.tag.is_private:
                value = _encoded(element.value)
                # The time is what follows the date.
                found[_TAGS[element.keyword]] = (
                    value[8:] if element.keyword == _DATE_AND_TIME else value
                )
    return found


def _encoded(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    return ("\\".join(map(str, value)) if several else str(value)).encode()
