"""The masks of nnU-Net's own code, reproduced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.volume import Volume
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.source import read_model_folder
from nnunet_cases import CASES, affine, image, write_case

pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")

GOLDEN = Path(__file__).with_name("golden.npz")
FIXTURE = Path(__file__).resolve().parents[4] / "shared" / "fixtures" / "nnunet_v1"


@pytest.mark.parametrize("name", CASES)
def test_exact_mode_gives_nnunets_own_labels(name, tmp_path):
    with np.load(GOLDEN) as golden:
        expected = golden[name]
    case = CASES[name]
    predictor = NnUnetPredictor(
        read_model_folder(write_case(name, tmp_path / "model")), mode="exact"
    )
    volume = Volume(image(case["shape"]), affine(case["spacing"]))
    labels = predictor.predict(volume).labels
    assert (labels.array == expected).mean() >= 0.999
    assert labels.geometry == volume.geometry


@pytest.mark.slow
@pytest.mark.parametrize("name", ["native", "resampled"])
def test_the_v1_fixture_is_reproduced(name):
    if not FIXTURE.is_dir():
        pytest.skip("the shared fixture is not beside this checkout (../shared/fixtures)")
    import nibabel as nib

    given = nib.load(FIXTURE / "input" / f"{name}_0000.nii.gz")
    expected = np.asanyarray(nib.load(FIXTURE / "expected" / f"{name}.nii.gz").dataobj)
    predictor = NnUnetPredictor(read_model_folder(FIXTURE / "model"), mode="exact")
    labels = predictor.predict(Volume(np.asanyarray(given.dataobj), given.affine)).labels
    assert (labels.array == expected).mean() >= 0.999
