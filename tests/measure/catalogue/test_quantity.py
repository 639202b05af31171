from __future__ import annotations

import math

import pytest

from lpm_segmentator.measure.catalogue import (
    ACCURACY,
    CATALOGUE,
    DIXON_FAT,
    INTENSITY_FAT,
    PREFERRED_MAP,
    Comparison,
    Kind,
    Quantity,
)

EVERY = {q.name: q for q in (*CATALOGUE.measures, *CATALOGUE.profile, *ACCURACY)}


@pytest.mark.parametrize("quantity", EVERY.values(), ids=list(EVERY))
def test_an_entry_is_complete(quantity: Quantity) -> None:
    assert quantity.label[0].isupper()
    assert quantity.description.endswith(".")
    assert quantity.description.count("  ") == 0
    assert quantity.digits >= 0
    if quantity.kind is Kind.COUNT:
        assert (quantity.digits, quantity.comparison) == (0, Comparison.NONE)
    if quantity.shown_unit is None:
        assert quantity.factor == 1.0
    if quantity.comparison is Comparison.RELATIVE:
        assert quantity.unit in ("mL", "mm²")  # sizes have a true zero, shares have a whole


@pytest.mark.parametrize("quantity", EVERY.values(), ids=list(EVERY))
def test_names_carry_units_as_the_agreement_statistics_read_them(quantity: Quantity) -> None:
    from lpm_segmentator.agreement import unit_of

    if quantity.name.startswith("nsd_"):  # the name holds the tolerance
        assert quantity.unit == ""
    elif quantity.kind is Kind.NUMBER:
        assert unit_of(quantity.name) == quantity.unit


def test_values_are_shown_scaled_rounded_and_with_a_true_minus() -> None:
    area, ratio = CATALOGUE["csa_mean_mm2"], CATALOGUE["fat_ratio"]
    assert (area.text(2345.0), area.display_unit) == ("23.4", "cm²")
    assert area.heading == "Mean cross-sectional area (cm²)"
    assert (ratio.text(0.1234), ratio.heading) == ("12.3", "Fat ratio (%)")
    assert CATALOGUE["volume_ml"].heading == "Volume (mL)"
    assert CATALOGUE["volume_asymmetry_percent"].text(-3.14) == "−3.1"
    assert CATALOGUE["slices"].text(7) == "7"
    assert CATALOGUE["slices"].heading == "Slices"
    assert CATALOGUE["asymmetry_formula"].text("a - b") == "a - b"
    for undefined in (None, math.nan, math.inf):
        assert area.text(undefined) == "–"


def test_a_size_of_a_part_of_the_muscle_is_not_shown():
    size = CATALOGUE["volume_ml"]
    assert size.text_in({"volume_ml": 5.0, "valid": True}) == "5.0"
    assert size.text_in({"volume_ml": 5.0, "valid": False}) == "not valid"
    assert size.text_in({"volume_ml": None, "valid": False}) == "–"
    assert CATALOGUE["fat_ratio"].text_in({"fat_ratio": 0.5, "valid": False}) == "50.0"


def test_the_preferred_measures_of_fat_are_of_one_kind():
    for preferred in (DIXON_FAT, INTENSITY_FAT):
        assert preferred.fat in CATALOGUE.profile
        assert preferred.functional_csa in CATALOGUE.measures
    assert INTENSITY_FAT.fat.name == f"fat_{PREFERRED_MAP}"
