"""The pelvis beside the lowest slices of a training sample.

Below the iliac crest the erector spinae is a narrow strip between the multifidus and the iliac
bone, and the gluteal muscles lie behind that bone. The stack of one of the two labelled subjects
ends above; a model trained on it alone labels bone and gluteal muscles as erector spinae.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from lpm_segmentator.train.draw import blur
from lpm_segmentator.train.synthesis.tissue import Tissue, fat_level, muscle_level

if TYPE_CHECKING:
    from lpm_segmentator.train.draw import Draw

__all__ = ["Narrowing", "add_pelvis", "draw_narrowing"]

#: width of the soft borders of bone and muscle
_EDGE_MM = 0.7


@dataclass(frozen=True)
class Narrowing:
    """A deformation of the muscles of a slice into those beside the sacrum.

    Attributes
    ----------
    inner_mm, outer_mm : float
        Distance from the midline to the border between multifidus and erector spinae, and to the
        lateral border of the erector spinae, in the subject.
    widen, narrow : float
        Factors of the two distances in the sample.
    """

    inner_mm: float
    outer_mm: float
    widen: float
    narrow: float

    def source_mm(
        self, x_mm: torch.Tensor, y_mm: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the points of the subject that points of the sample show; see `Deformation`."""
        outer = self.outer_mm * self.narrow
        inner = min(self.inner_mm * self.widen, outer - 5.0)
        away = x_mm.abs()
        within = away * (self.inner_mm / inner)
        strip = self.inner_mm + (away - inner) * ((self.outer_mm - self.inner_mm) / (outer - inner))
        beyond = self.outer_mm + (away - outer)
        away = torch.where(away < inner, within, torch.where(away < outer, strip, beyond))
        return x_mm.sign() * away, y_mm


def draw_narrowing(labels: torch.Tensor, spacing_mm: float, draw: Draw) -> Narrowing | None:
    """Return a random narrowing for the labels ``(h, w)`` of a slice.

    None if a muscle is missing, or if the erector spinae reaches less than 8 mm beyond the
    multifidus.
    """
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
    """Return the sample with iliac wings and gluteal muscles; labels stay unchanged.

    Parameters
    ----------
    tissue : Tissue
    spacing_mm : float
        In-plane spacing.
    draw : Draw
    """
    background = tissue.classes[0]
    labels = tissue.classes[:, len(background) // 2].argmax(0)
    skin_depth_mm = _depth_mm(tissue, spacing_mm)
    pure_fat, pure_muscle = fat_level(tissue), muscle_level(tissue)
    wing = _Wing.drawn(draw)
    water, fat = tissue.water, tissue.fat
    texture = draw.smooth((labels.shape[0], labels.shape[1]), (24, 28))
    marrow_fat = draw.uniform(0.5, 1.0) * pure_fat
    marrow_water = draw.uniform(0.1, 0.6) * pure_muscle
    streaks = (draw.uniform(0.0, 0.5) * texture.abs()).clamp(0, 0.9)
    for values in ((1, 2), (4, 3)):
        corner = _corner(labels, values)
        if corner is None:
            continue
        along, across = wing.coordinates(labels, corner, spacing_mm, values[0] == 1)
        bone, cortex, gluteus = wing.parts(along, across)
        deep = torch.sigmoid((skin_depth_mm - wing.skin_mm) / 2)
        gluteus = gluteus * deep * background
        bone, cortex = bone * background, cortex * background
        water = water * (1 - gluteus) + gluteus * pure_muscle * (1 - streaks)
        fat = fat * (1 - gluteus) + gluteus * pure_fat * (0.05 + streaks)
        water = water * (1 - bone) + bone * marrow_water
        fat = fat * (1 - bone) + bone * marrow_fat
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
        """Return the distance (mm) of each pixel along the wing and behind it."""
        sign = -1.0 if right else 1.0
        rows = torch.arange(labels.shape[0], dtype=torch.float32).view(-1, 1)
        columns = torch.arange(labels.shape[1], dtype=torch.float32).view(1, -1)
        forward = (corner[0] - rows) * spacing_mm + self.gap_mm[1]
        outward = sign * (columns - corner[1]) * spacing_mm - self.gap_mm[0]
        along = math.cos(self.angle) * forward + math.sin(self.angle) * outward
        behind = math.cos(self.angle) * outward - math.sin(self.angle) * forward
        # The inner surface of the bone, not its middle, touches the muscle.
        return along, behind - self.thick_mm[0] / 2 + self.bend * along.clamp(0, 200) ** 2

    def parts(
        self, along: torch.Tensor, across: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the shares of bone, of the cortex within it, and of gluteal muscle."""
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
    """Return row and column of the posterolateral corner of the erector spinae."""
    rows, columns = torch.nonzero(labels == values[0], as_tuple=True)
    if rows.numel() < 20:
        return None
    edge = columns.float().quantile(0.05 if values[0] == 1 else 0.95)
    return float(rows.float().quantile(0.9)), float(edge)


def _depth_mm(tissue: Tissue, spacing_mm: float) -> torch.Tensor:
    """Return the depth ``(s, h, w)`` below the posterior skin, along the rows."""
    total = blur(tissue.water + tissue.fat, 2.0)
    body = (total > 0.3 * total.mean()).float()
    return body.flip(1).cumsum(1).flip(1) * spacing_mm
