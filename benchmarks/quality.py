"""How well the score of a slice separates good masks from bad ones.

Segments the axial T2w check images unchanged and degraded on purpose (noise, blur, crops through
the muscles, rotation by a right angle), CT-like images made from Dixon pairs, a brain and
synthetic thighs, and prints, by kind of image, Dice and score, and the area under the ROC curve of
the score for a foreground Dice of at least 0.80 over all slices with a mask.

    python benchmarks/quality.py ../shared/data [--model MODEL.onnx]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage, stats
from sklearn.isotonic import IsotonicRegression

from common import argument_parser, dice, print_table, published_pairs
from lpm_segmentator.core import Volume
from lpm_segmentator.models import load_predictor
from lpm_segmentator.segment import Predictor, assess, keep_largest
from lpm_segmentator.train.compact.evaluation import labelled_files
from lpm_segmentator.train.labelled import IGNORED

GOOD = 0.80
UNCHANGED = "T2w, unchanged"
WRONG = ("brain", "thigh")


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and the truth on its grid; 255 is ignored."""

    kind: str
    image: Volume
    truth: npt.NDArray[np.integer]


@dataclass(frozen=True)
class Row:
    """A slice with a mask, or with muscle but without a mask (score nan)."""

    kind: str
    dice: float
    score: float
    discarded: bool


def t2_slices(folder: Path) -> Iterator[Sample]:
    """Yield the check images, unchanged and degraded."""
    rng = np.random.default_rng(0)
    for index, file in enumerate(labelled_files(folder)):
        image, labels = file.read()
        truth = labels.array
        array = image.array.astype(np.float32)
        yield Sample(UNCHANGED, image, truth)
        top = np.percentile(array[array > array.mean() / 2], 95)
        for level in (0.15, 0.4, 1.0):
            parts = level * top * rng.standard_normal((2, *array.shape))
            noisy = np.hypot(array + parts[0], parts[1]).astype(np.float32)
            yield Sample(f"T2w, noise {level:g}", image.with_array(noisy), truth)
        sigma = [6 / image.spacing_mm[0], 6 / image.spacing_mm[1], 0]
        blurred = ndimage.gaussian_filter(array, sigma)
        yield Sample("T2w, blurred 6 mm", image.with_array(blurred), truth)
        kept = _half(truth, index % 3)
        cropped = image.with_array(array * kept)
        yield Sample("T2w, cropped through the muscles", cropped, np.where(kept, truth, 0))
        rotated = Volume(np.rot90(array).copy(), image.affine)
        yield Sample("T2w, rotated by 90°", rotated, np.rot90(truth).copy())


def _half(truth: npt.NDArray[np.integer], which: int) -> npt.NDArray[np.bool_]:
    """Return the part of an image that is kept by a crop through the centre of its muscles."""
    places = np.argwhere(truth > 0)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    kept = np.zeros(truth.shape, bool)
    if which == 0:
        kept[(low[0] + high[0]) // 2 :] = True
    elif which == 1:
        kept[:, (low[1] + high[1]) // 2 :] = True
    else:
        kept[:, : (low[1] + high[1]) // 2] = True
    return kept


def ct_like(folder: Path) -> Iterator[Sample]:
    """Yield images in Hounsfield-like units made from the labelled Dixon pairs."""
    for case in published_pairs(folder):
        fat = case.pair.fat.array.astype(float)
        both = case.pair.water.array.astype(float) + fat
        body = both > 0.3 * both[both > both.mean() / 2].mean()
        body = ndimage.binary_fill_holes(ndimage.binary_opening(body, iterations=2))
        units = np.where(body, 60 - 160 * fat / np.maximum(both, 1), -1000)
        units[body & (both < 0.25 * np.median(both[body]))] = 500
        image = Volume(units.astype(np.float32), case.labels.affine)
        yield Sample("CT-like", image, case.labels.array)


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
    """Yield the slices of a sample with a mask or with muscle."""
    prediction = predictor.predict(sample.image)
    cleaned = keep_largest(prediction.labels)
    quality = assess(cleaned.labels, prediction, removed_share=cleaned.removed_share)
    axis = sample.image.slice_axis
    masks = np.moveaxis(cleaned.labels.array > 0, axis, 0)
    truths = np.moveaxis(sample.truth, axis, 0)
    for index, (mask, truth) in enumerate(zip(masks, truths, strict=True)):
        known = truth != IGNORED
        predicted, true = mask & known, (truth > 0) & known
        if predicted.any() or true.any():
            score = quality.slice_scores.get(index, float("nan"))
            yield Row(sample.kind, dice(predicted, true), score, not quality.plausible)


def auroc(rows: list[Row]) -> float:
    """Return the probability that a good slice has a higher score than a bad one."""
    good = [row.score for row in rows if row.dice >= GOOD]
    bad = [row.score for row in rows if row.dice < GOOD]
    statistic = stats.mannwhitneyu(good, bad).statistic
    return float(statistic) / (len(good) * len(bad))


def correlations(rows: list[Row]) -> str:
    """Return how score and Dice correlate, as it is and after isotonic calibration.

    A calibration that is fitted to the same slices is the best that any monotone one can reach.
    """
    score, truth = (np.array([getattr(row, name) for row in rows]) for name in ("score", "dice"))

    def calibrated(fitted: npt.NDArray[np.bool_], at: npt.NDArray[np.float64]) -> float:
        return (
            IsotonicRegression(out_of_bounds="clip").fit(score[fitted], truth[fitted]).predict(at)
        )

    every = np.ones(len(rows), bool)
    left_out = [calibrated(np.arange(len(rows)) != n, score[[n]])[0] for n in range(len(rows))]
    plain, best, honest = (
        float(np.corrcoef(values, truth)[0, 1])
        for values in (score, calibrated(every, score), left_out)
    )
    return f"{plain:.2f}; calibrated on these slices {best:.2f}, on all others {honest:.2f}"


def summary(rows: list[Row]) -> Iterator[list[object]]:
    """Yield a row of the table for each kind of image."""
    for kind in dict.fromkeys(row.kind for row in rows):
        part = [row for row in rows if row.kind == kind]
        scored = [row.score for row in part if np.isfinite(row.score)]
        yield [
            kind,
            len(part),
            len(scored),
            sum(row.discarded for row in part),
            sum(row.dice < GOOD for row in part),
            f"{np.mean([row.dice for row in part]):.3f}",
            f"{np.mean(scored):.3f}" if scored else "–",
        ]


def main() -> None:
    """Segment and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="folder with axial_t2_check and myosegmentum")
    parser.add_argument("--model", default="embedded")
    given = parser.parse_args()
    predictor = load_predictor(given.model)
    sources = (
        t2_slices(given.data / "axial_t2_check"),
        ct_like(given.data / "myosegmentum"),
        brain(),
        thighs(),
    )
    rows = [row for source in sources for sample in source for row in judge(sample, predictor)]
    print_table(
        ["image", "slices", "with mask", "discarded", "Dice < 0.80", "Dice", "score"], summary(rows)
    )
    with_mask = [row for row in rows if np.isfinite(row.score)]
    backs = [row for row in with_mask if row.kind not in WRONG]
    print(f"AUROC, all {len(with_mask)} slices with a mask: {auroc(with_mask):.3f}")
    print(f"AUROC, {len(backs)} of them of backs: {auroc(backs):.3f}")
    unchanged = [row for row in with_mask if row.kind == UNCHANGED]
    print(f"r of score and Dice, {len(unchanged)} unchanged T2w slices: {correlations(unchanged)}")


if __name__ == "__main__":
    main()
