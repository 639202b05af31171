"""Figures: what they show, that wrong tables are refused."""

from __future__ import annotations

import io
import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from lpm_segmentator.agreement import Comparison, compare_table
from lpm_segmentator.core.errors import TableError
from lpm_segmentator.report.figures import (
    agreement_figures,
    asymmetry_figure,
    bland_altman_figure,
    level_profile_figure,
    overlap_figure,
    pair_stems,
    reference_automatic_figure,
    scatter_figure,
    study_figures,
)
from lpm_segmentator.report.words import pair_label, quantity_label


def _comparison(n: int = 30) -> Comparison:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"case": [f"c{i}" for i in range(n)]})
    for label in range(1, 5):
        x = rng.uniform(100, 300, n)
        table[f"volume{label}_gd"], table[f"volume{label}_ai"] = x, x + rng.normal(1, 4, n)
    return compare_table(table, n_resamples=100)


def _measures(levels: tuple[str, ...] = ("L3-L4", "L4", "all")) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        {
            "case": f"c{case}",
            "muscle": muscle,
            "side": side,
            "level": level,
            "csa_mean_mm2": rng.uniform(800, 1500),
            "fat_ratio": rng.uniform(0.05, 0.4),
            "volume_ml": 110.0 if side == "R" else 90.0,
        }
        for case in range(15)
        for muscle in ("ES", "MF")
        for side in ("R", "L")
        for level in levels
    ]
    return pd.DataFrame(rows)


def _texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return _comparison()


def test_bland_altman_draws_bias_and_limits_where_they_are(comparison):
    pair = comparison.pairs[0]
    axes = bland_altman_figure(pair).axes[0]
    heights = {line.get_ydata()[0] for line in axes.lines}
    result = pair.bland_altman
    assert {result.bias.value, result.lower.value, result.upper.value} <= heights
    points = axes.collections[0].get_offsets()
    assert np.allclose(points[:, 1], pair.prediction - pair.reference)
    assert axes.get_ylabel() == "Automatic − reference\nvolume (mL)"
    assert axes.get_title(loc="left") == "ES right"


@pytest.mark.parametrize(("n", "labels"), [(2, 2), (9, 2), (10, 3), (30, 3)])
def test_bland_altman_labels_never_overlap(n, labels):
    for pair in _comparison(n).pairs[:4]:
        figure = bland_altman_figure(pair)
        figure.savefig(io.BytesIO(), format="png")
        boxes = sorted(
            (text.get_window_extent() for text in figure.axes[0].texts), key=lambda box: box.y0
        )
        assert len(boxes) == labels
        assert all(below.y1 <= above.y0 for below, above in itertools.pairwise(boxes))


def test_the_bias_of_one_case_is_written_with_its_digits():
    table = pd.DataFrame({"case": ["a"], "ratio1_gd": [0.162], "ratio1_ai": [0.16221]})
    bias, reason = bland_altman_figure(compare_table(table).pairs[0]).axes[0].texts
    assert bias.get_text() == "Bias\n+0.000210"
    assert reason.get_text().replace("\n", " ") == "n = 1 limits of agreement need 10 cases"


def test_bland_altman_of_few_cases_shows_the_points_and_writes_the_intervals():
    pair = _comparison(2).pairs[0]
    axes = bland_altman_figure(pair).axes[0]
    low, high = axes.get_ylim()
    shown = np.append(pair.prediction - pair.reference, 0.0)
    assert low < shown.min() < shown.max() < high
    assert high - low < 1.5 * float(np.ptp(shown))
    assert pair.bland_altman.bias.high > high
    assert "[" in axes.texts[0].get_text()


def test_several_pairs_have_a_panel_each(comparison):
    for draw in (bland_altman_figure, scatter_figure):
        figure = draw(comparison)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == ["ES right", "MF right", "MF left", "ES left"]
        assert "volume (mL)" in figure.get_supxlabel()
        assert len(draw(comparison.pairs[:3]).axes) == 3


def _tidy_comparison() -> Comparison:
    rng = np.random.default_rng(6)
    places = [(m, s, v) for m in ("ES", "MF") for s in ("R", "L") for v in ("all", "L4-L5")]
    parts = []
    for muscle, side, level in places:
        x = rng.uniform(800, 1500, 12)
        part = pd.DataFrame({"case": [f"c{i}" for i in range(12)], "csa_mean_mm2_reference": x})
        parts.append(part.assign(muscle=muscle, side=side, level=level))
    table = pd.concat(parts)
    change = rng.normal(0, 30, len(table))
    return compare_table(
        table.assign(csa_mean_mm2_prediction=table["csa_mean_mm2_reference"] + change),
        n_resamples=100,
    )


def test_figures_of_a_measure_are_named_by_it_and_by_the_level():
    comparison = _tidy_comparison()
    figures = agreement_figures(comparison)
    assert set(figures) == {
        f"{kind}_csa_mean_mm2{level}"
        for kind in ("bland_altman", "scatter", "reference_automatic")
        for level in ("", "_L4-L5")
    }
    titles = [axes.get_title(loc="left") for axes in figures["scatter_csa_mean_mm2"].axes]
    assert titles == ["ES right", "ES left", "MF right", "MF left"]
    assert figures["scatter_csa_mean_mm2_L4-L5"].axes[3].get_title(loc="left") == "MF left, L4-L5"
    chosen = agreement_figures(comparison, kinds=("scatter",), levels={"all"})
    assert list(chosen) == ["scatter_csa_mean_mm2"]
    assert agreement_figures(comparison, measures={"volume_ml"}) == {}
    for pair in comparison:
        assert set(pair_stems(pair.measure, dict(pair.strata))) <= set(figures)


def test_scatter_has_identity_and_the_least_squares_line(comparison):
    pair = comparison.pairs[1]
    axes = scatter_figure(pair).axes[0]
    identity, fitted = axes.lines
    assert np.array_equal(identity.get_xdata(), identity.get_ydata())
    slope = np.ptp(fitted.get_ydata()) / np.ptp(fitted.get_xdata())
    assert slope == pytest.approx(pair.ols.slope.value)
    assert axes.get_xlim() == axes.get_ylim()
    assert "(mL)" in axes.get_xlabel()


def test_reference_stands_beside_automatic_for_each_muscle(comparison):
    figure = reference_automatic_figure(comparison)
    text = _texts(figure)
    for label in ("ES right", "MF right", "MF left", "ES left", "Reference", "Automatic"):
        assert label in text
    assert figure.axes[0].get_ylabel() == "Volume (mL)"
    drawn = [len(c.get_offsets()) for c in figure.axes[0].collections]
    assert drawn[:8] == [30] * 8


def test_pairs_of_several_units_do_not_share_an_axis():
    rng = np.random.default_rng(2)
    x = rng.uniform(1, 2, 8)
    table = pd.DataFrame({"a_ml_gd": x, "a_ml_ai": x * 1.1, "b_mm2_gd": x, "b_mm2_ai": x * 1.2})
    with pytest.raises(TableError, match="one unit"):
        reference_automatic_figure(compare_table(table, n_resamples=50))


def test_overlap_groups_by_sequence_and_counts():
    table = pd.DataFrame(
        {
            "sequence": ["T1w"] * 15 + ["T2w"] * 4 + ["T2w"],
            "dsc_global": [*np.linspace(0.9, 0.98, 19), np.nan],
        }
    )
    figure = overlap_figure(table)
    assert "T1w\nn = 15" in _texts(figure)
    assert "T2w\nn = 4" in _texts(figure)
    assert figure.axes[0].get_ylim()[1] == 1


def test_levels_go_from_head_to_foot_and_leave_the_whole_out():
    figure = level_profile_figure(_measures(("L4", "all", "L3-L4")))
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["L3-L4", "L4"]
    assert figure.axes[0].get_ylabel() == "Mean cross-sectional area (mm²)"
    assert len(figure.axes) == 2


def test_the_profile_says_how_many_cases_a_level_has():
    table = _measures()
    assert "n = 15)" in _texts(level_profile_figure(table))
    missing = (table["level"] == "L4") & (table["case"] == "c3")
    assert "n = 14 to 15)" in _texts(level_profile_figure(table[~missing]))


def test_sums_of_both_sides_do_not_enter_the_profile():
    sides = _measures()
    both = sides[sides["side"] == "R"].assign(side="both", csa_mean_mm2=1e5)
    figures = [level_profile_figure(t) for t in (sides, pd.concat([sides, both]))]
    medians = [figure.axes[0].lines[0].get_ydata() for figure in figures]
    assert np.array_equal(*medians)


def test_asymmetry_is_positive_where_the_right_is_larger():
    figure = asymmetry_figure(_measures(), level="all")
    heights = figure.axes[0].collections[0].get_offsets()[:, 1]
    # 100 (110 - 90) / 100
    assert np.allclose(heights, 20)
    with pytest.raises(TableError, match="several rows"):
        asymmetry_figure(_measures())


def test_a_study_without_any_defined_value_is_drawn_as_far_as_it_goes(caplog):
    measures = _measures()
    measures.loc[measures["side"] == "R", "volume_ml"] = 0.0
    accuracy = pd.DataFrame({"case": ["a"], "sequence": ["T1w"], "dsc_global": [np.nan]})
    figures = study_figures(
        accuracy=accuracy, measures=measures, profile=("csa_mean_mm2",), asymmetry_level="all"
    )
    assert set(figures) == {"levels"}
    assert "figure overlap was not drawn" in caplog.text
    assert "figure asymmetry was not drawn: no case has both sides" in caplog.text


def test_a_muscle_without_one_side_is_left_out_of_the_asymmetry():
    table = _measures()
    missing = (table["case"] == "c0") & (table["side"] == "R")
    table.loc[missing, "volume_ml"] = 0.0
    axes = asymmetry_figure(table, level="all").axes[0]
    assert np.allclose(axes.collections[0].get_offsets()[:, 1], 20)
    assert axes.get_xticklabels()[0].get_text().endswith("n = 14")


@pytest.mark.parametrize(
    "draw", [overlap_figure, level_profile_figure, asymmetry_figure], ids=lambda f: f.__name__
)
def test_missing_columns_are_named(draw):
    with pytest.raises(TableError, match="no column"):
        draw(pd.DataFrame({"case": ["a"], "other": [1.0]}))


def test_one_call_draws_a_study():
    accuracy = pd.DataFrame(
        {"sequence": ["T1w", "T2w"] * 5, "dsc_global": np.linspace(0.8, 0.9, 10)}
    )
    figures = study_figures(accuracy=accuracy, measures=_measures(), asymmetry_level="all")
    assert set(figures) == {"overlap", "levels", "asymmetry"}
    assert study_figures() == {}


def test_undefined_statistics_still_give_a_figure():
    table = pd.DataFrame({"case": ["a", "b"], "volume1_gd": [1.0, 2.0], "volume1_ai": [1.0, 2.0]})
    for pair in (compare_table(table).pairs[0], compare_table(table.head(1)).pairs[0]):
        assert bland_altman_figure(pair).axes
        assert scatter_figure(pair).axes


def test_the_style_leaves_no_trace(comparison):
    before = dict(mpl.rcParams)
    scatter_figure(comparison.pairs[0])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("measure", "label"),
    [
        ("csa_mm2", "Cross-sectional area (mm²)"),
        ("volume1", "Volume (mL)"),
        ("fat_ratio", "Fat ratio"),
        ("hd95_mm", "HD95 (mm)"),
        ("csa_mean_mm2", "Mean cross-sectional area (mm²)"),
        ("lean_csa_mean_mm2", "Functional CSA (mm²)"),
        ("fat_gmm3_soft", "Intensity-based fat, 3 Gaussians, soft map"),
        ("fat_ratio_side_difference", "Side difference of the fat ratio"),
        ("own_measure_cm2", "Own measure (cm²)"),
    ],
)
def test_axes_name_the_quantity_and_its_unit(measure, label):
    assert quantity_label(measure) == label


def test_pairs_are_named_for_readers(comparison):
    assert [pair_label(p) for p in comparison] == ["ES right", "MF right", "MF left", "ES left"]
