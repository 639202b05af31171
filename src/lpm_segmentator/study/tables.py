"""The tables of a study, made from the records of its cases alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from lpm_segmentator.io import RowSpool
from lpm_segmentator.measure import CATALOGUE
from lpm_segmentator.measure.catalogue import ACCURACY, Quantity
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import CaseRecord, Row

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["StudyTables", "clear_tables", "dictionary", "open_tables"]

_TABLES = (
    "measures",
    "profiles",
    "volumes",
    "fat_ratios",
    "accuracy",
    "accuracy_levels",
    "accuracy_slices",
    "paired_measures",
    "cases",
    "dictionary",
)

#: tables of the published method, which are compared with its values
_EXACT = ("volumes", "fat_ratios", "accuracy")

_KEYS = {
    "case": ("Case", "Id of the case: its file name without ending."),
    "muscle": ("Muscle", "ES: erector spinae; MF: multifidus; ES+MF: both together."),
    "side": ("Side", "The patient's side: R, L, or both."),
    "level": ("Level", "Disc, vertebra or span of discs; 'all' for all measured slices."),
    "level_kind": ("Kind of level", "all, disc, vertebra, span or slice."),
    "slice": ("Slice", "Index along the slice axis of the image, from 0."),
    "position_mm": ("Position", "Height of the slice's centre in the world; superior is positive."),
    "valid": ("Valid", "False where the edge of the image cuts the muscle off: no size is valid."),
    "note": ("Note", "Why values are undefined or not valid."),
    "quality_score": ("Score", "Dice that the model expects of its mask, 0 to 1."),
    "flags": ("Warnings", "All warnings about the case."),
    "flag": ("Flag", "'unsure' for slices of low confidence."),
    "source": ("Source", "reference or prediction."),
}
_LABELS = "1: ES right, 2: MF right, 3: MF left, 4: ES left; gd: reference, ai: mask"
_WIDE = (
    ("volumes.csv", "volume1_ai, …", "mL", "Volume", f"Of the label value. {_LABELS}."),
    ("fat_ratios.csv", "ratio1_ai, …", "", "Fat ratio", f"ΣF / Σ(F + W). {_LABELS}."),
    ("accuracy.csv", "dsc_1, …", "", "Dice", f"Of the label value; dsc_global: of all. {_LABELS}."),
)


_CASES = tuple(
    ("cases.csv", name, unit, label, text)
    for name, unit, label, text in (
        ("subject", "", "Subject", "Pseudonym of the patient, equal in all cases of this folder."),
        ("session", "", "Session", "Pseudonym of the examination."),
        ("patient_id", "", "Patient ID", "Kept on request only; so are the next two."),
        ("accession_number", "", "Accession number", ""),
        ("study_date", "", "Date", "Of the examination, YYYYMMDD."),
        ("age_years", "years", "Age", "At the examination."),
        ("sex", "", "Sex", "M, F or O, as in the header."),
        ("height_m", "m", "Height", ""),
        ("weight_kg", "kg", "Weight", ""),
        ("manufacturer", "", "Manufacturer", "Of the scanner."),
        ("scanner_model", "", "Scanner", ""),
        ("field_strength_t", "T", "Field strength", ""),
        ("sequence_name", "", "Sequence", "As the scanner names it."),
        ("acquisition_type", "", "Acquisition", "2D or 3D."),
        ("repetition_time_ms", "ms", "TR", ""),
        ("echo_time_ms", "ms", "TE", "Of the image that was segmented."),
        ("flip_angle_deg", "°", "Flip angle", ""),
        ("slice_thickness_mm", "mm", "Slice thickness", ""),
        ("series_number", "", "Series", "Of the image that was segmented."),
        ("series_in_study", "", "Series", "Number of series in the examination."),
    )
)


class StudyTables:
    """The tables of a study, filled record by record: no record is kept. See `open_tables`."""

    def __init__(self, spools: dict[str, RowSpool]) -> None:
        self._spools = spools

    def add(self, record: CaseRecord) -> None:
        """Add the rows of a case.

        A case in which no muscle was segmented is in the tables of accuracy only: 0 mL is no
        measure.

        Raises
        ------
        OutputError
            If the disk refuses.
        """
        if self._spools["dictionary"].is_empty:
            self._spools["dictionary"].add(dictionary())
        rows: dict[str, Iterable[Row]] = {
            "accuracy": [record.accuracy] if record.accuracy else [],
            "accuracy_levels": record.accuracy_levels,
            "accuracy_slices": record.accuracy_slices,
            "cases": _examination(record),
        }
        if not record.is_empty:
            rows |= {
                "measures": _measures(record),
                "profiles": _profile(record),
                "volumes": [record.volumes],
                "fat_ratios": [record.fat_ratios] if record.fat_ratios else [],
                "paired_measures": _paired(record),
            }
        for name, added in rows.items():
            self._spools[name].add(added)

    def write(self) -> None:
        """Write the tables; one that no case has rows for is removed if an earlier run left it.

        Raises
        ------
        OutputError
            If a table cannot be written or removed.
        """
        for spool in self._spools.values():
            spool.write()


@contextmanager
def open_tables(out: Path) -> Iterator[StudyTables]:
    """Yield ``measures.csv``, ``profiles.csv`` and the other tables of a folder of results.

    Nothing is written before `StudyTables.write`.
    """
    folder = StudyFolder(out)
    with ExitStack() as stack:
        spools = {
            name: stack.enter_context(RowSpool(folder.table(name), None if name in _EXACT else 6))
            for name in _TABLES
        }
        yield StudyTables(spools)


def clear_tables(out: Path) -> None:
    """Remove the tables that an earlier run left in a folder.

    Raises
    ------
    OutputError
        If a table cannot be removed.
    """
    with open_tables(out) as tables:
        tables.write()


def dictionary() -> list[Row]:
    """Return the rows of ``dictionary.csv``: what each column of the tables means."""
    quantities: dict[str, Sequence[Quantity[Any]]] = {
        "measures.csv": CATALOGUE.measures,
        "profiles.csv": CATALOGUE.profile,
        "accuracy_levels.csv, accuracy_slices.csv": ACCURACY,
    }
    rows: list[Row] = [
        {"table": "all", "column": name, "unit": "", "label": label, "description": text}
        for name, (label, text) in _KEYS.items()
    ]
    rows += [
        {
            "table": table,
            "column": quantity.name,
            "unit": quantity.unit,
            "label": quantity.label,
            "description": quantity.description,
        }
        for table, listed in quantities.items()
        for quantity in listed
    ]
    rows += [
        {"table": table, "column": name, "unit": unit, "label": label, "description": text}
        for table, name, unit, label, text in (*_WIDE, *_CASES)
    ]
    return rows


def _examination(record: CaseRecord) -> list[Row]:
    """Return the row of a case from DICOM in ``cases.csv``."""
    exam = record.examination
    if exam is None:
        return []
    return [
        {"case": record.case, "subject": exam.subject, "session": exam.session, **exam.covariates}
    ]


def _measures(record: CaseRecord) -> Iterable[Row]:
    """Return the measures of a case, each row with the case's quality and flags."""
    score = None if record.quality is None else record.quality.score
    flags = "; ".join(record.warnings)
    return ({**row, "quality_score": score, "flags": flags} for row in record.measures)


def _profile(record: CaseRecord) -> Iterable[Row]:
    """Return the profile of a case, each row with the score of its slice."""
    quality = record.quality
    scores = {} if quality is None else quality.slice_scores
    unsure = () if quality is None else quality.low_confidence_slices
    return (
        {
            **row,
            "quality_score": scores.get(str(row["slice"])),
            "flag": "unsure" if row["slice"] in unsure else "",
        }
        for row in record.profile
    )


def _paired(record: CaseRecord) -> list[Row]:
    """Return the measures of reference and prediction, told apart by the column ``source``."""
    if record.reference_measures is None:
        return []
    both = {
        "reference": _without_absent(record.reference_measures),
        "prediction": record.measures,
    }
    left_out = {q.name for q in CATALOGUE.measures if not q.is_compared} | {"note", "valid"}
    return [
        {**{n: v for n, v in _valid(row).items() if n not in left_out}, "source": source}
        for source, rows in both.items()
        for row in rows
    ]


def _valid(row: Row) -> Row:
    """Return a row without the sizes that are not those of the whole muscle."""
    if row["valid"]:
        return row
    sizes = {quantity.name for quantity in CATALOGUE.measures if quantity.needs_whole_muscle}
    return {name: None if name in sizes else value for name, value in row.items()}


def _without_absent(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without the measures of structures that the reference never shows.

    They were not outlined, so that 0 mL is no measurement of them. Sums that include them are left
    out as well.
    """
    whole = {
        (str(r["muscle"]), str(r["side"])): r["voxels"] for r in rows if r["level_kind"] == "all"
    }
    absent = [place for place, voxels in whole.items() if not voxels]

    def lacks(row: Row) -> bool:
        muscles, side = set(str(row["muscle"]).split("+")), row["side"]
        return any(
            set(muscle.split("+")) <= muscles and side in (absent_side, "both")
            for muscle, absent_side in absent
        )

    keys = {"case", "muscle", "side", "level", "level_kind", "valid"}
    return [
        {name: value if name in keys else None for name, value in row.items()}
        if lacks(row)
        else row
        for row in rows
    ]
