"""``lpm train nnunet`` on two real subjects: from their files to a model that runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.train.nnunet.cases import find_training_cases, load_training_case

STEPS = ("--quick", "--epochs", "1", "--iterations", "2", "--folds", "2", "--device", "cpu")


@pytest.fixture(scope="module")
def study(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Backs of TUM01 and TUM02 under their published names, every other voxel of ten slices."""
    folder = tmp_path_factory.mktemp("study")
    for kind, name in (("images", "img_img"), ("labels", "manual_label_segmentation")):
        (folder / kind).mkdir()
        for path in sorted((shared_data / "myosegmentum").glob(f"*_{name}_L2-L5.nii.gz")):
            part = nib.load(path).slicer[80:320:2, 200:340:2, 8:18]
            part.to_filename(folder / kind / path.name)
    return folder


@pytest.mark.slow
def test_two_subjects_become_a_model(lpm, study, tmp_path):
    pytest.importorskip("nnunetv2", reason="nnU-Net itself trains here: the extra [train]")
    home = {"LPM_HOME": str(tmp_path / "home")}
    done = lpm(
        "train", "nnunet", "--images", study / "images", "--labels", study / "labels",
        "--name", "tum", "-o", tmp_path / "out", *STEPS, "--json", env=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folds"] == {"TUM01_L2_L5": 0, "TUM02_L2_L5": 1}
    table = pd.read_csv(tmp_path / "out/evaluation.csv")
    assert table.groupby("sequence")["subject"].unique().map(sorted).to_dict() == {
        "fat": ["TUM01_L2_L5", "TUM02_L2_L5"],
        "water": ["TUM01_L2_L5", "TUM02_L2_L5"],
    }
    assert table["dsc_global"].between(0, 1).all()
    text = (tmp_path / "out/evaluation.md").read_text(encoding="utf-8")
    assert [line.split(" | ")[:2] for line in text.splitlines()[2:]] == [
        ["| fat", "2"], ["| water", "2"], ["| all", "4"],
    ]  # fmt: skip

    image = tmp_path / "back.nii.gz"
    shutil.copy(next((study / "images").glob("TUM01_fat*")), image)
    run = lpm(
        "run", image, "--model", "tum", "--keep-doubtful", "-o", tmp_path / "run", env=home
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    mask = nib.load(tmp_path / "run/cases/back/back_dseg.nii.gz")
    np.testing.assert_array_equal(mask.affine, nib.load(image).affine)
    assert set(np.unique(np.asarray(mask.dataobj))) > {0}


def test_the_recipe_from_the_slice_table(lpm, shared_data, tmp_path):
    """docs/train-your-own.md up to the training: crops by the published table are its crops."""
    data = shared_data / "myosegmentum"
    (table,) = data.glob("*.csv")
    rows = pd.read_csv(table, dtype={"pid": str}).set_index("pid")
    published = {}
    for kind, name in (("images", "img_img"), ("labels", "manual_label_segmentation")):
        (tmp_path / "download" / kind).mkdir(parents=True)
        for pid in ("01_water_img", "01_fat_img", "02_water_img", "02_fat_img"):
            number, contrast, _ = pid.split("_")
            crop = nib.load(data / f"TUM{number}_{contrast}_{name}_L2-L5.nii.gz").slicer[::4, ::4]
            whole = np.zeros((*crop.shape[:2], rows.img_shape_z[pid]), crop.get_data_dtype())
            published[kind, pid] = np.asarray(crop.dataobj)
            whole[..., rows.slice_start[pid] : rows.slice_stop[pid] + 1] = published[kind, pid]
            path = tmp_path / "download" / kind / f"{pid}.nii.gz"
            nib.Nifti1Image(whole, crop.affine).to_filename(path)
        done = lpm(
            "crop", tmp_path / "download" / kind, "--slices", table, "-o", tmp_path / "cut" / kind
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    cases = find_training_cases(tmp_path / "cut/images", tmp_path / "cut/labels")
    assert [(c.case, c.subject, c.sequence) for c in cases] == [
        ("01_fat_img", "01", "fat"),
        ("01_water_img", "01", "water"),
        ("02_fat_img", "02", "fat"),
        ("02_water_img", "02", "water"),
    ]
    for case in cases:
        for kind, path in (("images", case.image), ("labels", case.labels)):
            found = np.asarray(nib.load(path).dataobj)
            np.testing.assert_array_equal(found, published[kind, case.case])
        load_training_case(case)
