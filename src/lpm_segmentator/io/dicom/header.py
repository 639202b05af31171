"""What the header of a DICOM file says about the images in it: typed, without any pixel.

Nothing that names a patient is kept: a patient is a hash of the identifier or, without one, of name
and birth date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO

from lpm_segmentator.io.dicom.elements import TRANSFER_SYNTAX, read_elements
from lpm_segmentator.io.dicom.enhanced import ENHANCED, elements_of_frames
from lpm_segmentator.io.dicom.values import (
    age_years,
    number,
    numbers,
    parts,
    seconds_of_day,
    short,
    tesla,
    text,
    whole,
)

__all__ = ["Frame", "HeaderReader", "SeriesTags"]

Vector = tuple[float, float, float]
Orientation = tuple[float, float, float, float, float, float]

# fmt: off
_SHARED = {
    0x00080005: "charset", 0x00080008: "image_type", 0x00080016: "sop_class", 0x00080020: "date",
    0x00080031: "time", 0x00080060: "modality", 0x00080070: "manufacturer",
    0x00081030: "study_description", 0x0008103E: "description", 0x00081090: "model",
    0x00100010: "name", 0x00100020: "patient_id", 0x00100030: "birth_date", 0x00100040: "sex",
    0x00101010: "age", 0x00101020: "size", 0x00101030: "weight", 0x00180015: "body_part",
    0x00180020: "scanning_sequence", 0x00180022: "scan_options",
    0x00180023: "acquisition_type", 0x00180024: "sequence_name", 0x00180050: "thickness",
    0x00180080: "tr", 0x00180081: "te", 0x00180082: "ti", 0x00180086: "echo",
    0x00180087: "field", 0x00181030: "protocol", 0x00181314: "flip",
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
_BINARY = ("samples", "rows", "columns")
_TAGS = {name: tag for tag, name in (_SHARED | _OWN).items()}


@dataclass(frozen=True, slots=True)
class SeriesTags:
    """What images of one series share, with what may split it; units as DICOM states them.

    Attributes
    ----------
    patient : str
        Hash of the identifier; without one, of name and birth date. Empty without any of these.
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
    scanning_sequence, scan_options : tuple of str
    acquisition_type : str
        ``"2D"`` or ``"3D"``.
    tr_ms, te_ms, ti_ms, flip_deg, thickness_mm : float
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
    scan_options: tuple[str, ...]
    acquisition_type: str
    tr_ms: float
    te_ms: float
    ti_ms: float
    flip_deg: float
    thickness_mm: float
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
    lpm_segmentator.io.dicom.elements.OtherFormatError: this is no DICOM file
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
        if text(elements.get(_TAGS["sop_class"], b"")) not in ENHANCED:
            yield self._frame(elements, path, member, 0)
            return
        stream.seek(0)
        syntax = text(elements.get(TRANSFER_SYNTAX, b""))
        for index, values in enumerate(elements_of_frames(stream, elements, syntax)):
            yield self._frame(values, path, member, index)

    def _frame(self, values: Mapping[int, bytes], path: str, member: str, index: int) -> Frame:
        key = (values.get(TRANSFER_SYNTAX, b""), *(values.get(tag, b"") for tag in _SHARED))
        tags = self._shared.get(key)
        if tags is None:
            tags = self._shared[key] = _tags(values)
        own = {name: text(values.get(_TAGS[name], b"")) for name in _OWN.values()}
        return Frame(
            tags=tags,
            path=path,
            member=member,
            index=index,
            sop=own["sop"],
            instance=whole(own["instance"]),
            position_mm=numbers(own["position"], 3),  # type: ignore[arg-type]
            slope=number(own["slope"], 1.0) or 1.0,
            intercept=number(own["intercept"], 0.0),
            time_s=seconds_of_day(own["acquisition_time"]),
        )


def _tags(values: Mapping[int, bytes]) -> SeriesTags:
    raw = {name: values.get(tag, b"") for tag, name in _SHARED.items()}
    said = {n: text(value, raw["charset"]) for n, value in raw.items() if n not in _BINARY}
    return SeriesTags(
        patient=_hash(said["patient_id"], said["name"], said["birth_date"]),
        study=said["study"],
        series=said["series"],
        frame_of_reference=said["frame_of_reference"],
        number=whole(said["number"]),
        acquisition=whole(said["acquisition"]),
        time_s=seconds_of_day(said["time"]),
        modality=said["modality"],
        sop_class=said["sop_class"],
        syntax=text(values.get(TRANSFER_SYNTAX, b"")),
        manufacturer=said["manufacturer"],
        model=said["model"],
        field_t=tesla(number(said["field"])),
        image_type=(*parts(said["image_type"]), *parts(said["siemens_type"])),
        description=said["description"],
        study_description=said["study_description"],
        protocol=said["protocol"],
        sequence_name=said["sequence_name"] or said["pulse_sequence"],
        body_part=said["body_part"],
        scanning_sequence=parts(said["scanning_sequence"]),
        scan_options=parts(said["scan_options"]),
        acquisition_type=said["acquisition_type"],
        tr_ms=number(said["tr"]),
        te_ms=number(said["te"]),
        ti_ms=number(said["ti"]),
        flip_deg=number(said["flip"]),
        thickness_mm=number(said["thickness"]),
        echo=whole(said["echo"]),
        temporal=whole(said["temporal"]),
        rows=short(raw["rows"]),
        columns=short(raw["columns"]),
        samples=short(raw["samples"]) or 1,
        frames=whole(said["frames"]) or 1,
        pixel_spacing_mm=numbers(said["pixel_spacing"], 2),  # type: ignore[arg-type]
        orientation=numbers(said["orientation"], 6),  # type: ignore[arg-type]
        sex=said["sex"].upper()[:1],
        age_years=age_years(said["age"], said["birth_date"], said["date"]),
        height_m=number(said["size"]),
        weight_kg=number(said["weight"]),
        burned_in=said["burned_in"].upper() == "YES",
    )


def _hash(identifier: str, name: str, birth_date: str) -> str:
    """Return a hash of the identifier; without one, of name and birth date."""
    known = identifier or f"{name}\0{birth_date}"
    return hashlib.sha256(known.encode()).hexdigest() if known.strip("\0") else ""
