"""A recipe of the level model: trained once, and again after a change."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from box_spine import write_box_subject
from boxed_slices import box_lines, write_slices
from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.levels.model import load_level_model
from lpm_segmentator.train.export import read_description
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
    folder = tmp_path / "data"
    for name in ("a_water", "b_spinecho"):
        write_box_subject(folder, name)
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
        path, scores = run_levels_recipe(RECIPE, [data], tmp_path / "out")
    assert path == tmp_path / "out" / "model" / "levels.onnx"
    assert scores == ()
    assert trained == [["a_water", "b_spinecho"]]


def test_slices_with_boxes_are_read_beside_volumes(
    data: Path, tmp_path: Path, trained: list[list[str]]
) -> None:
    write_slices(tmp_path / "boxes", box_lines())
    run_levels_recipe(RECIPE, [data, tmp_path / "boxes"], tmp_path / "out")
    assert trained == [["a_water", "b_spinecho", "p1_T1w_0_boxed"]]


def test_a_model_of_another_recipe_is_trained_again(
    data: Path, tmp_path: Path, trained: list[list[str]]
) -> None:
    run_levels_recipe(RECIPE, [data], tmp_path / "out")
    other = dataclasses.replace(RECIPE, naming=NamingConfig(steps=2))
    run_levels_recipe(other, [data], tmp_path / "out")
    assert len(trained) == 2


def test_a_damaged_model_is_refused(data: Path, tmp_path: Path, trained: list[list[str]]) -> None:
    path, _ = run_levels_recipe(RECIPE, [data], tmp_path / "out")
    path.write_bytes(b"no model at all")
    with pytest.raises(FileFormatError, match="ONNX"):
        run_levels_recipe(RECIPE, [data], tmp_path / "out")


@pytest.mark.parametrize(
    "case",
    [
        ([0, 7], (), "no such fold: 7; folds are numbered 0 to 4"),
        ([-1], (), "no such fold: -1"),
        ([], (5,), "no such fold: 5"),
        ([3], (), "no subject is in fold 3: the data have 2 subjects"),
        ([0], (), "no subject is left to train on"),
        ([], (0, 1), "no subject is left to train on"),
    ],
)
def test_folds_are_checked_before_anything_is_trained(
    data: Path,
    tmp_path: Path,
    trained: list[list[str]],
    case: tuple[list[int], tuple[int, ...], str],
) -> None:
    evaluate, held_out, message = case
    recipe = dataclasses.replace(RECIPE, held_out=held_out)
    with pytest.raises(InputError, match=message):
        run_levels_recipe(recipe, [data], tmp_path / "out", evaluate=evaluate)
    assert trained == []


def test_a_recipe_becomes_a_model_and_scores(data: Path, tmp_path: Path) -> None:
    write_box_subject(data, "c_water")  # in fold 1, a and b in fold 0
    recipe = dataclasses.replace(
        RECIPE,
        config=LevelsConfig(widths=(4, 8, 8, 8, 8), cycles=(2, 2), batch_size=2),
        naming=NamingConfig(patches_each=1, steps=2, batch_size=2),
    )
    seen: dict[str, tuple[int, int]] = {}

    def progress(name: str, step: int, steps: int) -> None:
        seen[name] = step, steps

    path, scores = run_levels_recipe(
        recipe, [data], tmp_path / "out", evaluate=[1], progress=progress
    )
    assert seen == {
        "fold-1": (4, 4),
        "fold-1, names": (2, 2),
        "model": (4, 4),
        "model, names": (2, 2),
    }
    load_level_model(path)
    assert read_description(path)["subjects"] == ["a_water", "b_spinecho", "c_water"]
    fold = read_description(tmp_path / "out" / "fold-1" / "levels.onnx")
    assert fold["subjects"] == ["a_water", "b_spinecho"]
    assert {score.subject for score in scores} == {"c_water"}
    assert len({(score.kind, score.disc) for score in scores}) == len(scores) == 7 * 5
    table = (tmp_path / "out" / "evaluation.md").read_text(encoding="utf-8")
    assert "| Dixon water, sagittal | 1 |" in table


def test_a_folder_without_volumes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no file"):
        run_levels_recipe(RECIPE, [tmp_path], tmp_path / "out")
