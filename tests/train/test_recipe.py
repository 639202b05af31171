"""Recipes: every field can be stated, and what does not fit is refused with its entry."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.train.compact.config import CompactConfig
from lpm_segmentator.train.compact.recipe import load_recipe
from lpm_segmentator.train.levels.config import LevelsConfig, NamingConfig
from lpm_segmentator.train.levels.recipe import load_levels_recipe
from lpm_segmentator.train.synthesis.config import SynthesisConfig

TEXT: dict[str, Any] = {
    **dict.fromkeys(("citation", "licence", "description"), "none"),
    "name": "tiny",
    "version": 3,
}
COMPACT: dict[str, Any] = {
    **TEXT,
    "subjects": [{"name": "A", "water": "w.nii.gz", "fat": "f.nii.gz", "labels": "d.nii.gz"}],
}


def _written(folder: Path, values: object) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(values))), encoding="utf-8")
    return path


def test_every_setting_can_be_stated(tmp_path: Path) -> None:
    compact = CompactConfig(
        widths=(4, 8, 12),
        steps=6,
        synthesis=SynthesisConfig(spacing_mm=4.0, patch=(48, 64), near_patch=(32, 48)),
    )
    path = _written(tmp_path, {**COMPACT, "config": compact.to_dict()})
    assert load_recipe(path).config == compact
    levels, naming = LevelsConfig(cycles=(3,)), NamingConfig(steps=2)
    values = {
        **TEXT,
        "config": dataclasses.asdict(levels),
        "naming": dataclasses.asdict(naming),
        "same_person": {"b": "a"},
        "held_out": [1],
    }
    recipe = load_levels_recipe(_written(tmp_path, values))
    assert (recipe.config, recipe.naming) == (levels, naming)
    assert (recipe.version, recipe.same_person, recipe.held_out) == ("3", {"b": "a"}, (1,))


def test_entries_without_a_value_count_as_not_given(tmp_path: Path) -> None:
    path = _written(tmp_path, {**COMPACT, "config": None, "shapes": None, "unlabelled": None})
    recipe = load_recipe(path)
    assert recipe.config == CompactConfig()
    assert (recipe.shapes, recipe.unlabelled) == ((), None)
    path = _written(tmp_path, {**COMPACT, "config": {"synthesis": None, "steps": 4}})
    assert load_recipe(path).config == CompactConfig(steps=4)
    assert load_levels_recipe(_written(tmp_path, {**TEXT, "config": None})).held_out == ()


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"stepps": 3}, "unknown entries: stepps"),
        ({"config": {"stepps": 3}}, r"unknown entries: config\.stepps"),
        ({"config": {"synthesis": {"fasciae": 0.1}}}, r"config\.synthesis\.fasciae"),
        ({"subjects": [{**COMPACT["subjects"][0], "mask": "m"}]}, r"subjects\.mask"),
        ({"unlabelled": {"images": "*", "with": ["A"]}}, r"unlabelled\.with"),
        ({"unlabelled": {"images": "*", "without": "A"}}, r"unlabelled\.without"),
        ({"config": {"steps": "1e3"}}, r"config\.steps"),
        ({"config": {"steps": 0}}, r"config\.steps"),
        ({"config": {"phantom_share": 1.5}}, r"config\.phantom_share"),
        ({"config": {"widths": []}}, r"config\.widths"),
        ({"config": [1]}, r"\$\.config"),
        ({"name": None}, "name"),
        ({"subjects": [{"name": "A"}]}, "water"),
    ],
)
def test_an_entry_that_does_not_fit_is_named(
    tmp_path: Path, entry: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=f"not a valid recipe .*{named}"):
        load_recipe(_written(tmp_path, {**COMPACT, **entry}))


@pytest.mark.parametrize("text", ["", "- 1\n", "name: [\n", "name: x\n"])
def test_a_file_without_the_entries_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    for load in (load_recipe, load_levels_recipe):
        with pytest.raises(InputError, match="not a valid recipe"):
            load(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    with pytest.raises(FileFormatError, match="cannot be read"):
        load_recipe(path)
    path.write_bytes("name: Müller".encode("latin-1"))
    with pytest.raises(FileFormatError, match="not UTF-8"):
        load_recipe(path)
