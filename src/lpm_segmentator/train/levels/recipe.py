"""A recipe of the level model: subjects, settings, and description, in a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lpm_segmentator.train.levels.config import LevelsConfig, NamingConfig
from lpm_segmentator.train.recipe import ModelDescription, Positive, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["LevelsRecipe", "load_levels_recipe"]


@dataclass(frozen=True)
class LevelsRecipe(ModelDescription):
    """Everything that determines a level model, except the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        See `ModelDescription`.
    same_person : mapping of str to str
        Scan → another scan of the same subject.
    held_out : tuple of int
        Folds that the final model is not trained on.
    box_spacing_mm : float
        Of the pixels of slices with boxes, which do not state it.
    config : LevelsConfig
        Of the network that marks discs.
    naming : NamingConfig
        Of the network that names them.
    """

    same_person: Mapping[str, str] = field(default_factory=dict)
    held_out: tuple[int, ...] = ()
    box_spacing_mm: Positive = 0.72
    config: LevelsConfig = field(default_factory=LevelsConfig)
    naming: NamingConfig = field(default_factory=NamingConfig)


def load_levels_recipe(path: Path) -> LevelsRecipe:
    """Read a recipe.

    Raises
    ------
    InputError
        If it cannot be read, lacks entries, or holds unknown or invalid ones.
    """
    return read_recipe(path, LevelsRecipe, example="levels.yaml")
