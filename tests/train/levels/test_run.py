"""A recipe of the level model: trained once, and again after a change."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from box_spine import box_geometry, box_vertebrae
from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.train.levels import run as levels_run
from lpm_segmentator.train.levels.config import LevelsConfig, NamingConfig
from lpm_segmentator.train.levels.recipe import LevelsRecipe
from lpm_segmentator.train.levels.run import run_levels_recipe
from tiny_model import tiny_onnx

RECIPE = LevelsRecipe(
    name="boxes",
    version="1",
    citation="",
    licence="",
    description="",
    same_person={},
    held_out=(),
    config=LevelsConfig(widths=(4, 8)),
    naming=NamingConfig(steps=1),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    import nibabel as nib

    geometry = box_geometry()
    vertebrae = box_vertebrae(geometry)
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a_water", "b_spinecho"):
        noise = np.random.default_rng(0).random(vertebrae.shape)
        image = ((vertebrae > 0) + 0.1 * noise).astype(np.float32)
        nib.save(nib.Nifti1Image(image, geometry.affine), folder / f"{name}_image.nii.gz")
        nib.save(nib.Nifti1Image(vertebrae, geometry.affine), folder / f"{name}_levels.nii.gz")
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The subjects of each training; the training itself is replaced by writing its files."""
    calls: list[list[str]] = []

    def train(subjects: list[Any], *_: Any, **__: Any) -> None:
        calls.append([subject.name for subject in subjects])

    def export(_: None, path: Path, metadata: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiny_onnx({"lpm": json.dumps(metadata)}))

    monkeypatch.setattr(levels_run, "train_levels", train)
    monkeypatch.setattr(levels_run, "train_naming", lambda *_, **__: None)
    monkeypatch.setattr(levels_run, "export_levels", export)
    monkeypatch.setattr(levels_run, "export_naming", export)
    return calls


def test_an_existing_model_is_not_trained_again(
    data: Path, tmp_path: Path, trained: list[list[str]]
) -> None:
    for _ in range(2):
        path, scores = run_levels_recipe(RECIPE, data, tmp_path / "out")
    assert path == tmp_path / "out" / "model" / "levels.onnx"
    assert scores == ()
    assert trained == [["a_water", "b_spinecho"]]


def test_a_model_of_another_recipe_is_trained_again(
    data: Path, tmp_path: Path, trained: list[list[str]]
) -> None:
    run_levels_recipe(RECIPE, data, tmp_path / "out")
    other = dataclasses.replace(RECIPE, naming=NamingConfig(steps=2))
    run_levels_recipe(other, data, tmp_path / "out")
    assert len(trained) == 2


def test_a_damaged_model_is_refused(data: Path, tmp_path: Path, trained: list[list[str]]) -> None:
    path, _ = run_levels_recipe(RECIPE, data, tmp_path / "out")
    path.write_bytes(b"no model at all")
    with pytest.raises(FileFormatError, match="ONNX"):
        run_levels_recipe(RECIPE, data, tmp_path / "out")


def test_a_folder_without_volumes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no file"):
        run_levels_recipe(RECIPE, tmp_path, tmp_path / "out")
