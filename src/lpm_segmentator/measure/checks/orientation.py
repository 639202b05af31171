"""Masks that are mirrored, upside down or transposed, by the order of their muscles.

From the patient's right to the left lie erector spinae, multifidus, multifidus, erector spinae. In
862 manual masks of single slices (826 at L4/L5 of 3Shot-LPM-Seg, 36 of T2w slices) and in every
slice of three stacks from L1/L2 to the sacrum this order holds; in the 36 and in the stacks
neighbours lie at least 16 mm apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.labels import Muscle
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks.body import body_box, plane, spread
from lpm_segmentator.measure.checks.exchange import Exchange, OrientationCheck, check_same_grid
from lpm_segmentator.measure.checks.words import name_slices

__all__ = ["check_orientation"]

FloatArray = npt.NDArray[np.float64]

NAN = float("nan")

_RIGHT_TO_LEFT = ("ES_R", "MF_R", "MF_L", "ES_L")
#: Which of them lie from the patient's right to the left.
_ORDERS: Mapping[tuple[int, ...], Exchange] = {
    (0, 1, 2, 3): Exchange.NONE,
    (3, 2, 1, 0): Exchange.SIDES,
    (1, 0, 3, 2): Exchange.MUSCLES,
    (2, 3, 0, 1): Exchange.SIDES_AND_MUSCLES,
}
#: Place of the muscles' centre between front (0) and back (1) of the body below which they count as
#: upside down. On 41 images (36 T2w slices; T1w, Dixon water and fat of three subjects) it was 0.67
#: to 1.1, and 0.12 to 0.49 in all but one with the mask upside down.
_FRONT_OF_BODY = 0.5
#: The same in a grid whose body is not known, where it was 0.53 to 0.78: muscles in the middle of a
#: cropped grid say nothing.
_FRONT_OF_GRID = 0.4


def check_orientation(labels: LabelMap, image: Volume | None = None) -> OrientationCheck:
    """Check the order of the muscles from right to left, and that they lie in the back.

    A mask alone does not tell a mirrored array from exchanged numbers: both are reported as
    `Exchange.SIDES`; `check_against` tells them apart. Whether erector spinae or multifidus lies
    further back tells nothing, since it changes along the spine.

    Parameters
    ----------
    labels : LabelMap
    image : Volume, optional
        On the label map's grid: shows the extent of the body.

    Returns
    -------
    OrientationCheck

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    check_same_grid(labels, image)
    verdicts = _verdicts(labels)
    wrong = Counter(verdict for verdict in verdicts.values() if verdict is not Exchange.NONE)
    if wrong:
        exchange, _ = wrong.most_common(1)[0]
        slices = tuple(n for n, verdict in verdicts.items() if verdict is exchange)
        return OrientationCheck(exchange, _sentence(exchange, slices, len(verdicts)), slices)
    if _is_in_front(labels, image):
        return OrientationCheck(
            Exchange.UPSIDE_DOWN,
            "the muscles lie in the front half of the body: the mask, or image and mask, may be "
            f"{Exchange.UPSIDE_DOWN}",
        )
    return OrientationCheck()


def _sentence(exchange: Exchange, slices: tuple[int, ...], judged: int) -> str:
    where = "" if len(slices) == judged else f" in {name_slices(slices)}"
    if exchange is Exchange.SIDES:
        return (
            f"the right muscles lie on the patient's left{where}: the mask may be "
            f"{Exchange.MIRRORED} or {Exchange.SIDES}"
        )
    return (
        f"the muscles do not lie in the order ES, MF, MF, ES from right to left{where}: the mask "
        f"may be {exchange}"
    )


def _verdicts(labels: LabelMap) -> dict[int, Exchange]:
    """Judge each slice by its muscles' centres; slices that show too little are left out."""
    verdicts = {}
    for index, centres in enumerate(_centres_mm(labels)):
        keyed = {s.key: c for s, c in zip(labels.scheme, centres, strict=True) if c[0] == c[0]}
        if (verdict := _verdict(keyed)) is not None:
            verdicts[index] = verdict
    return verdicts


def _verdict(centres: Mapping[str, FloatArray]) -> Exchange | None:
    """Judge one slice; None if no muscle is shown on both sides."""
    if not all(key in centres for key in _RIGHT_TO_LEFT):
        pairs = [(f"{m}_R", f"{m}_L") for m in Muscle if {f"{m}_R", f"{m}_L"} <= set(centres)]
        if not pairs:
            return None
        is_ordered = any(centres[right][0] > centres[left][0] for right, left in pairs)
        return Exchange.NONE if is_ordered else Exchange.SIDES
    points = np.array([centres[key] for key in _RIGHT_TO_LEFT])
    if np.ptp(points[:, 1]) > np.ptp(points[:, 0]):
        return Exchange.TRANSPOSED
    order = tuple(int(n) for n in np.argsort(-points[:, 0], kind="stable"))
    return _ORDERS.get(order, Exchange.UNORDERED)


def _centres_mm(labels: LabelMap) -> FloatArray:
    """Return the world positions (right, anterior) of the structures' centres.

    Returns
    -------
    ndarray, shape (n_slices, n_structures, 2)
        nan where a slice does not show the structure.
    """
    axis, n_slices = labels.slice_axis, labels.shape[labels.slice_axis]
    centres = np.full((n_slices, len(labels.scheme), 2), np.nan)
    for column, structure in enumerate(labels.scheme):
        where = np.nonzero(labels.mask(structure))
        count = np.bincount(where[axis], minlength=n_slices)
        shown = count > 0
        sums = [np.bincount(where[axis], index, minlength=n_slices) for index in where]
        means = np.stack([total[shown] / count[shown] for total in sums], axis=-1)
        centres[shown, column] = labels.geometry.voxel_to_world(means)[:, :2]
    return centres


def _is_in_front(labels: LabelMap, image: Volume | None) -> bool:
    """Whether the muscles lie in the front half of the body, or clearly so in the grid."""
    codes = labels.geometry.axis_codes
    axis = next(a for a, code in enumerate(codes) if code in "AP")
    to_back = codes[axis] == "P"
    if image is not None:
        places = []
        shown = labels.foreground.any(axis=labels.geometry.in_plane_axes)
        for index in spread(np.flatnonzero(shown)):
            where = np.nonzero(plane(labels, index))[axis]
            if (box := body_box(plane(image, index))) is not None:
                places.append(_place(where, (box[axis].start, box[axis].stop), to_back))
        if places:
            return float(np.median(places)) < _FRONT_OF_BODY
    where = np.nonzero(labels.array)[axis]
    return bool(where.size) and _place(where, (0, labels.shape[axis]), to_back) < _FRONT_OF_GRID


def _place(where: npt.NDArray[np.intp], extent: tuple[int, int], to_back: bool) -> float:
    """Return the place of voxels between the front (0) and the back (1) of a half-open range."""
    first, stop = extent
    place = (float(where.mean()) - first) / max(stop - 1 - first, 1)
    return place if to_back else 1 - place
