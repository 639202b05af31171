"""All steps of a recipe of the level model: train, cross-validate, export."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import InputError
from lpm_segmentator.levels.model import NAMES_FILE, load_level_model
from lpm_segmentator.train.export import read_description
from lpm_segmentator.train.levels.boxes import TABLE, read_boxed_subjects
from lpm_segmentator.train.levels.evaluation import LevelScore, evaluate_levels, levels_table
from lpm_segmentator.train.levels.marking import export_levels, train_levels
from lpm_segmentator.train.levels.naming import export_naming, train_naming
from lpm_segmentator.train.levels.patches import SubjectPatches, draw_patches
from lpm_segmentator.train.levels.subjects import (
    LevelSubject,
    assign_folds,
    read_level_subjects,
)
from lpm_segmentator.train.scores import write_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lpm_segmentator.train.levels.recipe import LevelsRecipe

__all__ = ["run_levels_recipe"]


def run_levels_recipe(
    recipe: LevelsRecipe,
    data: Sequence[Path],
    out: Path,
    *,
    evaluate: Sequence[int] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[Path, tuple[LevelScore, ...]]:
    """Train the model of a recipe, and evaluate models trained without a fold on that fold.

    An interrupted run is resumed by the same call. A model in `out` that was made by the same
    recipe from the same subjects is not trained again.

    Parameters
    ----------
    recipe : LevelsRecipe
    data : sequence of Path
        Folders of ``NAME_image.nii.gz`` and ``NAME_levels.nii.gz``, or of slices with boxes
        (`read_boxed_subjects`).
    out : Path
        ``model/levels.onnx`` and ``model/levels-names.onnx`` are the model, ``fold-N`` holds those
        trained without a fold; ``evaluation.csv`` and ``evaluation.md`` hold the scores.
    evaluate : sequence of int
        Folds that are left out of a training each, and scored.
    progress : callable, optional
        Called with the name of the training, its step and its number of steps.

    Returns
    -------
    model : Path
        ``model/levels.onnx``.
    scores : tuple of LevelScore
        Of the left-out folds.

    Raises
    ------
    InputError
        If a fold does not exist or holds no subject, or no subject is left to train on.
    LpmError
        If the data are missing or invalid.
    """
    for listed in (evaluate, recipe.held_out):
        _check_exist(listed, recipe.config.folds)
    subjects = [subject for folder in data for subject in _read(recipe, folder)]
    folds = assign_folds([s.group for s in subjects], recipe.config.folds)
    _check_subjects(folds, evaluate, recipe.held_out)
    train = _Trainer(recipe, {s.name: s for s in subjects}, out, progress)
    scores: list[LevelScore] = []
    for fold in evaluate:
        path = train([s for s in subjects if folds[s.group] != fold], f"fold-{fold}")
        model = load_level_model(path)
        for subject in subjects:
            if folds[subject.group] == fold:
                scores += evaluate_levels(model, subject)
    if scores:
        write_scores(scores, levels_table(scores), out)
    kept = [s for s in subjects if folds[s.group] not in recipe.held_out]
    return train(kept, "model"), tuple(scores)


def _read(recipe: LevelsRecipe, folder: Path) -> list[LevelSubject]:
    if (folder / TABLE).exists():
        return read_boxed_subjects(folder, recipe.box_spacing_mm)
    return read_level_subjects(recipe.same_person, folder)


def _check_exist(listed: Sequence[int], count: int) -> None:
    wrong = sorted({fold for fold in listed if not 0 <= fold < count})
    if wrong:
        raise InputError(
            f"no such fold: {', '.join(map(str, wrong))}; folds are numbered 0 to {count - 1}",
            hint="Name other folds, or change 'folds' in the recipe",
        )


def _check_subjects(
    folds: Mapping[str, int], evaluate: Sequence[int], held_out: Sequence[int]
) -> None:
    """Check that every evaluated fold has subjects, and that every training has some left."""
    filled = set(folds.values())
    if empty := sorted(set(evaluate) - filled):
        raise InputError(
            f"no subject is in fold {empty[0]}: the data have {len(folds)} subjects",
            hint="Name other folds, or lower 'folds' in the recipe",
        )
    if any(filled == {fold} for fold in evaluate) or filled <= set(held_out):
        raise InputError(
            f"no subject is left to train on: the data have {len(folds)} subjects",
            hint="Leave out fewer folds, or add subjects",
        )


class _Trainer:
    """Trains both networks on a part of the subjects; draws the patches of each subject once."""

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
        """Return the first network's file; both are trained unless they exist."""
        recipe, folder = self._recipe, self._out / name
        metadata = _metadata(recipe, kept)
        files = folder / "levels.onnx", folder / NAMES_FILE
        if all(_was_made_with(file, metadata) for file in files):
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
            subject = self._subjects[name]
            each = naming.patches_each if subject.has_bodies else naming.patches_each_slice
            self._patches[name] = draw_patches(subject, each, seed=naming.seed)
        return self._patches[name]

    def _step(self, name: str, steps: int) -> Callable[[int, float], None] | None:
        progress = self._progress
        return None if progress is None else lambda step, _: progress(name, step, steps)


def _was_made_with(file: Path, metadata: Mapping[str, Any]) -> bool:
    """Return whether an ONNX file has the same description, apart from the program's version."""
    if not file.exists():
        return False
    expected = json.loads(json.dumps(metadata))  # tuples become lists
    return {**read_description(file), "made_with": ""} == {**expected, "made_with": ""}


def _metadata(recipe: LevelsRecipe, subjects: Sequence[LevelSubject]) -> dict[str, Any]:
    """Return the description that is stored in the ONNX files."""
    return {
        **recipe.metadata(),
        "subjects": [subject.name for subject in subjects],
        "config": dataclasses.asdict(recipe.config),
        "naming": dataclasses.asdict(recipe.naming),
    }
