"""Values of elements: padding, several values, character sets, and what is no value."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.io.dicom import values


@pytest.mark.parametrize(
    ("stored", "charset", "expected"),
    [
        (b"LWS ", b"", "LWS"),
        (b"\0 LWS\0", b"", "LWS"),
        ("Lendenwirbelsäule".encode("latin-1"), b"ISO_IR 100", "Lendenwirbelsäule"),
        ("腰椎".encode(), b"ISO_IR 192", "腰椎"),
        ("腰椎".encode("gb18030"), b"GB18030", "腰椎"),
        ("поясница".encode("iso8859_5"), b"ISO_IR 144", "поясница"),
        # Japanese in escape sequences: each byte is ASCII
        ("腰椎".encode("iso2022_jp"), b"\\ISO 2022 IR 87", "腰椎"),
        ("Säule".encode("latin-1"), b"NO SUCH CHARSET", "Säule"),
    ],
)  # fmt: skip
def test_text_is_decoded(stored: bytes, charset: bytes, expected: str):
    assert values.text(stored, charset) == expected


def test_text_ends_before_the_elements_into_which_a_damaged_length_leads():
    following = b"\x10\0\x10\0PN\x08\0Doe^Jane"
    assert values.text(b"t2_tra " + following) == "t2_tra"


@given(st.binary(max_size=30), st.sampled_from([b"", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"\xff"]))
def test_any_bytes_have_a_text(stored: bytes, charset: bytes):
    assert isinstance(values.text(stored, charset), str)


@given(st.text(max_size=20))
def test_any_text_has_values_or_none(text: str):
    assert values.whole(text) is None or abs(values.whole(text)) < 2**31
    assert values.number(text, 7.0) == 7.0 or math.isfinite(values.number(text, 7.0))
    assert values.numbers(text, 2) is None or len(values.numbers(text, 2)) == 2
    assert math.isnan(values.seconds_of_day(text)) or values.seconds_of_day(text) < 4e5
    assert math.isnan(values.age_years(text, text, text)) or values.age_years(text, text, text) >= 0


@pytest.mark.parametrize(
    ("age", "birth_date", "date", "expected"),
    [
        ("063Y", "19610317", "20240312", 63.0),
        ("006M", "", "", 0.5),
        ("", "19610317", "20240312", 62.0),
        ("", "19610312", "20240312", 63.0),
        ("", "", "20240312", math.nan),
        ("", "20250101", "20240312", math.nan),
    ],
)
def test_age(age: str, birth_date: str, date: str, expected: float):
    assert values.age_years(age, birth_date, date) == pytest.approx(expected, nan_ok=True)


def test_numbers_of_more_than_32_bits_are_none():
    assert values.whole("2147483647") == 2**31 - 1
    assert values.whole("99999999999999999999") is None


def test_field_strengths_in_gauss_are_converted():
    assert values.tesla(15000.0) == values.tesla(1.5) == 1.5
