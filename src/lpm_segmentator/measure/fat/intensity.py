"""Fat in muscle on T1w and T2w images, where no Dixon pair separates water from fat.

On these images fat is brighter than muscle. The intensities of muscle and of fat are learned
(`split_intensities`) from all measured muscles together and from the tissue around them: a lean
muscle alone holds too little fat to learn its intensity from, and a mixture fitted to it would call
its own brighter half fat. The bias field is corrected first (`correct_bias`): one threshold cannot
serve an image whose sensitivity varies.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.core.errors import GeometryError
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.fat.bias import correct_bias
from lpm_segmentator.measure.fat.split import (
    IntensityMethod,
    IntensitySplit,
    failed_split,
    split_intensities,
)
from lpm_segmentator.measure.window import cut, foreground_window

__all__ = ["IntensityFat", "intensity_fat", "intensity_fat_possible"]

#: Distance around the muscles in which fat is looked for, in mm.
_AROUND_MM = 12.0
#: Share of the muscle voxels clipped at the image's lowest value above which a warning is given,
#: and above which nothing is measured. On images made from two subjects the shares of fat stayed
#: right up to 15 %, and were up to 5 points too low at 30 % (docs/measures.md).
_MUCH_CLIPPED, _MOST_CLIPPED = 0.15, 0.3
#: Methods that differ by more than this share contradict each other; where the truth was known they
#: differed by up to 11 points.
_APART = 0.12


@dataclass(frozen=True, eq=False)
class IntensityFat:
    """Intensity-based fat of one image: what every structure of it is measured with.

    Attributes
    ----------
    image : Volume
        Bias-corrected in the slices that show the muscles.
    splits : mapping of IntensityMethod to IntensitySplit
        By method, learned from all muscles together.
    warnings : tuple of str
        Reasons not to trust the shares.
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
    """Learn what is fat in the muscles of a T1w or T2w image by its intensity.

    Voxels at the image's lowest value were clipped: they count as muscle, but nothing is learned
    from them, since a spike of equal values would be taken for a tissue of its own.

    Parameters
    ----------
    image : Volume
        Fat brighter than muscle, on the label map's grid.
    labels : LabelMap
        The measured muscles.
    correct : bool
        Whether to correct the bias field first (`correct_bias`); switch it off only for an image
        that has none.

    Returns
    -------
    IntensityFat

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
        image = _corrected(image, labels)
    if round(clipped, 2) > _MOST_CLIPPED:
        reason = (
            f"{100 * clipped:.0f} % of the muscle voxels hold the image's lowest value, more than "
            f"{100 * _MOST_CLIPPED:.0f} %: its dark end was clipped; use the original series"
        )
        return IntensityFat(image, {m: failed_split(m, reason) for m in IntensityMethod})
    inside, around = image.array[muscle & seen], image.array[_surroundings(labels) & seen]
    splits = {m: split_intensities(inside, around, method=m) for m in IntensityMethod}
    warnings = _contradictions(splits, image.array[muscle])
    if round(clipped, 2) > _MUCH_CLIPPED:
        warnings.append(
            f"{100 * clipped:.0f} % of the muscle voxels hold the image's lowest value, since its "
            "dark end was clipped: fat may be underestimated by some points"
        )
    return IntensityFat(image, splits, tuple(warnings))


def _contradictions(
    splits: Mapping[IntensityMethod, IntensitySplit], muscle: npt.NDArray[Any]
) -> list[str]:
    """Report methods that differ by more than they do where the truth is known."""
    shares = {m: float(s.soft(muscle).mean()) for m, s in splits.items() if not s.reason}
    if not shares or max(shares.values()) - min(shares.values()) <= _APART:
        return []
    listed = ", ".join(f"{100 * share:.0f} % ({method})" for method, share in shares.items())
    return [f"the methods disagree on the fat in all muscles together: {listed}; trust none"]


def _corrected(image: Volume, labels: LabelMap) -> Volume:
    """Correct the bias field in the slices that show the muscles."""
    axis = labels.slice_axis
    others = tuple(a for a in range(3) if a != axis)
    shown = np.flatnonzero(labels.foreground.any(axis=others))
    window = [slice(0, n) for n in image.shape]
    window[axis] = slice(int(shown[0]), int(shown[-1]) + 1)
    i, j, k = window
    array = np.array(image.array, dtype=np.float32)
    array[i, j, k] = correct_bias(cut(image, (i, j, k))).array
    return image.with_array(array, contrast=image.contrast)


def _surroundings(labels: LabelMap) -> npt.NDArray[np.bool_]:
    """Return the voxels near the muscles within their slices, without the muscles."""
    spacing = list(labels.spacing_mm)
    reach = math.ceil(_AROUND_MM / min(spacing)) + 1
    window = foreground_window(labels, margin=reach)
    spacing[labels.slice_axis] = 1e6  # other slices are out of reach
    inside = cut(labels, window).array > 0
    near = np.zeros(labels.shape, dtype=np.bool_)
    if inside.any():
        distance = ndimage.distance_transform_edt(~inside, sampling=spacing)
        near[window] = (distance > 0) & (distance <= _AROUND_MM)
    return near
