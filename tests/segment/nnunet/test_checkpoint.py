from __future__ import annotations

import os
import zipfile

import numpy as np
import pytest

from lpm_segmentator.core.errors import ModelError
from lpm_segmentator.segment.nnunet.checkpoint import load_checkpoint, weights_of
from nnunet_models import RunsCode

torch = pytest.importorskip("torch", reason="needs torch (the extra nnunet)")


def test_tensors_and_numpy_numbers_are_read(tmp_path):
    path = tmp_path / "a.model"
    torch.save({"state_dict": {"module.w": torch.ones(2)}, "loss": [np.float64(0.5)]}, path)
    checkpoint = load_checkpoint(path)
    assert checkpoint["loss"] == [0.5]
    weights = weights_of(checkpoint, "state_dict", where=path)
    assert list(weights) == ["w"]
    assert weights["w"].dtype == np.float32


def test_the_format_before_torch_1_6_is_read(tmp_path):
    path = tmp_path / "a.model"
    torch.save({"state_dict": {"w": torch.ones(2)}}, path, _use_new_zipfile_serialization=False)
    assert "w" in load_checkpoint(path)["state_dict"]


@pytest.mark.parametrize("new", [True, False])
def test_a_checkpoint_that_runs_code_is_refused(tmp_path, new):
    path, marker = tmp_path / "a.pth", tmp_path / "was_here"
    torch.save(
        {"network_weights": {}, "x": RunsCode(os.system, f"touch {marker}")},
        path,
        _use_new_zipfile_serialization=new,
    )
    with pytest.raises(ModelError, match="refused"):
        load_checkpoint(path)
    assert not marker.exists()


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_a_truncated_checkpoint_is_named_as_such(tmp_path, keep):
    path = tmp_path / "a.model"
    torch.save({"state_dict": {"w": torch.ones(5000)}}, path)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(ModelError, match="truncated or damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"epoch": 1}, "no 'state_dict'"),
        ({"state_dict": {"w": 3}}, "not a plain tensor"),
        ({"state_dict": {"w": torch.tensor([float("nan")])}}, "not finite"),
    ],
)
def test_other_contents_are_reported(tmp_path, content, message):
    path = tmp_path / "a.model"
    torch.save(content, path)
    with pytest.raises(ModelError, match=message):
        weights_of(load_checkpoint(path), "state_dict", where=path)


def test_a_list_is_no_checkpoint(tmp_path):
    path = tmp_path / "a.model"
    torch.save([1], path)
    with pytest.raises(ModelError, match="list"):
        load_checkpoint(path)


def test_a_view_that_repeats_one_number_is_refused(tmp_path):
    path = tmp_path / "a.model"
    torch.save({"state_dict": {"w": torch.zeros(1).expand(10**12)}}, path)
    with pytest.raises(ModelError, match="not a plain tensor"):
        weights_of(load_checkpoint(path), "state_dict", where=path)


@pytest.mark.filterwarnings("ignore:Sparse invariant")
def test_a_sparse_tensor_is_refused(tmp_path):
    path = tmp_path / "a.model"
    huge = torch.sparse_coo_tensor(torch.zeros((1, 1)), torch.ones(1), (10**12,))
    torch.save({"state_dict": {"w": huge}}, path)
    with pytest.raises(ModelError, match="not a plain tensor"):
        weights_of(load_checkpoint(path), "state_dict", where=path)


def test_a_checkpoint_that_expands_is_refused(tmp_path):
    stored, packed = tmp_path / "a.model", tmp_path / "b.model"
    torch.save({"state_dict": {"w": torch.zeros(10**6)}}, stored)
    with (
        zipfile.ZipFile(stored) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    with pytest.raises(ModelError, match="expands"):
        load_checkpoint(packed)


def test_complex_weights_are_refused(tmp_path):
    path = tmp_path / "a.model"
    torch.save({"state_dict": {"w": torch.ones(2, dtype=torch.complex64)}}, path)
    with pytest.raises(ModelError, match="not a plain tensor"):
        weights_of(load_checkpoint(path), "state_dict", where=path)
