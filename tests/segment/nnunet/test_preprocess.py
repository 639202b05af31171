"""Intensity normalisation: the schemes of both versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lpm_segmentator.core import InputError
from lpm_segmentator.segment.nnunet.plans_v1 import spec_from_plans as spec_v1
from lpm_segmentator.segment.nnunet.plans_v2 import spec_from_plans as spec_v2
from lpm_segmentator.segment.nnunet.preprocess import prepare
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from nnunet_models import ISOTROPIC, v1_plans, v2_dataset, v2_plans

PATCH, SPACING = (16, 16, 16), (1.0, 1.0, 1.0)
STATISTICS = {"mean": 50.0, "sd": 20.0, "percentile_00_5": 10.0, "percentile_99_5": 90.0}


def _v1(scheme: str) -> ModelSpec:
    plans: dict[str, Any] = v1_plans(PATCH, SPACING, ISOTROPIC)
    plans["normalization_schemes"] = {0: scheme}
    plans["use_mask_for_norm"] = {0: False}
    plans["dataset_properties"] = {"intensityproperties": {0: STATISTICS}}
    return spec_v1(plans, trainer="nnUNetTrainerV2", stage=0, configuration="", where="plans.pkl")


def _v2(scheme: str, **more: object) -> ModelSpec:
    plans = v2_plans(
        PATCH, SPACING, ISOTROPIC, normalization_schemes=[scheme], use_mask_for_norm=[False], **more
    )
    return spec_v2(
        plans, v2_dataset(), configuration="3d_fullres", trainer="nnUNetTrainer", where="plans.json"
    )


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 100, (6, 7, 8)).astype(np.float32)


def _prepared(image: np.ndarray, spec: ModelSpec) -> np.ndarray:
    prepared = prepare(image, SPACING, spec)
    assert prepared.data.dtype == np.float32
    return prepared.data[0]


@pytest.mark.parametrize("spec", [_v1("nonCT"), _v1("MRI"), _v2("ZScoreNormalization")])
def test_z_score(image, spec):
    expected = (image - image.mean()) / image.std()
    np.testing.assert_allclose(_prepared(image, spec), expected, atol=1e-5)


@pytest.mark.parametrize("spec", [_v1("noNorm"), _v2("NoNormalization")])
def test_no_normalisation(image, spec):
    np.testing.assert_array_equal(_prepared(image, spec), image)


def test_ct_is_clipped_and_scaled_by_the_training_set(image):
    expected = (np.clip(image, 10, 90) - 50) / 20
    np.testing.assert_allclose(_prepared(image, _v1("CT")), expected, atol=1e-5)


def test_ct2_is_clipped_and_scaled_by_the_image(image):
    inside = image[(image > 10) & (image < 90)]
    expected = (np.clip(image, 10, 90) - inside.mean()) / inside.std()
    np.testing.assert_allclose(_prepared(image, _v1("CT2")), expected, atol=1e-5)


def test_rescaling_to_0_1(image):
    expected = (image - image.min()) / (image.max() - image.min())
    spec = _v2("RescaleTo01Normalization")
    np.testing.assert_allclose(_prepared(image, spec), expected, atol=1e-6)


def test_torchs_resampling_is_linear():
    spec = _v2("NoNormalization", resampling_fn_data="resample_torch_fornnunet")
    assert spec.data_resampling.order == 1
    line = np.linspace(1, 7, 7, dtype=np.float32)
    image = np.broadcast_to(line, (4, 4, 7)).copy()
    finer = prepare(image, (1.0, 1.0, 2.0), replace(spec, spacing_mm=(1.0, 1.0, 1.0))).data[0]
    assert finer.shape == (4, 4, 14)
    np.testing.assert_allclose(np.diff(finer[0, 0, 1:-1]), 0.5, atol=1e-5)


def test_the_image_is_cropped_to_its_box(image):
    padded = np.pad(image, ((1, 2), (3, 4), (5, 6)))
    prepared = prepare(padded, SPACING, _v1("noNorm"))
    np.testing.assert_array_equal(prepared.data[0], image)
    np.testing.assert_array_equal(padded[prepared.box], image)
    assert prepared.full_shape == padded.shape


def test_an_empty_image_is_refused():
    with pytest.raises(InputError, match="zero everywhere"):
        prepare(np.zeros((4, 4, 4)), SPACING, _v1("noNorm"))
