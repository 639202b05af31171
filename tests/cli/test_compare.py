"""``lpm compare`` on tables that allow no answer, or only part of one."""

from __future__ import annotations


def test_other_units_are_refused_and_the_flag_named_lets_them_through(lpm, tmp_path):
    table = tmp_path / "units.csv"
    rows = ["case,volume1_gd,volume1_ai", "a,10,9900", "b,12,12100", "c,14,14200", "d,9,9300"]
    table.write_text("\n".join(rows), encoding="utf-8")
    command = ["compare", table, "-o", tmp_path / "out", "--no-plots"]

    refused = lpm(*command)
    assert refused.returncode == 2
    assert "1000 times the reference" in refused.stderr
    assert "--no-unit-check" in refused.stderr
    assert not (tmp_path / "out").exists()

    assert lpm(*command, "--no-unit-check").returncode == 0
    assert (tmp_path / "out" / "agreement.csv").exists()


def test_what_is_undefined_is_said_with_its_reason(lpm, tmp_path):
    table = tmp_path / "constant.csv"
    rows = ["case,volume1_gd,volume1_ai", "a,5,5", "b,5,5.1", "c,5,5", "d,5,4.9"]
    table.write_text("\n".join(rows), encoding="utf-8")
    done = lpm("compare", table, "-o", tmp_path / "out", "--no-plots")
    assert done.returncode == 0
    (said,) = [line for line in done.stdout.splitlines() if "icc_a_1" in line]
    assert said.startswith("volume1: a column is constant")
