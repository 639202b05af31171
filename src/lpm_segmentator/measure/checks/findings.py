"""All checks of a mask in one call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lpm_segmentator.core.finding import Area, Finding, Severity
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.measure.checks.border import border_contact
from lpm_segmentator.measure.checks.coverage import Coverage, coverage
from lpm_segmentator.measure.checks.exchange import OrientationCheck, check_against
from lpm_segmentator.measure.checks.orientation import check_orientation
from lpm_segmentator.measure.checks.plausibility import (
    implausible_areas,
    implausible_body_width,
    implausible_grid,
    implausible_muscle_width,
)

__all__ = ["LabelChecks", "check_labels"]

NAN = float("nan")


@dataclass(frozen=True)
class LabelChecks:
    """What the checks of a mask gave.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of their severity, the highest first.
    cut_off : mapping of str to tuple of int
        By structure, the slices in which the edge of the image cuts it off.
    coverage : Coverage
    """

    findings: tuple[Finding, ...]
    cut_off: Mapping[str, tuple[int, ...]]
    coverage: Coverage


def check_labels(
    labels: LabelMap,
    image: Volume | None = None,
    *,
    expected: LabelMap | None = None,
    thickness_mm: float = NAN,
    name: str = "mask",
) -> LabelChecks:
    """Check orientation, edges, coverage and sizes of a mask.

    Parameters
    ----------
    labels : LabelMap
    image : Volume, optional
        On the label map's grid.
    expected : LabelMap, optional
        A second mask of the same image; a mask that agrees with it only after it was mirrored,
        turned or renumbered is reported.
    thickness_mm : float
        Slice thickness; nan if unknown.
    name : str
        What the mask is called in findings: ``"mask"`` or ``"reference"``.

    Raises
    ------
    GeometryError
        If the grids differ.
    """
    if not labels.foreground.any():
        return LabelChecks((), {}, coverage(labels, thickness_mm=thickness_mm))
    contacts = border_contact(labels, image)
    covered = coverage(labels, thickness_mm=thickness_mm)
    orientation = _orientation(labels, image, expected)
    findings = []
    if orientation.warning:
        text = orientation.warning.replace("the mask", f"the {name}")
        findings.append(Finding(Area.SEGMENTATION, Severity.FAIL, "orientation", text))
    prefix = "" if name == "mask" else f"{name}: "
    findings += [_check("border", prefix + contact.warning) for contact in contacts]
    findings += [_check("coverage", prefix + text) for text in covered.warnings]
    findings += [_check("size", prefix + text) for text in _sizes(labels, image)]
    return LabelChecks(tuple(findings), {c.structure: c.slices for c in contacts}, covered)


def _orientation(
    labels: LabelMap, image: Volume | None, expected: LabelMap | None
) -> OrientationCheck:
    """Check the order of the muscles, and against a second mask, which names more exchanges."""
    if expected is not None and expected.foreground.any():
        against = check_against(labels, expected)
        if against.warning:
            return against
    return check_orientation(labels, image)


def _sizes(labels: LabelMap, image: Volume | None) -> Iterator[str]:
    yield from implausible_areas(labels)
    yield from implausible_muscle_width(labels)
    yield from implausible_grid(labels.geometry)
    if image is not None:
        yield from implausible_body_width(image)


def _check(code: str, message: str) -> Finding:
    return Finding(Area.SEGMENTATION, Severity.CHECK, code, message)
