"""A folder of one sagittal slice with a box for each disc."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SPACING_MM = 0.8
HEADER = "image,patient,level,x,y,width,height"
#: middles of the boxes in pixels, from head to foot
MIDDLES = {
    "T12-L1": (120, 30),
    "L1-L2": (116, 72),
    "L2-L3": (112, 115),
    "L3-L4": (110, 160),
    "L4-L5": (113, 205),
    "L5-S1": (125, 245),
}


def write_slices(folder: Path, lines: list[str]) -> None:
    """Write ``images/p1_T1w_0.png``, noise, and ``discs.csv`` of these lines."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(20, 255, (300, 200)).astype(np.uint8)
    Image.fromarray(pixels).save(folder / "images" / "p1_T1w_0.png")
    (folder / "discs.csv").write_text("\n".join([HEADER, *lines]) + "\n")


def box_lines(image: str = "p1_T1w_0") -> list[str]:
    """Return a line for each disc of an image of patient p1."""
    heights = {"L5-S1": 45}
    return [
        f"{image},p1,{level},{x},{y},50,{heights.get(level, 14)}"
        for level, (x, y) in MIDDLES.items()
    ]
