"""What the header of a DICOM file says about the images in it: typed, without any pixel.

Nothing that names a patient is kept: a patient is a hash of identifier, name and birth date.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from lpm_segmentator.io.dicom.elements import NotDicomError, read_elements

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["ENHANCED", "Frame", "HeaderReader", "NotDicomError", "SeriesTags", "seconds_of_day"]

#: enhanced MR, colour left out, and the legacy conversion of classic files
ENHANCED = frozenset({"1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"})
Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]

# fmt: off
_SHARED = {
    0x00080005: "charset", 0x00080008: "image_type", 0x00080016: "sop_class", 0x00080020: "date",
    0x00080031: "time", 0x00080060: "modality", 0x00080070: "manufacturer",
    0x00081030: "study_description", 0x0008103E: "description", 0x00081090: "model",
    0x00100010: "name", 0x00100020: "patient_id", 0x00100030: "birth_date", 0x00100040: "sex",
    0x00101010: "age", 0x00101020: "size", 0x00101030: "weight", 0x00180015: "body_part",
    0x00180020: "scanning_sequence", 0x00180021: "sequence_variant", 0x00180022: "scan_options",
    0x00180023: "acquisition_type", 0x00180024: "sequence_name", 0x00180050: "thickness",
    0x00180080: "tr", 0x00180081: "te", 0x00180082: "ti", 0x00180086: "echo",
    0x00180087: "field", 0x00181030: "protocol", 0x00181120: "tilt", 0x00181314: "flip",
    0x00189005: "pulse_sequence", 0x0020000D: "study", 0x0020000E: "series",
    0x00200011: "number", 0x00200012: "acquisition", 0x00200037: "orientation",
    0x00200052: "frame_of_reference", 0x00200100: "temporal", 0x00211175: "siemens_type",
    0x00280002: "samples", 0x00280008: "frames", 0x00280010: "rows", 0x00280011: "columns",
    0x00280030: "pixel_spacing", 0x00280301: "burned_in",
}
_OWN = {
    0x00080018: "sop", 0x00080032: "acquisition_time", 0x00200013: "instance",
    0x00200032: "position", 0x00281052: "intercept", 0x00281053: "slope",
}
# fmt: on
_WANTED = frozenset((*_SHARED, *_OWN))
_STOP = 0x00290000
_TRANSFER_SYNTAX = 0x00020010
_BINARY = frozenset([0x00280002, 0x00280010, 0x00280011])
_TAGS = {name: tag for tag, name in (_SHARED | _OWN).items()}
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class SeriesTags:
    """What images of one series share, with what may split it; units as DICOM states them.

    Attributes
    ----------
    patient : str
        Hash of identifier, name and birth date; equal for all files of a patient.
    study, series, frame_of_reference : str
        Unique identifiers.
    number, acquisition : int or None
    time_s : float
        Series time, in seconds since midnight.
    modality, sop_class, syntax : str
    manufacturer, model : str
    field_t : float
        Tesla.
    image_type : tuple of str
        Upper case. Of enhanced images the type of the frame.
    description, study_description, protocol, sequence_name, body_part : str
    scanning_sequence, sequence_variant, scan_options : tuple of str
    acquisition_type : str
        ``"2D"`` or ``"3D"``.
    tr_ms, te_ms, ti_ms, flip_deg, thickness_mm, tilt_deg : float
        nan where not stated.
    echo, temporal : int or None
    rows, columns, samples, frames : int
    pixel_spacing_mm : tuple of float or None
        Between rows, and between columns.
    orientation : tuple of float or None
        Direction of the rows, then of the columns, in LPS.
    sex : str
    age_years, height_m, weight_kg : float
    burned_in : bool
        Whether text is said to be burned into the pixels.
    """

    patient: str
    study: str
    series: str
    frame_of_reference: str
    number: int | None
    acquisition: int | None
    time_s: float
    modality: str
    sop_class: str
    syntax: str
    manufacturer: str
    model: str
    field_t: float
    image_type: tuple[str, ...]
    description: str
    study_description: str
    protocol: str
    sequence_name: str
    body_part: str
    scanning_sequence: tuple[str, ...]
    sequence_variant: tuple[str, ...]
    scan_options: tuple[str, ...]
    acquisition_type: str
    tr_ms: float
    te_ms: float
    ti_ms: float
    flip_deg: float
    thickness_mm: float
    tilt_deg: float
    echo: int | None
    temporal: int | None
    rows: int
    columns: int
    samples: int
    frames: int
    pixel_spacing_mm: tuple[float, float] | None
    orientation: Orientation | None
    sex: str
    age_years: float
    height_m: float
    weight_kg: float
    burned_in: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One slice in a file.

    Attributes
    ----------
    tags : SeriesTags
        One object for all frames that share it.
    path : str
        The file; of a file in an archive the archive.
    member : str
        Its name in the archive; empty outside of one.
    index : int
        Of the frame in the file, from 0.
    sop : str
        SOP instance UID.
    instance : int or None
    position_mm : tuple of float or None
        Middle of the first voxel, in LPS.
    slope, intercept : float
    time_s : float
        Acquisition time, in seconds since midnight; nan where not stated.
    """

    tags: SeriesTags
    path: str
    member: str
    index: int
    sop: str
    instance: int | None
    position_mm: Vector | None
    slope: float
    intercept: float
    time_s: float


class HeaderReader:
    """Reads headers; what frames share is kept once.

    Examples
    --------
    >>> import io
    >>> list(HeaderReader().frames(io.BytesIO(b"no image"), "notes.txt"))
    Traceback (most recent call last):
    ...
    lpm_segmentator.io.dicom.elements.NotDicomError: this is no DICOM file
    """

    def __init__(self) -> None:
        self._shared: dict[tuple[bytes, ...], SeriesTags] = {}

    def frames(self, stream: IO[bytes], path: str, member: str = "") -> Iterator[Frame]:
        """Yield the slices of a file; one that holds no image gives one with `rows` 0.

        Raises
        ------
        NotDicomError
            If the file is no DICOM file, or its header is damaged.
        """
        elements = read_elements(stream, _WANTED, _STOP)
        if _text(elements.get(_TAGS["sop_class"], b"")) in ENHANCED:
            stream.seek(0)
            for index, values in enumerate(_enhanced(stream, elements)):
                yield self._frame(values, path, member, index)
        else:
            yield self._frame(elements, path, member, 0)

    def _frame(self, values: Mapping[int, bytes], path: str, member: str, index: int) -> Frame:
        key = (values.get(_TRANSFER_SYNTAX, b""), *(values.get(tag, b"") for tag in _SHARED))
        tags = self._shared.get(key)
        if tags is None:
            tags = self._shared[key] = _tags(values)
        own = {name: _text(values.get(_TAGS[name], b"")) for name in _OWN.values()}
        position = _numbers(own["position"], 3)
        return Frame(
            tags=tags,
            path=path,
            member=member,
            index=index,
            sop=own["sop"],
            instance=_whole(own["instance"]),
            position_mm=None if position is None else (position[0], position[1], position[2]),
            slope=_number(own["slope"], 1.0) or 1.0,
            intercept=_number(own["intercept"], 0.0),
            time_s=seconds_of_day(own["acquisition_time"]),
        )


def _tags(values: Mapping[int, bytes]) -> SeriesTags:
    raw = {name: values.get(tag, b"") for tag, name in _SHARED.items()}
    text = {name: _text(value, raw["charset"]) for name, value in raw.items()}
    spacing, orientation = _numbers(text["pixel_spacing"], 2), _numbers(text["orientation"], 6)
    kind = (*_parts(text["image_type"]), *_parts(text["siemens_type"]))
    return SeriesTags(
        patient=_hash(text["patient_id"], text["name"], text["birth_date"]),
        study=text["study"],
        series=text["series"],
        frame_of_reference=text["frame_of_reference"],
        number=_whole(text["number"]),
        acquisition=_whole(text["acquisition"]),
        time_s=seconds_of_day(text["time"]),
        modality=text["modality"],
        sop_class=text["sop_class"],
        syntax=_text(values.get(_TRANSFER_SYNTAX, b"")),
        manufacturer=text["manufacturer"],
        model=text["model"],
        field_t=_tesla(_number(text["field"])),
        image_type=kind,
        description=text["description"],
        study_description=text["study_description"],
        protocol=text["protocol"],
        sequence_name=text["sequence_name"] or text["pulse_sequence"],
        body_part=text["body_part"],
        scanning_sequence=_parts(text["scanning_sequence"]),
        sequence_variant=_parts(text["sequence_variant"]),
        scan_options=_parts(text["scan_options"]),
        acquisition_type=text["acquisition_type"],
        tr_ms=_number(text["tr"]),
        te_ms=_number(text["te"]),
        ti_ms=_number(text["ti"]),
        flip_deg=_number(text["flip"]),
        thickness_mm=_number(text["thickness"]),
        tilt_deg=_number(text["tilt"]),
        echo=_whole(text["echo"]),
        temporal=_whole(text["temporal"]),
        rows=_short(raw["rows"]),
        columns=_short(raw["columns"]),
        samples=_short(raw["samples"]) or 1,
        frames=_whole(text["frames"]) or 1,
        pixel_spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        orientation=None if orientation is None else tuple(orientation),  # type: ignore[arg-type]
        sex=text["sex"].upper()[:1],
        age_years=_age(text["age"], text["birth_date"], text["date"]),
        height_m=_number(text["size"]),
        weight_kg=_number(text["weight"]),
        burned_in=text["burned_in"].upper() == "YES",
    )


def _enhanced(stream: IO[bytes], elements: Mapping[int, bytes]) -> Iterator[dict[int, bytes]]:
    """Yield the elements of each frame of an enhanced file as a classic file would hold them."""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        data = dcmread(stream, stop_before_pixels=True, force=True)
        common = _merged(_groups(data, 0x52009229))
        frames = data.get(0x52009230)
        each = [] if frames is None else list(frames.value)
    except (InvalidDicomError, OSError, ValueError, EOFError, AttributeError, KeyError) as error:
        raise NotDicomError(f"the header cannot be read ({error})") from error
    if not each:
        raise NotDicomError("the file states no place of its frames (functional groups)")
    for item in each:
        own = common | _merged([item])
        yield {**elements, **{tag: _encoded(tag, own[name]) for name, tag in _FRAME_TAGS.items()
                              if name in own}}  # fmt: skip


#: what frames of enhanced images state for themselves, by keyword
_FRAME_TAGS = {
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
    "FrameAcquisitionDateTime": 0x00080032,
    "SiemensImageType": 0x00211175,
}
_SIEMENS_TYPE = 0x00211175


def _groups(data: Dataset, tag: int) -> list[Any]:
    element = data.get(tag)
    return [] if element is None else list(element.value)


def _merged(items: list[Any]) -> dict[str, Any]:
    """Return the elements in the sequences of functional groups, by keyword."""
    sequences = [sequence for item in items for sequence in item if sequence.VR == "SQ"]
    found: dict[str, Any] = {}
    for sequence in sequences:
        for element in (element for inner in sequence.value for element in inner):
            if element.tag == _SIEMENS_TYPE:
                found["SiemensImageType"] = element.value
            # Philips repeats a classic header in a private sequence, with other positions.
            elif (
                element.keyword in _FRAME_TAGS
                and not sequence.tag.is_private
                and element.value not in (None, "")
            ):
                found[element.keyword] = element.value
    return found


def _encoded(tag: int, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    text = "\\".join(map(str, value)) if hasattr(value, "__iter__") and not isinstance(
        value, str) else str(value)  # fmt: skip
    # A date and time: the time is what follows the date.
    return (text[8:] if tag == _TAGS["acquisition_time"] else text).encode()


def _text(value: bytes, charset: bytes = b"") -> str:
    """Return the text of a value without padding."""
    stripped = value.strip(b"\0 \r\n\t")
    try:
        return stripped.decode("ascii")
    except UnicodeDecodeError:
        return _decoded(stripped, charset)


def _decoded(value: bytes, charset: bytes) -> str:
    from pydicom.charset import convert_encodings, decode_bytes

    names = [part.strip() for part in charset.decode("ascii", "replace").split("\\")]
    try:
        return str(decode_bytes(value, convert_encodings(names), set()))
    except (LookupError, UnicodeError, ValueError):
        return value.decode("latin-1")


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip().upper() for part in text.split("\\") if part.strip())


def _number(text: str, default: float = _NAN) -> float:
    try:
        value = float(text.split("\\", maxsplit=1)[0])
    except ValueError:
        return default
    return value if math.isfinite(value) else default


def _numbers(text: str, count: int) -> list[float] | None:
    try:
        values = [float(part) for part in text.split("\\")]
    except ValueError:
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def _whole(text: str) -> int | None:
    try:
        return int(text.split("\\", maxsplit=1)[0])
    except ValueError:
        return None


def _short(value: bytes) -> int:
    return struct.unpack("<H", value[:2])[0] if len(value) >= 2 else 0


def _tesla(field: float) -> float:
    """Return a field strength in tesla; some old scanners state gauss."""
    return field / 1e4 if field > 100 else field


def _age(age: str, birth_date: str, date: str) -> float:
    """Return the age at the examination in years: as stated, or from the dates."""
    units = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}
    if len(age) == 4 and age[:3].isdigit() and age[3].upper() in units:
        return int(age[:3]) / units[age[3].upper()]
    if len(birth_date) == len(date) == 8 and (birth_date + date).isdigit():
        born, then = int(birth_date), int(date)
        years = (then - born) // 10000
        return float(years) if 0 <= years < 130 else _NAN
    return _NAN


def seconds_of_day(time: str) -> float:
    """Return a DICOM time in seconds since midnight; nan if it is none.

    Examples
    --------
    >>> seconds_of_day("101530.5")
    36930.5
    """
    if len(time) < 6 or not time[:6].isdigit():
        return _NAN
    try:
        return (
            int(time[:2]) * 3600 + int(time[2:4]) * 60 + float(time[4:].split("+", maxsplit=1)[0])
        )
    except ValueError:
        return _NAN


def _hash(*parts: str) -> str:
    """Return a hash of what identifies a patient: of the identifier alone where there is one."""
    identifier, *others = parts
    text = identifier or "\0".join(others)
    return hashlib.sha256(text.encode()).hexdigest() if text.strip("\0") else ""
