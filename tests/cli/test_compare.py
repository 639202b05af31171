"""``lpm compare`` on tables that allow no answer, or only part of one."""

from __future__ import annotations

import json


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


def test_persons_measured_twice_are_told_by_a_pattern(lpm, tmp_path):
    table = tmp_path / "twice.csv"
    rows = ["case,volume1_hand,volume1_net"]
    for person in range(1, 7):
        rows += [
            f"{person:02d}_{s},{9 + person + k},{9.2 + person}" for k, s in enumerate(("T1", "T2"))
        ]
    table.write_text("\n".join(rows), encoding="utf-8")
    command = ["compare", table, "-o", tmp_path / "out", "--no-plots", "--json"]

    refused = lpm(*command)
    assert refused.returncode == 2  # no usual words for reference and prediction

    command += ["--roles", "hand", "net"]
    alone = lpm(*command)
    assert "--subject-pattern" in alone.stderr
    counts = [
        json.loads(done.stdout)["pairs"][0]["bland_altman"]["n_subjects"]
        for done in (alone, lpm(*command, "--subject-pattern", r"^(\d+)_"))
    ]
    assert counts == [12, 6]

    for wrong, says in (
        (["--roles", "net", "Net"], "compared with itself"),
        (["--subject", "case", "--subject-pattern", r"^(\d+)_"], "contradict each other"),
    ):
        refused = lpm("compare", table, "-o", tmp_path / "no", *wrong)
        assert refused.returncode == 2
        assert says in refused.stderr


def test_a_measure_without_any_value_is_left_out_of_a_long_table(lpm, tmp_path):
    table = tmp_path / "long.csv"
    rows = ["case,muscle,side,source,volume_ml,fat_ratio"]
    for source, more in (("reference", 0.0), ("prediction", 0.3)):
        rows += [f"c{n},ES,R,{source},{20 + n + more}," for n in range(5)]
    table.write_text("\n".join(rows), encoding="utf-8")
    done = lpm("compare", table, "-o", tmp_path / "out", "--no-plots", "--json")
    assert done.returncode == 0, done.stderr
    assert [pair["name"] for pair in json.loads(done.stdout)["pairs"]] == ["volume_ml ES R"]


def paired(path, measures=("volume1",), n=8):
    header = ",".join(f"{m}_gd,{m}_ai" for m in measures)
    rows = [",".join(f"{20 + 3 * i},{20 + 3 * i + i % 3}" for _ in measures) for i in range(n)]
    path.write_text("\n".join([f"case,{header}", *(f"c{i},{r}" for i, r in enumerate(rows))]))
    return path


def test_no_figure_of_an_earlier_comparison_stays(lpm, tmp_path):
    out = tmp_path / "out"
    two = paired(tmp_path / "two.csv", ("volume1", "ratio2"))
    done = lpm("compare", two, "-o", out, "--resamples", 100)
    assert done.returncode == 0, done.stderr
    (out / "scatter_mine.png").write_bytes(b"of the user")
    done = lpm("compare", paired(tmp_path / "one.csv"), "-o", out, "--resamples", 100)
    assert done.returncode == 0, done.stderr
    assert (out / "scatter_volume1.pdf").exists()
    assert not list(out.glob("*ratio*"))
    done = lpm("compare", two, "-o", out, "--resamples", 100, "--no-plots")
    assert done.returncode == 0, done.stderr
    left = {path.name for path in out.iterdir()}
    assert left == {"agreement.csv", "agreement.json", "scatter_mine.png"}


def test_a_place_that_cannot_be_written_to_is_told(lpm, tmp_path):
    table = paired(tmp_path / "t.csv")
    run = tmp_path / "run"
    run.mkdir()
    head = "case,muscle,side,level,level_kind,volume_ml"
    rows = [f"a,{m},{s},all,all,10" for m in ("ES", "MF") for s in ("R", "L")]
    (run / "measures.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "file").write_text("x")
    before = set(tmp_path.rglob("*"))
    for out in (tmp_path / "file", tmp_path / "file" / "sub"):
        for command in (["compare", table, "--resamples", 100], ["figures", run]):
            done = lpm(*command, "-o", out)
            assert done.returncode == 2
            assert "Name a folder with -o" in done.stderr or "cannot be written" in done.stderr
            assert "unexpected" not in done.stderr
    assert set(tmp_path.rglob("*")) == before
