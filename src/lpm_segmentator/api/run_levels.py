"""Levels within a run: find them for a case, and let them choose and name its slices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.api.levels import ImageLevels, LevelOptions, image_levels
from lpm_segmentator.core import Disc, InputError, LpmError, about
from lpm_segmentator.levels import Levels, slice_range, to_slices
from lpm_segmentator.measure import SliceLevels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lpm_segmentator.api.cases import CaseFiles
    from lpm_segmentator.pipeline import Case

__all__ = ["CaseLevels", "level_figure", "levels_of_case"]


@dataclass(frozen=True, eq=False)
class CaseLevels:
    """A case whose slices are chosen and named, as far as its levels are known.

    Attributes
    ----------
    case : Case
        With slices and levels where these are certain.
    found : ImageLevels or None
        None where no discs were found.
    warnings : tuple of str
    """

    case: Case
    found: ImageLevels | None
    warnings: tuple[str, ...]

    def to_dict(self, files: CaseFiles) -> dict[str, Any]:
        """Return what ``CASE_levels.json`` holds."""
        levels = Levels((), self.warnings) if self.found is None else self.found.levels
        return levels.to_dict(
            self.case.image.geometry, case=files.case, image=_image_path(files).name
        )


def levels_of_case(files: CaseFiles, case: Case, options: LevelOptions) -> CaseLevels:
    """Find the levels of a case and apply them.

    What a person named must be right: an error there ends the case. Where the discs are to be
    found, and are not, all slices are kept and a warning says why. Names that are a guess choose
    and label no slice.

    Raises
    ------
    LpmError
        If what was named by hand cannot be read or does not fit the image.
    """
    image = _image_path(files)
    here = options.of_case(files.case)
    strict = options.by_hand or options.sagittal is not None
    warnings: list[str] = []
    if here.sagittal is None and files.sagittal is not None:
        try:
            found = image_levels(case.image, image, replace(here, sagittal=files.sagittal))
            return _applied(case, found, trusted=options.by_hand)
        except InputError as error:
            if strict:
                raise
            warnings.append(f"the sagittal series was not used: {error}")
    try:
        found = image_levels(case.image, image, here)
    except InputError as error:
        if strict:
            raise
        warnings.append(f"no levels, so that all slices are measured: {error}")
        return CaseLevels(case, None, tuple(warnings))
    applied = _applied(case, found, trusted=options.by_hand)
    return replace(applied, warnings=(*warnings, *applied.warnings))


def _image_path(files: CaseFiles) -> Path:
    path = files.water or files.image
    if path is None:
        raise InputError("the case has no image", where=files.case)
    return path


def _applied(case: Case, found: ImageLevels, *, trusted: bool) -> CaseLevels:
    geometry = case.image.geometry
    warnings = found.levels.warnings
    if not (trusted or found.levels.named_surely):
        note = "the levels are a guess, so that all slices are measured and none is named"
        return CaseLevels(case, found, (note, *warnings))
    inside = to_slices(found.levels, geometry)
    with about(found.source):
        levels = SliceLevels(inside, geometry.shape[geometry.slice_axis]) if inside else None
    slices = slice_range(found.levels, geometry)
    if slices is None:
        ends = (found.levels.find(disc) for disc in (Disc.L1_L2, Disc.L5_S1))
        why = "L1-L2 and L5-S1 are not both known"
        if all(ends):
            why = "the image lies outside L1-L2 to L5-S1"
        warnings += (f"{why}, so that all slices are measured",)
    else:
        note = f"slices {slices[0]} to {slices[1] - 1} were chosen by the discs in "
        case = replace(case, notes=(*case.notes, note + found.source.name))
    return CaseLevels(replace(case, slices=slices, levels=levels), found, warnings)


def level_figure(result: CaseLevels) -> Figure:
    """Draw the discs and the chosen slices on the sagittal view.

    Raises
    ------
    LpmError
        If the case has no levels.
    """
    from lpm_segmentator.report.levels import NamedDisc, sagittal_figure

    if result.found is None:
        raise LpmError("there are no levels to draw", where=result.case.name)
    inside = to_slices(result.found.levels, result.case.image.geometry)
    discs = [
        NamedDisc(str(d.disc), d.centre_mm, d.normal, d.confidence, inside.get(d.disc))
        for d in result.found.levels.discs
    ]
    return sagittal_figure(
        result.found.shown_on,
        discs,
        stack=result.case.image.geometry,
        slices=result.case.slices,
        sure=result.case.levels is not None,
    )
