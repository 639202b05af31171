"""A model small enough to know by heart, and the one that is shipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.segment import CompactPredictor, embedded_predictor

TINY = {"name": "tiny", "version": "1", "spacing_mm": 2.0, "context": 1, "multiple": 8}


def tiny_onnx(metadata: dict[str, str]) -> bytes:
    """Build a model that calls what is bright muscle, and tells sides by the column alone.

    Labels 1 to 4 follow each other over the width of the plane it is shown; bright is brighter
    than half of the body's 95th percentile.
    """
    onnx = pytest.importorskip("onnx", reason="the extra 'train' is not installed")
    node, to_array = onnx.helper.make_node, onnx.numpy_helper.from_array

    def const(name: str, values: object) -> object:
        return to_array(np.asarray(values, dtype=np.float32), name)

    centres = np.reshape([0.15, 0.4, 0.6, 0.85], (1, 4, 1, 1))
    constants = [
        const("zero", 0.0), const("one", 1.0), const("half", 0.5), const("steep", 40.0),
        const("sharp", -400.0), const("far", -1000.0), const("centres", centres),
        to_array(np.array(3, dtype=np.int64), "width"),
        to_array(np.array([1], dtype=np.int64), "first"),
        to_array(np.array([2], dtype=np.int64), "second"),
        to_array(np.array([1], dtype=np.int64), "channel"),
    ]  # fmt: skip
    nodes = [
        node("Slice", ["image", "first", "second", "channel"], ["middle"]),
        node("Mul", ["middle", "zero"], ["empty"]),
        node("Add", ["empty", "one"], ["ones"]),
        node("CumSum", ["ones", "width"], ["counted"]),
        node("ReduceMax", ["counted"], ["columns"], keepdims=1),
        node("Sub", ["counted", "half"], ["column"]),
        node("Div", ["column", "columns"], ["x"]),
        node("Sub", ["x", "centres"], ["off"]),
        node("Mul", ["off", "off"], ["squared"]),
        node("Mul", ["squared", "sharp"], ["place"]),
        node("Sub", ["middle", "half"], ["over"]),
        node("Mul", ["over", "steep"], ["bright"]),
        node("Mul", ["far", "empty"], ["shift"]),
        node("Add", ["place", "shift"], ["muscle"]),
        node("Neg", ["bright"], ["dark"]),
        node("Concat", ["dark", "muscle"], ["logits"], axis=1),
        node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    floats, info = onnx.TensorProto.FLOAT, onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "tiny",
        [info("image", floats, ["n", 3, "h", "w"])],
        [info("probability", floats, ["n", 5, "h", "w"])],
        constants,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    encoded: bytes = model.SerializeToString()
    return encoded


@pytest.fixture(scope="session")
def tiny_bytes() -> bytes:
    return tiny_onnx({"lpm": json.dumps(TINY)})


@pytest.fixture(scope="session")
def tiny(tiny_bytes: bytes) -> CompactPredictor:
    return CompactPredictor(tiny_bytes, mirror=False, threads=1)


@pytest.fixture(scope="session")
def embedded() -> CompactPredictor:
    """The shipped model in its fast mode."""
    return embedded_predictor(mirror=False, threads=1)


Slab = Callable[[int], tuple[Volume, LabelMap]]


@pytest.fixture(scope="session")
def tum_slab(shared_data: Path) -> Slab:
    """A few slices from the middle of TUM01 (water), cut to the back, and their labels."""
    nib = pytest.importorskip("nibabel")
    folder = shared_data / "myosegmentum"

    def cut(count: int) -> tuple[Volume, LabelMap]:
        fat = nib.load(folder / "TUM01_fat_img_img_L2-L5.nii.gz")
        water = nib.load(folder / "TUM01_water_img_img_L2-L5.nii.gz")
        labels = nib.load(folder / "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz")
        start = 14 - count // 2
        box = np.s_[80:320, 120:330, start : start + count]
        affine = fat.affine.copy()
        affine[:3, 3] = fat.affine[:3, :3] @ [80, 120, start] + fat.affine[:3, 3]
        return (
            Volume(np.asarray(water.dataobj)[box], affine),
            LabelMap(np.asarray(labels.dataobj)[box].astype(np.uint8), affine),
        )

    return cut
