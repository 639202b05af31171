"""Every command on real data."""

from __future__ import annotations

import csv
import json
import re

import nibabel as nib
import numpy as np
import pytest

from phantoms import write_pair, write_reference

LABELS = ("1", "2", "3", "4")


@pytest.fixture(scope="module")
def crops(tum01, tmp_path_factory):
    """Five slices of TUM01, named as a pair, with their label map; the water lost its origin."""
    folder = tmp_path_factory.mktemp("crops")
    names = {"water": "T_water", "fat": "T_fat", "labels": "T_dseg"}
    for role, name in names.items():
        image = nib.load(tum01[role])
        part = image.slicer[:, 100:340, 12:17]
        if role == "water":
            affine = part.affine.copy()
            affine[:3, 3] = 0
            part = nib.Nifti1Image(np.asarray(part.dataobj), affine)
        part.to_filename(folder / f"{name}.nii.gz")
    return folder


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(lpm, crops, tmp_path_factory):
    """What ``lpm run`` says and leaves for a real pair with a reference."""
    out = tmp_path_factory.mktemp("run") / "out"
    done = lpm(
        "run", crops / "T_water.nii.gz", crops / "T_fat.nii.gz", "--reference", crops,
        "--accept-origin-mismatch", "--mode", "fast", "--json", "-o", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done, out


def test_run_leaves_masks_tables_and_report(finished, crops):
    _, out = finished
    found = {
        str(path.relative_to(out))
        for path in out.rglob("*")
        if path.is_file() and path.name != ".run.lock"
    }
    assert found == {
        "cases/T/T_dseg.nii.gz",
        "cases/T/T_fatmap-dixon.nii.gz",
        "cases/T/T_qc.png",
        "cases/T/case.json",
        "measures.csv",
        "profiles.csv",
        "volumes.csv",
        "dictionary.csv",
        "fat_ratios.csv",
        "accuracy.csv",
        "accuracy_levels.csv",
        "accuracy_slices.csv",
        "paired_measures.csv",
        "report.html",
        "run.json",
    }
    mask, fat = nib.load(out / "cases/T/T_dseg.nii.gz"), nib.load(crops / "T_fat.nii.gz")
    assert mask.shape == fat.shape
    np.testing.assert_array_equal(mask.affine, fat.affine)
    assert set(np.unique(mask.dataobj)) == {0, 1, 2, 3, 4}


def test_run_prints_what_it_recorded(finished):
    done, out = finished
    told = json.loads(done.stdout)
    assert told == json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert told["cases"]["T"]["state"] == "done"
    assert told["options"]["accept_origin_mismatch"] is True


def test_the_tables_of_a_run_have_the_published_columns(finished):
    _, out = finished
    (volumes,), (ratios,), (accuracy,) = (
        rows(out / name) for name in ("volumes.csv", "fat_ratios.csv", "accuracy.csv")
    )
    assert list(volumes) == ["case", *(f"volume{n}_{who}" for n in LABELS for who in ("gd", "ai"))]
    assert list(ratios) == ["case", *(f"ratio{n}_{who}" for n in LABELS for who in ("gd", "ai"))]
    assert list(accuracy)[:6] == ["case", "dsc_global", "dsc_1", "dsc_2", "dsc_3", "dsc_4"]
    assert float(accuracy["dsc_global"]) > 0.7
    assert all(0 < float(ratios[f"ratio{n}_ai"]) < 0.6 for n in LABELS)


def test_the_paired_table_holds_measurements_alone(finished):
    """No counts, remarks or bounds of intervals, whose agreement would say nothing."""
    _, out = finished
    paired = rows(out / "paired_measures.csv")
    assert {row["source"] for row in paired} == {"reference", "prediction"}
    columns = set(paired[0])
    assert {"volume_ml", "csa_mean_mm2", "fat_ratio", "volume_asymmetry_percent"} <= columns
    assert not columns & {"slices", "voxels", "no_signal_voxels", "asymmetry_formula", "note"}
    assert not [column for column in columns if "_low" in column or "_high" in column]


def test_the_mask_and_the_tables_agree(finished):
    _, out = finished
    mask = nib.load(out / "cases/T/T_dseg.nii.gz")
    counts = np.bincount(np.asarray(mask.dataobj).astype(int).ravel(), minlength=5)
    voxel_ml = abs(np.linalg.det(mask.affine[:3, :3])) / 1000
    (volumes,) = rows(out / "volumes.csv")
    tidy = {(r["muscle"], r["side"]): float(r["volume_ml"]) for r in rows(out / "measures.csv")}
    for value, key in enumerate([("ES", "R"), ("MF", "R"), ("MF", "L"), ("ES", "L")], 1):
        assert float(volumes[f"volume{value}_ai"]) == pytest.approx(counts[value] * voxel_ml)
        assert tidy[key] == pytest.approx(counts[value] * voxel_ml, rel=5e-6)


def test_every_slice_of_the_profiles_has_its_score(finished):
    _, out = finished
    profile = rows(out / "profiles.csv")
    scores = {int(r["slice"]): float(r["quality_score"]) for r in profile}
    assert sorted(scores) == [0, 1, 2, 3, 4]
    assert all(0.5 < score <= 1 for score in scores.values())
    assert float(rows(out / "measures.csv")[0]["quality_score"]) == pytest.approx(
        np.mean(list(scores.values()))
    )
    assert {int(r["slice"]) for r in profile if r["flag"]} == {
        index for index, score in scores.items() if score < 0.85
    }


def test_the_report_of_a_run_tells_the_repair(finished):
    _, out = finished
    assert "had lost its origin" in (out / "report.html").read_text(encoding="utf-8")


def test_the_report_is_made_again(lpm, finished, tmp_path):
    _, out = finished
    before = (out / "report.html").read_text(encoding="utf-8")
    (out / "report.html").unlink()
    done = lpm("report", out, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"report": str(out / "report.html")}
    assert (out / "report.html").read_text(encoding="utf-8") == before


def test_a_repeated_run_skips_and_tells_numbers(lpm, finished, crops):
    _, out = finished
    done = lpm(
        "run", crops / "T_water.nii.gz", crops / "T_fat.nii.gz", "--reference", crops,
        "--accept-origin-mismatch", "--mode", "fast", "-o", out,
    )  # fmt: skip
    assert done.returncode == 0
    assert re.search(r"T\n.*\n ES right\s+\d+\.\d", done.stdout)
    assert "report:" in done.stdout
    assert "lost its origin" in done.stderr
    assert json.loads((out / "run.json").read_text())["cases"]["T"]["state"] == "skipped"


def test_run_takes_a_named_pair_and_slices_and_is_silent_if_asked(lpm, crops, tmp_path):
    (tmp_path / "s.csv").write_text("pid,slice_start,slice_stop\nT,1,3\n")
    done = lpm(
        "run", "--water", crops / "T_water.nii.gz", "--fat", crops / "T_fat.nii.gz",
        "--accept-origin-mismatch", "--mode", "fast", "--quiet", "-o", tmp_path / "out",
        "--levels", tmp_path / "s.csv", "--slice-end", "exclusive",
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    mask = np.asarray(nib.load(tmp_path / "out/cases/T/T_dseg.nii.gz").dataobj)
    assert mask.any(axis=(0, 1)).tolist() == [False, True, True, False, False]
    assert not (tmp_path / "out/accuracy.csv").exists()


def test_segment_writes_one_file(lpm, crops, tmp_path):
    target = tmp_path / "mask.nii.gz"
    done = lpm("segment", crops / "T_fat.nii.gz", "--mode", "fast", "-o", target)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(target)
    assert nib.load(target).shape == nib.load(crops / "T_fat.nii.gz").shape


def test_segment_writes_a_folder(lpm, crops, tmp_path, tiny_path):
    out = tmp_path / "out"
    done = lpm("segment", crops, "--model", tiny_path, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    assert {path.name for path in out.iterdir()} == {"T_fat_dseg.nii.gz", "T_water_dseg.nii.gz"}
    assert json.loads(done.stdout)["failed"] == {}


def test_crop_writes_the_slices(lpm, crops, tmp_path):
    (tmp_path / "s.csv").write_text("pid,slice_start,slice_stop\nT_fat,1,3\nT_dseg,1,3\n")
    done = lpm(
        "crop", crops / "T_fat.nii.gz", crops / "T_dseg.nii.gz", "--slices", tmp_path / "s.csv",
        "-o", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "slice_stop of s.csv is inclusive" in done.stderr
    for name in ("T_fat", "T_dseg"):
        whole, part = (nib.load(f / f"{name}.nii.gz") for f in (crops, tmp_path / "out"))
        assert part.shape[2] == 3
        np.testing.assert_allclose(part.affine @ [5, 5, 0, 1], whole.affine @ [5, 5, 1, 1])
        np.testing.assert_array_equal(part.dataobj, whole.slicer[..., 1:4].dataobj)


def test_clean_removes_speckles(lpm, crops, tmp_path):
    image = nib.load(crops / "T_dseg.nii.gz")
    array = np.asarray(image.dataobj).astype(np.uint8)
    noisy = array.copy()
    noisy[0, 0, 0] = 2
    nib.Nifti1Image(noisy, image.affine).to_filename(tmp_path / "noisy.nii.gz")
    done = lpm("clean", tmp_path / "noisy.nii.gz", "-o", tmp_path / "clean.nii.gz")
    assert done.returncode == 0, done.stderr
    assert np.asarray(nib.load(tmp_path / "clean.nii.gz").dataobj)[0, 0, 0] == 0


def test_measure_writes_rows(lpm, crops, tmp_path):
    done = lpm(
        "measure", "--labels", crops / "T_dseg.nii.gz", "--water", crops / "T_water.nii.gz",
        "--fat", crops / "T_fat.nii.gz", "--accept-origin-mismatch", "-o", tmp_path / "m.csv",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = rows(tmp_path / "m.csv")
    assert len(json.loads(done.stdout)) == len(written) == 9
    assert {row["muscle"] for row in written} == {"ES", "MF", "ES+MF"}


def test_evaluate_writes_rows(lpm, crops, tmp_path):
    path = crops / "T_dseg.nii.gz"
    done = lpm(
        "evaluate", "--reference", path, "--prediction", path, "-o", tmp_path / "e.csv", "--json"
    )
    assert done.returncode == 0, done.stderr
    (row,) = rows(tmp_path / "e.csv")
    assert [float(row[f"dsc_{n}"]) for n in ("global", *LABELS)] == [1.0] * 5
    assert json.loads(done.stdout)[0]["case"] == "T_dseg"


def test_evaluate_accepts_a_lost_origin_and_refuses_to_resample_beside(lpm, crops, tmp_path):
    image = nib.load(crops / "T_dseg.nii.gz")
    affine = image.affine.copy()
    affine[:3, 3] = 0
    lost = tmp_path / "R_dseg.nii.gz"
    nib.Nifti1Image(np.asarray(image.dataobj), affine).to_filename(lost)
    asked = "evaluate", "--reference", lost, "--prediction", crops / "T_dseg.nii.gz"
    done = lpm(*asked, "--resample", "-o", tmp_path / "e.csv")
    assert done.returncode == 2
    assert "--accept-origin-mismatch" in done.stderr
    assert not (tmp_path / "e.csv").exists()
    done = lpm(*asked, "--accept-origin-mismatch", "-o", tmp_path / "e.csv")
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "e.csv")[0]["dsc_global"] == "1.0"


def test_what_lacks_its_partner_is_told_and_the_others_are_done(lpm, tmp_path):
    images, masks, manual = (tmp_path / name for name in ("images", "masks", "manual"))
    for case in "AB":
        write_pair(images, case)
    for case in "AC":
        write_reference(masks, case)
    for case in "AD":
        write_reference(manual, case)
    done = lpm("measure", "--labels", masks, "--water", images, "-o", tmp_path / "m.csv")
    assert done.returncode == 1
    assert "2 of 3 failed" in done.stderr
    assert re.search("B: no label map", done.stderr)
    assert re.search("C_dseg: no image", done.stderr)
    assert {row["case"] for row in rows(tmp_path / "m.csv")} == {"A"}
    done = lpm("evaluate", "--reference", manual, "--prediction", masks, "-o", tmp_path / "e.csv")
    assert done.returncode == 1
    assert "2 of 3 failed" in done.stderr
    assert re.search("C_dseg: the prediction has no reference", done.stderr)
    assert re.search("D_dseg: the reference has no prediction", done.stderr)
    assert [row["case"] for row in rows(tmp_path / "e.csv")] == ["A_dseg"]


@pytest.mark.parametrize(
    "command",
    [
        "measure --labels A_dseg.nii.gz -o A_dseg.nii.gz",
        "measure --labels A_dseg.nii.gz -o m.csv --by-slice ./A_dseg.nii.gz",
        "measure --labels A_dseg.nii.gz --image A_water.nii.gz -o A_water.nii.gz",
        "measure --labels . --water . -o A_fat.nii.gz",
        "measure --labels . -o .",
        "measure --labels A_dseg.nii.gz --levels A_levels.json -o A_levels.json",
        "measure --labels A_dseg.nii.gz --levels . -o A_levels.json",
        "evaluate --reference A_dseg.nii.gz --prediction B_dseg.nii.gz -o B_dseg.nii.gz",
        "evaluate --reference A_dseg.nii.gz --prediction B_dseg.nii.gz -o e.csv "
        "--by-slice A_dseg.nii.gz",
        "levels A_levels.json -o A_levels.json",
        "levels A_water.nii.gz --vertebrae A_levels.json -o A_levels.json",
        "compare agreement.csv -o .",
    ],
)
def test_no_input_is_replaced(lpm, tmp_path, command):
    write_pair(tmp_path, "A")
    for case in "AB":
        write_reference(tmp_path, case)
    (tmp_path / "A_levels.json").write_text("{}")
    values = ["case,volume1_gd,volume1_ai", "a,10,9", "b,12,12", "c,14,14", "d,9,9"]
    (tmp_path / "agreement.csv").write_text("\n".join(values))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    first, *others = command.split()
    done = lpm(first, *(tmp_path / o if o == "." or "." in o[1:] else o for o in others))
    assert done.returncode == 2
    assert "would replace an input" in done.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_run_does_not_replace_its_reference(lpm, tmp_path, tiny_path):
    write_pair(tmp_path, "A")
    reference = write_reference(tmp_path / "out" / "cases" / "A", "A")
    before = reference.read_bytes()
    done = lpm(
        "run", tmp_path, "--reference", reference, "--model", tiny_path, "-o", tmp_path / "out"
    )
    assert done.returncode == 2
    assert "would replace an input" in done.stderr
    assert reference.read_bytes() == before


@pytest.mark.parametrize(
    ("options", "case", "dice"), [([], "TUM01", 0.9), (["--phantom"], "phantom", 0.7)]
)
def test_the_demo_needs_no_file(lpm, tmp_path, options, case, dice):
    done = lpm("demo", *options, "-o", tmp_path / "demo", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cases"][case]["state"] == "done"
    (row,) = rows(tmp_path / "demo" / "accuracy.csv")
    assert float(row["dsc_global"]) > dice
    if not options:
        report = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
        assert "trained on this subject" in report


def test_all_figures_of_a_study_in_one_call(finished, lpm, tmp_path):
    _, out = finished
    done = lpm("figures", out, "-o", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    stems = {path.stem for path in tmp_path.iterdir()}
    assert stems == {
        "overlap",
        "asymmetry",
        *(
            f"{kind}_{measure}"
            for kind in ("bland_altman", "scatter", "reference_automatic")
            for measure in ("volume_ml", "csa_mean_mm2", "fat_ratio")
        ),
    }
    assert {p.suffix for p in tmp_path.iterdir()} == {".pdf", ".svg", ".png"}
    assert len(json.loads(done.stdout)) == 3 * len(stems)
    refused = lpm("figures", tmp_path)
    assert refused.returncode == 2
    assert "measures.csv" in refused.stderr
    (tmp_path / "s.csv").write_text("case,sequence\nother,T1w\n", encoding="utf-8")
    refused = lpm("figures", out, "-o", tmp_path / "x", "--sequences", tmp_path / "s.csv")
    assert refused.returncode == 2
    assert "the table lacks" in refused.stderr
    (tmp_path / "s.csv").write_text("case,sequence\nT,T1w\nT,T2w\n", encoding="utf-8")
    refused = lpm("figures", out, "-o", tmp_path / "x", "--sequences", tmp_path / "s.csv")
    assert refused.returncode == 2
    assert "more than once: T" in refused.stderr


def test_levels_and_slices_are_measured_and_compared(finished, lpm, crops, tmp_path):
    _, out = finished
    mask = out / "cases/T/T_dseg.nii.gz"
    affine = nib.load(mask).affine
    discs = [
        {"name": name, "center_mm": (affine @ [0, 0, k, 1])[:3].tolist(), "normal": [0, 0, 1],
         "slice": k, "confidence": 1.0}
        for name, k in (("L5-S1", 1), ("L4-L5", 3))
    ]  # fmt: skip
    found = {"case": "T", "image": "T", "discs": discs, "warnings": []}
    (tmp_path / "T_levels.json").write_text(json.dumps(found), encoding="utf-8")
    done = lpm(
        "measure", "--labels", mask, "--levels", tmp_path / "T_levels.json", "--by-slice",
        tmp_path / "slices.csv", "-o", tmp_path / "m.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = rows(tmp_path / "m.csv")
    assert {r["level"] for r in measured} == {"all", "L4-L5..L5-S1", "L5", "L4-L5", "L5-S1"}
    assert {r["muscle"] for r in measured} == {"ES", "MF", "ES+MF"}
    assert rows(tmp_path / "slices.csv")
    done = lpm(
        "evaluate", "--reference", mask, "--prediction", mask, "--levels", tmp_path,
        "--by-level", tmp_path / "l.csv", "--by-slice", tmp_path / "s.csv",
        "-o", tmp_path / "a.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {r["level"] for r in rows(tmp_path / "l.csv")} == {r["level"] for r in measured}
    assert all(float(r["dice"]) == 1.0 for r in rows(tmp_path / "l.csv") if r["dice"])
    assert {r["level_kind"] for r in rows(tmp_path / "s.csv")} == {"slice"}
    refused = lpm(
        "evaluate", "--reference", mask, "--prediction", mask, "--by-level", tmp_path / "l.csv",
        "-o", tmp_path / "b.csv",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "--levels" in refused.stderr


def test_an_installed_model_is_removed_by_name(lpm, tiny_path, tmp_path, monkeypatch):
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    assert lpm("models", "install", tiny_path, "--name", "mine").returncode == 0
    assert lpm("models", "remove", "mine").stdout.strip() == "removed mine"
    again = lpm("models", "remove", "mine")
    assert again.returncode == 2
    assert "no model 'mine'" in again.stderr
