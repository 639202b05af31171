"""Other people's sagittal water images as training subjects, labelled by a trained model.

A sagittal Dixon water volume shows the multifidus and the medial erector spinae of somebody whom
nobody outlined. Reformatted to axial slices, a model that knows water images well labels it; the
contrasts composed from it then teach that person's anatomy for the sequences the model knows less
well. The fat image, which is not there, is estimated from the water.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import reorient, resample
from lpm_segmentator.segment import assess, keep_largest
from lpm_segmentator.train.subjects import local_mean, training_subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lpm_segmentator.core import Volume
    from lpm_segmentator.segment import DixonPredictor
    from lpm_segmentator.train.subjects import TrainingSubject

__all__ = ["axial_reformat", "estimated_fat", "pseudo_labelled"]

_FRAME = ("L", "P", "S")
#: thickness of the axial slices
_SLICE_MM = 4.0
#: a slice is taught if the model expects at least this Dice of its own mask
_SURE = 0.85
#: fewer such slices are not worth a subject
_FEWEST = 5
#: kept before and behind the muscles
_AROUND_MM = 80.0
#: signal of pure fat over that of the muscles' water; 1.7 and 1.8 in the two labelled pairs
_FAT_PER_MUSCLE = 1.75
#: what is darker than this part of the muscles, seen from behind, lies outside the skin
_SKIN = 0.4


def pseudo_labelled(name: str, water: Volume, teacher: DixonPredictor) -> TrainingSubject | None:
    """Return a subject whose labels are what a model says, or None where it is too unsure.

    Only slices are kept of which the model expects a Dice of 0.85 or more, sides balanced
    (`lpm_segmentator.segment.assess`).

    Parameters
    ----------
    name : str
        The case.
    water : Volume
        A Dixon water image, in any orientation; sagittal ones are reformatted.
    teacher : DixonPredictor
        A model that gives probabilities.
    """
    axial = axial_reformat(water)
    prediction = teacher.predict_dixon(axial)
    labels = keep_largest(prediction.labels).labels
    scores = assess(labels, prediction).slice_scores
    sure = [index for index, score in sorted(scores.items()) if score >= _SURE]
    if len(sure) < _FEWEST:
        return None
    image = np.asarray(axial.array, dtype=np.float32).T[sure]
    marks = np.asarray(labels.array).T[sure]
    rows = np.flatnonzero(marks.any(axis=(0, 2)))
    margin = round(_AROUND_MM / axial.spacing_mm[0])
    kept = slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin)
    image, marks = image[:, kept], marks[:, kept]
    fat = estimated_fat(image, marks > 0, axial.spacing_mm[0])
    return training_subject(name, image, fat, marks, axial.spacing_mm[0]).cut_off()


def axial_reformat(volume: Volume) -> Volume:
    """Return axial slices of 4 mm with square pixels, as fine as the volume from front to back.

    The axes run to the left, to the back and to the head.
    """
    turned = reorient(volume, _FRAME)
    pixel = turned.spacing_mm[1]
    target = turned.geometry.with_spacing((pixel, pixel, _SLICE_MM))
    return resample(turned, target, order=1, antialias=True)


def estimated_fat(
    water: NDArray[np.float32], muscle: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float32]:
    """Return a fat image for a water image: within the body, what water leaves of the signal.

    Parameters
    ----------
    water : ndarray, shape (slices, rows, columns)
        Rows from front to back.
    muscle : ndarray of bool, same shape
        Where the water signal is that of muscle.
    spacing_mm : float
        In-plane spacing.

    Notes
    -----
    Cortical bone, ligaments and vessels have neither water nor fat; here they count as fat. In the
    two labelled pairs the median fat falls about linearly from pure fat to a tenth of it, while
    water rises to the muscles' level.
    """
    level, held = local_mean(water, muscle, spacing_mm)
    # Far from the muscles nothing is known of their brightness: take the mean of the slice.
    means = (water * muscle).sum((1, 2)) / np.maximum(muscle.sum((1, 2)), 1)
    level = np.where(held > 1e-3, level, means[:, None, None])
    part = water / np.maximum(level, 1e-6)
    body = np.maximum.accumulate((part > _SKIN)[:, ::-1], axis=1)[:, ::-1]
    fat = _FAT_PER_MUSCLE * level * np.clip(1 - part, 0, 1) * body
    return np.asarray(fat, dtype=np.float32)
