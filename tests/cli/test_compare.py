"""``lpm compare`` on tables that allow no answer, or only part of one."""

from __future__ import annotations

import json

import pandas as pd


def test_other_units_are_refused_and_the_flag_named_lets_them_through(lpm, tmp_path):
    table = tmp_path / "units.csv"
    rows = ["case,volume1_gd,volume1_ai", "a,10,9900", "b,12,12100", "c,14,14200", "d,9,9300"]
    table.write_text("\n".join(rows), encoding="utf-8")
    command = ["compare", table, "-o", tmp_path / "out", "--no-plots"]

    refused = lpm(*command)
    assert refused.returncode == 2
    assert "units.csv: volume1: the median of prediction / reference is near 1000" in refused.stderr
    assert "if the values are right, pass --no-unit-check" in refused.stderr
    assert not (tmp_path / "out").exists()

    assert lpm(*command, "--no-unit-check").returncode == 0
    assert (tmp_path / "out" / "agreement.csv").exists()


def test_undefined_statistics_are_printed_with_their_reason(lpm, tmp_path):
    table = tmp_path / "constant.csv"
    rows = ["case,volume1_gd,volume1_ai", "a,5,5", "b,5,5.1", "c,5,5", "d,5,4.9"]
    table.write_text("\n".join(rows), encoding="utf-8")
    done = lpm("compare", table, "-o", tmp_path / "out", "--no-plots")
    assert done.returncode == 0
    assert "volume1: a column is constant (icc_1_1, icc_a_1," in done.stdout


def test_subjects_measured_twice_are_recognised_by_a_pattern(lpm, tmp_path):
    table = tmp_path / "twice.csv"
    rows = ["case,volume1_hand,volume1_net"]
    for subject in range(1, 7):
        name, value = f"{subject:02d}", 9 + subject
        rows += [f"{name}_T1,{value},{value + 0.2}", f"{name}_T2,{value + 1},{value + 0.2}"]
    table.write_text("\n".join(rows), encoding="utf-8")
    command = ["compare", table, "-o", tmp_path / "out", "--no-plots", "--json"]

    refused = lpm(*command)
    assert refused.returncode == 2  # no usual words for reference and prediction

    command += ["--roles", "hand", "net"]
    alone = lpm(*command)
    assert "(--subject COLUMN) or give a pattern (--subject-pattern REGEX)" in alone.stderr
    counts = [
        json.loads(done.stdout)["pairs"][0]["bland_altman"]["n_subjects"]
        for done in (alone, lpm(*command, "--subject-pattern", r"^(\d+)_"))
    ]
    assert counts == [12, 6]

    for wrong, says in (
        (["--roles", "net", "Net"], "compared with itself"),
        (["--subject", "case", "--subject-pattern", r"^(\d+)_"], "exclude each other"),
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
    assert (out / "scatter_volume.pdf").exists()
    assert not list(out.glob("*ratio*"))
    done = lpm("compare", two, "-o", out, "--resamples", 100, "--no-plots")
    assert done.returncode == 0, done.stderr
    left = {path.name for path in out.iterdir()}
    assert left == {"agreement.csv", "agreement.json", "scatter_mine.png"}


def run_with_reference(folder, n=12):
    """Write a table such as that of ``lpm run --reference``; return the folder."""
    folder.mkdir()
    rows = ["case,muscle,side,level,level_kind,volume_ml,csa_mean_mm2,csa_max_mm2,fat_ratio,source"]
    levels = (("all", "all"), ("L4", "vertebra"), ("L4-L5", "disc"))
    for case in range(n):
        for place, (muscle, side) in enumerate(
            (m, s) for m in ("ES", "MF", "ES+MF") for s in ("R", "L", "both")
        ):
            for level, kind in levels:
                for source, more in (("reference", 0.0), ("prediction", 0.3 + 0.1 * (case % 3))):
                    size = 20 + case + place + more
                    volume = "" if kind == "disc" else size
                    rows.append(
                        f"0{case},{muscle},{side},{level},{kind},{volume},{30 * size},{40 * size},"
                        f"{size / 100},{source}"
                    )
    (folder / "paired_measures.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_of_a_run_the_measures_that_matter_are_compared_and_drawn(lpm, tmp_path):
    run, out = run_with_reference(tmp_path / "run"), tmp_path / "out"
    done = lpm("compare", run, "-o", out, "--resamples", 100, env={"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in out.iterdir()} == {
        "agreement",
        *(
            f"{kind}_{measure}"
            for kind in ("bland_altman", "scatter")
            for measure in ("volume_ml", "csa_mean_mm2", "fat_ratio")
        ),
    }
    table = pd.read_csv(out / "agreement.csv")
    assert len(table) == 3 * 4 * 2
    assert set(table["level"]) == {"all", "L4", "L4-L5"}
    assert "--all compares all" in done.stdout
    *printed, where = done.stdout.splitlines()
    assert where == f"Results: {out}"
    assert max(map(len, printed)) <= 80

    done = lpm("compare", run, "-o", out, "--resamples", 100, "--no-plots", "--all", "--json")
    pairs = json.loads(done.stdout)["pairs"]
    assert len(pairs) == 9 * (2 + 3 + 3 + 3)
    assert all(pair["n"] == 12 for pair in pairs)
    assert not list(out.glob("*.png"))

    done = lpm("compare", run, "-o", out, "--no-plots", "--measure", "csa_max_mm2", "--json")
    assert {pair["measure"] for pair in json.loads(done.stdout)["pairs"]} == {"csa_max_mm2"}


def test_a_run_without_reference_has_nothing_to_compare(lpm, tmp_path):
    refused = lpm("compare", tmp_path, "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert "no paired_measures.csv" in refused.stderr
    assert "--reference" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused(lpm, tmp_path):
    table = paired(tmp_path / "t.csv")
    run = tmp_path / "run"
    run.mkdir()
    head = "case,muscle,side,level,level_kind,valid,volume_ml"
    rows = [f"a,{m},{s},all,all,True,10" for m in ("ES", "MF") for s in ("R", "L")]
    (run / "measures.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "file").write_text("x")
    before = set(tmp_path.rglob("*"))
    for out in (tmp_path / "file", tmp_path / "file" / "sub"):
        for command in (["compare", table, "--resamples", 100], ["figures", run]):
            done = lpm(*command, "-o", out)
            assert done.returncode == 2
            assert "Name a folder (-o PATH)" in done.stderr or "cannot be written" in done.stderr
            assert "unexpected" not in done.stderr
    assert set(tmp_path.rglob("*")) == before
