"""nnU-Net's raw dataset and division into folds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lpm_segmentator.core import LPM_SCHEME, InputError
from lpm_segmentator.io import write_image, write_json, write_label_map
from lpm_segmentator.train.labelled import Named, check_owner
from lpm_segmentator.train.nnunet.cases import TrainingCase, load_training_case, silent

__all__ = ["splits", "write_dataset"]


def splits(
    cases: Sequence[TrainingCase], folds: Mapping[str, int], count: int
) -> list[dict[str, list[str]]]:
    """Return the folds in nnU-Net's format: training cases and held-out cases of each."""
    return [
        {
            "train": [c.case for c in cases if folds[c.subject] != fold],
            "val": [c.case for c in cases if folds[c.subject] == fold],
        }
        for fold in range(count)
    ]


def write_dataset(
    cases: Sequence[TrainingCase],
    folder: Path,
    *,
    accept_origin_mismatch: bool = False,
    progress: Callable[[int, int], None] = silent,
) -> None:
    """Check all cases and write them as a raw dataset of nnU-Net v2; on an error write nothing.

    Parameters
    ----------
    cases : sequence of TrainingCase
    folder : Path
        The dataset's folder, ``…/Dataset515_NAME``; replaced if it exists.
    accept_origin_mismatch : bool
        See `load_training_case`.
    progress : callable
        Called with the number of cases done and in total.

    Raises
    ------
    InputError
        If some cases cannot be used; all of them are listed.
    OutputError
        If the folder cannot be written.
    """
    work = folder.with_name(f".{folder.name}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        _write_cases(cases, work, accept_origin_mismatch, progress)
        content = {
            "channel_names": {"0": "MRI"},
            "labels": {"background": 0, **{s.key: s.value for s in LPM_SCHEME}},
            "numTraining": len(cases),
            "file_ending": ".nii.gz",
        }
        write_json(content, work / "dataset.json")
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_cases(
    cases: Sequence[TrainingCase],
    folder: Path,
    accept_origin_mismatch: bool,
    progress: Callable[[int, int], None],
) -> None:
    problems: list[str] = []
    owners: dict[bytes, Named] = {}
    for done, case in enumerate(cases, 1):
        try:
            image, labels = load_training_case(case, accept_origin_mismatch=accept_origin_mismatch)
            check_owner(case, labels, owners)
        except InputError as error:
            problems.append(str(error))
            continue
        write_image(image, folder / "imagesTr" / f"{case.case}_0000.nii.gz")
        write_label_map(labels, folder / "labelsTr" / f"{case.case}.nii.gz")
        progress(done, len(cases))
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise InputError(f"{len(problems)} of {len(cases)} cases cannot be used:{lines}")
