"""From two folders to an installed model; nnU-Net itself trains a few steps here."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator.core import InputError, LpmError, MissingExtraError, ModelError, OutputError
from lpm_segmentator.io import read_image
from lpm_segmentator.models import ModelStore, load_predictor
from lpm_segmentator.train.nnunet import job
from lpm_segmentator.train.nnunet.cases import TrainingCase, find_training_cases
from lpm_segmentator.train.nnunet.job import TrainingOptions, results_folder
from lpm_segmentator.train.nnunet.run import train_nnunet
from phantoms import write_pair, write_reference

OPTIONS = TrainingOptions("mine", folds=2, quick=True, epochs=2, iterations=1)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingCase]:
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("A", "B")):
        write_pair(folder / "images", name, seed)
        write_reference(folder / "labels", name, seed)
        (folder / "images" / f"{name}_fat.nii.gz").rename(folder / "images" / f"{name}_T2w.nii.gz")
    return find_training_cases(folder / "images", folder / "labels")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LPM_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def pretend(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Replace the training process by another program."""
    monkeypatch.setattr(job, "check_nnunet", lambda: None)
    monkeypatch.setattr("lpm_segmentator.train.nnunet.run.check_nnunet", lambda: None)
    real = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        return real([sys.executable, "-c", code, command[-1]], **options)

    monkeypatch.setattr(job.subprocess, "Popen", start)


@pytest.mark.slow
def test_two_folders_become_a_model(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nnunetv2", reason="nnU-Net itself trains here: the extra [train]")
    out = tmp_path / "out"
    steps: list[tuple[str, int, int]] = []

    def note(what: str, done: int, total: int) -> None:
        steps.append((what, done, total))
        if (what, done) == ("fold 0", 2) and not (out / "interrupted").exists():
            (out / "interrupted").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # interrupted in the second epoch
        train_nnunet(cases, out, OPTIONS, only=[0], progress=note)
    assert not ModelStore().list()
    assert {what for what, _, _ in steps} == {
        "check", "fingerprint", "plan", "preprocess", "fold 0",
    }  # fmt: skip
    steps.clear()
    trained = train_nnunet(cases, out, OPTIONS, only=[0], progress=note)
    assert steps == [("fold 0", 2, 2), ("evaluate 0", 1, 2), ("evaluate 0", 2, 2)]

    table = pd.read_csv(out / "evaluation.csv")
    assert list(table["case"]) == ["A_T2w", "A_water"]
    assert table["dsc_global"].between(0, 1).all()
    assert "| T2w | 1 |" in trained.table
    assert "| water | 1 |" in trained.table
    assert trained.subjects == {"A": 0, "B": 1}

    info = ModelStore().get("mine").info
    assert "T2w, water" in info.description
    image = read_image(cases[0].image).volume
    predictor = load_predictor("mine", mode="exact")
    assert predictor.info.name == "mine"
    own = predictor.predict(image).labels
    assert own.geometry == image.geometry

    # A complete training is not repeated, and the model may be installed again.
    monkeypatch.setattr("lpm_segmentator.train.nnunet.run.run_job", None)
    assert train_nnunet(cases, out, OPTIONS, only=[0]).table == trained.table
    with pytest.raises(InputError, match="holds another training; its options differ"):
        train_nnunet(cases, out, dataclasses.replace(OPTIONS, epochs=3))
    with pytest.raises(ModelError, match="another model is named 'mine'"):
        train_nnunet(cases, tmp_path / "other", dataclasses.replace(OPTIONS, epochs=3))

    # The checkpoint is nnU-Net's own: its trainer's name, its folder, tensors and plain values.
    folder = results_folder(out, OPTIONS)
    assert folder.name == "nnUNetTrainerNoMirroring__lpmQuickPlans__3d_fullres"
    shutil.copytree(folder, tmp_path / "copy")
    again = load_predictor(tmp_path / "copy", mode="exact").predict(image).labels
    np.testing.assert_array_equal(again.array, own.array)


def test_a_failure_is_reported_in_one_line(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "raise RuntimeError('the moon was in the way')")
    with pytest.raises(LpmError, match=r"training\.log: .*the moon was in the way") as caught:
        train_nnunet(cases, tmp_path / "out", OPTIONS)
    assert "The same command resumes it" in str(caught.value)
    assert not ModelStore().list()


def test_a_full_disk_is_reported(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "raise OSError(28, 'No space left on device')")
    with pytest.raises(OutputError, match="the disk is full"):
        train_nnunet(cases, tmp_path / "out", OPTIONS)


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no signals")
def test_a_killed_training_is_reported(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, f"import os; os.kill(os.getpid(), {int(signal.SIGTERM)})")
    with pytest.raises(LpmError, match=r"signal 15, most often because memory ran out"):
        train_nnunet(cases, tmp_path / "out", OPTIONS)


def test_a_refusal_is_an_input_error(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.dumps({"step": "refused", "what": "nnU-Net did not plan 3d_fullres"})
    pretend(monkeypatch, f"print('{event}'); raise SystemExit(1)")
    with pytest.raises(InputError, match="did not plan 3d_fullres"):
        train_nnunet(cases, tmp_path / "out", OPTIONS)


def test_without_nnunet_the_extra_is_named(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lpm-segmentator\[train\]"):
        train_nnunet(cases, tmp_path / "out", OPTIONS)
    assert not (tmp_path / "out").exists()


def test_invalid_options_are_refused_before_anything_is_written(
    cases: list[TrainingCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(InputError, match="no fold 2; folds are numbered 0 to 1"):
        train_nnunet(cases, tmp_path / "out", OPTIONS, only=[2])
    with pytest.raises(ModelError, match="not a valid model name"):
        train_nnunet(cases, tmp_path / "out", dataclasses.replace(OPTIONS, name="My Model"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "out" / "nnunet").mkdir(parents=True)
    with pytest.raises(InputError, match="this program did not create"):
        train_nnunet(cases, tmp_path / "out", OPTIONS)
