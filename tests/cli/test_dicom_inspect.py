"""``lpm inspect``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dicom_damage import truncate
from dicom_studies import write_study
from exports import (
    JANE,
    Lpm,
    t2w,
)


def test_inspect_shows_each_series_with_its_use_and_reason(lpm_here: Lpm, tmp_path: Path):
    said = lpm_here("inspect", write_study(tmp_path / "in"))
    assert said.code == 0
    assert "Patient 1, examination 1, SIEMENS Skyra 3 T" in said.out
    for part in (
        "10 t2_tse_dixon_tra_W water 8 water axial Dixon pair; one grid, two series",
        "2 t2_tse_sag T2w 5 levels locates the discs",
        "1 localizer T2w 3 – it is a localiser",
        "3 t2_tse_tra T2w 4 – the Dixon pair series of the examination is preferred",
        "91 – unknown 0 – it holds no image",
    ):
        assert part in said.text
    assert not [word for word in (*JANE.identity, JANE.date) if word in said.text]


def test_inspect_prints_json(lpm_here: Lpm, tmp_path: Path):
    said = lpm_here("inspect", write_study(tmp_path / "in"), "--json")
    (exam,) = json.loads(said.out)["examinations"]
    assert said.err == ""
    assert {row["number"]: row["use"] for row in exam["series"]}[11] == "fat"
    assert not [word for word in (*JANE.identity, JANE.date) if word in said.out]


def test_inspect_shows_what_naming_a_series_would_do(lpm_here: Lpm, tmp_path: Path):
    write_study(tmp_path / "in")
    assert "stack 2" in lpm_here("inspect", tmp_path / "in", "--series", "3").out
    said = lpm_here("inspect", tmp_path / "in", "--series", "99")
    assert said.code == 2
    assert "no series is called '99'" in said.err
    assert "--series UID|NUMBER|TEXT" in said.err


def test_inspect_shows_brackets_in_descriptions_as_they_are(lpm_here: Lpm, tmp_path: Path):
    t2w(tmp_path / "in", SeriesDescription="t2 [/S1] [bold]x", ManufacturerModelName="Sky[/]ra")
    said = lpm_here("inspect", tmp_path / "in")
    assert said.code == 0
    assert "t2 [/S1] [bold]x" in said.text
    assert "Sky[/]ra" in said.text


def test_inspect_names_what_was_left_out(lpm_here: Lpm, tmp_path: Path):
    paths = t2w(tmp_path / "in")
    truncate(paths[0], 400)
    for n in range(5):
        (tmp_path / "in" / f"letter{n}.pdf").write_bytes(b"%PDF-1.4")
    said = lpm_here("inspect", tmp_path / "in")
    assert "letter0.pdf, letter1.pdf, letter2.pdf and 2 more: this is no DICOM file" in said.err
    assert f"{paths[0].name}: the file is truncated" in said.err
    assert lpm_here("inspect", tmp_path / "in", "--quiet").err == ""


@pytest.mark.parametrize("command", ["inspect", "run"])
def test_without_pydicom_one_line_says_what_to_install(
    lpm_here: Lpm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
):
    t2w(tmp_path / "in")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    more = ("-o", tmp_path / "out") if command == "run" else ()
    said = lpm_here(command, tmp_path / "in", *more)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "pip install 'lpm-segmentator[dicom]'" in said.err
