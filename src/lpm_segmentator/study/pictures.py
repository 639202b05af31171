"""The pictures of a case: masks on slices, discs on a sagittal view."""

from __future__ import annotations

from pathlib import Path

from lpm_segmentator.io import atomic_path, remove_file
from lpm_segmentator.levels import Located, to_slices
from lpm_segmentator.pipeline import CaseResult
from lpm_segmentator.study.layout import CaseFolder

__all__ = ["write_levels_picture", "write_pictures"]

_SHOWN_SLICES = 8
_DPI = {".png": 130, ".jpg": 100}


def write_pictures(result: CaseResult, folder: CaseFolder) -> None:
    """Draw some slices and those to review, and all slices where there are more.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    from lpm_segmentator.report.overlay import Layout, SliceNotes, overlay_montage

    levels = None if result.located is None else result.located.slice_levels
    quality = result.quality
    notes = SliceNotes(
        {} if levels is None else {i: levels.level_of(i) for i in range(levels.n_slices)},
        {} if quality is None else quality.slice_scores,
        () if quality is None else quality.low_confidence_slices,
    )
    layouts = {folder.picture: Layout(), folder.all_slices: Layout(None, 6, 1.7)}
    shown = int(result.labels.foreground.any(axis=result.case.image.geometry.in_plane_axes).sum())
    if shown <= _SHOWN_SLICES:
        layouts.pop(folder.all_slices)
        remove_file(folder.all_slices)
    for path, layout in layouts.items():
        figure = overlay_montage(
            result.case.image,
            result.labels,
            reference=result.case.reference,
            notes=notes,
            layout=layout,
        )
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=_DPI[path.suffix])


def write_levels_picture(result: CaseResult, located: Located, path: Path) -> None:
    """Draw the discs and the chosen slices on the sagittal view.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from lpm_segmentator.report.levels import NamedDisc, sagittal_figure

    geometry = result.case.image.geometry
    inside = to_slices(located.levels, geometry)
    discs = [
        NamedDisc(str(d.disc), d.centre_mm, d.normal, d.confidence, inside.get(d.disc))
        for d in located.levels.discs
    ]
    figure = sagittal_figure(
        located.shown_on,
        discs,
        stack=geometry,
        slices=result.slices,
        sure=located.slice_levels is not None,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
