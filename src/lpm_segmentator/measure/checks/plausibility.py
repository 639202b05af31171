"""Sizes that no adult has: mostly a wrong spacing, as of images made from pictures.

Each function returns the sentences to show, none where all is plausible. A wrong spacing shows in
an area squared, so areas find factors from about 2 on; the width across the muscles finds factors
from about 1.4 on.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from lpm_segmentator.core.geometry import Geometry
from lpm_segmentator.core.labels import Muscle
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks.body import body_box, plane, spread
from lpm_segmentator.measure.sums import slice_sums

__all__ = [
    "body_width_mm",
    "implausible_areas",
    "implausible_body_width",
    "implausible_grid",
    "implausible_muscle_width",
]

NAN = float("nan")

AREA_MM2 = MappingProxyType({Muscle.ERECTOR_SPINAE: (110, 4300), Muscle.MULTIFIDUS: (140, 2000)})
"""Plausible area of one muscle on one side in a slice between L1/L2 and L5/S1, in mm².

At L4/L5 the 0.5th, 50th and 99.5th percentiles of 826 manual masks (3Shot-LPM-Seg, T1w and T2w of
about 410 adults with low back pain, 0.6875 mm) are 623, 1331, 2248 mm² (erector spinae) and 525,
944, 1554 mm² (multifidus), both sides pooled. In the stacks of three other adults (TUM01, TUM02,
MuscleMap's T1w) the area ranges from 0.18 to 1.92 times (erector spinae, largest at L1/L2) and from
0.27 to 1.30 times (multifidus, largest at L5) the one at L4/L5. The limits are the outer
percentiles times these factors.
"""

MUSCLE_WIDTH_MM = (80.0, 190.0)
"""Plausible width across both erector spinae in the widest slice, in mm.

The 0.5th, 50th and 99.5th percentiles of the same 826 masks are 97, 138 and 163 mm (smallest 95,
largest 168). The three stacks are 153 to 157 mm wide in their widest slice, 36 T2w slices of
patients 90 to 175 mm.
"""

BODY_WIDTH_MM = (200.0, 600.0)
"""Plausible width of the body at the waist, in mm: set generously, without a sample behind it.

The two subjects whose whole width is in the image have 330 and 331 mm.
"""

IN_PLANE_SPACING_MM = (0.2, 3.5)
"""In-plane spacing of axial lumbar MRI; the data of this project have 0.29 to 3.0 mm."""

FIELD_OF_VIEW_MM = (80.0, 550.0)
"""In-plane extent of a slice; scanners image about 500 mm at most."""


def implausible_areas(labels: LabelMap) -> tuple[str, ...]:
    """Report muscles whose median area over the slices that show them is not in `AREA_MM2`."""
    sentences = []
    sums = slice_sums(labels)
    for structure in labels.scheme:
        areas = sums[structure.value].areas_mm2
        if not areas.any():
            continue
        area = float(np.median(areas[areas > 0]))
        low, high = AREA_MM2[structure.muscle]
        if not low <= area <= high:
            sentences.append(
                f"{structure.key} has an area of {area / 100:.1f} cm² in the median slice; "
                f"{low / 100:.1f} to {high / 100:.1f} cm² are plausible. Check the spacing"
            )
    return tuple(sentences)


def implausible_muscle_width(labels: LabelMap) -> tuple[str, ...]:
    """Report a width across the muscles that is not in `MUSCLE_WIDTH_MM`.

    Only slices that show all structures are measured.
    """
    axis, in_plane = labels.slice_axis, labels.geometry.in_plane_axes
    codes = labels.geometry.axis_codes
    across = next(a for a in in_plane if codes[a] in "LR")
    complete = np.logical_and.reduce([labels.mask(s).any(axis=in_plane) for s in labels.scheme])
    widths = []
    for index in np.flatnonzero(complete):
        where = np.nonzero(plane(labels, int(index)))[across]
        widths.append((int(np.ptp(where)) + 1) * labels.spacing_mm[across])
    if axis == across or not widths:
        return ()
    low, high = MUSCLE_WIDTH_MM
    if low <= max(widths) <= high:
        return ()
    return (
        f"the muscles are {max(widths):.0f} mm wide from side to side; {low:.0f} to {high:.0f} mm "
        "are plausible. Check the spacing",
    )


def body_width_mm(image: Volume) -> float:
    """Return the median width of the body from side to side over some slices, in mm.

    Returns
    -------
    float
        nan where the body reaches the left or the right edge of the image in every slice, so that
        its width is not known.
    """
    codes = image.geometry.axis_codes
    across = next(a for a, code in enumerate(codes) if code in "LR")
    widths = []
    for index in spread(range(image.shape[image.slice_axis])):
        box = body_box(plane(image, index))
        if box is None or box[across].start == 0 or box[across].stop == image.shape[across]:
            continue
        widths.append((box[across].stop - box[across].start) * image.spacing_mm[across])
    return float(np.median(widths)) if widths else NAN


def implausible_body_width(image: Volume) -> tuple[str, ...]:
    """Report a width of the body that is not in `BODY_WIDTH_MM`, where it can be measured."""
    width = body_width_mm(image)
    low, high = BODY_WIDTH_MM
    if np.isnan(width) or low <= width <= high:
        return ()
    return (
        f"the body is {width:.0f} mm wide from side to side; {low:.0f} to {high:.0f} mm are "
        "plausible. Check the spacing",
    )


def implausible_grid(geometry: Geometry) -> tuple[str, ...]:
    """Report an in-plane spacing or field of view that lumbar MRI does not have."""
    sentences = []
    spacings = [geometry.spacing_mm[a] for a in geometry.in_plane_axes]
    extents = [geometry.shape[a] * geometry.spacing_mm[a] for a in geometry.in_plane_axes]
    for values, (low, high), what in (
        (spacings, IN_PLANE_SPACING_MM, "in-plane spacing"),
        (extents, FIELD_OF_VIEW_MM, "field of view"),
    ):
        if min(values) < low or max(values) > high:
            shown = " × ".join(f"{value:.3g}" for value in values)
            sentences.append(
                f"the {what} is {shown} mm; {low:g} to {high:g} mm are plausible. Check the spacing"
            )
    return tuple(sentences)
