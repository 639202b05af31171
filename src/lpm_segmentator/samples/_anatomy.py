"""The phantom's anatomy: noise-free signals of four contrasts, and the labels.

Coordinates are millimetres from the centre of the vertebral body: ``x`` grows to the left, ``y``
to posterior. Every size is a function of ``t``, which runs from 0 at L5-S1 to 1 at L1-L2; the
tables below hold its values at ``t`` = 0, 0.25, 0.5, 0.75 and 1. ``phase = 4 t`` counts the discs:
whole numbers are discs, halves are the middles of vertebrae.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.samples._canvas import (
    TISSUE,
    Blob,
    Box,
    Canvas,
    FloatArray,
    Profile,
    Signals,
    curve,
    smooth_step,
)
from lpm_segmentator.samples._muscles import draw_muscles


@dataclass(frozen=True, eq=False)
class Drawing:
    """A subject without noise.

    Attributes
    ----------
    channels : ndarray of float32, shape (4, i, j, k)
        Water, fat, T1w and T2w signal, relative to the water signal of lean muscle.
    labels : ndarray of uint8, shape (i, j, k)
        1 ES right, 2 MF right, 3 MF left, 4 ES left, 0 background.
    phase : ndarray, shape (k,)
        Position of each slice along the spine, in discs above L5-S1.
    axes_mm : tuple of ndarray
        Coordinates of the voxels along each axis, mm.
    """

    channels: FloatArray
    labels: npt.NDArray[np.uint8]
    phase: Profile
    axes_mm: tuple[Profile, Profile, Profile]


def draw_anatomy(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    fat_grade: float | None,
) -> Drawing:
    """Draw one subject from the skin inwards; later tissue covers earlier tissue.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Voxels along left, posterior and superior.
    spacing_mm : tuple of float
        Voxel size along the same axes.
    fat_grade : float or None
        Fatty infiltration from 0 to 1; drawn from `rng` if None.
    """
    canvas = Canvas(rng, shape, spacing_mm)
    ends = (rng.uniform(-0.08, 0.06), 1.0 + rng.uniform(-0.06, 0.08))
    # A single slice may lie at any level; a stack runs from L5-S1 to L1-L2.
    t = np.linspace(*ends, shape[2]) if shape[2] > 1 else rng.uniform(0.0, 1.0, 1)
    grade = float(rng.beta(1.2, 2.2)) if fat_grade is None else fat_grade
    body = _draw_body(rng, canvas, t)
    _draw_abdomen(rng, canvas, t)
    _draw_pelvis(rng, canvas, t)
    _draw_spine(rng, canvas, t)
    labels = draw_muscles(rng, canvas, t, body, grade)
    _draw_posterior_arch(rng, canvas, t, labels)
    _grain(rng, canvas)
    return Drawing(canvas.channels, labels, 4 * t, (canvas.xs, canvas.ys, canvas.zs))


def _grain(rng: np.random.Generator, canvas: Canvas) -> None:
    """Add tissue texture: a smooth factor within a few per cent of 1, equal in all contrasts."""
    size = rng.uniform(0.8, 2.0) / canvas.edge_mm
    raw = rng.standard_normal(canvas.shape, dtype=np.float32)
    soft = ndimage.gaussian_filter(raw, (size, size, 0.0), truncate=2.5)
    canvas.channels *= 1 + soft * np.float32(rng.uniform(0.02, 0.06) / max(float(soft.std()), 1e-6))


def _draw_body(rng: np.random.Generator, canvas: Canvas, t: Profile) -> FloatArray:
    """Draw skin and subcutaneous fat; return the distance to the body surface (mm)."""
    box = canvas.whole()
    wide = rng.uniform(150, 190) * curve(t, 1.03, 1.0, 0.97, 0.95, 0.93)
    back = rng.uniform(-4, 14) + curve(t, 104, 102, 99, 97, 96)
    front = rng.uniform(-95, -72)
    depth = rng.uniform(0.6, 1.1) * curve(t, 2, 9, 15, 18, 19)
    sigma = rng.uniform(12, 17)
    furrow = np.exp(-0.5 * (box.x / np.float32(sigma)) ** 2)
    warped_y = box.y + furrow * depth.astype(np.float32) * (box.y > 30)
    outline = Blob(0.0, (back + front) / 2, wide, (back - front) / 2, power=2.4)
    distance = outline.distance(Box(box.window, box.x, warped_y))
    canvas.paint(box, canvas.cover(distance), "skin")
    skin_mm = rng.uniform(1.5, 3.0)
    canvas.paint(box, canvas.cover(distance + np.float32(skin_mm)), "fat")
    septum = np.abs(distance + np.float32(rng.uniform(8, 14)))
    canvas.paint(box, np.float32(0.3) * canvas.cover(septum - np.float32(0.4)), "fascia")
    return distance


def _draw_abdomen(rng: np.random.Generator, canvas: Canvas, t: Profile) -> None:
    """Draw abdominal wall, visceral fat, bowel, kidneys and great vessels."""
    box = canvas.whole()
    wide = rng.uniform(110, 135) * curve(t, 0.95, 1.0, 1.0, 0.98, 0.97)
    wall = Blob(0.0, -18.0, wide, rng.uniform(46, 58), power=2.6)
    distance = wall.distance(box)
    front = canvas.cover(
        ((box.y - 26) / 8).astype(np.float32)
    )  # the wall ends where quadratus lumborum begins
    thick = rng.uniform(8, 14)
    canvas.paint(box, canvas.cover(distance) * front, "muscle")
    for layer in (0.33, 0.66):
        line = np.abs(distance + np.float32(layer * thick)) - np.float32(0.3)
        canvas.paint(box, 0.5 * canvas.cover(line) * front, "fat")
    canvas.paint(box, canvas.cover(distance + np.float32(thick)) * front, "fat")
    for _ in range(int(rng.integers(32, 48))):
        _draw_bowel(rng, canvas, float(wide.mean()) - thick, distance + np.float32(thick))
    kidney = rng.uniform(0.9, 1.1) * smooth_step(t, rng.uniform(0.45, 0.7), 0.95)
    place = (rng.uniform(58, 68), rng.uniform(4, 14))
    canvas.pair(
        Blob(place[0], place[1], 21 * kidney, 27 * kidney, rng.uniform(-0.7, -0.4)), "kidney"
    )
    canvas.pair(Blob(place[0] - 8, place[1] - 2, 8 * kidney, 9 * kidney), "fat")
    for x, radius in ((10.0, 8.0), (-14.0, 9.5)):
        apart = curve(t, 1.9, 1.2, 1.0, 1.0, 1.0)
        flow = rng.uniform(0.1, 1.2)
        blood = (flow, 0.03, 0.2 * flow + 0.08, 0.05 + 0.2 * rng.random())
        canvas.blob(Blob(x * apart, -34.0, radius, radius * 0.9), blood)


def _draw_bowel(rng: np.random.Generator, canvas: Canvas, wide: float, cavity: FloatArray) -> None:
    """Draw one bowel loop: a wall filled with fluid, food, fat or gas, in a part of the slices."""
    count = canvas.shape[2]
    middle, reach = rng.uniform(0, count), rng.uniform(0.12, 0.5) * count + 1
    k = np.arange(count)
    size = np.sqrt(np.clip(1 - ((k - middle) / reach) ** 2, 0, 1)) * rng.uniform(9, 24)
    drift = (k - middle) / count
    x = rng.uniform(-wide, wide) * 0.85 + rng.normal(0, 12) * drift
    y = rng.uniform(-58, -18) + (14.0 if np.abs(x).mean() > 70 else -8.0) + 8 * drift
    water = rng.uniform(0.5, 1.2)
    content = (water, rng.uniform(0.02, 0.5), rng.uniform(0.15, 0.6), rng.uniform(0.1, 0.9))
    stretch = rng.uniform(0.7, 1.4)
    blob = Blob(x, y, size * stretch, size / stretch, rng.uniform(0, 3.1))
    canvas.blob(
        blob,
        content if rng.random() < 0.8 else TISSUE["gas"],
        rim="muscle",
        rim_mm=rng.uniform(1, 3),
        within=cavity,
    )


def _draw_pelvis(rng: np.random.Generator, canvas: Canvas, t: Profile) -> None:
    """Draw psoas, quadratus lumborum, and in the lower slices iliac crest, gluteus and iliacus."""
    size = rng.uniform(0.85, 1.12)
    psoas = Blob(
        curve(t, 50, 48, 44, 37, 30),
        curve(t, -12, -4, 1, 6, 9),
        size * curve(t, 20, 18, 15, 11, 7),
        size * curve(t, 21, 21, 19, 14, 9),
        0.25,
    )
    canvas.pair(psoas, "muscle", rim="fascia", rim_mm=0.6)
    quadratus = Blob(
        curve(t, 78, 76, 70, 60, 50),
        curve(t, 28, 28, 30, 31, 29),
        size * curve(t, 0, 17, 21, 17, 12) * smooth_step(t, 0.05, 0.2),
        size * curve(t, 0, 8, 9, 7, 4),
        -0.25,
    )
    canvas.pair(quadratus, "muscle", rim="fascia", rim_mm=0.6)
    crest = rng.uniform(0.08, 0.28)
    grown = smooth_step(-t, -crest, -crest + 0.3)
    ilium = Blob(88.0 - 6 * grown, 18.0, 8 + 34 * grown, (4 + 3 * grown) * (grown > 0), -0.85)
    side_x, side_y = 88 + 14 * grown, 32.0
    canvas.pair(Blob(side_x, side_y, 36 * grown, 14 * grown, -0.85), "muscle")
    canvas.pair(Blob(side_x - 22, side_y - 26, 30 * grown, 8 * grown, -0.85), "muscle")
    canvas.pair(ilium, (0.4, 1.1, 0.7, 0.5), rim="bone", rim_mm=1.5)


def _draw_spine(rng: np.random.Generator, canvas: Canvas, t: Profile) -> None:
    """Draw vertebral bodies, discs, pedicles, and the canal with CSF, nerves and epidural fat."""
    phase = 4 * t
    bony = smooth_step(np.abs(phase - np.round(phase)), 0.10, 0.20)
    wide = rng.uniform(0.92, 1.08) * curve(t, 26, 26, 25, 24, 23)
    deep = rng.uniform(0.92, 1.08) * curve(t, 19, 19, 19, 18.5, 18)
    marrow_fat = rng.uniform(0.15, 0.9)
    marrow = (0.75 - 0.25 * marrow_fat, marrow_fat, 0.35 + 0.35 * marrow_fat, 0.25)
    water = rng.uniform(0.1, 0.6)
    disc = (rng.uniform(0.5, 0.9), 0.03, 0.3, water)
    for blob, tissue, rim in (
        (Blob(0.0, 0.0, wide, deep * (bony < 0.5), power=2.3), disc, "bone"),
        (Blob(0.0, 2.0, 0.55 * wide, 0.5 * deep * (bony < 0.5)), _nucleus(disc), None),
        (Blob(0.0, 0.0, 0.95 * wide, deep * (bony >= 0.5), power=2.3), marrow, "bone"),
    ):
        canvas.blob(blob, tissue, rim=rim, rim_mm=1.5)
    upper = np.mod(phase, 1.0)
    pedicle = smooth_step(upper, 0.4, 0.55) * (1 - smooth_step(upper, 0.8, 0.9))
    canvas.pair(Blob(17.0, 22.0, 6 * pedicle, 9 * pedicle), marrow, rim="bone", rim_mm=1.0)
    canal = rng.uniform(0.85, 1.15)
    canvas.blob(Blob(0.0, 32.0, 14 * canal, 10.5 * canal, power=2.5), "fat")
    canvas.blob(Blob(0.0, 30.0, 10.5 * canal, 8.0 * canal), "csf")
    conus = smooth_step(t, 0.85, 0.95)
    canvas.blob(Blob(0.0, 30.0, 5 * conus, 3.5 * conus), "nerve")
    for _ in range(7):
        x, y = rng.normal(0, 4), 32 + abs(rng.normal(0, 2))
        canvas.blob(Blob(x, y, 1.3 * (1 - conus), 1.1 * (1 - conus)), "nerve")


def _nucleus(
    tissue: Signals,
) -> Signals:
    """Return the signals of the nucleus, which holds more water than the annulus."""
    water, fat, t1w, t2w = tissue
    return (1.15 * water, fat, 0.95 * t1w, min(1.0, 1.5 * t2w))


def _draw_posterior_arch(
    rng: np.random.Generator,
    canvas: Canvas,
    t: Profile,
    labels: npt.NDArray[np.uint8],
) -> None:
    """Draw laminae, facet joints and processes; bone is removed from the labels."""
    phase = np.mod(4 * t, 1.0)
    off_disc = np.abs(phase - np.round(phase))
    thin = rng.uniform(0.85, 1.15)
    marrow = (0.45, rng.uniform(0.4, 1.0), 0.55, 0.3)
    facet = 1 - smooth_step(off_disc, 0.15, 0.32)
    # A lamina lies below the middle of its vertebral body.
    lamina = 1 - smooth_step(np.abs(phase - 0.25), 0.2, 0.32)
    spinous = 1 - smooth_step(np.abs(phase - 0.2), 0.25, 0.38)
    transverse = smooth_step(phase, 0.45, 0.55) * (1 - smooth_step(phase, 0.72, 0.8))
    tip = rng.uniform(-3, 3) + curve(t, 58, 66, 71, 71, 70)
    ligament = (0.55, 0.45, 0.3, 0.2)
    y0 = 43.0
    spine = ((y0 + tip) / 2, (tip - y0) / 2)
    ridge = Blob(0.0, spine[0], 2.4 * thin, spine[1], power=3.0)
    canvas.blob(ridge, ligament)
    arch = [
        (Blob(0.0, spine[0], 3.6 * thin * spinous, spine[1], power=3.0), (1.0,)),
        (Blob(9.0, 42.0, 11 * lamina, 3.6 * lamina, -0.45, power=3.0), (-1.0, 1.0)),
        (Blob(19.0, 34.0, 8 * facet, 8 * facet), (-1.0, 1.0)),
        (Blob(32.0, 29.0, 14 * transverse, 3.6 * transverse, 0.1, 3.0), (-1.0, 1.0)),
    ]
    for blob, sides in arch:
        for side in sides:
            canvas.blob(blob, marrow, side=side, rim="bone", rim_mm=1.3)
            box = canvas.box(blob, side)
            if box is not None:
                present = np.broadcast_to(np.minimum(blob.a, blob.b) > 0.3, canvas.shape[2])
                inside = blob.distance(box, side) < 0
                labels[box.window][inside & present[box.window[2]]] = 0
