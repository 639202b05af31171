"""One command from labelled sagittal volumes to the level model and its cross-validated table."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator import __version__
from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.io import write_table, write_text
from lpm_segmentator.levels.model import NAMES_FILE, load_level_model
from lpm_segmentator.train.levels_data import LevelSubject, read_level_subject
from lpm_segmentator.train.levels_evaluate import LevelScore, evaluate_levels, levels_table
from lpm_segmentator.train.levels_naming import NamingConfig, export_naming, train_naming
from lpm_segmentator.train.levels_patches import SubjectPatches, draw_patches
from lpm_segmentator.train.levels_train import LevelsConfig, export_levels, train_levels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "LevelsRecipe",
    "assign_folds",
    "load_levels_recipe",
    "read_level_subjects",
    "run_levels_recipe",
]

_SUFFIX = "_image.nii.gz"


@dataclass(frozen=True)
class LevelsRecipe:
    """Everything that decides a level model, beside the data themselves.

    Attributes
    ----------
    name, version, citation, licence, description : str
        Written into the model.
    same_person : dict of str to str
        Scans that are another scan's person, and that other scan.
    held_out : tuple of int
        Folds that the shipped model is not trained on.
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
    """Read a recipe in YAML.

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
            f"this is no recipe ({error})",
            where=path,
            hint="See recipes/levels.yaml of the source repository for the entries it needs",
        ) from error


def assign_folds(groups: Sequence[str], folds: int) -> dict[str, int]:
    """Return the fold of each person, every kind of image spread evenly over the folds.

    Examples
    --------
    >>> assign_folds(["a_water", "b_water", "c_spinecho"], 2)
    {'c_spinecho': 0, 'a_water': 0, 'b_water': 1}
    """
    found: dict[str, int] = {}
    for kind in sorted({group.rpartition("_")[2] for group in groups}):
        members = sorted({group for group in groups if group.rpartition("_")[2] == kind})
        found |= {group: index % folds for index, group in enumerate(members)}
    return found


def run_levels_recipe(
    recipe: LevelsRecipe,
    data: Path,
    out: Path,
    *,
    evaluate: Sequence[int] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Path, tuple[LevelScore, ...]]:
    """Train the model of a recipe; score models that have not seen a fold on that fold.

    Every training is checkpointed under `out`; the same call goes on where it was cut. A model that
    is there already, made by the same recipe from the same subjects, is not trained again.

    Parameters
    ----------
    recipe : LevelsRecipe
    data : Path
        Folder of ``NAME_image.nii.gz`` and ``NAME_levels.nii.gz``.
    out : Path
        ``model/levels.onnx`` and ``model/levels-names.onnx`` are the model, ``fold-N`` holds those
        without a fold;
        ``evaluation.csv`` and ``evaluation.md`` the scores.
    evaluate : sequence of int
        Folds to leave out and score.
    progress : callable, optional
        Called with the name of the training, its step and the number of steps.

    Returns
    -------
    model : Path
    scores : tuple of LevelScore

    Raises
    ------
    LpmError
        Whatever is wrong with the data.
    """
    subjects = read_level_subjects(recipe, data)
    folds = assign_folds([s.group for s in subjects], recipe.config.folds)

    train = _Trainer(recipe, {s.name: s for s in subjects}, out, progress)
    scores: list[LevelScore] = []
    for fold in evaluate:
        path = train([s for s in subjects if folds[s.group] != fold], f"fold-{fold}")
        model = load_level_model(path)
        for subject in subjects:
            if folds[subject.group] == fold:
                scores += evaluate_levels(model, subject)
    if scores:
        write_table([dataclasses.asdict(score) for score in scores], out / "evaluation.csv")
        write_text(levels_table(scores) + "\n", out / "evaluation.md")
    kept = [s for s in subjects if folds[s.group] not in recipe.held_out]
    return train(kept, "model"), tuple(scores)


def read_level_subjects(recipe: LevelsRecipe, data: Path) -> list[LevelSubject]:
    """Read the volumes of a folder, with the person that the recipe says each is of.

    Raises
    ------
    InputError
        If the folder holds none.
    LpmError
        Whatever is wrong with a file.
    """
    names = sorted(path.name[: -len(_SUFFIX)] for path in data.glob(f"*{_SUFFIX}"))
    if not names:
        raise InputError(f"holds no file *{_SUFFIX}", where=data)
    return [read_level_subject(n, recipe.same_person.get(n, n), data) for n in names]


class _Trainer:
    """Trains both networks on some of the subjects; draws the patches of each once."""

    def __init__(
        self,
        recipe: LevelsRecipe,
        subjects: Mapping[str, LevelSubject],
        out: Path,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._recipe, self._subjects, self._out, self._progress = recipe, subjects, out, progress
        self._patches: dict[str, SubjectPatches] = {}

    def __call__(self, kept: list[LevelSubject], name: str) -> Path:
        recipe, folder = self._recipe, self._out / name
        metadata = _metadata(recipe, kept)
        files = folder / "levels.onnx", folder / NAMES_FILE
        if all(_is_made_as(file, metadata) for file in files):
            return files[0]
        marking = train_levels(
            kept, recipe.config, folder, progress=self._step(name, recipe.config.steps)
        )
        export_levels(marking, files[0], metadata)
        naming = train_naming(
            [subject.name for subject in kept],
            self._patches_of,
            recipe.naming,
            folder / "names.pt",
            progress=self._step(f"{name}, names", recipe.naming.steps),
        )
        export_naming(naming, files[1], metadata)
        return files[0]

    def _patches_of(self, name: str) -> SubjectPatches:
        if name not in self._patches:
            naming = self._recipe.naming
            self._patches[name] = draw_patches(
                self._subjects[name], naming.patches_each, seed=naming.seed
            )
        return self._patches[name]

    def _step(self, name: str, steps: int) -> Callable[[int, float], None] | None:
        progress = self._progress
        return None if progress is None else lambda step, _: progress(name, step, steps)


def _is_made_as(file: Path, metadata: Mapping[str, Any]) -> bool:
    """Return whether an ONNX file says the same of itself, whatever version made it."""
    import onnx

    if not file.exists():
        return False
    entries = {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}
    said = json.loads(entries.get("lpm", "{}"))
    expected = json.loads(json.dumps(metadata))  # tuples become lists
    return {**said, "made_with": ""} == {**expected, "made_with": ""}


def _metadata(recipe: LevelsRecipe, subjects: Sequence[LevelSubject]) -> dict[str, Any]:
    """Return what the ONNX file says of itself."""
    return {
        "name": recipe.name,
        "version": recipe.version,
        "citation": recipe.citation,
        "licence": recipe.licence,
        "description": recipe.description,
        "subjects": [subject.name for subject in subjects],
        "config": dataclasses.asdict(recipe.config),
        "naming": dataclasses.asdict(recipe.naming),
        "made_with": f"lpm-segmentator {__version__}",
    }
