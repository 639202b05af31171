"""Figures of a study from the tables of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator import api
from lpm_segmentator.report import figures

SIDES = [(muscle, side) for muscle in ("ES", "MF") for side in ("R", "L", "both")]


def measures(cases: int = 6) -> pd.DataFrame:
    """A table such as ``measures.csv``, in the whole stack and at a disc."""
    rows = [
        {
            "case": f"c{case}",
            "muscle": muscle,
            "side": side,
            "level": level,
            "level_kind": kind,
            "valid": True,
            "volume_ml": 100.0 + case + 5 * (side == "R"),
            "csa_mean_mm2": 1000.0 + 10 * case,
            "fat_ratio": 0.1 + 0.01 * case,
        }
        for case in range(cases)
        for muscle, side in SIDES
        for level, kind in (("all", "all"), ("L4-L5", "disc"))
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def drawn(monkeypatch):
    """What was drawn by `study_figures`, by name."""
    kept: dict = {}
    real = figures.study_figures

    def draw(**tables):
        kept.update(real(**tables))
        return {}

    monkeypatch.setattr(figures, "study_figures", draw)
    return kept


def test_sizes_that_are_not_valid_are_not_drawn(tmp_path, drawn, caplog):
    table = measures()
    cut_off = (table["case"] == "c5") & (table["muscle"] == "ES") & (table["side"] == "R")
    table.loc[cut_off, ["valid", "volume_ml", "csa_mean_mm2"]] = [False, 1e4, 1e5]
    table.loc[cut_off, "fat_ratio"] = 0.5
    table.to_csv(tmp_path / "measures.csv", index=False)
    assert api.draw_study(tmp_path, tmp_path / "figures") == []
    assert "2 of 48 rows" in caplog.text
    assert "(number of cases: 1)" in caplog.text
    axes = drawn["asymmetry"].axes[0]
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["ES\nn = 5", "MF\nn = 6"]
    assert np.abs(np.asarray(axes.collections[0].get_offsets())[:, 1]).max() < 10
    areas, fat = drawn["levels"].axes
    assert max(line.get_ydata().max() for line in areas.lines) < 2000
    # Fat is a share, which is valid in the part of the muscle that is seen.
    medians = fat.lines[0].get_ydata()
    assert medians == pytest.approx([np.median([*np.arange(0.1, 0.145, 0.01), (0.5 + 0.15) / 2])])


def test_nothing_is_said_where_all_is_valid(tmp_path, drawn, caplog):
    measures().to_csv(tmp_path / "measures.csv", index=False)
    api.draw_study(tmp_path, tmp_path / "figures")
    assert not caplog.records
    assert drawn["asymmetry"].axes[0].get_xticklabels()[0].get_text() == "ES\nn = 6"


def test_agreement_is_that_of_compare_file(tmp_path, drawn):
    """Sizes that are not valid, other units and other levels do not enter the figures."""
    table = measures(12)
    table.to_csv(tmp_path / "measures.csv", index=False)
    sources = []
    for source, more in (("reference", 0.0), ("prediction", 2.0)):
        part = table.drop(columns="valid").assign(source=source)
        part["volume_ml"] += more
        sources.append(part)
    paired = pd.concat(sources)
    paired.loc[(paired["case"] == "c3") & (paired["muscle"] == "MF"), "volume_ml"] = np.nan
    paired.to_csv(tmp_path / "paired_measures.csv", index=False)
    # The tables of the published method hold other numbers, which nothing reads.
    wide = {"case": table["case"].unique(), "volume1_gd": 1.0, "volume1_ai": 1000.0}
    pd.DataFrame(wide).to_csv(tmp_path / "volumes.csv", index=False)
    written = api.draw_study(tmp_path, tmp_path / "figures")
    assert {path.stem for path in written} == {
        f"{kind}_{measure}"
        for kind in figures.AGREEMENT_KINDS
        for measure in ("volume_ml", "csa_mean_mm2", "fat_ratio")
    }
    svg = (tmp_path / "figures" / "reference_automatic_volume_ml.svg").read_text("utf-8")
    assert "n = 12" in svg
    assert "n = 11" in svg
