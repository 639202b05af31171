"""Recipes: those of the repository can be read, others are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lpm_segmentator.core import InputError
from lpm_segmentator.train.compact.recipe import UnlabelledFiles, load_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("compact*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_embedded_model_are_readable(path: Path) -> None:
    recipe = load_recipe(path)
    assert [subject.name for subject in recipe.subjects] == ["TUM01", "TUM02"]
    assert [subject.name for subject in recipe.without("TUM01").subjects] == ["TUM02"]


def test_an_invalid_recipe_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: x\n")
    with pytest.raises(InputError, match="not a valid recipe"):
        load_recipe(path)


def test_a_recipe_names_its_unlabelled_images(tmp_path: Path) -> None:
    values = yaml.safe_load((RECIPES / "compact.yaml").read_text())
    values["unlabelled"] = {"images": "*_water.nii.gz", "without": ["A"]}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    assert load_recipe(path).unlabelled == UnlabelledFiles("*_water.nii.gz", ("A",))
