"""Scores of a model on labelled images, computed by the code that users run."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import (
    DixonPair,
    GeometryError,
    InputError,
    LabelMap,
    Muscle,
    Volume,
)
from lpm_segmentator.io import is_image, read_image, read_label_map
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.segment import keep_largest
from lpm_segmentator.train.labelled import IGNORED
from lpm_segmentator.train.scores import markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.segment import Prediction, Predictor
    from lpm_segmentator.train.compact.data import SubjectImages

__all__ = [
    "LabelledFile",
    "Score",
    "evaluate_slices",
    "evaluate_subject",
    "labelled_files",
    "summary",
]


@dataclass(frozen=True)
class Score:
    """The scores of a model on one image.

    Attributes
    ----------
    case, sequence : str
    foreground, erector_spinae, multifidus : float
        Dice of all muscles together, and mean of the right and left Dice of each muscle.
    volume_error_percent : float
        Largest absolute volume error of the four muscles.
    fat_ratio_error_points : float
        Largest absolute error of ΣF/Σ(F+W) of the four muscles, in percentage points; nan without
        a Dixon pair.
    certainty : float
        Mean probability that the model gives its mask.
    seconds : float
        Time of the prediction.
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


def evaluate_subject(predictor: Predictor, subject: SubjectImages) -> list[Score]:
    """Score a model on the water image of a subject, on its fat image, and on the pair."""
    pair = DixonPair(subject.water, subject.fat)
    inputs: dict[str, Volume | DixonPair] = {"water": pair.water, "fat": pair.fat, "both": pair}
    return [
        _score(
            functools.partial(predictor.predict, image),
            subject.name,
            name,
            reference=subject.labels,
            pair=pair,
        )
        for name, image in inputs.items()
    ]


@dataclass(frozen=True)
class LabelledFile:
    """An image with its label map.

    Attributes
    ----------
    case : str
    image, labels : Path
    """

    case: str
    image: Path
    labels: Path

    def read(self) -> tuple[Volume, LabelMap]:
        """Read both files; voxels with the label 255 are ignored.

        Raises
        ------
        LpmError
            If a file is missing or invalid.
        GeometryError
            If the two differ in shape.
        """
        volume = read_image(self.image).volume
        labels = read_label_map(self.labels, ignore=[IGNORED]).labels
        if volume.shape != labels.shape:
            raise GeometryError(
                f"the label map has the shape {labels.shape}, its image {volume.shape}",
                where=self.labels,
            )
        return volume, labels


def labelled_files(folder: Path) -> tuple[LabelledFile, ...]:
    """Return the images ``X_image.nii.gz`` of a folder with their label maps ``X_label.nii.gz``.

    All files are read once, so that a damaged one is reported before it is needed.

    Raises
    ------
    InputError
        If the folder holds no such image.
    LpmError
        If a file is missing or invalid, or image and label map differ in shape.
    """
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    images = [path for path in paths if is_image(path) and "_image." in path.name]
    if not images:
        raise InputError(
            "the folder holds no X_image.nii.gz",
            where=folder,
            hint="Name images X_image.nii.gz and their label maps X_label.nii.gz",
        )
    files = tuple(
        LabelledFile(
            path.name.partition("_image.")[0],
            path,
            path.with_name(path.name.replace("_image.", "_label.")),
        )
        for path in images
    )
    for file in files:
        file.read()
    return files


def evaluate_slices(predictor: Predictor, files: Sequence[LabelledFile]) -> list[Score]:
    """Score a model on labelled images.

    Parameters
    ----------
    predictor : Predictor
    files : sequence of LabelledFile
        The name of their folder is the sequence of the scores.

    Raises
    ------
    LpmError
        If a file is missing or invalid, or image and label map differ in shape.
    """
    scores = []
    for file in files:
        volume, reference = file.read()
        predict = functools.partial(predictor.predict, volume)
        scores.append(_score(predict, file.case, file.image.parent.name, reference=reference))
    return scores


def _score(
    predict: Callable[[], Prediction],
    case: str,
    sequence: str,
    *,
    reference: LabelMap,
    pair: DixonPair | None = None,
) -> Score:
    """Segment an image as users do, largest components only, and score the mask."""
    started = time.perf_counter()
    prediction = predict()
    seconds = time.perf_counter() - started
    labels = keep_largest(prediction.labels).labels
    ignored = reference.ignored
    truth = LabelMap(np.where(ignored, 0, reference.array), reference.affine)
    mask = LabelMap(np.where(ignored, 0, labels.array), reference.affine)
    accuracy = compare_label_maps(truth, mask, case=case, surfaces=False, pair=pair)
    rows = {row.label: row for row in accuracy.rows if row.level_kind == "all"}
    by_muscle = {
        muscle: float(np.mean([rows[s.value]["dice"] for s in truth.scheme if s.muscle is muscle]))
        for muscle in Muscle
    }
    muscles = [rows[value] for value in truth.scheme.values]
    confidence = prediction.confidence
    foreground = labels.array > 0
    return Score(
        case=case,
        sequence=sequence,
        foreground=rows[0]["dice"],
        erector_spinae=by_muscle[Muscle.ERECTOR_SPINAE],
        multifidus=by_muscle[Muscle.MULTIFIDUS],
        volume_error_percent=max(abs(row["volume_difference_percent"]) for row in muscles),
        fat_ratio_error_points=100 * max(abs(row["fat_ratio_difference"]) for row in muscles),
        certainty=float(confidence[foreground].mean())
        if confidence is not None and foreground.any()
        else 0.0,
        seconds=seconds,
    )


def summary(scores: Sequence[Score]) -> str:
    """Return a Markdown table: one row per subject and sequence, or per folder of images.

    Values are means over the images of a row, except "lowest foreground".
    """
    groups: dict[str, list[Score]] = {}
    for score in scores:
        alone = score.sequence in ("water", "fat", "both")
        key = f"{score.case}, {score.sequence}" if alone else score.sequence
        groups.setdefault(key, []).append(score)
    columns = (
        "set",
        "n",
        "foreground Dice",
        "ES",
        "MF",
        "lowest foreground",
        "volume error %",
        "fat ratio error, points",
        "s",
    )
    return markdown_table(columns, (_row(key, members) for key, members in groups.items()))


def _row(key: str, members: Sequence[Score]) -> list[object]:
    dices = [
        np.mean([m.foreground for m in members]),
        np.mean([m.erector_spinae for m in members]),
        np.mean([m.multifidus for m in members]),
        min(m.foreground for m in members),
    ]
    volume = np.mean([m.volume_error_percent for m in members])
    fat = np.mean([m.fat_ratio_error_points for m in members])
    seconds = np.mean([m.seconds for m in members])
    return [
        key,
        len(members),
        *(f"{value:.3f}" for value in dices),
        f"{volume:.1f}",
        "–" if np.isnan(fat) else f"{fat:.2f}",
        f"{seconds:.1f}",
    ]
