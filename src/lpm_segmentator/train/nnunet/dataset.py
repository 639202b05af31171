"""nnU-Net's raw dataset, and folds that separate subjects."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lpm_segmentator.core import LPM_SCHEME, InputError, LabelMap, Remedy
from lpm_segmentator.io import write_image, write_json, write_label_map
from lpm_segmentator.train.nnunet.cases import TrainingCase, load_training_case, silent

__all__ = ["assign_folds", "splits", "write_dataset"]


def assign_folds(cases: Sequence[TrainingCase], count: int) -> dict[str, int]:
    """Return the fold of each subject.

    Subjects are assigned in order of decreasing number of cases, each to the fold with the fewest.

    Parameters
    ----------
    cases : sequence of TrainingCase
    count : int
        Number of folds.

    Raises
    ------
    InputError
        If there are fewer subjects than folds, or fewer than two.
    """
    sizes: dict[str, int] = {}
    for case in cases:
        sizes[case.subject] = sizes.get(case.subject, 0) + 1
    if len(sizes) < max(2, count):
        names = ", ".join(sorted(sizes)[:5])
        remedy = Remedy.FOLDS if len(sizes) > 1 else Remedy.SUBJECT_PATTERN
        raise InputError(
            f"{max(2, count)} folds require at least {max(2, count)} subjects; the file names have "
            f"{len(sizes)} ({names})",
            hint=f"Use {len(sizes)} folds ({remedy})"
            if len(sizes) > 1
            else f"If the images are of several subjects, pass {remedy}",
            remedy=remedy,
        )
    folds: dict[str, int] = {}
    load = [0] * count
    for subject in sorted(sizes, key=lambda s: (-sizes[s], s)):
        fold = load.index(min(load))
        folds[subject] = fold
        load[fold] += sizes[subject]
    return folds


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
    owners: dict[bytes, TrainingCase] = {}
    for done, case in enumerate(cases, 1):
        try:
            image, labels = load_training_case(case, accept_origin_mismatch=accept_origin_mismatch)
            _check_owner(case, labels, owners)
        except InputError as error:
            problems.append(str(error))
            continue
        write_image(image, folder / "imagesTr" / f"{case.case}_0000.nii.gz")
        write_label_map(labels, folder / "labelsTr" / f"{case.case}.nii.gz")
        progress(done, len(cases))
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise InputError(f"{len(problems)} of {len(cases)} cases cannot be used:{lines}")


def _check_owner(case: TrainingCase, labels: LabelMap, owners: dict[bytes, TrainingCase]) -> None:
    """Refuse identical masks of two subjects: they may be one subject, divided over two folds."""
    other = owners.setdefault(hashlib.sha256(labels.array.tobytes()).digest(), case)
    if other.subject != case.subject:
        raise InputError(
            f"has the same mask as {other.case}, although their names are of the subjects "
            f"{case.subject!r} and {other.subject!r}",
            where=case.case,
            hint="State which part of a name is the subject, for example '^[^_]+' "
            f"({Remedy.SUBJECT_PATTERN})",
            remedy=Remedy.SUBJECT_PATTERN,
        )
