"""Lines between two methods against brute force and other software, and their laws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.agreement import deming, ols, passing_bablok
from lpm_segmentator.core import AgreementError

COLUMNS = hnp.arrays(np.float64, (2, 12), elements=st.integers(1, 10_000).map(float))


def _correlated(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = columns[0]
    return x, x + 0.1 * columns[1]


@given(COLUMNS, st.floats(0.2, 5))
def test_deming_is_symmetric(columns, ratio):
    x, y = _correlated(columns)
    assume(np.ptp(x) > 100 and np.ptp(y) > 100)
    there, back = deming(x, y, error_ratio=ratio), deming(y, x, error_ratio=1 / ratio)
    assume(there.slope.defined and back.slope.defined)
    assert there.slope.value * back.slope.value == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("line", "subjects"), [(deming, None), (deming, [*range(11), 10]), (ols, [*range(11), 10])]
)
def test_a_line_that_hangs_on_one_subject_has_no_interval(line, subjects):
    x = np.array([1.1, 539.1, *[1.1] * 10])
    for reference, prediction in ((x, x - 0.1), (x - 0.1, x)):
        fit = line(reference, prediction, subjects=subjects)
        assert fit.slope.value == pytest.approx(1)
        for estimate in (fit.slope, fit.intercept):
            assert np.isnan([estimate.low, estimate.high]).all()
            assert "without one of the subjects the line is undefined" in estimate.reason


@given(COLUMNS, st.floats(0.1, 10))
def test_a_common_scale_keeps_the_slopes_and_scales_the_intercepts(columns, factor):
    x, y = _correlated(columns)
    assume(np.ptp(x) > 100 and np.ptp(y) > 100)
    for line in (ols, deming):
        a, b = line(x, y), line(x * factor, y * factor)
        assert b.slope.value == pytest.approx(a.slope.value, rel=1e-6)
        assert b.intercept.value == pytest.approx(a.intercept.value * factor, rel=1e-5, abs=1e-4)


def test_exact_lines_are_found_exactly():
    x = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    for line in (ols, deming, passing_bablok):
        fit = line(x, 2 + 0.5 * x)
        assert fit.slope.value == pytest.approx(0.5)
        assert fit.intercept.value == pytest.approx(2)


def test_deming_with_much_error_in_the_prediction_alone_is_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(100, 20, 60)
    y = x + rng.normal(0, 5, 60)
    assert deming(x, y, error_ratio=1e9).slope.value == pytest.approx(ols(x, y).slope.value)


def test_jackknife_of_deming_equals_refits_one_by_one():
    rng = np.random.default_rng(1)
    x = rng.normal(100, 20, 25)
    y = 3 + 0.9 * x + rng.normal(0, 4, 25)
    n, full = len(x), deming(x, y)
    left_out = [deming(np.delete(x, i), np.delete(y, i)).slope.value for i in range(n)]
    pseudo = n * full.slope.value - (n - 1) * np.array(left_out)
    error = pseudo.std(ddof=1) / math.sqrt(n)
    # t(0.975, 23)
    assert full.slope.high - full.slope.value == pytest.approx(2.0686576 * error, rel=1e-6)


def test_deming_slope_is_that_of_the_first_principal_axis():
    rng = np.random.default_rng(2)
    x = rng.normal(50, 10, 40)
    y = x + rng.normal(0, 4, 40)
    _, vectors = np.linalg.eigh(np.cov(x, y))
    assert deming(x, y).slope.value == pytest.approx(vectors[1, 1] / vectors[0, 1])


def _naive_passing_bablok(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    slopes = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            dx, dy = x[j] - x[i], y[j] - y[i]
            if dx == 0 and dy == 0:
                continue
            slope = math.copysign(math.inf, dy) if dx == 0 else dy / dx
            if slope != -1:
                slopes.append(slope)
    slopes.sort()
    count, shift = len(slopes), sum(s < -1 for s in slopes)
    if count % 2:
        middle = slopes[(count + 1) // 2 + shift - 1]
    else:
        middle = (slopes[count // 2 + shift - 1] + slopes[count // 2 + shift]) / 2
    n = len(x)
    reach = 1.959963984540054 * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    first = round((count - reach) / 2)
    return middle, slopes[first + shift - 1], slopes[count - first + shift]


@pytest.mark.parametrize("seed", range(6))
def test_passing_bablok_equals_the_paper_step_by_step(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(10, 60, 20 + seed).astype(float)
    y = np.round(1.1 * x + rng.normal(0, 5, len(x)))
    fit = passing_bablok(x, y)
    fitted = (fit.slope.value, fit.slope.low, fit.slope.high)
    assert fitted == pytest.approx(_naive_passing_bablok(x, y))
    assert fit.intercept.value == pytest.approx(np.median(y - fit.slope.value * x))
    assert fit.intercept.low == pytest.approx(np.median(y - fit.slope.high * x))


def test_passing_bablok_shrugs_off_a_gross_error():
    rng = np.random.default_rng(3)
    x = rng.uniform(50, 300, 60)
    y = x + rng.normal(0, 2, 60)
    y[np.argmax(x)] = 10.0
    assert passing_bablok(x, y).slope.value == pytest.approx(1, abs=0.03)
    assert ols(x, y).slope.value < 0.97


@pytest.mark.parametrize(
    ("label", "slope", "intercept", "interval"),
    [
        (1, 1.0043738601, -0.4215501802, (0.9996738717, 1.0090738485)),
        (2, 0.9971312400, 0.4985578156, (0.9895375332, 1.0047249469)),
        (3, 1.0008749561, 0.1041639345, (0.9939433652, 1.0078065470)),
        (4, 0.9961782088, 0.9676845774, (0.9919753110, 1.0003811066)),
    ],
)
def test_published_volumes_as_statsmodels_gives_them(
    shared_data, label, slope, intercept, interval
):
    table = pd.read_csv(shared_data / "agreement" / "MRI_volume_internal_test331.csv")
    fit = ols(table[f"volume{label}_gd"], table[f"volume{label}_ai"])
    assert fit.slope.value == pytest.approx(slope, abs=1e-9)
    assert fit.intercept.value == pytest.approx(intercept, abs=1e-9)
    assert (fit.slope.low, fit.slope.high) == pytest.approx(interval, abs=1e-9)


def test_repeated_subjects_widen_the_interval_of_least_squares():
    rng = np.random.default_rng(4)
    who = np.repeat(np.arange(30), 6)
    x = np.repeat(rng.normal(100, 20, 30), 6)
    y = x + np.repeat(rng.normal(0, 5, 30), 6) + rng.normal(0, 0.2, 180)
    x = x + rng.normal(0, 0.2, 180)
    naive, clustered = ols(x, y), ols(x, y, subjects=who)
    assert clustered.slope.value == pytest.approx(naive.slope.value)
    assert clustered.slope.high - clustered.slope.low > 1.5 * (naive.slope.high - naive.slope.low)
    assert math.isnan(passing_bablok(x, y, subjects=who).slope.low)


@pytest.mark.parametrize("line", [ols, deming, passing_bablok])
@pytest.mark.parametrize(
    ("x", "y"), [([1.0, 2.0], [1.0, 2.0]), ([5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 3.0, 4.0])]
)
def test_undefined_has_a_reason(line, x, y):
    fit = line(x, y)
    assert math.isnan(fit.slope.value)
    assert fit.slope.reason


def test_passing_bablok_refuses_columns_that_fall():
    x = np.arange(10.0)
    assert "positively correlated" in passing_bablok(x, -x).slope.reason


def test_a_ratio_of_errors_must_be_positive():
    with pytest.raises(AgreementError):
        deming([1.0, 2.0, 3.0], [1.0, 2.0, 3.1], error_ratio=0)
