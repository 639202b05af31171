"""Values of DICOM elements as stored: to text, numbers, ages and times."""

from __future__ import annotations

import math
import re
import struct

from lpm_segmentator.core.quiet import quiet

__all__ = ["age_years", "number", "numbers", "parts", "seconds_of_day", "short", "tesla", "text",
           "whole"]  # fmt: skip

_NAN = math.nan
#: what no text holds; ISO 2022 needs escapes
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
#: integers in DICOM have 32 bits
_LARGEST = 2**31


def text(value: bytes, charset: bytes = b"") -> str:
    """Return the text of a value without padding.

    It ends at the first control character: a damaged length makes the text run on into the elements
    that follow, which name the patient.
    """
    stripped = value.lstrip(b"\0 \r\n\t")
    if control := _CONTROL.search(stripped):
        stripped = stripped[: control.start()]
    stripped = stripped.rstrip()
    # ISO 2022 writes Japanese and Korean in bytes that are ASCII, after an escape.
    if stripped.isascii() and b"\x1b" not in stripped:
        return stripped.decode("ascii")
    return _decoded(stripped, charset)


def _decoded(value: bytes, charset: bytes) -> str:
    from pydicom.charset import convert_encodings, decode_bytes

    from lpm_segmentator.io.dicom.dataset import PYDICOM_LOG

    names = [part.strip() for part in charset.decode("ascii", "replace").split("\\")]
    try:
        with quiet(PYDICOM_LOG):
            return str(decode_bytes(value, convert_encodings(names), set()))
    except (LookupError, UnicodeError, ValueError):
        return value.decode("latin-1")


def parts(joined: str) -> tuple[str, ...]:
    r"""Return the values of a text with several, in upper case.

    Examples
    --------
    >>> parts(r"ORIGINAL\PRIMARY\m")
    ('ORIGINAL', 'PRIMARY', 'M')
    """
    return tuple(part.strip().upper() for part in joined.split("\\") if part.strip())


def number(joined: str, default: float = _NAN) -> float:
    """Return the first number of a text."""
    try:
        value = float(joined.split("\\", maxsplit=1)[0])
    except ValueError:
        return default
    return value if math.isfinite(value) else default


def numbers(joined: str, count: int) -> tuple[float, ...] | None:
    r"""Return the numbers of a text; None unless there are `count`, all of them finite.

    Examples
    --------
    >>> numbers(r"0.5\0.75", 2)
    (0.5, 0.75)
    """
    try:
        values = tuple(float(part) for part in joined.split("\\"))
    except ValueError:
        return None
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def whole(joined: str) -> int | None:
    """Return the first integer of a text; None if there is none of 32 bits."""
    try:
        value = int(joined.split("\\", maxsplit=1)[0])
    except ValueError:
        return None
    return value if abs(value) < _LARGEST else None


def short(value: bytes) -> int:
    """Return a number of two bytes; 0 if it is missing."""
    return int(struct.unpack("<H", value[:2])[0]) if len(value) >= 2 else 0


def tesla(field: float) -> float:
    """Return a field strength in tesla; some old scanners state gauss."""
    return field / 1e4 if field > 100 else field


def age_years(age: str, birth_date: str, date: str) -> float:
    """Return the age at the examination in years: as stated, or from the dates.

    Examples
    --------
    >>> age_years("063Y", "", "")
    63.0
    >>> age_years("", "19610317", "20240312")
    62.0
    """
    units = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}
    if len(age) == 4 and age[:3].isdecimal() and age[3].upper() in units:
        return int(age[:3]) / units[age[3].upper()]
    if len(birth_date) == len(date) == 8 and (birth_date + date).isdecimal():
        years = (int(date) - int(birth_date)) // 10000
        return float(years) if 0 <= years < 130 else _NAN
    return _NAN


def seconds_of_day(time: str) -> float:
    """Return a DICOM time in seconds since midnight; nan if it is none.

    Examples
    --------
    >>> seconds_of_day("101530.5")
    36930.5
    """
    if len(time) < 6 or not time[:6].isdecimal():
        return _NAN
    try:
        seconds = float(time[4:].split("+", maxsplit=1)[0])
    except ValueError:
        return _NAN
    return int(time[:2]) * 3600 + int(time[2:4]) * 60 + seconds
