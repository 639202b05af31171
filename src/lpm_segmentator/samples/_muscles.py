"""The muscles of the phantom: erector spinae and multifidus with their fascia and fat.

Coordinates and ``t`` are those of `lpm_segmentator.samples._anatomy`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.samples._canvas import (
    FAT,
    TISSUE,
    WATER,
    Blob,
    Canvas,
    FloatArray,
    Profile,
    curve,
)

#: Width of the threshold that turns the random field into fat; a small width gives sharp streaks.
_SOFTNESS = 0.5


def draw_muscles(
    rng: np.random.Generator, canvas: Canvas, t: Profile, body: FloatArray, grade: float
) -> npt.NDArray[np.uint8]:
    """Draw erector spinae and multifidus with fascia and fat, and return the label map.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
        Painted on.
    t : ndarray, shape (k,)
        Position of each slice along the spine.
    body : ndarray of float32, shape (i, j, k)
        Distance to the body surface, negative inside (mm).
    grade : float
        Fatty infiltration from 0 to 1.

    Returns
    -------
    ndarray of uint8, shape (i, j, k)
        1 ES right, 2 MF right, 3 MF left, 4 ES left, 0 background.
    """
    labels = np.zeros(canvas.shape, dtype=np.uint8)
    size = rng.uniform(0.88, 1.08)
    taper = rng.uniform(0.15, 0.4)
    low = rng.uniform(0.55, 1.1)  # how much of the erector spinae is left at L5-S1
    es = Blob(
        curve(t, 48, 44, 43, 42, 41),
        curve(t, 44, 52, 58, 60, 61),
        size * curve(t, 19 * low, 29, 34, 36, 36),
        size * curve(t, 18 * low, 20, 21.5, 22, 20),
        curve(t, -0.5, -0.4, -0.25, -0.15, -0.10),
        2.4,
        taper,
    )
    mf = Blob(
        curve(t, 20.5, 18.5, 15, 13.5, 13),
        curve(t, 54, 54, 54, 54, 54),
        size * curve(t, 17, 15, 10.5, 8.5, 8),
        size * curve(t, 20, 19.5, 17.5, 14, 11),
        curve(t, 0.15, 0.1, 0.05, 0.0, 0.0),
        2.3,
    )
    for side, (es_label, mf_label) in ((-1.0, (1, 2)), (1.0, (4, 3))):
        muscles = _Side(side, (es_label, mf_label), (es, mf), rng.normal(1, 0.025, 2))
        _draw_side(rng, canvas, muscles, _Subject(t, grade, body, labels))
    return labels


@dataclass(frozen=True)
class _Side:
    """The muscles of one side: sign (-1 right, +1 left), labels, shapes and sizes of ES and MF."""

    sign: float
    values: tuple[int, int]
    blobs: tuple[Blob, Blob]
    scales: Profile


@dataclass(frozen=True)
class _Subject:
    """The values that both sides share; `labels` is modified in place."""

    t: Profile
    grade: float
    body: FloatArray
    labels: npt.NDArray[np.uint8]


def _draw_side(rng: np.random.Generator, canvas: Canvas, muscles: _Side, subject: _Subject) -> None:
    """Draw both muscles of one side."""
    side, values, grade = muscles.sign, muscles.values, subject.grade
    box = canvas.box(muscles.blobs[0], side, grow_mm=6.0)
    if box is None:
        return
    inset = subject.body[box.window] + np.float32(rng.uniform(5, 8))
    midline = np.float32(2.8) - side * box.x
    es = np.maximum(
        np.maximum(muscles.blobs[0].distance(box, side, muscles.scales[0]), inset), midline
    )
    mf = np.maximum(
        np.maximum(muscles.blobs[1].distance(box, side, muscles.scales[1]), inset), midline
    )
    es = np.maximum(es, -mf)
    # The fascia encloses both muscles; each label extends to it, as in manual segmentations.
    canvas.paint(box, canvas.cover(np.minimum(es, mf) - np.float32(1.0)), "fascia")
    part = subject.labels[box.window]
    part[es < 0] = values[0]
    part[mf < 0] = values[1]
    gap = np.float32(rng.uniform(0.2, 0.8))
    texture = _streaks(rng, es.shape, canvas)
    deep = (65 - box.y) / 20 + (22 - side * box.x) / 16
    caudal = (0.5 - subject.t[box.window[2]]).astype(np.float32)
    targets = (0.06 + 0.30 * grade, 0.07 + 0.43 * grade)
    for distance, value, target, pull in zip((es, mf), values, targets, (0.25, 0.6), strict=True):
        field = texture + pull * deep.astype(np.float32) + (0.3 + grade) * caudal
        fat_ratio = float(np.clip(target * rng.uniform(0.85, 1.15), 0.05, 0.6))
        share = _infiltration(field, part == value, fat_ratio)
        inside = canvas.cover(distance + gap)
        canvas.paint(box, inside, "muscle")
        canvas.paint(box, inside * share, "fat")
        between = canvas.cover(np.abs(distance) - np.float32(0.5)) * (es + mf < 2)
        canvas.paint(box, np.float32(0.25 + 0.4 * grade) * between, "fat")


def _streaks(rng: np.random.Generator, shape: tuple[int, ...], canvas: Canvas) -> FloatArray:
    """Return a random field of septa and patches with unit variance.

    The zero crossings of smooth noise resemble the fatty septa between muscle bundles.
    """
    step = (float(np.diff(canvas.xs).mean()), float(np.diff(canvas.ys).mean()))

    def smooth(size_mm: tuple[float, float], depth: float) -> FloatArray:
        raw = rng.standard_normal(shape, dtype=np.float32)
        sigma = (size_mm[0] / step[0], size_mm[1] / step[1], depth)
        soft = ndimage.gaussian_filter(raw, sigma, truncate=2.5, mode="wrap")
        return np.asarray(soft / max(float(soft.std()), 1e-6), dtype=np.float32)

    coarse, fine = rng.uniform(2.5, 4.5), rng.uniform(1.2, 2.0)
    total = -1.6 * np.abs(smooth((coarse, 1.3 * coarse), 0.9))
    total += -0.7 * np.abs(smooth((1.3 * fine, fine), 0.6))
    total += 0.6 * smooth((5.0, 5.0), 0.9) + 0.3 * smooth((0.7, 0.7), 0.3)
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)


def _infiltration(field: FloatArray, inside: npt.NDArray[np.bool_], fat_ratio: float) -> FloatArray:
    """Return the fat share of each voxel: a soft threshold of the field that gives `fat_ratio`."""
    values = field[inside]
    if not values.size:
        return np.zeros_like(field)
    lean, pure = TISSUE["muscle"], TISSUE["fat"]
    low, high = float(values.min()) - 3, float(values.max()) + 3
    for _ in range(18):
        middle = (low + high) / 2
        share = float((1 / (1 + np.exp(-(values - middle) / _SOFTNESS))).mean())
        fat = lean[FAT] + share * (pure[FAT] - lean[FAT])
        water = lean[WATER] + share * (pure[WATER] - lean[WATER])
        if fat / (fat + water) > fat_ratio:
            low = middle
        else:
            high = middle
    exponent = np.clip(-(field - np.float32((low + high) / 2)) / np.float32(_SOFTNESS), -30, 30)
    return np.asarray(1 / (1 + np.exp(exponent)), dtype=np.float32)
