"""A model small enough to know by heart, in the format of the embedded one."""

from __future__ import annotations

import numpy as np
import pytest

TINY = {"name": "tiny", "version": "1", "spacing_mm": 2.0, "context": 1, "multiple": 8}


def tiny_onnx(metadata: dict[str, str], *, steep: float = 40.0, shift: float = 0.0) -> bytes:
    """Build a model that calls what is bright muscle, and tells sides by the column alone.

    Labels 1 to 4 follow each other over the width of the plane it is shown; bright is brighter
    than half of the body's 95th percentile. A negative steepness calls what is dark muscle, a
    shift makes the muscles of one side larger than those of the other.
    """
    onnx = pytest.importorskip("onnx", reason="the extra 'train' is not installed")
    node, to_array = onnx.helper.make_node, onnx.numpy_helper.from_array

    def const(name: str, values: object) -> object:
        return to_array(np.asarray(values, dtype=np.float32), name)

    centres = np.reshape([0.15, 0.4, 0.6, 0.85], (1, 4, 1, 1)) + shift
    constants = [
        const("zero", 0.0), const("one", 1.0), const("half", 0.5), const("steep", steep),
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
