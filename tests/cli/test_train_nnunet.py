"""``lpm train nnunet`` on two real subjects: from their files to a model that runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

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
    run = lpm("run", image, "--model", "tum", "-o", tmp_path / "run", env=home)
    assert run.returncode == 0, run.stderr
    mask = nib.load(tmp_path / "run/cases/back/back_dseg.nii.gz")
    np.testing.assert_array_equal(mask.affine, nib.load(image).affine)
    assert set(np.unique(np.asarray(mask.dataobj))) > {0}
