"""From a folder of images and one of label maps to an installed nnU-Net model and its table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lpm_segmentator.core import InputError, ModelError
from lpm_segmentator.io import to_json, write_json, write_text
from lpm_segmentator.segment.nnunet.bundle import file_sha256, read_model_json
from lpm_segmentator.segment.store import ModelStore
from lpm_segmentator.segment.stored import checked_name
from lpm_segmentator.train.nnunet.cases import ORIENTATION, TrainingCase, silent
from lpm_segmentator.train.nnunet.dataset import assign_folds, splits, write_dataset
from lpm_segmentator.train.nnunet.evaluate import evaluate_fold, summary
from lpm_segmentator.train.nnunet.job import (
    TrainingOptions,
    check_nnunet,
    results_folder,
    run_job,
)

__all__ = ["Trained", "train_nnunet"]

Progress = Callable[[str, int, int], None]
_MARK = "training.json"


@dataclass(frozen=True)
class Trained:
    """What came of a training.

    Attributes
    ----------
    model
        The name it was installed under.
    folder
        nnU-Net's own results folder.
    table
        The held-out cases by sequence, in Markdown.
    subjects
        Their folds.
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
    """Train, evaluate and install; what was done before is not done again.

    Parameters
    ----------
    cases
        See `find_training_cases`.
    out
        Where the training is kept.
    options
        What to train.
    only
        Folds to train now; all by default. The model that is installed averages those trained.
    accept_origin_mismatch
        See `load_training_case`.
    replace_existing
        Whether another model of the name may be replaced.
    progress
        Called with the name of the step, and how much of how much is done.
    **machine
        ``device``, ``workers`` and ``threads``, see `run_job`.

    Raises
    ------
    LpmError
        Whatever is wrong with the data, the folder or the training.
    """
    check_nnunet()
    checked_name(options.name)
    folds = assign_folds(cases, options.folds)
    wanted = sorted(set(only)) or list(range(options.folds))
    if wanted[-1] >= options.folds:
        raise InputError(f"there is no fold {wanted[-1]}; they count 0 to {options.folds - 1}")
    identity = _identity(cases, folds, options)
    key = hashlib.sha256(to_json(identity).encode()).hexdigest()
    _check_folder(out, identity)
    _check_name_free(options.name, key, replace_existing=replace_existing)
    write_json(identity, out / _MARK)
    raw = out / "nnunet" / "raw" / options.dataset
    if not raw.is_dir():
        write_dataset(
            cases,
            raw,
            accept_origin_mismatch=accept_origin_mismatch,
            progress=partial(progress, "check"),
        )
    model = results_folder(out, options)
    parts = splits(cases, folds, options.folds)
    if any(not _is_trained(model, fold) for fold in wanted):
        run_job(out, options, folds=wanted, splits=parts, progress=progress, **machine)
    trained = [fold for fold in range(options.folds) if _is_trained(model, fold)]
    card = _card(cases, options, key)
    tables = []
    for fold in trained:
        tables.append(out / "evaluation" / f"fold-{fold}.csv")
        evaluate_fold(
            model,
            fold,
            [case for case in cases if folds[case.subject] == fold],
            tables[-1],
            card=card,
            accept_origin_mismatch=accept_origin_mismatch,
            progress=partial(progress, f"evaluate {fold}"),
        )
    table = summary(tables, out / "evaluation.csv")
    write_text(table + "\n", out / "evaluation.md")
    ModelStore().install(
        model,
        name=options.name,
        folds=[str(fold) for fold in trained],
        card=card,
        replace_existing=True,  # by itself, or checked above
    )
    return Trained(options.name, model, table, folds)


def _is_trained(model: Path, fold: int) -> bool:
    return (model / f"fold_{fold}" / "checkpoint_final.pth").is_file()


def _identity(
    cases: Sequence[TrainingCase], folds: dict[str, int], options: TrainingOptions
) -> dict[str, Any]:
    """Return what makes a training this one: options, and the files by their content."""
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


def _check_folder(out: Path, identity: dict[str, Any]) -> None:
    """Refuse a folder that holds another training."""
    try:
        found = json.loads((out / _MARK).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if (out / "nnunet").exists():
            raise InputError(
                "this folder holds a folder 'nnunet' that is not of a training of this program",
                where=out,
                hint="Give another folder with -o",
            ) from None
        return
    except ValueError:
        found = {}
    if found == identity:
        return
    different = [name for name in identity if dict(found).get(name) != identity[name]]
    raise InputError(
        f"this folder holds another training; its {' and '.join(different)} differ",
        where=out,
        hint="Give another folder with -o, or the same images, labels and options to go on",
    )


def _check_name_free(name: str, key: str, *, replace_existing: bool) -> None:
    """Refuse a taken name before days of training, not after."""
    store = ModelStore()
    if name not in store or replace_existing:
        return
    card = read_model_json(store.folder / name).get("card") or {}
    if dict(card).get("training") != key:
        raise ModelError(
            f"there is another model named {name!r}",
            where=store.folder / name,
            hint="Give another --name, or --replace it",
        )


def _card(cases: Sequence[TrainingCase], options: TrainingOptions, key: str) -> dict[str, Any]:
    subjects = len({case.subject for case in cases})
    sequences = ", ".join(sorted({case.sequence for case in cases}))
    use = ". A quick trial, not for use" if options.quick else ""
    return {
        "orientation": "".join(ORIENTATION),
        "training": key,
        "description": f"nnU-Net trained on {len(cases)} images ({sequences}) of {subjects} "
        f"subjects with {options.trainer}{use}",
    }
