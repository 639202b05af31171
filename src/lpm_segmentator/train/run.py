"""One command from data to model: train on all, train without each, export, evaluate."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lpm_segmentator import __version__
from lpm_segmentator.core import InputError
from lpm_segmentator.io import write_table, write_text
from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.compact import train_compact
from lpm_segmentator.train.evaluate import Score, evaluate_slices, evaluate_subject, summary
from lpm_segmentator.train.export import Softmax, export_onnx
from lpm_segmentator.train.recipe import (
    Recipe,
    SubjectImages,
    read_shapes,
    read_subject,
    read_unlabelled,
)
from lpm_segmentator.train.shapes import fit_warps
from lpm_segmentator.train.subjects import TrainingSubject, phantom_subjects
from lpm_segmentator.train.unlabelled import pseudo_labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lpm_segmentator.core import Volume
    from lpm_segmentator.train.network import CompactUNet

__all__ = ["TrainingOutcome", "run_recipe"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training run left.

    Attributes
    ----------
    model : Path
        The model trained on all subjects.
    scores : tuple of Score
        Of models that have not seen the subject; of the final model on the check sets.
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
    """Train the model of a recipe, and say how good it is.

    Every training is checkpointed under ``out``; the same call goes on where it was cut.

    Parameters
    ----------
    recipe : Recipe
    data : sequence of Path
        The folders of the files that the recipe names.
    out : Path
        ``all/compact.onnx`` is the model; ``without-NAME/compact.onnx`` those that have not seen a
        subject; ``evaluation.csv`` and ``evaluation.md`` the scores.
    leave_one_out : bool
        Train a model without each subject and score it on that subject.
    checks : sequence of Path
        Folders of labelled images that no model is trained on.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    start : Path, optional
        An exported compact model to go on from, or the folder of an earlier run, whose models of
        the same names are gone on from.
    progress : callable, optional
        Called with the name of the training, its step and the number of steps.

    Raises
    ------
    InputError
        If `leave_one_out` is to start from a single model: it may have seen the subject. If the
        recipe has unlabelled images and there is no model to start from. If the folder to start
        from lacks a model, or is sure of none of the unlabelled images.
    LpmError
        Whatever is wrong with the data or the model to start from.
    """
    if start is not None and leave_one_out and not start.is_dir():
        raise InputError(
            "a model to start from may have been trained on the subject left out",
            where=start,
            hint="Give the folder of a run that was made with --leave-one-out",
        )
    if recipe.unlabelled is not None and start is None:
        raise InputError(
            f"the unlabelled images of recipe {recipe.name!r} are labelled by the model that the "
            "training starts from, and none was given",
            hint="Give one with --start, or take 'unlabelled' out of the recipe",
        )
    names = [f"without-{files.name}" for files in recipe.subjects] if leave_one_out else []
    starts = {name: _start_of(name, start) for name in (*names, "all")}
    images = {files.name: read_subject(files, data) for files in recipe.subjects}
    phantoms = phantom_subjects(recipe.config.phantoms, seed=recipe.config.seed)
    shapes = [read_shapes(file, data) for file in recipe.shapes]
    real = {name: _trainable(subject, shapes) for name, subject in images.items()}
    unlabelled = {} if recipe.unlabelled is None else read_unlabelled(recipe.unlabelled, data)
    scores: list[Score] = []

    def train(part: Recipe, name: str) -> Path:
        folder = out / name
        first = starts[name]
        taught = [] if first is None else _taught(unlabelled, first)
        subjects = _mixed(
            [real[f.name] for f in part.subjects],
            (phantoms, part.config.phantom_share),
            (taught, part.config.unlabelled_share),
        )
        network = train_compact(
            subjects,
            part.config,
            folder,
            device=device,
            start=first,
            progress=None
            if progress is None
            else lambda step, _: progress(name, step, part.config.total_steps),
        )
        export_onnx(
            Softmax(network),
            folder / "compact.onnx",
            channels=2 * part.config.synthesis.context + 1,
            multiple=network.multiple,
            outputs=("probability",),
            metadata=_metadata(part, network, first),
        )
        return folder / "compact.onnx"

    if leave_one_out:
        for files in recipe.subjects:
            path = train(recipe.without(files.name), f"without-{files.name}")
            scores += evaluate_subject(load_compact(path), images[files.name])
            _write_scores(scores, out)
    model = train(recipe, "all")
    for folder in checks:
        scores += evaluate_slices(load_compact(model), folder)
        _write_scores(scores, out)
    return TrainingOutcome(model, tuple(scores))


def _start_of(name: str, start: Path | None) -> Path | None:
    """Return the model that a training starts from; said now if it is missing, not hours later."""
    if start is None or not start.is_dir():
        return start
    path = start / name / "compact.onnx"
    if not path.exists():
        raise InputError(
            f"the run holds no model {name}/compact.onnx to go on from",
            where=start,
            hint="Give the folder of a run that is complete",
        )
    return path


def _write_scores(scores: Sequence[Score], out: Path) -> None:
    """Write what is known so far: the next training may take hours, and may be cut."""
    write_table([dataclasses.asdict(score) for score in scores], out / "evaluation.csv")
    write_text(summary(scores) + "\n", out / "evaluation.md")


def _trainable(images: SubjectImages, shapes: Sequence[torch.Tensor]) -> TrainingSubject:
    """Return a subject to draw from, with its ways to the shapes where there are any."""
    subject = images.to_training()
    return subject.with_warps(fit_warps(subject, torch.cat(list(shapes)))) if shapes else subject


def _taught(unlabelled: Mapping[str, Volume], model: Path) -> list[TrainingSubject]:
    """Return the people of whom a model is sure enough to label them; none is an error."""
    if not unlabelled:
        return []
    teacher = load_compact(model)
    found = [pseudo_labelled(name, volume, teacher) for name, volume in unlabelled.items()]
    taught = [subject for subject in found if subject is not None]
    if not taught:
        raise InputError(
            f"the model is sure enough of none of the {len(found)} unlabelled images",
            where=model,
            hint="Start from a better model, or take 'unlabelled' out of the recipe",
        )
    logger.info("unlabelled images: %d of %d are taught", len(taught), len(found))
    return taught


def _mixed(
    real: Sequence[TrainingSubject], *others: tuple[Sequence[TrainingSubject], float]
) -> list[TrainingSubject]:
    """Return real and other subjects, weighted so that each other group has its share."""
    groups = [(group, share) for group, share in others if group and share > 0]
    total = len(real) / (1 - sum(share for _, share in groups))
    return list(real) + [
        subject.weighted(share * total / len(group)) for group, share in groups for subject in group
    ]


def _metadata(recipe: Recipe, network: CompactUNet, start: Path | None) -> dict[str, Any]:
    """Return what the ONNX file says of itself."""
    synthesis = recipe.config.synthesis
    return {
        "name": recipe.name,
        "version": recipe.version,
        "citation": recipe.citation,
        "licence": recipe.licence,
        "description": recipe.description,
        "spacing_mm": synthesis.spacing_mm,
        "context": synthesis.context,
        "multiple": network.multiple,
        "pairs": True,
        "subjects": [subject.name for subject in recipe.subjects],
        "config": recipe.config.to_dict(),
        "started_from": "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest(),
        "made_with": f"lpm-segmentator {__version__}",
        "commit": _commit(),
    }


def _commit() -> str:
    """Return the commit of the source tree, or nothing outside one."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()
