"""Pictures of a case, masks on slices and discs on a sagittal view, and figures as files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import Geometry, LabelMap, Volume
from lpm_segmentator.io import atomic_path, remove_file
from lpm_segmentator.levels import Levels, Located, to_slices
from lpm_segmentator.pipeline import CaseResult
from lpm_segmentator.study.layout import CaseFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from lpm_segmentator.segment import Quality

__all__ = ["draw_discs", "draw_slices", "save_figure", "write_levels_picture", "write_pictures"]

_SHOWN_SLICES = 8
#: by ending. PNG: level 6 takes twice as long as 3, for files 2 % smaller. JPEG: colours at half
#: the resolution, as is usual, would blur the outlines
_FORMATS: dict[str, dict[str, Any]] = {
    ".png": {"compress_level": 3},
    ".jpg": {"quality": 75, "subsampling": 0},
}
#: without the date the same figure gives the same bytes
_NO_DATE = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def write_pictures(result: CaseResult, folder: CaseFolder) -> None:
    """Draw some slices and those to review, and all slices where there are more.

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    levels = None if result.located is None else result.located.slice_levels
    draw_slices(
        folder,
        result.case.image,
        result.labels,
        names={} if levels is None else {i: levels.level_of(i) for i in range(levels.n_slices)},
        quality=result.quality,
        reference=result.case.reference,
    )


def draw_slices(
    folder: CaseFolder,
    image: Volume,
    labels: LabelMap,
    *,
    names: Mapping[int, str],
    quality: Quality | None,
    reference: LabelMap | None = None,
) -> None:
    """Draw masks on slices into the pictures of a case.

    Parameters
    ----------
    folder : CaseFolder
    image : Volume
    labels : LabelMap
    names : mapping of int to str
        Levels of slices.
    quality : Quality, optional
    reference : LabelMap, optional

    Raises
    ------
    OutputError
        If a picture cannot be written.
    """
    from lpm_segmentator.report.overlay import Layout, SliceNotes, overlay_montage

    notes = SliceNotes(
        names,
        {} if quality is None else quality.slice_scores,
        () if quality is None else quality.low_confidence_slices,
    )
    layouts = {folder.picture: Layout(), folder.all_slices: Layout(None, 6, 1.7, dpi=100)}
    shown = int(labels.foreground.any(axis=image.geometry.in_plane_axes).sum())
    if shown <= _SHOWN_SLICES:
        layouts.pop(folder.all_slices)
        remove_file(folder.all_slices)
    for path, layout in layouts.items():
        _save(overlay_montage(image, labels, reference=reference, notes=notes, layout=layout), path)


def write_levels_picture(result: CaseResult, located: Located, path: Path) -> None:
    """Draw the discs and the chosen slices on the sagittal view.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    inside = to_slices(located.levels, result.case.image.geometry)
    draw_discs(
        located.shown_on,
        located.levels,
        path,
        stacks=[result.case.image.geometry],
        shown_in={str(d): f"slice {i}" for d, i in inside.items()},
        slices=result.slices,
        sure=located.slice_levels is not None,
    )


def draw_discs(
    shown_on: Volume,
    levels: Levels,
    path: Path,
    *,
    stacks: Sequence[Geometry],
    shown_in: Mapping[str, str],
    slices: tuple[int, int] | None = None,
    sure: bool,
) -> None:
    """Draw discs and the slices of one or several stacks on the sagittal view.

    Parameters
    ----------
    shown_on : Volume
    levels : Levels
    path : Path
    stacks : sequence of Geometry
    shown_in : mapping of str to str
        The slice that shows a disc, in words, by its name.
    slices : tuple of int, optional
        Half-open range that was chosen, of a single stack.
    sure : bool
        Whether the names of the discs are certain.

    Raises
    ------
    OutputError
        If the picture cannot be written.
    """
    from lpm_segmentator.report.levels import NamedDisc, sagittal_picture

    discs = [
        NamedDisc(str(d.disc), d.centre_mm, d.normal, shown_in.get(str(d.disc), ""))
        for d in levels.discs
    ]
    _save(sagittal_picture(shown_on, discs, stacks=stacks, slices=slices, sure=sure), path)


def _save(picture: Image, path: Path) -> None:
    """Write a picture; the same picture gives the same bytes."""
    with atomic_path(path) as temporary:
        picture.save(temporary, dpi=picture.info["dpi"], **_FORMATS[path.suffix])


def save_figure(
    figure: Figure,
    stem: str | Path,
    *,
    formats: Sequence[str] = ("pdf", "svg", "png"),
    dpi: int = 300,
) -> tuple[Path, ...]:
    """Save a figure as vector and pixel files, each completely or not at all.

    Parameters
    ----------
    figure : Figure
    stem : path-like
        Path without the ending; its folder is created.
    formats : sequence of str
        Endings of formats that matplotlib can write.
    dpi : int
        Resolution of pixel formats, in dots per inch.

    Returns
    -------
    tuple of Path
        The files, in the order of `formats`. The same figure gives the same bytes.

    Raises
    ------
    OutputError
        If a file cannot be written.
    MissingExtraError
        If matplotlib is not installed.
    """
    from lpm_segmentator.report.style import figure_style

    base = Path(stem)
    paths = tuple(base.with_name(f"{base.name}.{ending}") for ending in formats)
    with figure_style(), _fixed_layout(figure):
        for path, ending in zip(paths, formats, strict=True):
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=ending, dpi=dpi, metadata=_NO_DATE.get(ending))
    return paths


@contextmanager
def _fixed_layout(figure: Figure) -> Iterator[None]:
    """Compute the layout once for all formats."""
    engine = figure.get_layout_engine()
    if engine is None:
        yield
        return
    engine.execute(figure)
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(engine)
