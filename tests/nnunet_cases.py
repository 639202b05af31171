"""Models and made-up images for which ``golden.npz`` holds nnU-Net's own masks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnunet_models import ANISOTROPIC, ISOTROPIC, PLANAR, v1_plans, v2_plans, write_v1, write_v2


def image(shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """A smooth pattern in a cylinder, zero around it and in a hole."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    values = 400 + 200 * np.sin(5 * grid[0] + 3 * grid[1]) + 100 * np.cos(9 * grid[1] - 4 * grid[2])
    values = np.where(grid[0] ** 2 + grid[1] ** 2 < 1.1, values + rng.normal(0, 30, shape), 0)
    i, j, k = (n // 2 for n in shape)
    values[i - 3 : i + 3, j - 3 : j + 3, k - 1 : k + 1] = 0
    values[:2] = 0
    values[:, -3:] = 0
    return values.astype(np.int16)


def affine(spacing: Sequence[float]) -> np.ndarray:
    return np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])


CASES: dict[str, dict[str, Any]] = {
    # name: version, plans, the image's shape and spacing (i, j, k), folds
    "v1-isotropic": {
        "version": 1,
        "plans": v1_plans((32, 32, 32), (1.1, 1.1, 1.1), ISOTROPIC),
        "shape": (40, 36, 38),
        "spacing": (1.3, 1.0, 1.2),
    },
    "v1-separate-z": {
        "version": 1,
        "plans": v1_plans((8, 32, 32), (4.0, 1.0, 1.0), ANISOTROPIC),
        "shape": (44, 52, 13),
        "spacing": (0.8, 0.8, 3.5),
        "folds": ("0", "3"),
    },
    "v1-transposed": {
        "version": 1,
        "plans": v1_plans((8, 40, 32), (3.9, 0.9, 0.9), ANISOTROPIC, transpose=(2, 0, 1)),
        "shape": (12, 46, 44),
        "spacing": (4.0, 0.8, 0.85),
    },
    # The image is isotropic, the target is not: v1 then takes the wrong axis for the coarse one.
    "v1-wrong-axis": {
        "version": 1,
        "plans": v1_plans((8, 32, 32), (5.0, 1.2, 1.2), ANISOTROPIC, transpose=(2, 0, 1)),
        "shape": (44, 40, 42),
        "spacing": (1.5, 1.4, 1.6),
    },
    "v1-2d": {
        "version": 1,
        "plans": v1_plans((48, 40), (4.0, 1.0, 1.1), PLANAR),
        "shape": (50, 60, 7),
        "spacing": (0.9, 1.2, 4.5),
    },
    "v1-export-parameters": {
        "version": 1,
        "plans": v1_plans(
            (8, 32, 32),
            (3.0, 1.0, 1.0),
            ANISOTROPIC,
            segmentation_export_params={
                "force_separate_z": False,
                "interpolation_order": 1,
                "interpolation_order_z": 0,
            },
            use_mask_for_norm=OrderedDict([(0, False)]),
        ),
        "shape": (46, 44, 14),
        "spacing": (0.8, 0.8, 3.5),
    },
    "v1-smaller-than-patch": {
        "version": 1,
        "plans": v1_plans((16, 64, 64), (4.0, 1.0, 1.0), ANISOTROPIC),
        "shape": (40, 37, 9),
        "spacing": (1.25, 1.25, 3.9),
    },
    "v2-separate-z": {
        "version": 2,
        "plans": v2_plans((8, 32, 32), (4.0, 1.0, 1.0), ANISOTROPIC),
        "shape": (44, 52, 13),
        "spacing": (0.8, 0.8, 3.5),
        "folds": ("0", "3"),
    },
    "v2-transposed": {
        "version": 2,
        "plans": v2_plans((8, 40, 32), (3.9, 0.9, 0.9), ANISOTROPIC, transpose=(2, 0, 1)),
        "shape": (12, 46, 44),
        "spacing": (4.0, 0.8, 0.85),
    },
    "v2-2d": {
        "version": 2,
        "plans": v2_plans((48, 40), (1.0, 1.1), PLANAR),
        "shape": (50, 60, 7),
        "spacing": (0.9, 1.2, 4.5),
    },
    "v2-residual": {
        "version": 2,
        "plans": v2_plans((16, 32, 32), (2.0, 1.2, 1.2), ISOTROPIC, kind="ResidualEncoderUNet"),
        "shape": (40, 44, 20),
        "spacing": (1.2, 1.2, 2.0),
    },
    "v2-ct": {
        "version": 2,
        "plans": v2_plans(
            (32, 32, 32),
            (1.1, 1.1, 1.1),
            ISOTROPIC,
            normalization_schemes=["CTNormalization"],
            use_mask_for_norm=[False],
        ),
        "shape": (40, 36, 38),
        "spacing": (1.3, 1.0, 1.2),
    },
}


def write_case(name: str, folder: Path) -> Path:
    case = CASES[name]
    write = write_v1 if case["version"] == 1 else write_v2
    return write(folder, case["plans"], folds=case.get("folds", ("0",)), seed=len(name))
