"""Synthetic cases with a known answer, in memory and as files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lpm_segmentator.core import DixonPair, LabelMap, Volume
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.samples.phantom import Phantom, make_phantom
from lpm_segmentator.segment import ModelInfo, Prediction, water_image

SHAPE = (110, 80, 6)
SPACING_MM = (3.0, 3.0, 8.0)


@cache
def phantom(seed: int = 0) -> Phantom:
    return make_phantom(seed=seed, shape=SHAPE, spacing_mm=SPACING_MM, noise=0.0)


def pair_of(made: Phantom) -> DixonPair:
    return DixonPair(Volume(made.water, made.affine), Volume(made.fat, made.affine))


def labels_of(made: Phantom) -> LabelMap:
    return LabelMap(made.labels, made.affine)


def write_pair(folder: Path, case: str, seed: int = 0) -> None:
    """Write ``CASE_water.nii.gz`` and ``CASE_fat.nii.gz``."""
    pair = pair_of(phantom(seed))
    write_image(pair.water, folder / f"{case}_water.nii.gz")
    write_image(pair.fat, folder / f"{case}_fat.nii.gz")


def write_reference(folder: Path, case: str, seed: int = 0) -> Path:
    """Write ``CASE_dseg.nii.gz``."""
    path = folder / f"{case}_dseg.nii.gz"
    write_label_map(labels_of(phantom(seed)), path)
    return path


def write_labelled(folder: Path, case: str, seed: int = 0) -> None:
    """Write ``CASE_image.nii.gz``, a water image, and ``CASE_label.nii.gz``."""
    write_image(pair_of(phantom(seed)).water, folder / f"{case}_image.nii.gz")
    write_label_map(labels_of(phantom(seed)), folder / f"{case}_label.nii.gz")


class Truthful:
    """A predictor that returns the truth with a given confidence, and keeps its inputs."""

    def __init__(self, labels: LabelMap, confidence: float = 0.9) -> None:
        self._labels = labels
        self._confidence = confidence
        self.inputs: list[Volume | DixonPair] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("truth", version="1", sha256="0" * 64)

    def predict(self, image: Volume | DixonPair) -> Prediction:
        self.inputs.append(image)
        volume = water_image(image)
        axis = volume.slice_axis
        here = self._labels.geometry.world_to_voxel(volume.geometry.origin_mm)
        start = round(float(here[axis]))
        part = np.take(self._labels.array, range(start, start + volume.shape[axis]), axis)
        return Prediction(
            LabelMap(part, volume.affine),
            np.where(part > 0, np.float32(self._confidence), np.float32(1)),
            warnings=("this predictor returns the truth",),
        )
