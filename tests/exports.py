"""DICOM exports of the phantom for whole runs, and what is looked at after one."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dicom_dialects import SIEMENS_CLASSIC
from dicom_files import Study, plane, ramp, write_dixon, write_series
from phantoms import phantom
from stacked import PARTS, part_of

SAGITTAL = (90, 90, 5)
JANE = Study()
JOHN = Study(name="Roe^John", patient_id="PAT-0001-Z", accession="ACC-0002-Z", sex="M")


@dataclass(frozen=True)
class Said:
    """What the command printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return " ".join((self.out + self.err).split())


Lpm = Callable[..., Said]


def dixon(folder: Path, study: Study = JANE, **options: object) -> Path:
    """Write the phantom as a Dixon scan."""
    made = phantom()
    images = {"water": made.water, "fat": made.fat}
    rounded = {kind: np.rint(array).astype(np.int16) for kind, array in images.items()}
    write_dixon(folder, rounded, made.affine, dialect=SIEMENS_CLASSIC, study=study, **options)
    return folder


def t2w(folder: Path, study: Study = JANE, number: int = 5, **options: object) -> list[Path]:
    """Write the phantom as a T2w series."""
    made = phantom()
    array = np.rint(made.t2w).astype(np.int16)
    return write_series(folder, array, made.affine, study=study, number=number, **options)


def sagittal(folder: Path) -> list[Path]:
    """Write a sagittal series that shows no spine."""
    affine = plane("sagittal", SAGITTAL, (2.0, 2.0, 5.0))
    return write_series(folder, ramp(SAGITTAL), affine, number=2, protocol="t2_tse_sag")


def stacks(folder: Path, parts: tuple[tuple[int, int], ...] = PARTS, number: int = 3) -> Path:
    """Write the phantom as a T2w scan in several stacks."""
    for n, part in enumerate(parts):
        write_series(folder / str(n), *part_of(phantom().t2w, *part), number=number + n)
    return folder


def states(out: Path) -> dict[str, str]:
    cases = json.loads((out / "run.json").read_text(encoding="utf-8"))["cases"]
    return {case: state["state"] for case, state in cases.items()}


def errors(out: Path) -> dict[str, str]:
    cases = json.loads((out / "run.json").read_text(encoding="utf-8"))["cases"]
    return {case: state["error"] or "" for case, state in cases.items()}


def table(out: Path, name: str) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def record(out: Path, case: str = "*") -> dict:
    (path,) = (out / "cases").glob(f"{case}/case.json")
    return json.loads(path.read_text(encoding="utf-8"))


def contents(out: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file with its content, unpacked."""
    for path in sorted(out.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            yield path.relative_to(out), gzip.decompress(data) if path.suffix == ".gz" else data


def leaks(out: Path, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the files whose name or content holds a word, by file and word."""
    return [
        (str(path), word)
        for path, data in contents(out)
        for word in words
        if word.lower() in str(path).lower() or word.lower().encode() in data.lower()
    ]
