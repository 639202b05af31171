"""The printed table: 80 columns, nothing broken or cut, reasons once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.agreement import Comparison, compare_table
from lpm_segmentator.cli.agreement_table import WIDTH, agreement_lines


def _comparison(n: int = 12, *, levels: int = 1) -> Comparison:
    rng = np.random.default_rng(0)
    parts = []
    for muscle, side in (("ES", "R"), ("ES", "L"), ("MF", "R"), ("MF", "both")):
        for level in ("all", *(f"L{i + 1}-L{i + 2}" for i in range(levels - 1))):
            x = rng.uniform(800, 1500, n)
            part = pd.DataFrame({"case": [f"c{i}" for i in range(n)], "csa_mean_mm2_gd": x})
            part["csa_mean_mm2_ai"] = x + rng.normal(0, 300, n)
            parts.append(part.assign(muscle=muscle, side=side, level=level))
    return compare_table(pd.concat(parts), n_resamples=100)


@pytest.mark.parametrize("n", [2, 9, 12])
@pytest.mark.parametrize("levels", [1, 5, 30])
def test_it_fits_the_terminal(n, levels):
    lines = list(agreement_lines(_comparison(n, levels=levels)))
    assert max(map(len, lines)) <= WIDTH
    rows = [line for line in lines if line.startswith("  ") and "right" in line]
    assert len(rows) == 2 * (levels if levels < 15 else 1)
    assert any("single levels are in agreement.csv" in line for line in lines) is (levels == 30)


def test_an_interval_stays_on_the_line_of_its_value():
    lines = list(agreement_lines(_comparison()))
    rows = [line for line in lines if line.startswith("  ") and " 12 " in line]
    assert len(rows) == 4
    for row in rows:
        assert row.count("[") == row.count("]") == 1
    assert lines[1] == "Mean cross-sectional area (mm²)"


def test_a_long_name_has_a_line_of_its_own():
    comparison = compare_table(
        pd.DataFrame(
            {
                "case": list("abcd"),
                "a_very_long_name_of_a_measure_gd": [1.0, 2, 3, 4],
                "a_very_long_name_of_a_measure_ai": [1.1, 2, 3, 4.2],
            }
        ),
        n_resamples=100,
    )
    lines = list(agreement_lines(comparison))
    row = lines.index("  a_very_long_name_of_a_measure")
    assert "[" in lines[row + 1]


def test_a_reason_is_given_once_for_all_rows_that_share_it():
    text = " ".join(agreement_lines(_comparison(9)))
    assert text.count("limits of agreement need 10 cases") == 1
    assert "all rows: limits of agreement need 10 cases (loa_lower, loa_upper)" in text


def test_what_a_star_means_is_said_where_there_is_one():
    rng = np.random.default_rng(1)
    x = rng.uniform(100, 200, 60)
    table = pd.DataFrame({"case": [f"c{i}" for i in range(60)], "a_gd": x, "b_gd": x})
    table["a_ai"], table["b_ai"] = x + rng.normal(0, 1, 60), x + rng.standard_exponential(60) ** 4
    text = "\n".join(agreement_lines(compare_table(table, n_resamples=100)))
    assert "yes*" in text or "no*" in text
    assert "*: by bootstrap" in text
    assert "*" not in "\n".join(agreement_lines(compare_table(table, measures=["a"])))
