"""Torch and OpenVINO run the same network."""

from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core.errors import MissingExtraError
from lpm_segmentator.core.volume import Volume
from lpm_segmentator.segment.nnunet import openvino_engine
from lpm_segmentator.segment.nnunet.engine import make_engine, torch_engine
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.source import read_model_folder
from nnunet_cases import CASES, affine, image, write_case

torch = pytest.importorskip("torch", reason="needs torch (the extra nnunet)")

needs_openvino = pytest.mark.skipif(
    not openvino_engine.has_openvino(), reason="needs openvino (the extra nnunet)"
)
KINDS = ["v1-separate-z", "v1-2d", "v2-residual", "v2-separate-z"]


def _network(name, tmp_path):
    model = read_model_folder(write_case(name, tmp_path / "model"))
    return model.folds[0].weights, model.spec.network, model.spec.patch_size


def _smooth(size):
    """An image whose channels have means far from zero after the first convolution."""
    grid = np.meshgrid(*(np.linspace(0, 3, n) for n in size), indexing="ij")
    return (2 + np.sin(sum(grid)))[None].astype(np.float32)


def _reference(weights, spec, tile):
    """The network in float64."""
    from lpm_segmentator.segment.nnunet.network import UNet

    network = UNet(spec).double().eval()
    network.load_state_dict({k: torch.from_numpy(v.astype(np.float64)) for k, v in weights.items()})
    with torch.inference_mode():
        return network(torch.from_numpy(tile.astype(np.float64))[None])[0].numpy()


@needs_openvino
@pytest.mark.parametrize("name", KINDS)
def test_openvino_is_as_precise_as_torch(name, tmp_path):
    weights, spec, size = _network(name, tmp_path)
    tile = _smooth(size)
    expected = _reference(weights, spec, tile)
    engine = make_engine(weights, spec, size, low_precision=False, backend="openvino", threads=1)
    np.testing.assert_allclose(engine(tile), expected, atol=2e-4)
    np.testing.assert_allclose(torch_engine(weights, spec)(tile), expected, atol=2e-4)


@needs_openvino
def test_sums_over_a_large_channel_stay_precise(tmp_path):
    """Its own normalisation operation is off by 1e-2 at this size."""
    weights, spec, _ = _network("v1-separate-z", tmp_path)
    tile = _smooth((16, 192, 192))
    expected = _reference(weights, spec, tile)
    engine = openvino_engine.openvino_engine(weights, spec, tile.shape[1:], threads=1)
    assert np.abs(engine(tile) - expected).mean() < 2e-5


@needs_openvino
def test_an_answer_is_not_overwritten_by_the_next(tmp_path):
    weights, spec, size = _network("v1-2d", tmp_path)
    engine = make_engine(weights, spec, size, low_precision=False, backend="openvino", threads=1)
    first = engine(_smooth(size))
    kept = first.copy()
    engine(-_smooth(size))
    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("backend", ["torch", pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize("size", [(9, 33, 31), (8, 32, 32), (5, 7, 3)])
def test_any_size_can_be_computed(backend, size, tmp_path):
    weights, spec, _ = _network("v1-separate-z", tmp_path)
    engine = make_engine(weights, spec, size, low_precision=False, backend=backend)
    assert engine(_smooth(size)).shape == (5, *size)


@pytest.mark.parametrize("backend", ["torch", pytest.param("openvino", marks=needs_openvino)])
@pytest.mark.parametrize("name", ["v1-separate-z", "v2-2d"])
def test_fast_mode_answers_nearly_the_same(backend, name, tmp_path):
    case = CASES[name]
    model = read_model_folder(write_case(name, tmp_path / "model"))
    volume = Volume(image(case["shape"]), affine(case["spacing"]))
    fast, exact = (
        NnUnetPredictor(model, mode=mode, backend=backend).predict(volume).labels
        for mode in ("fast", "exact")
    )
    # Random weights put many voxels near a tie; trained ones do not.
    assert (fast.array == exact.array).mean() > 0.95
    both = (fast.foreground & exact.foreground).sum()
    assert 2 * both / (fast.foreground.sum() + exact.foreground.sum()) > 0.995


def test_openvino_can_be_insisted_on(tmp_path, monkeypatch):
    weights, spec, size = _network("v1-2d", tmp_path)
    monkeypatch.setattr(openvino_engine, "has_openvino", lambda: False)
    with pytest.raises(MissingExtraError, match="nnunet"):
        make_engine(weights, spec, size, low_precision=False, backend="openvino")
    assert make_engine(weights, spec, size, low_precision=False)(_smooth(size)).shape == (5, *size)


def test_progress_is_told(tmp_path):
    case = CASES["v2-separate-z"]  # two folds
    steps = []
    predictor = NnUnetPredictor.from_folder(write_case("v2-separate-z", tmp_path / "model"))
    predictor._progress = lambda done, of: steps.append((done, of))
    predictor.predict(Volume(image(case["shape"]), affine(case["spacing"])))
    assert steps == [(i + 1, steps[-1][1]) for i in range(len(steps))]
