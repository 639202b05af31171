"""Recipes of the compact model: those of the repository, and former names."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from lpm_segmentator.train.compact.recipe import UnlabelledFiles, load_recipe
from lpm_segmentator.train.synthesis.config import SynthesisConfig

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("compact*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_embedded_model_are_readable(path: Path) -> None:
    recipe = load_recipe(path)
    assert [subject.name for subject in recipe.subjects] == ["TUM01", "TUM02"]
    assert [subject.name for subject in recipe.without("TUM01").subjects] == ["TUM02"]


def test_a_recipe_names_its_unlabelled_images(tmp_path: Path) -> None:
    values = yaml.safe_load((RECIPES / "compact.yaml").read_text())
    values["unlabelled"] = {"images": "*_water.nii.gz", "without": ["A"]}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    assert load_recipe(path).unlabelled == UnlabelledFiles("*_water.nii.gz", ("A",))


def test_former_names_of_settings_work_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = yaml.safe_load((RECIPES / "compact.yaml").read_text())
    values["config"] = {"synthesis": {"foreign": 0.2, "retreat": 0.1}}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    with caplog.at_level(logging.WARNING):
        config = load_recipe(path).config
    assert config.synthesis == SynthesisConfig(negatives=0.2, atrophy=0.1)
    assert "'foreign' is now called 'negatives'" in caplog.text
    assert "'retreat' is now called 'atrophy'" in caplog.text
