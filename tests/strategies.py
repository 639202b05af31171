"""Hypothesis strategies for grids, volumes and label maps, and images to go with them."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.core import LPM_SCHEME, DixonPair, Geometry, LabelMap, Volume

PAIRS = (("L", "R"), ("P", "A"), ("I", "S"))

ORIENTATIONS = [codes for axes in permutations(PAIRS) for codes in product(*axes)]
"""All 48 ways to lay array axes along the body's."""

shapes = st.tuples(*[st.integers(1, 6)] * 3)
spacings = st.tuples(*[st.floats(0.25, 8.0)] * 3)
origins = st.tuples(*[st.floats(-300.0, 300.0)] * 3)


def signed_permutation(codes: tuple[str, ...]) -> np.ndarray:
    """Direction cosines (3, 3) of an array whose axes grow to `codes`."""
    matrix = np.zeros((3, 3))
    for axis, code in enumerate(codes):
        row = next(r for r, pair in enumerate(PAIRS) if code in pair)
        matrix[row, axis] = 1 if code == PAIRS[row][1] else -1
    return matrix


def rotation(degrees_xyz: tuple[float, float, float]) -> np.ndarray:
    """Rotation matrix of turns about x, then y, then z."""
    matrix = np.eye(3)
    for axis, degrees in enumerate(degrees_xyz):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
        matrix = turn @ matrix
    return matrix


@st.composite
def affines(draw: st.DrawFn, *, oblique: bool = True) -> np.ndarray:
    """Affines of any orientation, turned by up to 20 degrees about each axis if `oblique`."""
    codes = draw(st.sampled_from(ORIENTATIONS))
    turns = draw(st.tuples(*[st.floats(-20.0, 20.0)] * 3)) if oblique else (0.0, 0.0, 0.0)
    affine = np.eye(4)
    affine[:3, :3] = rotation(turns) @ signed_permutation(codes) @ np.diag(draw(spacings))
    affine[:3, 3] = draw(origins)
    return affine


@st.composite
def geometries(draw: st.DrawFn, *, oblique: bool = True) -> Geometry:
    """Small grids anywhere."""
    return Geometry(draw(shapes), draw(affines(oblique=oblique)))


@st.composite
def volumes(draw: st.DrawFn, *, oblique: bool = True) -> Volume:
    """Small images with distinct intensities, so that any mix-up of voxels shows."""
    grid = draw(geometries(oblique=oblique))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.int16, np.uint16]))
    array = np.arange(np.prod(grid.shape), dtype=dtype).reshape(grid.shape)
    return Volume(array, grid.affine)


@st.composite
def label_maps(draw: st.DrawFn, *, oblique: bool = True) -> LabelMap:
    """Small label maps with any of the values 0 to 4."""
    grid = draw(geometries(oblique=oblique))
    values = st.sampled_from(sorted(LPM_SCHEME.allowed))
    return LabelMap(draw(hnp.arrays(np.uint8, grid.shape, elements=values)), grid.affine)


gridded = st.one_of(volumes(), label_maps())


def pair_like(labels: LabelMap, water: object, fat: object) -> DixonPair:
    """A Dixon pair on the grid of a label map; single numbers fill the image."""
    full = np.zeros(labels.shape)
    return DixonPair(
        Volume(np.asarray(full + water), labels.affine),
        Volume(np.asarray(full + fat), labels.affine),
    )
