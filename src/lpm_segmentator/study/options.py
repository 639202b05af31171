"""What the user requests of a run, in files and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from lpm_segmentator.core import (
    LPM_NUMBERING,
    Contrast,
    Disc,
    LabelNumbering,
    RecordError,
    TableError,
    about,
)
from lpm_segmentator.io import (
    DiscTable,
    Form,
    HeaderOptions,
    SliceEnd,
    SliceRange,
    file_stamp,
    no_row,
    read_disc_table,
    read_slice_table,
    set_paths,
)
from lpm_segmentator.levels import level_model_files
from lpm_segmentator.models import Mode
from lpm_segmentator.pipeline import Settings
from lpm_segmentator.study.levels_files import levels_file

__all__ = ["LevelOptions", "ReadOptions", "RunOptions", "SliceTable"]


@dataclass(frozen=True)
class SliceTable:
    """The slice table, and how its end is meant."""

    path: Path
    end: SliceEnd

    def __post_init__(self) -> None:
        set_paths(self, "path")

    def read(self) -> tuple[SliceRange, ...]:
        """Return the ranges, half-open.

        Raises
        ------
        TableError
            As `read_slice_table`.
        """
        return _slice_ranges(self.path, self.end, file_stamp(self.path))


@lru_cache(maxsize=4)
def _slice_ranges(path: Path, end: SliceEnd, _stamp: tuple[int, int]) -> tuple[SliceRange, ...]:
    return tuple(read_slice_table(path, end=end))


@lru_cache(maxsize=4)
def _disc_table(path: Path, _stamp: tuple[int, int]) -> DiscTable:
    return read_disc_table(path, [str(disc) for disc in Disc]) or {}


@dataclass(frozen=True)
class LevelOptions:
    """Where the levels come from; without any of these, from the image itself.

    Attributes
    ----------
    sagittal : Path, optional
        A sagittal series of the same examination.
    vertebrae : Path, optional
        A label map of vertebrae.
    numbering : str, optional
        Whose numbers `vertebrae` holds, if its values do not tell.
    written : Path, optional
        A file of levels, as ``lpm levels`` writes it, corrected or not; or a folder that holds
        ``CASE_levels.json``, in itself or in a folder named like the case.
    table : Path, optional
        A table of the slices that show the discs, one row a case (`read_disc_table`).
    anchors : tuple of tuple of Disc and int
        Discs and the slices of the image that show them.
    model : Path, optional
        Another level model than the embedded one.
    sagittal_only : bool
        Whether levels are located only in cases that have a sagittal series.
    accept_frame_mismatch : bool
        Whether a series of another frame of reference, or a file of levels that was written for
        another subject, is used where it lies.
    """

    sagittal: Path | None = None
    vertebrae: Path | None = None
    numbering: str | None = None
    written: Path | None = None
    table: Path | None = None
    anchors: tuple[tuple[Disc, int], ...] = ()
    model: Path | None = None
    accept_frame_mismatch: bool = False
    sagittal_only: bool = False

    def __post_init__(self) -> None:
        set_paths(self, "sagittal", "vertebrae", "written", "table", "model")

    def apply_to(self, sagittal: Path | None) -> bool:
        """Return whether levels are wanted for a case with this sagittal series, or with none."""
        return sagittal is not None or not self.sagittal_only

    def of_case(self, names: Sequence[str]) -> LevelOptions:
        """Return the options with the case's own file of levels, or its row of the table.

        Parameters
        ----------
        names : sequence of str
            What the case may be called in a table: its id, and those of its images.

        Raises
        ------
        InputError
            As `levels_file`.
        TableError
            If the table has no row for the case, or rows that differ.
        """
        if self.table is not None:
            return replace(self, anchors=_anchors(self.table, names))
        if self.written is None:
            return self
        return replace(self, written=levels_file(self.written, names[:1]))

    @property
    def paths(self) -> dict[str, Path]:
        """The files and folders that decide the levels, by role."""
        first, second = (None, None) if self.model is None else level_model_files(self.model)
        roles = {
            "sagittal": self.sagittal,
            "vertebrae": self.vertebrae,
            "levels": self.written,
            "disc table": self.table,
            "level model": first,
            "level names": second,
        }
        return {role: path for role, path in roles.items() if path is not None}


def _anchors(path: Path, names: Sequence[str]) -> tuple[tuple[Disc, int], ...]:
    table = _disc_table(path, file_stamp(path))
    rows = {name: table[name] for name in names if name in table}
    with about(path):
        if not rows:
            raise no_row(names[0], list(table), table="table of discs")
        first, *others = rows.values()
        if any(other != first for other in others):
            raise TableError(
                f"the table of discs lists {', '.join(rows)} with different slices",
                hint="Water and fat of a pair need the same slices",
            )
        if not first:
            raise TableError(f"no slice of any disc is given for the case {names[0]!r}")
    return tuple((Disc(name), index) for name, index in first.items())


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes
    ----------
    accept_origin_mismatch : bool
        Whether images of one scan that differ by a lost origin count as one grid.
    resample : bool
        Whether label maps on another grid are resampled to the image's, by nearest neighbour.
    ignore : tuple of int
        Values of label maps that mark voxels to leave out of comparisons.
    label_scheme : LabelNumbering
        What the values of label maps mean; see `lpm_segmentator.io.label_numbering`.
    header : HeaderOptions
        What to trust where a header is wrong or contradicts itself.
    contrast : Contrast, optional
        Of single images; otherwise it is read from names and sidecars.
    """

    accept_origin_mismatch: bool = False
    resample: bool = False
    ignore: tuple[int, ...] = ()
    label_scheme: LabelNumbering = LPM_NUMBERING
    header: HeaderOptions = field(default_factory=HeaderOptions)
    contrast: Contrast | None = None


@dataclass(frozen=True)
class RunOptions:
    """What decides the result of a run, beside the files.

    Attributes
    ----------
    model : str
        ``"embedded"``, an installed model's name, or the path of a model.
    mode : {'fast', 'exact'}, optional
        See `lpm_segmentator.models.load_predictor`.
    slices : SliceTable or tuple of int, optional
        The slice table, or the first and last slice, both kept; they go before the levels.
    levels : LevelOptions, optional
        Where the levels come from that name the slices, and choose them unless `slices` does.
    accept_origin_mismatch, resample, ignore, label_scheme, contrast
        See `ReadOptions`.
    trust, spacing_mm
        See `lpm_segmentator.io.HeaderOptions`.
    keep_low_confidence, intensity_fat, postprocess
        See `lpm_segmentator.pipeline.Settings`.
    """

    model: str = "embedded"
    mode: Mode | None = None
    slices: SliceTable | tuple[int, int] | None = None
    levels: LevelOptions | None = None
    accept_origin_mismatch: bool = False
    resample: bool = False
    ignore: tuple[int, ...] = ()
    label_scheme: LabelNumbering = LPM_NUMBERING
    contrast: Contrast | None = None
    trust: Form | None = None
    spacing_mm: tuple[float, float, float] | None = None
    keep_low_confidence: bool = False
    intensity_fat: bool = True
    postprocess: bool = True

    @property
    def slice_table(self) -> SliceTable | None:
        """The slice table, if there is one."""
        return self.slices if isinstance(self.slices, SliceTable) else None

    @property
    def read(self) -> ReadOptions:
        """How the files are read."""
        return ReadOptions(
            accept_origin_mismatch=self.accept_origin_mismatch,
            resample=self.resample,
            ignore=self.ignore,
            label_scheme=self.label_scheme,
            header=HeaderOptions(self.trust, self.spacing_mm),
            contrast=self.contrast,
        )

    @property
    def settings(self) -> Settings:
        """What decides the result beside images and model."""
        return Settings(self.keep_low_confidence, self.intensity_fat, self.postprocess)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as they are recorded."""
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self, enc_hook=str))
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunOptions:
        """Read what `to_dict` gave.

        Raises
        ------
        RecordError
            If entries are of the wrong type.
        """
        try:
            return msgspec.convert(values, cls, dec_hook=lambda kind, value: kind(value))
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise RecordError(
                f"the recorded options cannot be read ({error})", hint="Run the case again"
            ) from error
