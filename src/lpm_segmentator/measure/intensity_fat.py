"""Fat in muscle on T1w and T2w images, where no Dixon pair tells water from fat.

On these images fat is brighter than muscle. What is muscle and what is fat is learned, by a mixture
of Gaussians or by Otsu's threshold, from all measured muscles together and from the tissue around
them: a lean muscle alone holds no fat to learn its brightness from, and a mixture would call its
own brighter half fat. The image's bias field is corrected first (`correct_bias`): one threshold
cannot serve an unevenly lit image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.errors import GeometryError, MissingExtraError
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure._window import cut, foreground_window
from lpm_segmentator.measure.bias import correct_bias

__all__ = [
    "IntensityFat",
    "IntensityMethod",
    "IntensitySplit",
    "intensity_fat",
    "intensity_fat_possible",
    "split_intensities",
]

FloatArray = npt.NDArray[np.float64]

_NAN = float("nan")
#: How far around the muscles fat is looked for, in mm.
_AROUND_MM = 12.0
#: Voxels drawn to fit a mixture: enough for three Gaussians, few enough for a quick fit.
_SAMPLE = 20_000
_FEWEST = 100
#: Place between muscle (0) and fat (1) from which a class counts as fat.
_NEAR_FAT = 0.8
#: Fat must be this many times as bright as muscle. On T1w- and T2w-like images of two people (see
#: benchmarks/brightness_fat.py) it came out as 1.77 and more after bias correction, which takes
#: some contrast; on their water images the brighter class is vessels, at 1.15 to 1.55.
_CONTRAST = 1.65
#: Parts of the muscle clipped at the image's lowest value above which a warning is given, and above
#: which nothing is measured. On images made from two people the shares stayed right up to 15 %, and
#: came out up to 6 points too low at 30 % (docs/measures.md).
_MUCH_CLIPPED, _MOST_CLIPPED = 0.15, 0.3
#: Methods that differ by more than this share contradict each other; where the truth was known they
#: differed by up to 11 points.
_APART = 0.12
#: Points of the curve from brightness to fat.
_CURVE = 512


class IntensityMethod(str, Enum):
    """How the brightness of muscle and fat is told apart."""

    GMM2 = "gmm2"
    """Mixture of two Gaussians: muscle and fat."""
    GMM3 = "gmm3"
    """Mixture of three Gaussians: muscle, mixed, fat."""
    OTSU = "otsu"
    """Otsu's threshold: largest variance between the two classes."""

    def __str__(self) -> str:
        """Return the short name."""
        return self.value


@dataclass(frozen=True, eq=False)
class IntensitySplit:
    """From brightness to fat.

    Attributes
    ----------
    method : IntensityMethod
    threshold : float
        Voxels brighter than this are fat in the hard map; nan if the split failed.
    means : tuple of float
        Mean brightness of the classes, darkest (muscle) first.
    weights : tuple of float
        Their shares.
    curve : ndarray, shape (2, n)
        Brightness and the expected share of fat of a voxel so bright: the soft map.
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
        """Return the expected share of fat, 0–1, of voxels of these values."""
        return np.asarray(np.interp(np.asarray(values, dtype=np.float64), *self.curve))

    def hard(self, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return which voxels of these values count as fat."""
        return np.asarray(np.asarray(values, dtype=np.float64) > self.threshold)


@dataclass(frozen=True, eq=False)
class IntensityFat:
    """Fat by brightness on one image: what every structure of it is measured with.

    Attributes
    ----------
    image : Volume
        Bias-corrected in the slices that show the muscles.
    splits : mapping of IntensityMethod to IntensitySplit
        By method, learned from all muscles together.
    warnings : tuple of str
        What speaks against trusting the shares.
    """

    image: Volume
    splits: Mapping[IntensityMethod, IntensitySplit]
    warnings: tuple[str, ...] = ()

    def soft_map(self, method: IntensityMethod) -> Volume:
        """Return the expected share of fat of each voxel, float32; nan where the split failed."""
        return self.image.with_array(self.splits[method].soft(self.image.array).astype(np.float32))

    def hard_map(self, method: IntensityMethod) -> Volume:
        """Return 1 where a voxel counts as fat, else 0, float32; nan where the split failed."""
        split = self.splits[method]
        if split.reason:
            return self.soft_map(method)
        return self.image.with_array(split.hard(self.image.array).astype(np.float32))

    def maps(self) -> Iterator[tuple[str, Volume]]:
        """Yield every map by its name, ``"gmm2_soft"`` first."""
        for method in self.splits:
            yield f"{method}_soft", self.soft_map(method)
            yield f"{method}_hard", self.hard_map(method)


def intensity_fat_possible() -> bool:
    """Return whether the packages that `intensity_fat` needs are installed."""
    return all(find_spec(name) is not None for name in ("SimpleITK", "skimage", "sklearn"))


def intensity_fat(image: Volume, labels: LabelMap, *, correct: bool = True) -> IntensityFat:
    """Learn what is fat in the muscles of a T1w or T2w image by its brightness.

    Voxels at the image's lowest value were clipped: they count as muscle, but nothing is learned
    from them, since a spike of equal values would pass for a tissue of its own.

    Parameters
    ----------
    image : Volume
        Fat brighter than muscle, on the label map's grid.
    labels : LabelMap
        The measured muscles.
    correct : bool
        Whether to even out the image's lighting first (`correct_bias`); switch it off only for an
        image that has none to correct.

    Raises
    ------
    GeometryError
        If the grids differ.
    MissingExtraError
        If SimpleITK, scikit-learn or scikit-image is not installed.
    """
    difference = labels.geometry.describe_difference(image.geometry)
    if difference:
        raise GeometryError(f"the label map and the image lie on different grids: {difference}")
    muscle = labels.foreground
    seen = image.array > np.nanmin(image.array)
    clipped = 1.0 - float(seen[muscle].mean()) if muscle.any() else 0.0
    if correct and muscle.any():
        image = _evened(image, labels)
    if round(clipped, 2) > _MOST_CLIPPED:
        reason = (
            f"{100 * clipped:.0f} % of the muscle voxels hold the image's lowest value, more than "
            f"{100 * _MOST_CLIPPED:.0f} %: its dark end was cut off; use the original series"
        )
        return IntensityFat(image, {m: _failed(m, reason) for m in IntensityMethod})
    inside, around = image.array[muscle & seen], image.array[_surroundings(labels) & seen]
    splits = {m: split_intensities(inside, around, method=m) for m in IntensityMethod}
    warnings = _contradictions(splits, image.array[muscle])
    if round(clipped, 2) > _MUCH_CLIPPED:
        warnings.append(
            f"{100 * clipped:.0f} % of the muscle voxels hold the image's lowest value, since its "
            "dark end was cut off: fat may come out some points too low"
        )
    return IntensityFat(image, splits, tuple(warnings))


def _contradictions(
    splits: Mapping[IntensityMethod, IntensitySplit], muscle: npt.NDArray[Any]
) -> list[str]:
    """Say which methods differ by more than they do where the truth is known."""
    shares = {m: float(s.soft(muscle).mean()) for m, s in splits.items() if not s.reason}
    if not shares or max(shares.values()) - min(shares.values()) <= _APART:
        return []
    found = ", ".join(f"{100 * share:.0f} % ({method})" for method, share in shares.items())
    return [f"the methods disagree on the fat in all muscles together: {found}; trust none"]


def _evened(image: Volume, labels: LabelMap) -> Volume:
    """Correct the slices that show the muscles; the others cost time and tell nothing."""
    axis = labels.slice_axis
    others = tuple(a for a in range(3) if a != axis)
    shown = np.flatnonzero(labels.foreground.any(axis=others))
    chosen = [slice(None)] * 3
    chosen[axis] = slice(int(shown[0]), int(shown[-1]) + 1)
    i, j, k = (slice(*c.indices(n)) for c, n in zip(chosen, image.shape, strict=True))
    evened = np.array(image.array, dtype=np.float32)
    evened[i, j, k] = correct_bias(cut(image, (i, j, k))).array
    return image.with_array(evened)


def split_intensities(
    muscle: npt.ArrayLike,
    around: npt.ArrayLike = (),
    *,
    method: IntensityMethod = IntensityMethod.GMM3,
    seed: int = 0,
) -> IntensitySplit:
    """Learn the brightness of muscle and of fat.

    Parameters
    ----------
    muscle : array_like
        Brightness of muscle voxels, with the fat in them.
    around : array_like
        Brightness of voxels around the muscles, where there is fat. Those darker than nearly all
        muscle (bone, air) and the brightest hundredth (fluid) are left out.
    method : IntensityMethod
    seed : int
        Draws the sample that a mixture is fitted to and starts the fit.

    Returns
    -------
    IntensitySplit
        With a `reason` and nan where there are too few voxels or all are equally bright.
    """
    inside, outside = (_finite(v) for v in (muscle, around))
    if len(inside) < _FEWEST:
        return _failed(method, f"{len(inside)} muscle voxels are too few to split")
    floor = np.percentile(inside, 1)
    outside = outside[outside > floor]
    if len(outside):
        outside = outside[outside <= np.percentile(outside, 99)]
    # As much of the one as of the other, so that neither class starves.
    rng = np.random.default_rng(seed)
    size = min(_SAMPLE // 2, max(len(inside), len(outside)))
    drawn = [rng.choice(v, size, replace=len(v) < size) for v in (inside, outside) if len(v)]
    data = np.concatenate(drawn)
    if np.ptp(data) == 0:
        return _failed(method, "all voxels are equally bright")
    if method is IntensityMethod.OTSU:
        return _checked(_otsu(data))
    return _checked(_mixture(data, method, float(np.median(inside)), seed))


def _checked(split: IntensitySplit) -> IntensitySplit:
    """Refuse a split whose brighter class cannot be fat: no number is better than a wrong one."""
    dark, bright = split.means[0], split.means[-1]
    if bright >= _CONTRAST * dark:
        return split
    return _failed(
        split.method,
        f"the brighter class is {bright / dark:.1f} times as bright as muscle, fat on T1w and T2w "
        f"images at least {_CONTRAST:g} times: is this a fat-suppressed or a water image?",
    )


def _finite(values: npt.ArrayLike) -> FloatArray:
    data = np.asarray(values, dtype=np.float64).ravel()
    return data[np.isfinite(data)]


def _surroundings(labels: LabelMap) -> npt.NDArray[np.bool_]:
    """Voxels near the muscles within their slices, the muscles left out."""
    spacing = list(labels.spacing_mm)
    reach = math.ceil(_AROUND_MM / min(spacing)) + 1
    window = foreground_window(labels, margin=reach)
    spacing[labels.slice_axis] = 1e6  # other slices are out of reach
    inside = cut(labels, window).array > 0
    found = np.zeros(labels.shape, dtype=np.bool_)
    if inside.any():
        distance = ndimage.distance_transform_edt(~inside, sampling=spacing)
        found[window] = (distance > 0) & (distance <= _AROUND_MM)
    return found


def _failed(method: IntensityMethod, reason: str) -> IntensitySplit:
    curve = np.array([[0.0, 1.0], [_NAN, _NAN]])
    return IntensitySplit(method, _NAN, (), (), curve, reason)


def _otsu(data: FloatArray) -> IntensitySplit:
    """Split in two; the soft map runs linearly from the mean of the one class to the other's."""
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


def _mixture(data: FloatArray, method: IntensityMethod, muscle: float, seed: int) -> IntensitySplit:
    """Split by a mixture of Gaussians.

    The soft map is the expected share of fat: each class counts with the place of its mean
    between muscle (0) and fat (1), weighted by its posterior. It is made monotonous, since a wide
    Gaussian wins again far beyond its neighbours, where that makes no sense.
    """
    try:
        from sklearn.mixture import GaussianMixture  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise MissingExtraError("the Gaussian mixture", extra="t1t2") from error
    count = 2 if method is IntensityMethod.GMM2 else 3
    scale = float(np.ptp(data))
    starts = np.linspace(muscle, max(muscle, float(np.percentile(data, 95))), count)[:, None]
    model = GaussianMixture(
        count, means_init=(starts - muscle) / scale, random_state=seed, max_iter=300, reg_covar=1e-7
    )
    model.fit((data[:, None] - muscle) / scale)
    order = np.argsort(model.means_[:, 0])
    means = model.means_[order, 0] * scale + muscle
    grid = np.linspace(means[0], means[-1], _CURVE)
    posterior = model.predict_proba((grid[:, None] - muscle) / scale)[:, order]
    place = (means - means[0]) / (means[-1] - means[0])
    soft = np.maximum.accumulate(posterior @ place)
    # Where tissue comes unmixed, the third Gaussian shares the place of another: count both.
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
