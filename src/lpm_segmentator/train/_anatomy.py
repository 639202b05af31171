"""Draws the phantom's anatomy: signals of four contrasts and the four labels, without noise.

Coordinates are millimetres from the centre of the vertebral body: ``x`` to the left, ``y`` to the
back. Every size is a function of ``t``, which runs from 0 at L5-S1 to 1 at L1-L2; the tables below
hold its values at ``t`` = 0, 0.25, 0.5, 0.75 and 1. ``phase = 4 t`` counts the discs: whole
numbers are discs, halves are the middles of vertebrae.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lpm_segmentator.train._canvas import (
    FAT,
    TISSUE,
    WATER,
    Blob,
    Box,
    Canvas,
    FloatArray,
    Profile,
    Signals,
)

_KNOTS = (0.0, 0.25, 0.5, 0.75, 1.0)

#: Width of the threshold that turns the random field into fat; small makes hard-edged streaks.
_SOFTNESS = 0.5


@dataclass(frozen=True, eq=False)
class Drawing:
    """Noise-free signals (4, i, j, k), labels (i, j, k), disc phase per slice, axes in mm."""

    channels: FloatArray
    labels: npt.NDArray[np.uint8]
    phase: Profile
    axes_mm: tuple[Profile, Profile, Profile]


def _curve(t: Profile, *values: float) -> Profile:
    """Interpolate a table row given at t = 0, 0.25, 0.5, 0.75 and 1."""
    return np.interp(t, _KNOTS, values)


def _rise(x: Profile, start: float, stop: float) -> Profile:
    """Smooth step from 0 at ``start`` to 1 at ``stop``."""
    s = np.clip((x - start) / (stop - start), 0, 1)
    return np.asarray(s * s * (3 - 2 * s))


def draw_anatomy(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    fat_grade: float | None,
) -> Drawing:
    """Draw one subject from the outside inwards; later tissue covers earlier tissue."""
    canvas = Canvas(rng, shape, spacing_mm)
    ends = (rng.uniform(-0.08, 0.06), 1.0 + rng.uniform(-0.06, 0.08))
    # One slice alone shows any level; a stack runs from L5-S1 to L1-L2.
    t = np.linspace(*ends, shape[2]) if shape[2] > 1 else rng.uniform(0.0, 1.0, 1)
    grade = float(rng.beta(1.2, 2.2)) if fat_grade is None else fat_grade
    body = _draw_body(rng, canvas, t)
    _draw_abdomen(rng, canvas, t)
    _draw_pelvis(rng, canvas, t)
    _draw_spine(rng, canvas, t)
    labels = _draw_muscles(rng, canvas, t, body, grade)
    _draw_posterior_arch(rng, canvas, t, labels)
    _grain(rng, canvas)
    return Drawing(canvas.channels, labels, 4 * t, (canvas.xs, canvas.ys, canvas.zs))


def _grain(rng: np.random.Generator, canvas: Canvas) -> None:
    """Uneven tissue: a few per cent of smooth multiplicative texture, the same in all contrasts."""
    size = rng.uniform(0.8, 2.0) / canvas.edge_mm
    raw = rng.standard_normal(canvas.shape, dtype=np.float32)
    soft = ndimage.gaussian_filter(raw, (size, size, 0.0), truncate=2.5)
    canvas.channels *= 1 + soft * np.float32(rng.uniform(0.02, 0.06) / max(float(soft.std()), 1e-6))


def _draw_body(rng: np.random.Generator, canvas: Canvas, t: Profile) -> FloatArray:
    """Skin and subcutaneous fat; returns the distance to the body's surface."""
    box = canvas.whole()
    wide = rng.uniform(150, 190) * _curve(t, 1.03, 1.0, 0.97, 0.95, 0.93)
    back = rng.uniform(-4, 14) + _curve(t, 104, 102, 99, 97, 96)
    front = rng.uniform(-95, -72)
    depth = rng.uniform(0.6, 1.1) * _curve(t, 2, 9, 15, 18, 19)
    sigma = rng.uniform(12, 17)
    furrow = np.exp(-0.5 * (box.x / np.float32(sigma)) ** 2)
    bent = box.y + furrow * depth.astype(np.float32) * (box.y > 30)
    outline = Blob(0.0, (back + front) / 2, wide, (back - front) / 2, power=2.4)
    distance = outline.distance(Box(box.window, box.x, bent))
    canvas.paint(box, canvas.cover(distance), "skin")
    skin_mm = rng.uniform(1.5, 3.0)
    canvas.paint(box, canvas.cover(distance + np.float32(skin_mm)), "fat")
    septum = np.abs(distance + np.float32(rng.uniform(8, 14)))
    canvas.paint(box, np.float32(0.3) * canvas.cover(septum - np.float32(0.4)), "fascia")
    return distance


def _draw_abdomen(rng: np.random.Generator, canvas: Canvas, t: Profile) -> None:
    """Abdominal wall, visceral fat, bowel, kidneys, great vessels."""
    box = canvas.whole()
    wide = rng.uniform(110, 135) * _curve(t, 0.95, 1.0, 1.0, 0.98, 0.97)
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
    kidney = rng.uniform(0.9, 1.1) * _rise(t, rng.uniform(0.45, 0.7), 0.95)
    place = (rng.uniform(58, 68), rng.uniform(4, 14))
    canvas.pair(
        Blob(place[0], place[1], 21 * kidney, 27 * kidney, rng.uniform(-0.7, -0.4)), "kidney"
    )
    canvas.pair(Blob(place[0] - 8, place[1] - 2, 8 * kidney, 9 * kidney), "fat")
    for x, radius in ((10.0, 8.0), (-14.0, 9.5)):
        apart = _curve(t, 1.9, 1.2, 1.0, 1.0, 1.0)
        flow = rng.uniform(0.1, 1.2)
        blood = (flow, 0.03, 0.2 * flow + 0.08, 0.05 + 0.2 * rng.random())
        canvas.blob(Blob(x * apart, -34.0, radius, radius * 0.9), blood)


def _draw_bowel(rng: np.random.Generator, canvas: Canvas, wide: float, cavity: FloatArray) -> None:
    """One bowel loop: a wall with fluid, food, fat or gas in it, over a part of the slices."""
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
    """Psoas, quadratus lumborum, and at the lower slices iliac crest, gluteus and iliacus."""
    size = rng.uniform(0.85, 1.12)
    psoas = Blob(
        _curve(t, 50, 48, 44, 37, 30),
        _curve(t, -12, -4, 1, 6, 9),
        size * _curve(t, 20, 18, 15, 11, 7),
        size * _curve(t, 21, 21, 19, 14, 9),
        0.25,
    )
    canvas.pair(psoas, "muscle", rim="fascia", rim_mm=0.6)
    quadratus = Blob(
        _curve(t, 78, 76, 70, 60, 50),
        _curve(t, 28, 28, 30, 31, 29),
        size * _curve(t, 0, 17, 21, 17, 12) * _rise(t, 0.05, 0.2),
        size * _curve(t, 0, 8, 9, 7, 4),
        -0.25,
    )
    canvas.pair(quadratus, "muscle", rim="fascia", rim_mm=0.6)
    crest = rng.uniform(0.08, 0.28)
    grown = _rise(-t, -crest, -crest + 0.3)
    ilium = Blob(88.0 - 6 * grown, 18.0, 8 + 34 * grown, (4 + 3 * grown) * (grown > 0), -0.85)
    side_x, side_y = 88 + 14 * grown, 32.0
    canvas.pair(Blob(side_x, side_y, 36 * grown, 14 * grown, -0.85), "muscle")
    canvas.pair(Blob(side_x - 22, side_y - 26, 30 * grown, 8 * grown, -0.85), "muscle")
    canvas.pair(ilium, (0.4, 1.1, 0.7, 0.5), rim="bone", rim_mm=1.5)


def _draw_spine(rng: np.random.Generator, canvas: Canvas, t: Profile) -> None:
    """Vertebral bodies and discs, pedicles, canal with CSF and nerves, epidural fat."""
    phase = 4 * t
    bony = _rise(np.abs(phase - np.round(phase)), 0.10, 0.20)
    wide = rng.uniform(0.92, 1.08) * _curve(t, 26, 26, 25, 24, 23)
    deep = rng.uniform(0.92, 1.08) * _curve(t, 19, 19, 19, 18.5, 18)
    marrow_fat = rng.uniform(0.15, 0.9)
    marrow = (0.75 - 0.25 * marrow_fat, marrow_fat, 0.35 + 0.35 * marrow_fat, 0.25)
    water = rng.uniform(0.1, 0.6)
    disc = (rng.uniform(0.5, 0.9), 0.03, 0.3, water)
    for blob, tissue, rim in (
        (Blob(0.0, 0.0, wide, deep * (bony < 0.5), power=2.3), disc, "bone"),
        (Blob(0.0, 2.0, 0.55 * wide, 0.5 * deep * (bony < 0.5)), _brighter(disc), None),
        (Blob(0.0, 0.0, 0.95 * wide, deep * (bony >= 0.5), power=2.3), marrow, "bone"),
    ):
        canvas.blob(blob, tissue, rim=rim, rim_mm=1.5)
    upper = np.mod(phase, 1.0)
    pedicle = _rise(upper, 0.4, 0.55) * (1 - _rise(upper, 0.8, 0.9))
    canvas.pair(Blob(17.0, 22.0, 6 * pedicle, 9 * pedicle), marrow, rim="bone", rim_mm=1.0)
    canal = rng.uniform(0.85, 1.15)
    canvas.blob(Blob(0.0, 32.0, 14 * canal, 10.5 * canal, power=2.5), "fat")
    canvas.blob(Blob(0.0, 30.0, 10.5 * canal, 8.0 * canal), "csf")
    conus = _rise(t, 0.85, 0.95)
    canvas.blob(Blob(0.0, 30.0, 5 * conus, 3.5 * conus), "nerve")
    for _ in range(7):
        x, y = rng.normal(0, 4), 32 + abs(rng.normal(0, 2))
        canvas.blob(Blob(x, y, 1.3 * (1 - conus), 1.1 * (1 - conus)), "nerve")


def _brighter(
    tissue: Signals,
) -> Signals:
    """Make the disc's nucleus, wetter than its ring."""
    water, fat, t1w, t2w = tissue
    return (1.15 * water, fat, 0.95 * t1w, min(1.0, 1.5 * t2w))


def _draw_posterior_arch(
    rng: np.random.Generator,
    canvas: Canvas,
    t: Profile,
    labels: npt.NDArray[np.uint8],
) -> None:
    """Laminae, facet joints, transverse and spinous processes; bone is taken out of the labels."""
    phase = np.mod(4 * t, 1.0)
    off_disc = np.abs(phase - np.round(phase))
    thin = rng.uniform(0.85, 1.15)
    marrow = (0.45, rng.uniform(0.4, 1.0), 0.55, 0.3)
    facet = 1 - _rise(off_disc, 0.15, 0.32)
    lamina = 1 - _rise(np.abs(phase - 0.25), 0.2, 0.32)  # a lamina lies below its body's middle
    spinous = 1 - _rise(np.abs(phase - 0.2), 0.25, 0.38)
    transverse = _rise(phase, 0.45, 0.55) * (1 - _rise(phase, 0.72, 0.8))
    tip = rng.uniform(-3, 3) + _curve(t, 58, 66, 71, 71, 70)
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
                alive = np.broadcast_to(np.minimum(blob.a, blob.b) > 0.3, canvas.shape[2])
                labels[box.window][(blob.distance(box, side) < 0) & alive[box.window[2]]] = 0


def _draw_muscles(
    rng: np.random.Generator, canvas: Canvas, t: Profile, body: FloatArray, grade: float
) -> npt.NDArray[np.uint8]:
    """Erector spinae and multifidus with their fascia and fat; returns the label map."""
    labels = np.zeros(canvas.shape, dtype=np.uint8)
    size = rng.uniform(0.88, 1.08)
    taper = rng.uniform(0.15, 0.4)
    low = rng.uniform(0.55, 1.1)  # how much of the erector spinae is left at L5-S1
    es = Blob(
        _curve(t, 48, 44, 43, 42, 41),
        _curve(t, 44, 52, 58, 60, 61),
        size * _curve(t, 19 * low, 29, 34, 36, 36),
        size * _curve(t, 18 * low, 20, 21.5, 22, 20),
        _curve(t, -0.5, -0.4, -0.25, -0.15, -0.10),
        2.4,
        taper,
    )
    mf = Blob(
        _curve(t, 20.5, 18.5, 15, 13.5, 13),
        _curve(t, 54, 54, 54, 54, 54),
        size * _curve(t, 17, 15, 10.5, 8.5, 8),
        size * _curve(t, 20, 19.5, 17.5, 14, 11),
        _curve(t, 0.15, 0.1, 0.05, 0.0, 0.0),
        2.3,
    )
    for side, (es_label, mf_label) in ((-1.0, (1, 2)), (1.0, (4, 3))):
        one = _Side(side, (es_label, mf_label), (es, mf), rng.normal(1, 0.025, 2))
        _draw_side(rng, canvas, one, _Subject(t, grade, body, labels))
    return labels


@dataclass(frozen=True)
class _Side:
    """One side's muscles: -1 right or +1 left, labels, shapes and sizes of ES and MF."""

    sign: float
    values: tuple[int, int]
    blobs: tuple[Blob, Blob]
    scales: Profile


@dataclass(frozen=True)
class _Subject:
    """What both sides share; the labels are written to."""

    t: Profile
    grade: float
    body: FloatArray
    labels: npt.NDArray[np.uint8]


def _draw_side(rng: np.random.Generator, canvas: Canvas, one: _Side, subject: _Subject) -> None:
    """Both muscles of one side."""
    side, values, grade = one.sign, one.values, subject.grade
    box = canvas.box(one.blobs[0], side, grow_mm=6.0)
    if box is None:
        return
    inset = subject.body[box.window] + np.float32(rng.uniform(5, 8))
    midline = np.float32(2.8) - side * box.x
    es = np.maximum(np.maximum(one.blobs[0].distance(box, side, one.scales[0]), inset), midline)
    mf = np.maximum(np.maximum(one.blobs[1].distance(box, side, one.scales[1]), inset), midline)
    es = np.maximum(es, -mf)
    # The fascia wraps both muscles; each label reaches to it, as readers draw it.
    canvas.paint(box, canvas.cover(np.minimum(es, mf) - np.float32(1.0)), "fascia")
    part = subject.labels[box.window]
    part[es < 0] = values[0]
    part[mf < 0] = values[1]
    gap = np.float32(rng.uniform(0.2, 0.8))
    texture = _streaks(rng, es.shape, canvas)
    deep = (65 - box.y) / 20 + (22 - side * box.x) / 16
    caudal = (0.5 - subject.t[box.window[2]]).astype(np.float32)
    targets = (0.06 + 0.30 * grade, 0.07 + 0.43 * grade)
    for distance, value, target, pull in zip((es, mf), values, targets, (0.25, 0.6), strict=True):
        field = texture + pull * deep.astype(np.float32) + (0.3 + grade) * caudal
        wanted = float(np.clip(target * rng.uniform(0.85, 1.15), 0.05, 0.6))
        share = _infiltration(field, part == value, wanted)
        inside = canvas.cover(distance + gap)
        canvas.paint(box, inside, "muscle")
        canvas.paint(box, inside * share, "fat")
        between = canvas.cover(np.abs(distance) - np.float32(0.5)) * (es + mf < 2)
        canvas.paint(box, np.float32(0.25 + 0.4 * grade) * between, "fat")


def _streaks(rng: np.random.Generator, shape: tuple[int, ...], canvas: Canvas) -> FloatArray:
    """Random field of winding septa and patches, unit variance.

    The zero crossings of smooth noise wind like the fatty septa between muscle bundles.
    """
    step = (float(np.diff(canvas.xs).mean()), float(np.diff(canvas.ys).mean()))

    def smooth(size_mm: tuple[float, float], depth: float) -> FloatArray:
        raw = rng.standard_normal(shape, dtype=np.float32)
        sigma = (size_mm[0] / step[0], size_mm[1] / step[1], depth)
        soft = ndimage.gaussian_filter(raw, sigma, truncate=2.5, mode="wrap")
        return np.asarray(soft / max(float(soft.std()), 1e-6), dtype=np.float32)

    coarse, fine = rng.uniform(2.5, 4.5), rng.uniform(1.2, 2.0)
    total = -1.6 * np.abs(smooth((coarse, 1.3 * coarse), 0.9))
    total += -0.7 * np.abs(smooth((1.3 * fine, fine), 0.6))
    total += 0.6 * smooth((5.0, 5.0), 0.9) + 0.3 * smooth((0.7, 0.7), 0.3)
    return np.asarray(total / max(float(total.std()), 1e-6), dtype=np.float32)


def _infiltration(field: FloatArray, inside: npt.NDArray[np.bool_], wanted: float) -> FloatArray:
    """Share of fat per voxel: a soft threshold of the field that reaches the wanted fat ratio."""
    values = field[inside]
    if not values.size:
        return np.zeros_like(field)
    lean, pure = TISSUE["muscle"], TISSUE["fat"]
    low, high = float(values.min()) - 3, float(values.max()) + 3
    for _ in range(18):
        middle = (low + high) / 2
        share = float((1 / (1 + np.exp(-(values - middle) / _SOFTNESS))).mean())
        fat = lean[FAT] + share * (pure[FAT] - lean[FAT])
        water = lean[WATER] + share * (pure[WATER] - lean[WATER])
        if fat / (fat + water) > wanted:
            low = middle
        else:
            high = middle
    exponent = np.clip(-(field - np.float32((low + high) / 2)) / np.float32(_SOFTNESS), -30, 30)
    return np.asarray(1 / (1 + np.exp(exponent)), dtype=np.float32)
