"""From a folder of images and one of label maps to an installed nnU-Net model and its scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io import file_sha256, write_json, write_text
from lpm_segmentator.models import ModelStore
from lpm_segmentator.segment.nnunet.engine import check_engine
from lpm_segmentator.train.claim import check_claim
from lpm_segmentator.train.labelled import assign_folds
from lpm_segmentator.train.nnunet.cases import ORIENTATION, TrainingCase, silent
from lpm_segmentator.train.nnunet.dataset import splits, write_dataset
from lpm_segmentator.train.nnunet.evaluation import evaluate_fold, summary
from lpm_segmentator.train.nnunet.job import (
    TrainingOptions,
    check_nnunet,
    results_folder,
    run_job,
)

__all__ = ["Trained", "train_nnunet"]

Progress = Callable[[str, int, int], None]
_IDENTITY = "training.json"


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes
    ----------
    model : str
        The name under which the model was installed.
    folder : Path
        nnU-Net's results folder.
    table : str
        Scores of the held-out cases by sequence, in Markdown.
    subjects : dict of str to int
        Fold of each subject.
    """

    model: str
    folder: Path
    table: str
    subjects: dict[str, int]


def train_nnunet(
    cases: Sequence[TrainingCase],
    out: Path,
    options: TrainingOptions,
    *,
    only: Sequence[int] = (),
    accept_origin_mismatch: bool = False,
    replace_existing: bool = False,
    progress: Progress = silent,
    **machine: Any,
) -> Trained:
    """Train, evaluate and install a model; completed steps are not repeated.

    Parameters
    ----------
    cases : sequence of TrainingCase
        See `find_training_cases`.
    out : Path
        Where the training is kept.
    options : TrainingOptions
    only : sequence of int
        Folds to train now; all by default. The installed model averages those trained so far.
    accept_origin_mismatch : bool
        See `load_training_case`.
    replace_existing : bool
        Whether another model of this name may be replaced.
    progress : callable
        Called with the name of the step, and items done and in total.
    **machine
        ``device``, ``workers`` and ``threads``, see `run_job`.

    Raises
    ------
    LpmError
        If the data, the folder or the training are at fault.
    """
    check_nnunet()
    check_engine()  # evaluation needs it, after days of training
    folds = assign_folds([case.subject for case in cases], options.folds)
    wanted = _wanted(only, options.folds)
    key = _claim(out, _identity(cases, folds, options), options.name, replace=replace_existing)
    accept = {"accept_origin_mismatch": accept_origin_mismatch}
    if not (raw := out / "nnunet" / "raw" / options.dataset).is_dir():
        write_dataset(cases, raw, **accept, progress=partial(progress, "check"))
    model = results_folder(out, options)
    if any(not _is_trained(model, fold) for fold in wanted):
        parts = splits(cases, folds, options.folds)
        run_job(out, options, folds=wanted, splits=parts, progress=progress, **machine)
    trained = [fold for fold in range(options.folds) if _is_trained(model, fold)]
    card = _card(cases, options, key)
    held_out = {f: [c for c in cases if folds[c.subject] == f] for f in trained}
    table = _evaluate(model, held_out, out, card=card, progress=progress, **accept)
    ModelStore().install(
        model,
        name=options.name,
        folds=[str(fold) for fold in trained],
        card=card,
        replace_existing=True,  # an earlier stage of this training, or checked above
    )
    return Trained(options.name, model, table, folds)


def _wanted(only: Sequence[int], count: int) -> list[int]:
    """Return the folds to train now."""
    wanted = sorted(set(only)) or list(range(count))
    if wanted[-1] >= count:
        raise InputError(
            f"there is no fold {wanted[-1]}; folds are numbered 0 to {count - 1}",
            hint=f"Name another fold, or divide the subjects into more folds ({Remedy.FOLDS})",
            remedy=Remedy.FOLDS,
        )
    return wanted


def _claim(out: Path, identity: dict[str, Any], name: str, *, replace: bool) -> str:
    """Check that folder and model name are free for a training; return the training's key."""
    path = out / _IDENTITY
    if (out / "nnunet").exists() and not path.exists():
        raise InputError(
            "the folder has a subfolder 'nnunet' that this program did not create",
            where=out,
            hint=f"Use another output folder ({Remedy.OUTPUT})",
            remedy=Remedy.OUTPUT,
        )
    key = check_claim(
        path,
        identity,
        name,
        what="training",
        inputs="images, labels and options",
        replace_existing=replace,
    )
    write_json(identity, path)
    return key


def _evaluate(
    model: Path,
    held_out: dict[int, list[TrainingCase]],
    out: Path,
    *,
    card: dict[str, Any],
    accept_origin_mismatch: bool,
    progress: Progress,
) -> str:
    """Score each fold on its held-out cases, write the tables, and return the summary."""
    tables = []
    for fold, cases in held_out.items():
        tables.append(out / "evaluation" / f"fold-{fold}.csv")
        evaluate_fold(
            model,
            fold,
            cases,
            tables[-1],
            card=card,
            accept_origin_mismatch=accept_origin_mismatch,
            progress=partial(progress, f"evaluate {fold}"),
        )
    table = summary(tables, out / "evaluation.csv")
    write_text(table + "\n", out / "evaluation.md")
    return table


def _is_trained(model: Path, fold: int) -> bool:
    return (model / f"fold_{fold}" / "checkpoint_final.pth").is_file()


def _identity(
    cases: Sequence[TrainingCase], folds: dict[str, int], options: TrainingOptions
) -> dict[str, Any]:
    """Return what identifies a training: its options, and the content of its files."""
    return {
        "options": asdict(options),
        "cases": [
            {
                "case": case.case,
                "subject": case.subject,
                "sequence": case.sequence,
                "fold": folds[case.subject],
                "image_sha256": file_sha256(case.image),
                "labels_sha256": file_sha256(case.labels),
            }
            for case in cases
        ],
    }


def _card(cases: Sequence[TrainingCase], options: TrainingOptions, key: str) -> dict[str, Any]:
    """Return the model card: orientation, identity and description of the training."""
    subjects = len({case.subject for case in cases})
    sequences = ", ".join(sorted({case.sequence for case in cases}))
    use = ". A quick end-to-end check, not a usable model" if options.quick else ""
    return {
        "orientation": "".join(ORIENTATION),
        "training": key,
        "description": f"nnU-Net trained on {len(cases)} images ({sequences}) of {subjects} "
        f"subjects with {options.trainer}{use}",
    }
