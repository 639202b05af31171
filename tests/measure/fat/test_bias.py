from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lpm_segmentator.core import Contrast
from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import Volume
from lpm_segmentator.measure import correct_bias


def lit(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A disc of two tissues and a smooth field over it."""
    i, j, _ = np.indices(shape)
    inside = np.hypot(i - shape[0] / 2, j - shape[1] / 2) < shape[0] * 0.4
    rng = np.random.default_rng(0)
    tissue = 100 + 60 * (ndimage.gaussian_filter(rng.standard_normal(shape), 2) > 0)
    return inside * tissue, np.exp(0.5 * (j / shape[1] - 0.5))


@pytest.mark.parametrize("codes", ["RAS", "SLP"])
def test_bias_correction_evens_out_the_field(codes: str) -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    flat, field = lit((64, 64, 8))
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    image = reorient(Volume((flat * field).astype(np.float32), affine), tuple(codes))
    corrected = reorient(correct_bias(image), ("R", "A", "S"))
    inside = flat > 0
    left = np.log(corrected.array[inside] / flat[inside])
    before = np.log(field[inside])
    assert left.std() < 0.35 * before.std()
    assert np.median(corrected.array[inside]) == pytest.approx(
        np.median((flat * field)[inside]), rel=0.1
    )


def test_one_slice_is_corrected_as_a_plane() -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    flat, field = lit((64, 64, 1))
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    corrected = correct_bias(Volume((flat * field).astype(np.float32), affine))
    inside = flat > 0
    left = np.log(corrected.array[inside] / flat[inside])
    assert left.std() < 0.5 * np.log(np.broadcast_to(field, flat.shape)[inside]).std()


def test_the_contrast_is_kept() -> None:
    pytest.importorskip("SimpleITK", reason="needs the extra t1t2")
    flat, field = lit((32, 32, 1))
    image = Volume((flat * field).astype(np.float32), np.eye(4), Contrast.T2W)
    assert correct_bias(image).contrast is Contrast.T2W


@pytest.mark.usefixtures("without_extras")
def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match="t1t2"):
        correct_bias(Volume(np.ones((4, 4, 4)), np.eye(4)))
