"""The folder nnU-Net starts from, and the folds."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lpm_segmentator.core import LPM_SCHEME, InputError, LabelMap
from lpm_segmentator.io import write_image, write_json, write_label_map
from lpm_segmentator.train.nnunet.cases import TrainingCase, load_training_case, silent

__all__ = ["assign_folds", "splits", "write_dataset"]


def assign_folds(cases: Sequence[TrainingCase], count: int) -> dict[str, int]:
    """Return the fold of each subject: those with most cases first, each to the smallest fold.

    Raises
    ------
    InputError
        There are fewer subjects than folds, or not even two.
    """
    sizes: dict[str, int] = {}
    for case in cases:
        sizes[case.subject] = sizes.get(case.subject, 0) + 1
    if len(sizes) < max(2, count):
        names = ", ".join(sorted(sizes)[:5])
        raise InputError(
            f"{max(2, count)} folds need as many subjects; the names say {len(sizes)} ({names})",
            hint=f"Add --folds {len(sizes)}"
            if len(sizes) > 1
            else "If the names hold several subjects, say how with --subject-pattern",
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
    """Return nnU-Net's own form of the folds: cases to train on and cases held out."""
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
    """Check all cases and write them as nnU-Net v2's raw dataset; nothing if one of them is wrong.

    Parameters
    ----------
    cases
        The cases.
    folder
        The dataset's folder, ``…/Dataset515_NAME``; replaced if it exists.
    accept_origin_mismatch
        See `load_training_case`.
    progress
        Called with the number of cases done and of all.

    Raises
    ------
    InputError
        Some cases cannot be trained on; all of them are listed.
    OutputError
        The folder cannot be written.
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
        raise InputError(f"{len(problems)} of {len(cases)} cases cannot be trained on:{lines}")


def _check_owner(case: TrainingCase, labels: LabelMap, owners: dict[bytes, TrainingCase]) -> None:
    """Refuse one mask under two subjects: the two may be one, and would be in two folds."""
    other = owners.setdefault(hashlib.sha256(labels.array.tobytes()).digest(), case)
    if other.subject != case.subject:
        raise InputError(
            f"has the same mask as {other.case}, but their names make them the subjects "
            f"{case.subject!r} and {other.subject!r}",
            where=case.case,
            hint="Say with --subject-pattern which part of a name is the subject, "
            r"for example '^[^_]+'",
        )
