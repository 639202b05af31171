"""From intensity to fat, by a mixture of Gaussians or by Otsu's threshold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import MissingExtraError

__all__ = ["IntensityMethod", "IntensitySplit", "failed_split", "split_intensities"]

FloatArray = npt.NDArray[np.float64]

_NAN = float("nan")
#: Intensities that stand for those of the muscles, and as many for those around them. With 10 000
#: each the shares of fat of 14 slices are the same within 0.1 points.
_SAMPLE = 2_000
_FEWEST = 100
#: Place between muscle (0) and fat (1) from which a class counts as fat.
_NEAR_FAT = 0.8
#: Fat must be at least this many times as bright as muscle. On T1w- and T2w-like images of two
#: subjects (see benchmarks/intensity_fat.py) the ratio was 1.77 or more after bias correction,
#: which takes some contrast; on their water images, where the brighter class is vessels, it was
#: 1.15 to 1.55.
_CONTRAST = 1.65
#: Points of the curve from intensity to fat.
_CURVE = 512


class IntensityMethod(str, Enum):
    """How the intensities of muscle and fat are separated."""

    GMM2 = "gmm2"
    """Mixture of two Gaussians: muscle and fat."""
    GMM3 = "gmm3"
    """Mixture of three Gaussians: muscle, mixed, fat."""
    OTSU = "otsu"
    """Otsu's threshold: largest variance between the two classes."""

    def __str__(self) -> str:
        """Return the short name."""
        return self.value

    @property
    def full_name(self) -> str:
        """Name in words, e.g. ``"2 Gaussians"``."""
        return {"gmm2": "2 Gaussians", "gmm3": "3 Gaussians", "otsu": "Otsu"}[self.value]


@dataclass(frozen=True, eq=False)
class IntensitySplit:
    """From intensity to fat.

    Attributes
    ----------
    method : IntensityMethod
    threshold : float
        Voxels brighter than this are fat in the hard map; nan if the split failed.
    means : tuple of float
        Mean intensity of the classes, darkest (muscle) first.
    weights : tuple of float
        Their shares, 0–1.
    curve : ndarray, shape (2, n)
        Intensity, and the expected share of fat of a voxel of that intensity: the soft map.
    reason : str
        Why there is no split; empty if there is.
    """

    method: IntensityMethod
    threshold: float
    means: tuple[float, ...]
    weights: tuple[float, ...]
    curve: FloatArray
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the split without its curve, as it is recorded."""
        return {
            "method": str(self.method),
            "threshold": self.threshold,
            "means": list(self.means),
            "weights": list(self.weights),
            "reason": self.reason,
        }

    def soft(self, values: npt.ArrayLike) -> FloatArray:
        """Return the expected share of fat, 0–1, of voxels of these intensities."""
        return np.asarray(np.interp(np.asarray(values, dtype=np.float64), *self.curve))

    def hard(self, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which voxels of these intensities count as fat."""
        return np.asarray(np.asarray(values, dtype=np.float64) > self.threshold)


def split_intensities(
    muscle: npt.ArrayLike,
    around: npt.ArrayLike = (),
    *,
    method: IntensityMethod = IntensityMethod.GMM3,
) -> IntensitySplit:
    """Learn the intensity of muscle and of fat.

    Parameters
    ----------
    muscle : array_like
        Intensities of muscle voxels, the fat within the muscles included.
    around : array_like
        Intensities of voxels around the muscles, where there is fat. Those darker than nearly all
        muscle (bone, air) and the brightest hundredth (fluid) are left out.
    method : IntensityMethod

    Returns
    -------
    IntensitySplit
        With a `reason` and nan where there are too few voxels, all intensities are equal, or the
        brighter class is too dark for fat.

    References
    ----------
    Otsu 1979, doi 10.1109/TSMC.1979.4310076.
    """
    inside, outside = (_finite(v) for v in (muscle, around))
    if len(inside) < _FEWEST:
        return failed_split(method, f"{len(inside)} muscle voxels are too few to split")
    floor = np.percentile(inside, 1)
    outside = outside[outside > floor]
    if len(outside):
        outside = outside[outside <= np.percentile(outside, 99)]
    # As many of the one as of the other, so that both classes are represented.
    data = np.concatenate([_evenly(v, _SAMPLE) for v in (inside, outside) if len(v)])
    if np.ptp(data) == 0:
        return failed_split(method, "all voxels have the same intensity")
    if method is IntensityMethod.OTSU:
        return _checked(_otsu(data))
    return _checked(_mixture(data, method, float(np.median(inside))))


def failed_split(method: IntensityMethod, reason: str) -> IntensitySplit:
    """Return a split that gives nan everywhere."""
    curve = np.array([[0.0, 1.0], [_NAN, _NAN]])
    return IntensitySplit(method, _NAN, (), (), curve, reason)


def _checked(split: IntensitySplit) -> IntensitySplit:
    """Reject a split whose brighter class cannot be fat: no number is better than a wrong one."""
    dark, bright = split.means[0], split.means[-1]
    if bright >= _CONTRAST * dark:
        return split
    return failed_split(
        split.method,
        f"the brighter class is {bright / dark:.1f} times as bright as muscle; fat on T1w and T2w "
        f"images is at least {_CONTRAST:g} times as bright; this may be a fat-suppressed or a "
        "water image",
    )


def _finite(values: npt.ArrayLike) -> FloatArray:
    data = np.asarray(values, dtype=np.float64).ravel()
    return data[np.isfinite(data)]


def _evenly(values: FloatArray, count: int) -> FloatArray:
    """Return quantiles at equal distances: unlike random voxels they give the same fit again."""
    places = (np.arange(count) + 0.5) / count * len(values)
    return np.sort(values)[places.astype(np.intp)]


def _otsu(data: FloatArray) -> IntensitySplit:
    """Split in two; the soft map is linear between the means of the two classes."""
    try:
        from skimage.filters import threshold_otsu
    except ImportError as error:
        raise MissingExtraError("Otsu's threshold", extra="t1t2") from error
    otsu: Any = threshold_otsu  # carries no types
    threshold = float(otsu(data))
    dark, bright = data[data <= threshold], data[data > threshold]
    means = (float(dark.mean()), float(bright.mean()))
    share = len(bright) / len(data)
    curve = np.array([means, (0.0, 1.0)])
    return IntensitySplit(IntensityMethod.OTSU, threshold, means, (1 - share, share), curve)


def _mixture(data: FloatArray, method: IntensityMethod, muscle: float) -> IntensitySplit:
    """Split by a mixture of Gaussians.

    The soft map is the expected share of fat: each class counts with the place of its mean
    between muscle (0) and fat (1), weighted by its posterior. It is made monotonic, since a wide
    Gaussian has the largest posterior again far beyond its neighbours, where that is meaningless.
    """
    try:
        from sklearn.mixture import GaussianMixture  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingExtraError("the Gaussian mixture", extra="t1t2") from error
    count = 2 if method is IntensityMethod.GMM2 else 3
    scale = float(np.ptp(data))
    starts = np.linspace(muscle, max(muscle, float(np.percentile(data, 95))), count)[:, None]
    model = GaussianMixture(
        count, means_init=(starts - muscle) / scale, random_state=0, max_iter=300, reg_covar=1e-7
    )
    model.fit((data[:, None] - muscle) / scale)
    order = np.argsort(model.means_[:, 0])
    means = model.means_[order, 0] * scale + muscle
    grid = np.linspace(means[0], means[-1], _CURVE)
    posterior = model.predict_proba((grid[:, None] - muscle) / scale)[:, order]
    place = (means - means[0]) / (means[-1] - means[0])
    soft = np.maximum.accumulate(posterior @ place)
    # Where tissue is unmixed, two Gaussians can share one place: both count.
    is_fat = place >= _NEAR_FAT
    fat_wins = np.flatnonzero(posterior[:, is_fat].sum(1) >= posterior[:, ~is_fat].max(1))
    threshold = float(grid[fat_wins[0]]) if len(fat_wins) else float(means[-1])
    soft[0], soft[-1] = 0.0, 1.0
    return IntensitySplit(
        method,
        threshold,
        tuple(float(m) for m in means),
        tuple(float(w) for w in model.weights_[order]),
        np.stack([grid, soft]),
    )
