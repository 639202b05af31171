"""All steps of a recipe: read, train on all subjects and without each, export, evaluate."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io import file_sha256
from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.compact.data import (
    SubjectImages,
    read_shapes,
    read_subject,
    read_unlabelled,
)
from lpm_segmentator.train.compact.evaluation import (
    Score,
    evaluate_slices,
    evaluate_subject,
    labelled_files,
    summary,
)
from lpm_segmentator.train.compact.pseudo_labels import pseudo_labelled
from lpm_segmentator.train.compact.recipe import Recipe
from lpm_segmentator.train.compact.training import train_compact
from lpm_segmentator.train.export import export_segmentation, source_commit
from lpm_segmentator.train.scores import write_scores
from lpm_segmentator.train.synthesis.shapes import fit_warps
from lpm_segmentator.train.synthesis.subjects import TrainingSubject, mixed, phantom_subjects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lpm_segmentator.core import Volume
    from lpm_segmentator.train.network import CompactUNet

__all__ = ["TrainingOutcome", "run_recipe"]

logger = logging.getLogger(__name__)

_ALL = "all"
_MODEL = "compact.onnx"


@dataclass(frozen=True)
class TrainingOutcome:
    """The result of a training run.

    Attributes
    ----------
    model : Path
        The model trained on all subjects.
    scores : tuple of Score
        Of the models trained without a subject on that subject, and of the final model on the
        folders of labelled images.
    """

    model: Path
    scores: tuple[Score, ...]

    @property
    def table(self) -> str:
        """The scores in Markdown."""
        return summary(self.scores)


def run_recipe(
    recipe: Recipe,
    data: Sequence[Path],
    out: Path,
    *,
    leave_one_out: bool = False,
    checks: Sequence[Path] = (),
    device: str = "auto",
    start: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> TrainingOutcome:
    """Train and evaluate the model of a recipe; an interrupted run is resumed by the same call.

    Parameters
    ----------
    recipe : Recipe
    data : sequence of Path
        The folders of the files that the recipe names.
    out : Path
        ``all/compact.onnx`` is the model, ``without-NAME/compact.onnx`` are those trained without a
        subject; ``evaluation.csv`` and ``evaluation.md`` hold the scores.
    leave_one_out : bool
        Also train a model without each subject and score it on that subject.
    checks : sequence of Path
        Folders of labelled images, not used in training, on which the model is scored
        (`labelled_files`).
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    start : Path, optional
        An exported compact model to start from, or the folder of an earlier run, whose models of
        the same names are started from.
    progress : callable, optional
        Called with the name of the training, its step and its number of steps.

    Raises
    ------
    LpmError
        If the data, the start or the labelled images are missing or invalid, or do not fit the
        recipe; all before anything is trained.
    """
    _check_samples(recipe, leave_one_out=leave_one_out)
    _check_start(recipe, start, leave_one_out=leave_one_out)
    parts = {f"without-{f.name}": recipe.without(f.name) for f in recipe.subjects}
    parts = {**(parts if leave_one_out else {}), _ALL: recipe}
    starts = {name: _start_of(name, start) for name in parts}
    labelled = [labelled_files(folder) for folder in checks]
    images = {files.name: read_subject(files, data) for files in recipe.subjects}
    training = _Training(_read_pool(recipe, data, images), starts, out, device, progress)
    scores: list[Score] = []
    for files in recipe.subjects if leave_one_out else ():
        name = f"without-{files.name}"
        scores += evaluate_subject(load_compact(training(name, parts[name])), images[files.name])
        # The next training may take hours and be interrupted.
        write_scores(scores, summary(scores), out)
    model = training(_ALL, recipe)
    for check in labelled:
        scores += evaluate_slices(load_compact(model), check)
        write_scores(scores, summary(scores), out)
    return TrainingOutcome(model, tuple(scores))


def _check_samples(recipe: Recipe, *, leave_one_out: bool) -> None:
    """Check that every training has subjects, and that the other samples leave them a share."""
    fewest = 2 if leave_one_out else 1
    if len(recipe.subjects) < fewest:
        raise InputError(
            f"recipe {recipe.name!r} has too few subjects: {len(recipe.subjects)}; at least "
            f"{fewest} needed",
            hint="Add subjects to the recipe",
        )
    config, shares = recipe.config, {}
    if config.phantoms:
        shares["phantom_share"] = config.phantom_share
    if recipe.unlabelled is not None:
        shares["unlabelled_share"] = config.unlabelled_share
    if sum(shares.values()) >= 1:
        stated = " and ".join(f"{name} {share:g}" for name, share in shares.items())
        raise InputError(
            f"recipe {recipe.name!r}: {stated} leave no samples for the labelled subjects",
            hint="Their sum must be below 1",
        )


def _check_start(recipe: Recipe, start: Path | None, *, leave_one_out: bool) -> None:
    """Check that the recipe can be trained from this start."""
    if start is not None and leave_one_out and not start.is_dir():
        raise InputError(
            "the model to start from may have been trained on the subject that is left out",
            where=start,
            hint=f"Start from the folder of a run that was made with {Remedy.LEAVE_ONE_OUT} "
            f"({Remedy.START})",
            remedy=(Remedy.LEAVE_ONE_OUT, Remedy.START),
        )
    if recipe.unlabelled is not None and start is None:
        raise InputError(
            f"recipe {recipe.name!r} has unlabelled images, which are labelled by the model that "
            "the training starts from, but no such model was given",
            hint=f"Pass {Remedy.START}, or remove 'unlabelled' from the recipe",
            remedy=Remedy.START,
        )


def _start_of(name: str, start: Path | None) -> Path | None:
    """Return the model that a training starts from; a missing one is an error before training."""
    if start is None or not start.is_dir():
        return start
    path = start / name / _MODEL
    if not path.exists():
        raise InputError(
            f"the run has no model {name}/{_MODEL} to start from",
            where=start,
            hint=f"Start from the folder of a complete run ({Remedy.START})",
            remedy=Remedy.START,
        )
    return path


@dataclass(frozen=True)
class _Pool:
    """All that trainings of one recipe draw from."""

    real: Mapping[str, TrainingSubject]
    phantoms: Sequence[TrainingSubject]
    unlabelled: Mapping[str, Volume]


def _read_pool(recipe: Recipe, data: Sequence[Path], images: Mapping[str, SubjectImages]) -> _Pool:
    """Return the subjects of a recipe, warps onto its shapes included."""
    phantoms = phantom_subjects(recipe.config.phantoms, seed=recipe.config.seed)
    shapes = [read_shapes(file, data) for file in recipe.shapes]
    real = {name: subject.to_training() for name, subject in images.items()}
    if shapes:
        joined = torch.cat(shapes)
        real = {name: s.with_warps(fit_warps(s, joined)) for name, s in real.items()}
    unlabelled = {} if recipe.unlabelled is None else read_unlabelled(recipe.unlabelled, data)
    return _Pool(real, phantoms, unlabelled)


@dataclass(frozen=True)
class _Training:
    """Trains and exports the model of a recipe or of a part of it."""

    pool: _Pool
    starts: Mapping[str, Path | None]
    out: Path
    device: str
    progress: Callable[[str, int, int], None] | None

    def __call__(self, name: str, recipe: Recipe) -> Path:
        """Return the exported model."""
        config, start, folder = recipe.config, self.starts[name], self.out / name
        network = train_compact(
            self._subjects(recipe, start),
            config,
            folder,
            device=self.device,
            start=start,
            progress=self._step(name, config.total_steps),
        )
        export_segmentation(network, folder / _MODEL, _metadata(recipe, network, start))
        return folder / _MODEL

    def _subjects(self, recipe: Recipe, start: Path | None) -> list[TrainingSubject]:
        config, unlabelled = recipe.config, self.pool.unlabelled
        taught = [] if start is None or not unlabelled else _pseudo_labelled(unlabelled, start)
        return mixed(
            [self.pool.real[files.name] for files in recipe.subjects],
            (self.pool.phantoms, config.phantom_share),
            (taught, config.unlabelled_share),
        )

    def _step(self, name: str, steps: int) -> Callable[[int, float], None] | None:
        progress = self.progress
        return None if progress is None else lambda step, _: progress(name, step, steps)


def _pseudo_labelled(unlabelled: Mapping[str, Volume], model: Path) -> list[TrainingSubject]:
    """Return the subjects that a model labels with sufficient confidence; none is an error."""
    teacher = load_compact(model)
    labelled = [pseudo_labelled(name, volume, teacher) for name, volume in unlabelled.items()]
    subjects = [subject for subject in labelled if subject is not None]
    if not subjects:
        raise InputError(
            f"the model labels none of the {len(labelled)} unlabelled images with sufficient "
            "confidence",
            where=model,
            hint=f"Start from a better model ({Remedy.START}), or remove 'unlabelled' from the "
            "recipe",
            remedy=Remedy.START,
        )
    logger.info("unlabelled images: %d of %d are used", len(subjects), len(labelled))
    return subjects


def _metadata(recipe: Recipe, network: CompactUNet, start: Path | None) -> dict[str, Any]:
    """Return the description that is stored in the ONNX file."""
    synthesis = recipe.config.synthesis
    return {
        **recipe.metadata(),
        "spacing_mm": synthesis.spacing_mm,
        "context": synthesis.context,
        "multiple": network.multiple,
        "pairs": True,
        "subjects": [subject.name for subject in recipe.subjects],
        "config": recipe.config.to_dict(),
        "started_from": "" if start is None else file_sha256(start),
        "commit": source_commit(),
    }
