"""A synthetic axial lumbar phantom with known masks, volumes and fat ratios.

The phantom is used in tests, where the true values must be known, in training, and as a sample
for the demo. It is composed of random smooth shapes whose sizes and positions were measured on
axial Dixon and T2-weighted MRI of the lumbar spine; the MR physics is not simulated.

`lpm_segmentator.samples._anatomy` draws the anatomy; this module adds blur, bias field and noise,
and computes the true values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.io import write_image, write_json, write_label_map
from lpm_segmentator.samples._anatomy import Drawing, draw_anatomy
from lpm_segmentator.samples._canvas import FAT, T1, T2, WATER, FloatArray
from lpm_segmentator.samples.sample import Sample

__all__ = ["Phantom", "make_phantom", "phantom_sample"]

#: Signal of lean muscle in the water image; the others follow from it.
_SIGNAL_SCALE = 420.0
#: How often a saturation band darkens the anterior abdomen.
_SATURATION_SHARE = 0.4
_DISC_NAMES = ("L5-S1", "L4-L5", "L3-L4", "L2-L3", "L1-L2")


@dataclass(frozen=True, eq=False)
class Phantom:
    """One synthetic subject on one grid.

    Attributes
    ----------
    water, fat, t1w, t2w : ndarray of float32, shape (i, j, k)
        Images in arbitrary units, never negative.
    labels : ndarray of uint8, shape (i, j, k)
        1 ES right, 2 MF right, 3 MF left, 4 ES left, 0 background.
    affine : ndarray, shape (4, 4)
        Voxel indices to RAS+ millimetres. The array axes run to the left, posterior and superior.
    volumes_ml : mapping of int to float
        True volume of each label: voxel count times voxel volume.
    fat_ratio : mapping of int to float
        True ΣF/Σ(F+W) of each label, from the images before noise.
    disc_slices : mapping of str to int
        Slice index of the middle of each disc that lies in the stack, e.g. ``{"L4-L5": 7}``.
    """

    water: FloatArray
    fat: FloatArray
    t1w: FloatArray
    t2w: FloatArray
    labels: npt.NDArray[np.uint8]
    affine: npt.NDArray[np.float64]
    volumes_ml: Mapping[int, float]
    fat_ratio: Mapping[int, float]
    disc_slices: Mapping[str, int]


def make_phantom(
    *,
    seed: int = 0,
    shape: tuple[int, int, int] = (256, 256, 24),
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 4.0),
    fat_grade: float | None = None,
    noise: float = 0.015,
) -> Phantom:
    """Return a phantom; the same arguments always give the same phantom.

    The stack covers L5-S1 (first slice) to L1-L2 (last slice), within half a vertebra, for any
    number of slices: fewer slices sample the same anatomy more coarsely.

    Parameters
    ----------
    seed : int
        Seed of the anatomy, signals and noise.
    shape : tuple of int
        Voxels along left, posterior and superior. A field of view below about 350 mm cuts off the
        flanks, as in clinical stacks.
    spacing_mm : tuple of float
        Voxel size along the same axes.
    fat_grade : float, optional
        Fatty infiltration from 0 (fat ratio about 0.06, before partial volume at the rim) to 1
        (multifidus about 0.5). By default drawn from the seed, low grades more often than high.
    noise : float
        Standard deviation of the noise as a fraction of the water signal of lean muscle.

    Returns
    -------
    Phantom
        Images, labels and their true values.

    Raises
    ------
    ValueError
        If a size, spacing, grade or noise level lies outside its range.
    """
    _check(shape, spacing_mm, fat_grade, noise)
    rng = np.random.default_rng(seed)
    drawing = draw_anatomy(rng, shape, spacing_mm, fat_grade)
    clean = _without_noise(rng, drawing, spacing_mm)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    counts = np.bincount(drawing.labels.ravel(), minlength=5)
    drawing.labels.setflags(write=False)
    images = _add_noise(rng, clean, noise)
    return Phantom(
        water=images[WATER],
        fat=images[FAT],
        t1w=images[T1],
        t2w=images[T2],
        labels=drawing.labels,
        affine=_affine(shape, spacing_mm),
        volumes_ml=MappingProxyType({n: int(counts[n]) * voxel_ml for n in range(1, 5)}),
        fat_ratio=MappingProxyType(_fat_ratios(clean, drawing)),
        disc_slices=MappingProxyType(_disc_slices(drawing)),
    )


def phantom_sample(folder: Path) -> Sample:
    """Write a phantom as a Dixon pair with reference and levels.

    Parameters
    ----------
    folder : Path
        Where the files go: ``phantom_water.nii.gz``, ``phantom_fat.nii.gz``,
        ``phantom_dseg.nii.gz`` and ``phantom_levels.json``.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    phantom = make_phantom(seed=7, shape=(340, 230, 24))
    sample = Sample(
        water=folder / "phantom_water.nii.gz",
        fat=folder / "phantom_fat.nii.gz",
        reference=folder / "phantom_dseg.nii.gz",
        levels=folder / "phantom_levels.json",
        origin="sample: a synthetic phantom, whose masks and levels are known exactly",
    )
    write_image(Volume(phantom.water, phantom.affine), sample.water)
    write_image(Volume(phantom.fat, phantom.affine), sample.fat)
    write_label_map(LabelMap(phantom.labels, phantom.affine), sample.reference)
    levels = {
        "case": "phantom",
        "image": sample.water.name,
        "grid": {"shape": list(phantom.labels.shape), "affine": phantom.affine.tolist()},
        "discs": [
            {"name": name, "slice": index}
            for name, index in sorted(phantom.disc_slices.items(), key=lambda disc: -disc[1])
        ],
        "warnings": [],
    }
    write_json(levels, sample.levels)
    return sample


def _without_noise(
    rng: np.random.Generator, drawing: Drawing, spacing_mm: tuple[float, float, float]
) -> FloatArray:
    """Return the signals (4, i, j, k) with in-plane blur and bias fields."""
    blur_mm = rng.uniform(0.35, 0.75)
    sigma = (blur_mm / spacing_mm[0], blur_mm / spacing_mm[1], 0.0)
    clean = np.stack([ndimage.gaussian_filter(c, sigma, truncate=3.0) for c in drawing.channels])
    np.maximum(clean, 0.0, out=clean)
    _apply_bias(rng, clean, drawing)
    return clean


def _check(
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    fat_grade: float | None,
    noise: float,
) -> None:
    """Refuse arguments outside their range."""
    if min(shape) < 1:
        raise ValueError(f"shape must be three positive numbers, not {shape}")
    if not all(0 < s < np.inf for s in spacing_mm):
        raise ValueError(f"spacing_mm must be three positive numbers, not {spacing_mm}")
    if fat_grade is not None and not 0 <= fat_grade <= 1:
        raise ValueError(f"fat_grade must lie in 0..1, not {fat_grade}")
    if not 0 <= noise < 1:
        raise ValueError(f"noise must lie in 0..1, not {noise}")


def _affine(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> npt.NDArray[np.float64]:
    """Return the affine of an L-P-S stack centred on the world origin."""
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


def _fat_ratios(clean: FloatArray, drawing: Drawing) -> dict[int, float]:
    """Return ΣF/Σ(F+W) of each label without noise; nan for a label outside the field of view."""
    labels = drawing.labels.ravel()
    fat = np.bincount(labels, clean[FAT].ravel(), minlength=5)
    water = np.bincount(labels, clean[WATER].ravel(), minlength=5)
    total = fat + water
    return {n: float(fat[n] / total[n]) if total[n] > 0 else float("nan") for n in range(1, 5)}


def _disc_slices(drawing: Drawing) -> dict[str, int]:
    """Return the slice nearest to the middle of each disc inside the stack."""
    slices = {}
    phase = drawing.phase
    half = 0.5 * abs(float(phase[1] - phase[0])) if len(phase) > 1 else 0.25
    for number, name in enumerate(_DISC_NAMES):
        nearest = int(np.argmin(np.abs(phase - number)))
        if abs(float(phase[nearest]) - number) <= half + 1e-6:
            slices[name] = nearest
    return slices


def _apply_bias(rng: np.random.Generator, clean: FloatArray, drawing: Drawing) -> None:
    """Multiply by bias fields, in place; a Dixon pair shares one, so F/(F+W) is free of it."""
    shared = _bias_field(rng, drawing)
    for channel in (WATER, FAT):
        clean[channel] *= shared
    for channel in (T1, T2):
        clean[channel] *= _bias_field(rng, drawing)


def _add_noise(rng: np.random.Generator, clean: FloatArray, noise: float) -> list[FloatArray]:
    """Return one image per channel, with noise and scaled to `_SIGNAL_SCALE`.

    Water and fat come from a real-valued fit, so their noise is Gaussian before the magnitude;
    T1w and T2w are magnitude images with Rician noise.
    """
    images = []
    for channel in (WATER, FAT, T1, T2):
        image = clean[channel].copy()
        if noise > 0:
            level = np.float32(noise)
            image += level * rng.standard_normal(image.shape, dtype=np.float32)
            if channel in (WATER, FAT):
                np.abs(image, out=image)
            else:
                other = level * rng.standard_normal(image.shape, dtype=np.float32)
                np.hypot(image, other, out=image)
        image *= np.float32(_SIGNAL_SCALE)
        image.setflags(write=False)
        images.append(image)
    return images


def _bias_field(rng: np.random.Generator, drawing: Drawing) -> FloatArray:
    """Return a smooth positive field: anterior coil fall-off, waves, and a saturation band."""
    x, y, z = (axis / 100.0 for axis in drawing.axes_mm)
    strength = rng.uniform(0.05, 0.5)
    fall = strength * np.tanh(y - 0.3)
    if rng.random() < _SATURATION_SHARE:
        edge = rng.uniform(-0.65, -0.35)
        fall = fall + np.log(0.12 + 0.88 / (1 + np.exp(-(y - edge) / 0.06)))
    wave_x = rng.uniform(0.0, 0.15) * np.cos(rng.uniform(0.8, 2.5) * x + rng.uniform(0, 6.3))
    wave_z = rng.uniform(0.0, 0.15) * np.cos(rng.uniform(1.5, 4.0) * z + rng.uniform(0, 6.3))
    in_plane = np.exp(wave_x[:, None] + fall[None, :])
    field = in_plane[:, :, None] * np.exp(wave_z)[None, None, :]
    return np.asarray(field, dtype=np.float32)
