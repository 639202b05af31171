"""How good a model is: the tables of the model card, by the same code path that users run."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import DixonPair, InputError, LabelMap, Muscle
from lpm_segmentator.io import is_nifti, read_image, read_label_map
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.segment import keep_largest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.segment import DixonPredictor, Prediction, Predictor
    from lpm_segmentator.train.recipe import SubjectImages

__all__ = ["Score", "evaluate_slices", "evaluate_subject", "summary"]

_IGNORED = 255


@dataclass(frozen=True)
class Score:
    """What a model reached on one image.

    Attributes
    ----------
    case, sequence : str
    foreground, erector_spinae, multifidus : float
        Dice of all muscles as one, and mean of right and left of each muscle.
    volume_error_percent : float
        Largest of the four muscles' absolute volume errors.
    fat_ratio_error_points : float
        Largest of the four muscles' absolute errors of ΣF/Σ(F+W), in points of per cent; nan
        without a Dixon pair.
    certainty : float
        The model's own mean probability over the muscles.
    seconds : float
        Time of the predictor.
    """

    case: str
    sequence: str
    foreground: float
    erector_spinae: float
    multifidus: float
    volume_error_percent: float
    fat_ratio_error_points: float
    certainty: float
    seconds: float


def evaluate_subject(predictor: DixonPredictor, subject: SubjectImages) -> list[Score]:
    """Score a model on the water image of a subject, on the fat image, and on the pair."""
    pair = DixonPair(subject.water, subject.fat)
    ways = {
        "water": functools.partial(predictor.predict_dixon, pair.water),
        "fat": functools.partial(predictor.predict_dixon, pair.fat),
        "both": functools.partial(predictor.predict_dixon, pair.water, pair.fat),
    }
    return [
        _score(predict, subject.name, name, reference=subject.labels, pair=pair)
        for name, predict in ways.items()
    ]


def evaluate_slices(
    predictor: Predictor, folder: Path, *, progress: Callable[[int, int], None] | None = None
) -> list[Score]:
    """Score a model on a folder of images ``X_image.nii.gz`` with labels ``X_label.nii.gz``.

    The value 255 of a label map marks voxels to leave out.

    Raises
    ------
    InputError
        If the folder holds no such pair.
    """
    images = [p for p in sorted(folder.iterdir()) if is_nifti(p) and "_image." in p.name]
    if not images:
        raise InputError("the folder holds no X_image.nii.gz with X_label.nii.gz", where=folder)
    scores = []
    for done, path in enumerate(images, 1):
        reference = read_label_map(
            path.with_name(path.name.replace("_image.", "_label.")), ignore=[_IGNORED]
        )
        volume = read_image(path).volume
        case = path.name.partition("_image.")[0]
        predict = functools.partial(predictor.predict, volume)
        scores.append(_score(predict, case, folder.name, reference=reference))
        if progress is not None:
            progress(done, len(images))
    return scores


def _score(
    predict: Callable[[], Prediction],
    case: str,
    sequence: str,
    *,
    reference: LabelMap,
    pair: DixonPair | None = None,
) -> Score:
    started = time.perf_counter()
    prediction = predict()
    seconds = time.perf_counter() - started
    labels = keep_largest(prediction.labels).labels
    ignored = reference.ignored
    truth = LabelMap(np.where(ignored, 0, reference.array), reference.affine)
    found = LabelMap(np.where(ignored, 0, labels.array), reference.affine)
    accuracy = compare_label_maps(truth, found, case=case, surfaces=False, pair=pair)
    rows = {row.label: row for row in accuracy.rows if row.level_kind == "all"}
    by_muscle = {
        muscle: float(np.mean([rows[s.value].dice for s in truth.scheme if s.muscle is muscle]))
        for muscle in Muscle
    }
    muscles = [rows[value] for value in truth.scheme.values]
    sure = prediction.confidence
    foreground = labels.array > 0
    return Score(
        case=case,
        sequence=sequence,
        foreground=rows[0].dice,
        erector_spinae=by_muscle[Muscle.ERECTOR_SPINAE],
        multifidus=by_muscle[Muscle.MULTIFIDUS],
        volume_error_percent=max(abs(row.volume_difference_percent) for row in muscles),
        fat_ratio_error_points=100 * max(abs(row.fat_ratio_difference) for row in muscles),
        certainty=float(sure[foreground].mean()) if sure is not None and foreground.any() else 0.0,
        seconds=seconds,
    )


def summary(scores: Sequence[Score]) -> str:
    """Return a table in Markdown: one row a subject and sequence, or mean and worst of many."""
    lines = [
        "| set | n | foreground Dice | ES | MF | worst foreground | volume error % | "
        "fat ratio error, points | s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[Score]] = {}
    for score in scores:
        alone = score.sequence in ("water", "fat", "both")
        key = f"{score.case}, {score.sequence}" if alone else score.sequence
        groups.setdefault(key, []).append(score)
    for key, members in groups.items():
        values = [
            np.mean([m.foreground for m in members]),
            np.mean([m.erector_spinae for m in members]),
            np.mean([m.multifidus for m in members]),
            min(m.foreground for m in members),
        ]
        dices = " | ".join(f"{value:.3f}" for value in values)
        volume = np.mean([m.volume_error_percent for m in members])
        fat = np.mean([m.fat_ratio_error_points for m in members])
        seconds = np.mean([m.seconds for m in members])
        lines.append(
            f"| {key} | {len(members)} | {dices} | {volume:.1f} | "
            f"{'–' if np.isnan(fat) else f'{fat:.2f}'} | {seconds:.1f} |"
        )
    return "\n".join(lines)
