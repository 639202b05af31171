"""One command from files to model and table, on phantoms and a few steps."""

from __future__ import annotations

import csv
import dataclasses
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

from lpm_segmentator.core import FileFormatError, InputError, LabelMap, Remedy, Volume
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.samples.phantom import make_phantom
from lpm_segmentator.segment import Predictor, load_compact
from lpm_segmentator.train.compact.data import read_subject
from lpm_segmentator.train.compact.recipe import Recipe, UnlabelledFiles, load_recipe
from lpm_segmentator.train.compact.run import run_recipe
from lpm_segmentator.train.synthesis.subjects import TrainingSubject, mixed, training_subject
from phantoms import write_labelled


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    subjects = []
    for seed, name in enumerate(("A", "B")):
        phantom = make_phantom(seed=seed, shape=(110, 80, 4), spacing_mm=(3.0, 3.0, 20.0))
        write_image(Volume(phantom.water, phantom.affine), folder / f"{name}_water.nii.gz")
        write_image(Volume(phantom.fat, phantom.affine), folder / f"{name}_fat.nii.gz")
        write_label_map(LabelMap(phantom.labels, phantom.affine), folder / f"{name}_dseg.nii.gz")
        files = {role: f"{name}_{role}.nii.gz" for role in ("water", "fat")}
        subjects.append({"name": name, **files, "labels": f"{name}_dseg.nii.gz"})
    config = {
        "widths": [4, 8],
        "steps": 2,
        "refine_steps": 1,
        "batch_size": 2,
        "phantoms": 0,
        "synthesis": {"spacing_mm": 4.0, "patch": [48, 64]},
    }
    text = dict.fromkeys(("citation", "licence", "description"), "none")
    recipe = {"name": "tiny", "version": 3, **text, "subjects": subjects, "config": config}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return folder


def test_a_recipe_becomes_models_and_a_table(study: Path, tmp_path: Path) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    outcome = run_recipe(recipe, [study], tmp_path, leave_one_out=True, device="cpu")
    info = load_compact(outcome.model).info
    assert (info.name, info.version) == ("tiny", "3")
    assert {p.parent.name for p in tmp_path.glob("*/compact.onnx")} == {
        "all",
        "without-A",
        "without-B",
    }
    with (tmp_path / "evaluation.csv").open(newline="") as stream:
        rows = [(row["case"], row["sequence"]) for row in csv.DictReader(stream)]
    assert rows == [(name, seen) for name in "AB" for seen in ("water", "fat", "both")]
    assert "| A, water | 1 |" in outcome.table
    again = run_recipe(recipe, [study], tmp_path, device="cpu")
    assert load_compact(again.model).info.sha256 == info.sha256


def test_a_run_starts_from_the_models_of_an_earlier_one(study: Path, tmp_path: Path) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    run_recipe(recipe, [study], tmp_path / "first", leave_one_out=True, device="cpu")
    start = tmp_path / "first"
    run_recipe(recipe, [study], tmp_path / "second", leave_one_out=True, start=start, device="cpu")
    for name in ("all", "without-A", "without-B"):
        first, second = (tmp_path / run / name / "compact.onnx" for run in ("first", "second"))
        metadata = json.loads(onnx.load(second).metadata_props[0].value)
        assert metadata["started_from"] == sha256(first.read_bytes()).hexdigest()


def test_an_incomplete_run_is_refused_before_anything_is_trained(
    study: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    folder = tmp_path / "first" / "without-A"
    folder.mkdir(parents=True)
    (folder / "compact.onnx").write_bytes(b"")
    with pytest.raises(InputError, match="no model without-B"):
        run_recipe(recipe, [study], tmp_path / "out", leave_one_out=True, start=tmp_path / "first")
    assert not (tmp_path / "out").exists()


def test_labelled_images_are_checked_before_anything_is_trained(
    study: Path, tmp_path: Path
) -> None:
    recipe, folder = load_recipe(study / "recipe.yaml"), tmp_path / "check"
    with pytest.raises(InputError, match="holds no X_image"):
        run_recipe(recipe, [study], tmp_path / "out", checks=[folder], device="cpu")
    write_labelled(folder, "P")
    (folder / "P_label.nii.gz").unlink()
    with pytest.raises(FileFormatError, match="P_label"):
        run_recipe(recipe, [study], tmp_path / "out", checks=[folder], device="cpu")
    assert not (tmp_path / "out").exists()


def test_the_model_is_scored_on_folders_of_labelled_images(study: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path / "T2w", "P")
    recipe = load_recipe(study / "recipe.yaml")
    outcome = run_recipe(recipe, [study], tmp_path / "out", checks=[tmp_path / "T2w"], device="cpu")
    assert [(score.case, score.sequence) for score in outcome.scores] == [("P", "T2w")]


def test_scores_are_kept_when_a_run_is_interrupted(study: Path, tmp_path: Path) -> None:
    def interrupt(name: str, step: int, steps: int) -> None:
        if name == "all":
            raise KeyboardInterrupt

    recipe = load_recipe(study / "recipe.yaml")
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, [study], tmp_path, leave_one_out=True, device="cpu", progress=interrupt)
    assert "| B, both | 1 |" in (tmp_path / "evaluation.md").read_text()


def _with_unlabelled(recipe: Recipe, **files: Any) -> Recipe:
    unlabelled = UnlabelledFiles(**{"images": "*_water.nii.gz", **files})
    return dataclasses.replace(recipe, unlabelled=unlabelled)


def test_unlabelled_subjects_are_labelled_by_the_model_of_the_same_fold(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    run_recipe(recipe, [study], tmp_path / "first", leave_one_out=True, device="cpu")
    taught = []

    def teach(name: str, water: Volume, teacher: Predictor) -> TrainingSubject:
        taught.append((name, teacher.info.sha256))
        return training_subject(
            name, *(np.ones((2, 40, 60), np.float32),) * 2, np.full((2, 40, 60), 1), 4.0
        )

    monkeypatch.setattr("lpm_segmentator.train.compact.run.pseudo_labelled", teach)
    recipe = _with_unlabelled(recipe, without=("B",))
    start = tmp_path / "first"
    run_recipe(recipe, [study], tmp_path / "second", leave_one_out=True, start=start, device="cpu")
    models = [start / name / "compact.onnx" for name in ("without-A", "without-B", "all")]
    hashes = [sha256(model.read_bytes()).hexdigest() for model in models]
    assert taught == [("A_water.nii.gz", value) for value in hashes]


def test_unlabelled_subjects_need_a_model(study: Path, tmp_path: Path) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    with pytest.raises(InputError, match="labelled by the model") as caught:
        run_recipe(_with_unlabelled(recipe), [study], tmp_path)
    assert caught.value.remedies == (Remedy.START,)


def test_a_model_that_labels_no_subject_confidently_is_refused(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    start = run_recipe(recipe, [study], tmp_path / "first", device="cpu").model
    monkeypatch.setattr("lpm_segmentator.train.compact.run.pseudo_labelled", lambda *_: None)
    with pytest.raises(
        InputError, match="labels none of the 2 unlabelled images with sufficient confidence"
    ):
        run_recipe(_with_unlabelled(recipe), [study], tmp_path / "second", start=start)


def test_shares_that_leave_nothing_for_the_subjects_are_refused(
    study: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    config = dataclasses.replace(recipe.config, phantoms=2, phantom_share=0.7, unlabelled_share=0.3)
    recipe = dataclasses.replace(
        recipe, config=config, unlabelled=UnlabelledFiles("*_water.nii.gz")
    )
    with pytest.raises(InputError, match=r"phantom_share 0\.7 and unlabelled_share 0\.3 leave no"):
        run_recipe(recipe, [study], tmp_path)
    with pytest.raises(InputError, match="labelled by the model"):  # the sum is below 1
        run_recipe(
            dataclasses.replace(recipe, config=dataclasses.replace(config, phantoms=0)),
            [study],
            tmp_path,
        )


def test_a_training_needs_subjects(study: Path, tmp_path: Path) -> None:
    recipe = load_recipe(study / "recipe.yaml").without("A")
    with pytest.raises(InputError, match="too few subjects: 1; at least 2 needed"):
        run_recipe(recipe, [study], tmp_path, leave_one_out=True)
    with pytest.raises(InputError, match="too few subjects: 0; at least 1"):
        run_recipe(recipe.without("B"), [study], tmp_path)


def test_each_group_has_its_share_of_the_samples(study: Path) -> None:
    recipe = load_recipe(study / "recipe.yaml")
    subject = read_subject(recipe.subjects[0], [study]).to_training()
    subjects = mixed([subject] * 2, ([subject] * 3, 0.15), ([subject] * 10, 0.25), ([], 0.5))
    weights = np.array([one.weight for one in subjects]) / sum(one.weight for one in subjects)
    sums = [part.sum() for part in np.split(weights, [2, 5])]
    np.testing.assert_allclose(sums, [0.6, 0.15, 0.25])
