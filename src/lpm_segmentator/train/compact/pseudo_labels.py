"""Unlabelled sagittal water images as training subjects, labelled by a trained model.

A sagittal Dixon water volume shows the multifidus and the medial erector spinae of a subject
without manual labels. A model that performs well on water images labels its axial reformat; the
contrasts composed from it then teach that subject's anatomy for the sequences on which the model
performs less well. The missing fat image is estimated from the water image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lpm_segmentator.core import AXIAL_FRAME, Contrast, reorient, resample
from lpm_segmentator.segment import assess, keep_largest
from lpm_segmentator.train.synthesis.subjects import local_mean, training_subject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lpm_segmentator.core import Volume
    from lpm_segmentator.segment import Predictor
    from lpm_segmentator.train.synthesis.subjects import TrainingSubject

__all__ = ["axial_reformat", "estimated_fat", "pseudo_labelled"]

#: thickness of the axial slices
_SLICE_MM = 4.0
#: smallest expected Dice of a slice's mask at which the slice is used
_LEAST_SCORE = 0.85
#: smallest number of such slices that makes a subject
_FEWEST_SLICES = 5
#: margin kept anterior and posterior to the muscles
_MARGIN_MM = 80.0
#: ratio of the signals of pure fat and of muscle water; 1.7 and 1.8 in the two labelled pairs
_FAT_PER_MUSCLE = 1.75
#: relative to muscle, the signal below which pixels posterior to the body are air
_SKIN = 0.4


def pseudo_labelled(name: str, water: Volume, teacher: Predictor) -> TrainingSubject | None:
    """Return a subject labelled by a model, or None if its confidence is too low.

    Only slices with a score of 0.85 or more are kept (`lpm_segmentator.segment.assess`).

    Parameters
    ----------
    name : str
        The case.
    water : Volume
        A Dixon water image in any orientation; it is reformatted to axial slices.
    teacher : Predictor
        A model that returns probabilities.
    """
    axial = replace(axial_reformat(water), contrast=Contrast.WATER)
    prediction = teacher.predict(axial)
    labels = keep_largest(prediction.labels).labels
    scores = assess(labels, prediction).slice_scores
    slices = [index for index, score in sorted(scores.items()) if score >= _LEAST_SCORE]
    if len(slices) < _FEWEST_SLICES:
        return None
    image = np.asarray(axial.array, dtype=np.float32).T[slices]
    marks = np.asarray(labels.array).T[slices]
    rows = np.flatnonzero(marks.any(axis=(0, 2)))
    margin = round(_MARGIN_MM / axial.spacing_mm[0])
    kept = slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin)
    image, marks = image[:, kept], marks[:, kept]
    fat = estimated_fat(image, marks > 0, axial.spacing_mm[0])
    return training_subject(name, image, fat, marks, axial.spacing_mm[0]).truncated()


def axial_reformat(volume: Volume) -> Volume:
    """Return a volume reformatted to axial slices of 4 mm.

    Pixels are square, with the spacing of the volume from anterior to posterior; the axes run to
    left, posterior and superior.
    """
    turned = reorient(volume, AXIAL_FRAME)
    pixel = turned.spacing_mm[1]
    target = turned.geometry.with_spacing((pixel, pixel, _SLICE_MM))
    return resample(turned, target, order=1, antialias=True)


def estimated_fat(
    water: NDArray[np.float32], muscle: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float32]:
    """Return an estimated fat image: where water is darker than muscle, fat fills the rest.

    Parameters
    ----------
    water : ndarray, shape (slices, rows, columns)
        Rows run to posterior.
    muscle : ndarray of bool, shape (slices, rows, columns)
        Mask of the muscles.
    spacing_mm : float
        In-plane spacing.

    Returns
    -------
    ndarray of float32, shape (slices, rows, columns)
        In the unit of the water image.

    Notes
    -----
    Cortical bone, ligaments and vessels have little water and little fat signal; here they count as
    fat. In the two labelled pairs the median fat signal falls about linearly, to a tenth of that of
    pure fat, as the water signal rises to that of muscle.
    """
    level, coverage = local_mean(water, muscle, spacing_mm)
    # Far from the muscles the local mean is undefined: use the mean of the slice.
    means = (water * muscle).sum((1, 2)) / np.maximum(muscle.sum((1, 2)), 1)
    level = np.where(coverage > 1e-3, level, means[:, None, None])
    relative = water / np.maximum(level, 1e-6)
    body = np.maximum.accumulate((relative > _SKIN)[:, ::-1], axis=1)[:, ::-1]
    fat = _FAT_PER_MUSCLE * level * np.clip(1 - relative, 0, 1) * body
    return np.asarray(fat, dtype=np.float32)
