"""Take the pictures of the report that the documentation shows.

    python tools/screenshots.py [-o docs/images]

Runs the demo, and a study of both samples with their manual masks and levels, and photographs the
reports with Chromium (or Chrome), which must be in PATH: the start of a report of several cases,
and the page of a case on a screen and on a telephone. Colours are reduced to 256.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: largest picture that a page of the documentation should load
MOST_BYTES = 300_000


@dataclass(frozen=True)
class Shot:
    """A picture of the upper part of a page; width and height in pixels."""

    name: str
    page: str
    width: int
    height: int


SHOTS = (
    Shot("report-index.png", "study/report.html", 1280, 650),
    Shot("report-case.png", "demo/report.html", 1280, 1180),
    Shot("report-case-400.png", "demo/report.html", 400, 1380),
)


def find_browser() -> str:
    """Return the program that shows the pages."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise SystemExit(f"none of {', '.join(BROWSERS)} is in PATH; install Chromium")


def lpm(*arguments: object) -> None:
    """Run a command of the package."""
    command = [sys.executable, "-m", "lpm_segmentator", *map(str, arguments), "--quiet"]
    subprocess.run(command, check=True)


def make_reports(work: Path) -> None:
    """Write ``demo/report.html`` and ``study/report.html``."""
    lpm("demo", "-o", work / "demo")
    lpm("demo", "--phantom", "-o", work / "phantom")
    samples = work / "samples"
    for run in ("demo", "phantom"):
        shutil.copytree(work / run / "sample", samples, dirs_exist_ok=True)
    given = "--reference", samples, "--levels", samples
    lpm("run", samples, *given, "-o", work / "study")


def take(shot: Shot, browser: str, work: Path, out: Path) -> None:
    """Photograph the upper part of a page."""
    raw, target = work / shot.name, out / shot.name
    command = [
        browser,
        "--headless",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--user-data-dir={work / 'browser'}",
        f"--window-size={shot.width},{shot.height}",
        f"--screenshot={raw}",
        (work / shot.page).as_uri(),
    ]
    if os.name == "posix" and os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to run as root with its sandbox
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    with Image.open(raw) as image:
        if image.size != (shot.width, shot.height):
            raise SystemExit(f"{shot.name}: {image.size} pixels instead of {shot}")
        colours = image.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=0)
    colours.save(target, optimize=True)
    if (size := target.stat().st_size) > MOST_BYTES:
        raise SystemExit(f"{target} has {size} bytes, more than {MOST_BYTES}")


def main() -> None:
    """Run, photograph, and write the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    out = parser.parse_args().output
    browser = find_browser()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        make_reports(work)
        for shot in SHOTS:
            take(shot, browser, work, out)


if __name__ == "__main__":
    main()
