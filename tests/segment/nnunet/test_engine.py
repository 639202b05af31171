"""The engine computes what the same network in torch does."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from lpm_segmentator.core import DixonPair, MissingExtraError, Volume
from lpm_segmentator.segment.nnunet.engine import make_engine
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.source import read_model_folder
from nnunet_cases import CASES, affine, image, write_case

torch = pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")

KINDS = ["v1-separate-z", "v1-2d", "v2-residual", "v2-separate-z"]


def _model(name, tmp_path):
    return read_model_folder(write_case(name, tmp_path / "model"))


def _network(name, tmp_path):
    model = _model(name, tmp_path)
    return model.folds[0].weights, model.spec.network, model.spec.patch_size


def _smooth(size):
    """An image whose channels have means far from zero after the first convolution."""
    grid = np.meshgrid(*(np.linspace(0, 3, n) for n in size), indexing="ij")
    return (2 + np.sin(sum(grid)))[None].astype(np.float32)


def _reference(weights, spec, tile):
    """The network in float64."""
    from nnunet_network import UNet

    network = UNet(spec).double().eval()
    network.load_state_dict({k: torch.from_numpy(v.astype(np.float64)) for k, v in weights.items()})
    with torch.inference_mode():
        return network(torch.from_numpy(tile.astype(np.float64))[None])[0].numpy()


@pytest.mark.parametrize("name", KINDS)
def test_logits_are_those_of_float64(name, tmp_path):
    weights, spec, size = _network(name, tmp_path)
    tile = _smooth(size)
    engine = make_engine(weights, spec, size, threads=1)
    np.testing.assert_allclose(engine(tile), _reference(weights, spec, tile), atol=2e-4)


def test_sums_over_a_large_channel_stay_precise(tmp_path):
    """OpenVINO's own normalisation is off by 1e-2 at this size."""
    weights, spec, _ = _network("v1-separate-z", tmp_path)
    tile = _smooth((16, 192, 192))
    engine = make_engine(weights, spec, tile.shape[1:], threads=1)
    assert np.abs(engine(tile) - _reference(weights, spec, tile)).mean() < 2e-5


def test_a_result_is_not_overwritten_by_the_next(tmp_path):
    weights, spec, size = _network("v1-2d", tmp_path)
    engine = make_engine(weights, spec, size, threads=1)
    first = engine(_smooth(size))
    kept = first.copy()
    engine(-_smooth(size))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("size", [(9, 33, 31), (8, 32, 32), (5, 7, 3)])
def test_any_size_can_be_computed(size, tmp_path):
    weights, spec, _ = _network("v1-separate-z", tmp_path)
    assert make_engine(weights, spec, size)(_smooth(size)).shape == (5, *size)


@pytest.mark.parametrize("name", ["v1-separate-z", "v2-2d"])
def test_fast_mode_gives_nearly_the_same_mask(name, tmp_path):
    case, model = CASES[name], _model(name, tmp_path)
    volume = Volume(image(case["shape"]), affine(case["spacing"]))
    fast, exact = (
        NnUnetPredictor(model, mode=mode).predict(volume).labels for mode in ("fast", "exact")
    )
    # Random weights put many voxels near a tie; trained ones do not.
    assert (fast.array == exact.array).mean() > 0.95
    both = (fast.foreground & exact.foreground).sum()
    assert 2 * both / (fast.foreground.sum() + exact.foreground.sum()) > 0.995


def test_the_water_image_of_a_pair_is_segmented(tmp_path):
    case = CASES["v1-2d"]
    predictor = NnUnetPredictor(_model("v1-2d", tmp_path))
    water = Volume(image(case["shape"]), affine(case["spacing"]))
    fat = water.with_array(water.array[::-1].copy())
    pair, alone = predictor.predict(DixonPair(water, fat)), predictor.predict(water)
    np.testing.assert_array_equal(pair.labels.array, alone.labels.array)


def test_a_missing_openvino_is_reported(tmp_path, monkeypatch):
    weights, spec, size = _network("v1-2d", tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lpm-segmentator\[nnunet\]"):
        make_engine(weights, spec, size)


def test_progress_is_reported(tmp_path):
    case = CASES["v2-separate-z"]  # two folds
    steps = []
    model = _model("v2-separate-z", tmp_path)
    predictor = NnUnetPredictor(model, progress=lambda done, of: steps.append((done, of)))
    predictor.predict(Volume(image(case["shape"]), affine(case["spacing"])))
    assert steps == [(i + 1, steps[-1][1]) for i in range(len(steps))]
