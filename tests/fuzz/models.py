"""Damage to models that keeps their container: ONNX graphs, pickles, checkpoints."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from fuzz.mutate import HOSTILE, Contract, Mutation, Rng, mutation, pick, places, value_replaced

_OPERATORS = ("Add", "Mul", "Sub", "Softmax", "Neg", "Relu", "Abs", "Concat", "Exp", "Log")


def _graph_changed(rng: Rng, data: bytes) -> bytes:
    """Change one part of an ONNX file."""
    import onnx

    model = onnx.load_from_string(data)
    node = pick(rng, list(model.graph.node))
    constant = pick(rng, list(model.graph.initializer))
    kind = int(rng.integers(7))
    if kind == 0:
        node.op_type = pick(rng, _OPERATORS)
    elif kind == 1:
        node.input[int(rng.integers(len(node.input)))] = pick(rng, list(model.graph.node)).output[0]
    elif kind == 2:
        values = np.full(constant.dims, pick(rng, (0, -1, 1e30, np.nan, np.inf, 3)))
        kinds = {1: np.float32, 7: np.int64}
        with np.errstate(invalid="ignore"):
            constant.raw_data = values.astype(kinds[constant.data_type]).tobytes()
    elif kind == 3:
        shape = pick(rng, ([1], [2, 2], [0], [1, 4, 1, 1], [3, 1]))
        constant.CopyFrom(onnx.numpy_helper.from_array(np.ones(shape, np.float32), constant.name))
    elif kind == 4:
        shape = pick(rng, [*model.graph.input, *model.graph.output]).type.tensor_type.shape
        shape.dim[int(rng.integers(len(shape.dim)))].dim_value = int(pick(rng, (1, 2, 3, 8, 0)))
    elif kind == 5:
        model.graph.input[0].name = pick(rng, ("image", "picture", ""))
    else:
        model.graph.output.append(model.graph.output[0])
    return bytes(model.SerializeToString())


def _metadata_changed(rng: Rng, data: bytes) -> bytes:
    import onnx

    model = onnx.load_from_string(data)
    entry = model.metadata_props[0]
    kind = int(rng.integers(8))
    if kind == 0:
        entry.value = pick(rng, ("", "[]", "null", "{", "1", '"x"', "[" * 50_000))
    elif kind == 1:
        entry.key = "other"
    else:
        changed = value_replaced(rng, entry.value.encode())
        entry.value = (changed or b"").decode()
    return bytes(model.SerializeToString())


def _pickle_changed(rng: Rng, data: bytes) -> bytes:
    value = pickle.loads(data)
    found = places(value)
    parent, key = pick(rng, found)
    kind = int(rng.integers(4))
    if kind == 0:
        del parent[key]
    else:
        extra = (np.ones(3), np.float64("nan"), np.int64(-1), {1: 2}, b"x", (1, 2), 1j)
        parent[key] = pick(rng, (*HOSTILE, *extra))
    return pickle.dumps(value, protocol=4)


def _checkpoint_changed(rng: Rng, data: bytes) -> bytes:
    """Change one value or tensor of a checkpoint of torch."""
    import torch

    value = torch.load(io.BytesIO(data), weights_only=False)
    found = [(parent, key) for parent, key in places(value) if not isinstance(key, int)]
    tensors = [(p, k) for p, k in found if isinstance(p[k], torch.Tensor)]
    parent, key = pick(rng, tensors if rng.random() < 0.6 else found)
    old, kind = parent[key], int(rng.integers(3))
    if kind == 0:
        del parent[key]
    elif isinstance(old, torch.Tensor):
        shapes: tuple[Any, ...] = (
            old * float("nan"), old.double() * 1e300, old.half(), old.to(torch.int8), old[:0],
            old.to(torch.complex64), old.reshape(-1), torch.zeros(()), old.to_sparse(),
            old.to(torch.bfloat16), old > 0, torch.zeros(1).expand(10**6),
        )  # fmt: skip
        parent[key] = pick(rng, shapes)
    else:
        parent[key] = pick(rng, HOSTILE)
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


ONNX: tuple[Mutation, ...] = tuple(
    mutation(Contract.ANY, change) for change in (_graph_changed, _graph_changed, _metadata_changed)
)
PICKLE: tuple[Mutation, ...] = (mutation(Contract.ANY, _pickle_changed),) * 4
CHECKPOINT: tuple[Mutation, ...] = (mutation(Contract.ANY, _checkpoint_changed),) * 4
