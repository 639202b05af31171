"""Whether the score of a slice tells good masks from bad ones.

Segments the axial T2w check images as they are and damaged on purpose (noise, blur, crops through
the muscles, turned by a right angle), CT-like images made from Dixon pairs, a brain and drawn
thighs, and prints, by kind of image, Dice and score, and the area under the ROC curve of the score
for a foreground Dice of at least 0.80 over all slices that got a mask.

    python benchmarks/quality.py ../shared/data [--model MODEL.onnx]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats

from lpm_segmentator.api import load_predictor
from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.segment import Predictor, assess, keep_largest

GOOD = 0.80
WRONG = ("brain", "thigh")


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and the truth on its grid; 255 is ignored."""

    kind: str
    image: Volume
    truth: npt.NDArray[np.integer]


@dataclass(frozen=True)
class Row:
    """A slice that got a mask, or should have got one (score nan)."""

    kind: str
    dice: float
    score: float
    emptied: bool


def t2_slices(folder: Path) -> Iterator[Sample]:
    """Yield the check images, as they are and damaged."""
    rng = np.random.default_rng(0)
    for index, path in enumerate(sorted(folder.glob("*_image.nii.gz"))):
        image = read_image(path).volume
        labels = read_label_map(path.with_name(path.name.replace("_image", "_label")), ignore=[255])
        array, truth = image.array.astype(np.float32), labels.array
        yield Sample("T2w as it is", image, truth)
        top = np.percentile(array[array > array.mean() / 2], 95)
        for level in (0.15, 0.4, 1.0):
            parts = level * top * rng.standard_normal((2, *array.shape))
            noisy = np.hypot(array + parts[0], parts[1]).astype(np.float32)
            yield Sample(f"T2w, noise {level:g}", image.with_array(noisy), truth)
        sigma = [6 / image.spacing_mm[0], 6 / image.spacing_mm[1], 0]
        blurred = ndimage.gaussian_filter(array, sigma)
        yield Sample("T2w, blurred 6 mm", image.with_array(blurred), truth)
        seen = _half(truth, index % 3)
        cropped = image.with_array(array * seen)
        yield Sample("T2w, cut through the muscles", cropped, np.where(seen, truth, 0))
        turned = Volume(np.rot90(array).copy(), image.affine)
        yield Sample("T2w, turned by 90°", turned, np.rot90(truth).copy())


def _half(truth: npt.NDArray[np.integer], which: int) -> npt.NDArray[np.bool_]:
    """Return what is left of an image cut through the middle of its muscles."""
    places = np.argwhere(truth > 0)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    seen = np.zeros(truth.shape, bool)
    if which == 0:
        seen[(low[0] + high[0]) // 2 :] = True
    elif which == 1:
        seen[:, (low[1] + high[1]) // 2 :] = True
    else:
        seen[:, : (low[1] + high[1]) // 2] = True
    return seen


def ct_like(folder: Path) -> Iterator[Sample]:
    """Yield images in Hounsfield-like units made from the labelled Dixon pairs."""
    for name in ("TUM01", "TUM02"):
        water, fat = (
            read_image(folder / f"{name}_{kind}_img_img_L2-L5.nii.gz").volume.array.astype(float)
            for kind in ("water", "fat")
        )
        labels = read_label_map(folder / f"{name}_fat_manual_label_segmentation_L2-L5.nii.gz")
        both = water + fat
        body = both > 0.3 * both[both > both.mean() / 2].mean()
        body = ndimage.binary_fill_holes(ndimage.binary_opening(body, iterations=2))
        units = np.where(body, 60 - 160 * fat / np.maximum(both, 1), -1000)
        units[body & (both < 0.25 * np.median(both[body]))] = 500
        yield Sample("CT-like", Volume(units.astype(np.float32), labels.affine), labels.array)


def brain() -> Iterator[Sample]:
    """Yield the head that nibabel ships for its tests."""
    import nibabel as nib

    image = nib.load(Path(nib.__file__).parent / "tests" / "data" / "anatomical.nii")
    array = np.asarray(image.dataobj, dtype=np.float32)
    affine = np.diag([*nib.affines.voxel_sizes(image.affine), 1.0])
    yield Sample("brain", Volume(array, affine), np.zeros(array.shape, np.uint8))


def thighs() -> Iterator[Sample]:
    """Yield two round limbs with muscle, septa, a bone and a rim of fat."""
    rows, columns = np.mgrid[:240, :320].astype(np.float32)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        plane = np.zeros((240, 320), np.float32)
        for middle in (90, 230):
            radius = np.hypot(columns - middle, (rows - 120) * rng.uniform(0.9, 1.1))
            plane[radius < 75] = 1.0
            plane[radius < 60] = 0.35
            angle = np.arctan2(rows - 120, columns - middle) * rng.integers(2, 5) + seed
            plane[(radius < 60) & (np.abs(np.sin(angle)) < 0.06)] = 0.9
            plane[radius < 15] = 0.02
            plane[radius < 10] = 0.8
        plane = ndimage.gaussian_filter(plane, 1) + 0.02 * rng.standard_normal(plane.shape)
        image = np.abs(plane).T[..., None].astype(np.float32)
        affine = np.diag([-1.0, -1.0, 5.0, 1.0])
        yield Sample("thigh", Volume(image, affine), np.zeros(image.shape, np.uint8))


def judge(sample: Sample, predictor: Predictor) -> Iterator[Row]:
    """Yield the slices of a sample that got a mask or should have got one."""
    prediction = predictor.predict(sample.image)
    cleaned = keep_largest(prediction.labels)
    quality = assess(cleaned.labels, prediction, removed_share=cleaned.removed_share)
    axis = sample.image.slice_axis
    masks = np.moveaxis(_muscle(cleaned.labels), axis, 0)
    truths = np.moveaxis(sample.truth, axis, 0)
    for index, (mask, truth) in enumerate(zip(masks, truths, strict=True)):
        known = truth != 255
        found, right = mask & known, (truth > 0) & known
        if found.any() or right.any():
            dice = 2 * (found & right).sum() / (found.sum() + right.sum())
            score = quality.slice_scores.get(index, float("nan"))
            yield Row(sample.kind, float(dice), score, not quality.plausible)


def _muscle(labels: LabelMap) -> npt.NDArray[np.bool_]:
    return labels.array > 0


def auroc(rows: list[Row]) -> float:
    """Return the probability that a good slice has the higher score of a good and a bad one."""
    good = [row.score for row in rows if row.dice >= GOOD]
    bad = [row.score for row in rows if row.dice < GOOD]
    statistic = stats.mannwhitneyu(good, bad).statistic
    return float(statistic) / (len(good) * len(bad))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", type=Path, help="folder with axial_t2_check and myosegmentum")
    parser.add_argument("--model", default="embedded")
    named = parser.parse_args()
    predictor = load_predictor(named.model)
    sources = (
        t2_slices(named.data / "axial_t2_check"), ct_like(named.data / "myosegmentum"),
        brain(), thighs(),
    )  # fmt: skip
    rows = [row for source in sources for sample in source for row in judge(sample, predictor)]
    print("| image | slices | masked | emptied | Dice < 0.80 | Dice | score |")
    print("|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(row.kind for row in rows):
        part = [row for row in rows if row.kind == kind]
        scored = [row.score for row in part if np.isfinite(row.score)]
        mean = f"{np.mean(scored):.3f}" if scored else "–"
        print(
            f"| {kind} | {len(part)} | {len(scored)} | {sum(r.emptied for r in part)} "
            f"| {sum(r.dice < GOOD for r in part)} | {np.mean([r.dice for r in part]):.3f} "
            f"| {mean} |"
        )
    masked = [row for row in rows if np.isfinite(row.score)]
    backs = [row for row in masked if row.kind not in WRONG]
    print(f"AUROC, all {len(masked)} slices with a mask: {auroc(masked):.3f}")
    print(f"AUROC, {len(backs)} of them of backs: {auroc(backs):.3f}")


if __name__ == "__main__":
    main()
