"""A recipe of the level model: subjects, settings, and description, in a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.train.levels.config import LevelsConfig, NamingConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["LevelsRecipe", "load_levels_recipe"]


@dataclass(frozen=True)
class LevelsRecipe:
    """Everything that determines a level model, except the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Stored in the model.
    same_person : mapping of str to str
        Scan → another scan of the same subject.
    held_out : tuple of int
        Folds that the final model is not trained on.
    config : LevelsConfig
        Of the network that marks discs.
    naming : NamingConfig
        Of the network that names them.
    """

    name: str
    version: str
    citation: str
    licence: str
    description: str
    same_person: Mapping[str, str]
    held_out: tuple[int, ...]
    config: LevelsConfig
    naming: NamingConfig


def load_levels_recipe(path: Path) -> LevelsRecipe:
    """Read a recipe.

    Raises
    ------
    InputError
        If it cannot be read or lacks entries.
    """
    import yaml

    try:
        values: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return LevelsRecipe(
            name=values["name"],
            version=str(values["version"]),
            citation=values["citation"],
            licence=values["licence"],
            description=values["description"],
            same_person=dict(values.get("same_person", {})),
            held_out=tuple(int(fold) for fold in values.get("held_out", ())),
            config=LevelsConfig.from_dict(values.get("config", {})),
            naming=NamingConfig(**values.get("naming", {})),
        )
    except OSError as error:
        raise FileFormatError(f"cannot be read: {error.strerror}", where=path) from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"is not a valid recipe ({error})",
            where=path,
            hint="See recipes/levels.yaml in the source repository for the required entries",
        ) from error
