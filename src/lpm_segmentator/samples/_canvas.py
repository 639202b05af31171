"""The canvas that the phantom is painted on: four contrasts, soft edges, warped coordinates.

Coordinates are millimetres from the centre of the vertebral body: ``x`` grows to the left, ``y``
to posterior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Profile = npt.NDArray[np.float64]
Signals = tuple[float, float, float, float]

WATER, FAT, T1, T2 = range(4)
_KNOTS = (0.0, 0.25, 0.5, 0.75, 1.0)

#: Signals (water, fat, T1w, T2w) relative to the water signal of lean muscle.
TISSUE: dict[str, Signals] = {
    "air": (0.0, 0.0, 0.0, 0.0),
    "skin": (0.95, 0.25, 0.45, 0.25),
    "fat": (0.13, 2.6, 1.0, 0.75),
    "muscle": (1.0, 0.045, 0.36, 0.13),
    "fascia": (0.35, 0.25, 0.15, 0.10),
    "bone": (0.18, 0.12, 0.12, 0.07),
    "csf": (1.45, 0.02, 0.14, 1.05),
    "nerve": (0.85, 0.03, 0.38, 0.42),
    "kidney": (1.25, 0.05, 0.40, 0.62),
    "gas": (0.02, 0.01, 0.02, 0.01),
}


@dataclass(frozen=True)
class Box:
    """A part of the canvas with the coordinates of its voxels.

    Attributes
    ----------
    window : tuple of slice
        Index ranges (i, j, k) of the part.
    x, y : ndarray of float32, shape (i, j, k)
        Warped coordinates of its voxels, mm.
    """

    window: tuple[slice, slice, slice]
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True)
class Blob:
    """A rotated superellipse in each slice; every value is a scalar or an array over the slices.

    Attributes
    ----------
    cx, cy : float or ndarray
        Centre, mm.
    a, b : float or ndarray
        Semi-axes, mm.
    angle : float or ndarray
        Rotation of the first axis, radians.
    power : float
        Exponent of the superellipse; 2 is an ellipse.
    taper : float
        Narrows the lateral end and widens the medial one; 0 is symmetric.
    """

    cx: Profile | float
    cy: Profile | float
    a: Profile | float
    b: Profile | float
    angle: Profile | float = 0.0
    power: float = 2.0
    taper: float = 0.0

    def distance(self, box: Box, side: float = 1.0, scale: float = 1.0) -> FloatArray:
        """Return the distance (mm) to the rim along the ray from the centre, negative inside."""
        cx, cy, a, b, angle = (
            np.broadcast_to(np.asarray(v, dtype=np.float32), self._count(box))[box.window[2]]
            for v in (self.cx, self.cy, self.a, self.b, self.angle)
        )
        cos, sin = np.cos(angle), np.sin(angle)
        dx, dy = side * box.x - cx, box.y - cy
        u, v = dx * cos + dy * sin, dy * cos - dx * sin
        length = np.hypot(u, v)
        p = u / np.maximum(a * scale, 1e-3)
        q = v / np.maximum(b * scale, 1e-3)
        if self.taper:
            q = q / np.clip(1.0 - self.taper * p, 0.25, 2.0)
        if self.power == 2.0:
            radius = np.hypot(p, q)
        else:
            radius = (np.abs(p) ** self.power + np.abs(q) ** self.power) ** (1 / self.power)
        return np.asarray(length * (1.0 - 1.0 / np.maximum(radius, 1e-3)), dtype=np.float32)

    def _count(self, box: Box) -> int:
        """Return the number of slices of the whole canvas, which the profiles cover."""
        sizes = [np.size(v) for v in (self.cx, self.cy, self.a, self.b, self.angle)]
        return max(*sizes, int(box.window[2].stop))


class Canvas:
    """Signals that are painted over each other, with edges softened over one voxel.

    Attributes
    ----------
    channels : ndarray of float32, shape (4, i, j, k)
        Water, fat, T1w and T2w signal, relative to the water signal of lean muscle.
    xs, ys, zs : ndarray
        Coordinates of the voxel rows along each axis before warping, mm.
    edge_mm : float
        Mean in-plane spacing.
    """

    #: How far warp and rotation may move a shape out of its straight bounding box.
    _MARGIN_MM = 14.0

    def __init__(
        self,
        rng: np.random.Generator,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
    ) -> None:
        self.shape = shape
        self.edge_mm = float(np.mean(spacing_mm[:2]))
        centre = (rng.uniform(-5, 5), 12 + rng.uniform(-8, 8))
        self.xs = _ruler(shape[0], spacing_mm[0]) + centre[0]
        self.ys = _ruler(shape[1], spacing_mm[1]) + centre[1]
        self.zs = _ruler(shape[2], spacing_mm[2])
        self.channels = np.zeros((4, *shape), dtype=np.float32)
        self._x, self._y = self._warped(rng)

    def _warped(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Return x and y of every voxel after a small rotation and a smooth warp."""
        x, y, k = self.xs[:, None], self.ys[None, :], self.shape[2]
        angle = np.deg2rad(rng.normal(0, 1.5))
        turned = (x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle))
        out = []
        for plane in turned:
            warp_x, warp_y = _waves(rng, self.xs, k), _waves(rng, self.ys, k)
            full = plane[:, :, None].astype(np.float32) + warp_x[:, None, :]
            out.append(full + warp_y[None, :, :])
        return out[0], out[1]

    def box(self, blob: Blob, side: float = 1.0, grow_mm: float = 0.0) -> Box | None:
        """Return the part of the canvas that a blob can touch; None where it touches nothing."""
        reach = np.maximum(blob.a, blob.b) * 1.2
        present = np.broadcast_to(np.minimum(blob.a, blob.b) > 0.3, self.shape[2])
        if not present.any():
            return None
        ks = np.flatnonzero(present)
        spread = np.broadcast_to(reach, self.shape[2])[ks].max() + self._MARGIN_MM + grow_mm
        cx = side * np.broadcast_to(blob.cx, self.shape[2])[ks]
        cy = np.broadcast_to(blob.cy, self.shape[2])[ks]
        i0, i1 = np.searchsorted(self.xs, (cx.min() - spread, cx.max() + spread))
        j0, j1 = np.searchsorted(self.ys, (cy.min() - spread, cy.max() + spread))
        if i0 == i1 or j0 == j1:
            return None
        return self.window(slice(i0, i1), slice(j0, j1), slice(ks[0], ks[-1] + 1))

    def window(self, *window: slice) -> Box:
        """Return the part of the canvas within three index ranges."""
        i, j, k = window
        return Box((i, j, k), self._x[i, j, k], self._y[i, j, k])

    def whole(self) -> Box:
        """Return the whole canvas as a box."""
        return self.window(*(slice(0, n) for n in self.shape))

    def cover(self, distance: FloatArray) -> FloatArray:
        """Return the share of each voxel that lies inside, from the distance to the rim (mm)."""
        share = np.clip(0.5 - distance / np.float32(self.edge_mm), 0.0, 1.0)
        return np.asarray(share, dtype=np.float32)

    def paint(self, box: Box, alpha: FloatArray, tissue: str | Signals) -> None:
        """Blend a tissue over the current signals; ``alpha`` is its share of each voxel."""
        signal = TISSUE[tissue] if isinstance(tissue, str) else tissue
        for channel, value in zip(self.channels, signal, strict=True):
            part = channel[box.window]
            part += alpha * (np.float32(value) - part)

    def blob(
        self,
        blob: Blob,
        tissue: str | Signals,
        *,
        side: float = 1.0,
        rim: str | None = None,
        rim_mm: float = 1.2,
        within: FloatArray | None = None,
    ) -> None:
        """Paint a blob, optionally with a rim of another tissue and clipped to ``within``.

        Parameters
        ----------
        blob : Blob
        tissue : str or tuple of float
            A name in `TISSUE`, or its four signals.
        side : float
            1 as given, -1 mirrored to the right side.
        rim : str, optional
            Tissue of the rim.
        rim_mm : float
            Thickness of the rim.
        within : ndarray of float32, shape (i, j, k), optional
            Distance to the surface of a body that clips the blob, negative inside (mm).
        """
        box = self.box(blob, side)
        if box is None:
            return
        distance = blob.distance(box, side)
        present = np.broadcast_to(np.minimum(blob.a, blob.b) > 0.3, self.shape[2])[box.window[2]]
        if within is not None:
            distance = np.maximum(distance, within[box.window])
        if rim is not None:
            self.paint(box, self.cover(distance) * present, rim)
            distance = distance + np.float32(rim_mm)
        self.paint(box, self.cover(distance) * present, tissue)

    def pair(
        self,
        blob: Blob,
        tissue: str | Signals,
        *,
        rim: str | None = None,
        rim_mm: float = 1.2,
    ) -> None:
        """Paint a blob and its mirror image."""
        for side in (-1.0, 1.0):
            self.blob(blob, tissue, side=side, rim=rim, rim_mm=rim_mm)


def curve(t: Profile, *values: float) -> Profile:
    """Interpolate values that are given at t = 0, 0.25, 0.5, 0.75 and 1."""
    return np.interp(t, _KNOTS, values)


def smooth_step(x: Profile, start: float, stop: float) -> Profile:
    """Return a smooth step from 0 at ``start`` to 1 at ``stop``."""
    s = np.clip((x - start) / (stop - start), 0, 1)
    return np.asarray(s * s * (3 - 2 * s))


def _ruler(count: int, spacing_mm: float) -> Profile:
    """Return voxel centres in mm from the middle of the row."""
    return (np.arange(count, dtype=np.float64) - (count - 1) / 2) * np.float64(spacing_mm)


def _waves(rng: np.random.Generator, along: Profile, slices: int) -> FloatArray:
    """Return a smooth displacement (mm) along one axis that drifts from slice to slice."""
    drift = np.linspace(0, rng.uniform(-1.5, 1.5), slices)[None, :]
    out = np.zeros((len(along), slices))
    for length, size in ((110.0, 2.0), (45.0, 0.8), (22.0, 0.35)):
        phase = rng.uniform(0, 2 * np.pi)
        out += rng.normal(0, size) * np.sin(2 * np.pi * along[:, None] / length + phase + drift)
    return out.astype(np.float32)
