"""The pelvis beside the lowest slices of a training sample.

Past the iliac crest the erector spinae is a narrow strip between the multifidus and the iliac bone,
and the gluteal muscles lie behind that bone. Of the labelled subjects one stack ends above; without
this a model trained on it takes the bone and the buttock for erector spinae.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .draw import blur
from .infiltration import Tissue, fat_level

if TYPE_CHECKING:
    from .draw import Draw

#: the outline of bone and muscle fades over this
_EDGE_MM = 0.7


@dataclass(frozen=True)
class Narrowing:
    """How the muscles of a slice are reshaped into those beside the sacrum.

    Attributes
    ----------
    inner_mm, outer_mm : float
        Distance from the midline to the border between multifidus and erector spinae, and to the
        erector spinae's outer border, in the subject.
    widen, narrow : float
        Factors of the two in the sample.
    """

    inner_mm: float
    outer_mm: float
    widen: float
    narrow: float

    def source_mm(
        self, x_mm: torch.Tensor, y_mm: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return where in the subject points of the sample come from, in mm from its muscles."""
        outer = self.outer_mm * self.narrow
        inner = min(self.inner_mm * self.widen, outer - 5.0)
        away = x_mm.abs()
        within = away * (self.inner_mm / inner)
        strip = self.inner_mm + (away - inner) * ((self.outer_mm - self.inner_mm) / (outer - inner))
        beyond = self.outer_mm + (away - outer)
        away = torch.where(away < inner, within, torch.where(away < outer, strip, beyond))
        return x_mm.sign() * away, y_mm


def draw_narrowing(labels: torch.Tensor, spacing_mm: float, draw: Draw) -> Narrowing | None:
    """Return a narrowing for a slice's labels ``(h, w)``, or None where a muscle is missing."""
    columns = [torch.nonzero((labels == value).any(0)).flatten().float() for value in range(1, 5)]
    if any(c.numel() == 0 for c in columns):
        return None
    middle = (columns[1].mean() + columns[2].mean()) / 2
    inner = (middle - columns[1].min() + columns[2].max() - middle) / 2
    outer = (middle - columns[0].min() + columns[3].max() - middle) / 2
    inner_mm, outer_mm = float(inner) * spacing_mm, float(outer) * spacing_mm
    if outer_mm < inner_mm + 8.0:
        return None
    return Narrowing(inner_mm, outer_mm, draw.uniform(1.0, 1.7), draw.uniform(0.6, 1.0))


def add_pelvis(tissue: Tissue, spacing_mm: float, draw: Draw) -> Tissue:
    """Paint iliac wings and gluteal muscles beside the muscles of a sample; labels stay."""
    background = tissue.classes[0]
    labels = tissue.classes[:, len(background) // 2].argmax(0)
    inside_mm = _depth_mm(tissue, spacing_mm)
    brightness = fat_level(tissue)
    flesh = _flesh_level(tissue)
    shape = _Wing.drawn(draw)
    water, fat = tissue.water, tissue.fat
    texture = draw.smooth((labels.shape[0], labels.shape[1]), (24, 28))
    marrow = draw.uniform(0.5, 1.0) * brightness, draw.uniform(0.1, 0.6) * flesh
    streaks = (draw.uniform(0.0, 0.5) * texture.abs()).clamp(0, 0.9)
    for values in ((1, 2), (4, 3)):
        corner = _corner(labels, values)
        if corner is None:
            continue
        along, across = shape.coordinates(labels, corner, spacing_mm, values[0] == 1)
        bone, cortex, gluteus = shape.parts(along, across)
        deep = torch.sigmoid((inside_mm - shape.skin_mm) / 2)
        gluteus = gluteus * deep * background
        bone, cortex = bone * background, cortex * background
        water = water * (1 - gluteus) + gluteus * flesh * (1 - streaks)
        fat = fat * (1 - gluteus) + gluteus * brightness * (0.05 + streaks)
        water = water * (1 - bone) + bone * marrow[1]
        fat = fat * (1 - bone) + bone * marrow[0]
        water, fat = water * (1 - cortex), fat * (1 - cortex)
    return Tissue(water, fat, tissue.classes)


@dataclass(frozen=True)
class _Wing:
    """An iliac wing and the gluteus behind it, in millimetres."""

    angle: float
    bend: float
    length_mm: float
    thick_mm: tuple[float, float]
    gap_mm: tuple[float, float]
    gluteus_mm: float
    cortex_mm: float
    skin_mm: float

    @classmethod
    def drawn(cls, draw: Draw) -> _Wing:
        return cls(
            angle=math.radians(draw.uniform(20.0, 65.0)),
            bend=draw.uniform(-0.004, 0.004),
            length_mm=draw.uniform(35.0, 110.0),
            thick_mm=(draw.uniform(8.0, 22.0), draw.uniform(4.0, 10.0)),
            gap_mm=(draw.uniform(0.0, 7.0), draw.uniform(-18.0, 6.0)),
            gluteus_mm=draw.uniform(0.0, 45.0),
            cortex_mm=draw.uniform(0.6, 1.6),
            skin_mm=draw.uniform(6.0, 30.0),
        )

    def coordinates(
        self, labels: torch.Tensor, corner: tuple[float, float], spacing_mm: float, right: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return how far along the wing, forward and outward, and how far behind it pixels lie."""
        sign = -1.0 if right else 1.0
        rows = torch.arange(labels.shape[0], dtype=torch.float32).view(-1, 1)
        columns = torch.arange(labels.shape[1], dtype=torch.float32).view(1, -1)
        forward = (corner[0] - rows) * spacing_mm + self.gap_mm[1]
        outward = sign * (columns - corner[1]) * spacing_mm - self.gap_mm[0]
        along = math.cos(self.angle) * forward + math.sin(self.angle) * outward
        behind = math.cos(self.angle) * outward - math.sin(self.angle) * forward
        # The bone's inner face, not its middle, lies against the muscle.
        return along, behind - self.thick_mm[0] / 2 + self.bend * along.clamp(0, 200) ** 2

    def parts(
        self, along: torch.Tensor, across: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the shares of bone, of its cortex within, and of gluteus."""
        part = (along / self.length_mm).clamp(0, 1)
        half = (self.thick_mm[0] * (1 - part) + self.thick_mm[1] * part) / 2
        depth = torch.minimum(half - across.abs(), torch.minimum(along, self.length_mm - along))
        bone = torch.sigmoid(depth / _EDGE_MM)
        inner = torch.sigmoid((depth - self.cortex_mm) / _EDGE_MM)
        bulge = self.gluteus_mm * (0.3 + 0.7 * part)
        behind = torch.minimum(across - half, half + bulge - across)
        reach = torch.minimum(behind, along + 10.0)
        return bone, bone - inner, torch.sigmoid(reach / _EDGE_MM)


def _corner(labels: torch.Tensor, values: tuple[int, int]) -> tuple[float, float] | None:
    """Return row and column of the back of the erector spinae's outer border."""
    rows, columns = torch.nonzero(labels == values[0], as_tuple=True)
    if rows.numel() < 20:
        return None
    edge = columns.float().quantile(0.05 if values[0] == 1 else 0.95)
    return float(rows.float().quantile(0.9)), float(edge)


def _flesh_level(tissue: Tissue) -> torch.Tensor:
    lean = tissue.water[tissue.muscle > 0.9]
    return lean.median() if lean.numel() > 50 else tissue.water.mean()


def _depth_mm(tissue: Tissue, spacing_mm: float) -> torch.Tensor:
    """Return the depth under the skin at the back ``(s, h, w)``, straight forward."""
    total = blur(tissue.water + tissue.fat, 2.0)
    body = (total > 0.3 * total.mean()).float()
    return body.flip(1).cumsum(1).flip(1) * spacing_mm
