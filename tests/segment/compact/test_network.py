"""Networks that are damaged, or of another kind."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.compact.network import Network
from tiny_model import TINY, tiny_onnx

onnx = pytest.importorskip("onnx", reason="the extra 'train' is not installed")

STACKS = np.zeros((2, 3, 8, 16), np.float32)


@pytest.mark.parametrize(
    "wrong",
    [
        {"spacing_mm": 0}, {"spacing_mm": float("inf")}, {"spacing_mm": "2"}, {"spacing_mm": 1e-9},
        {"context": 1.5}, {"context": -1}, {"context": 10**9}, {"context": True},
        {"multiple": 0}, {"multiple": None}, {"name": None}, {"pairs": "yes"},
    ],
)  # fmt: skip
def test_metadata_that_no_network_has_are_refused(wrong):
    model = tiny_onnx({"lpm": json.dumps({**TINY, **wrong})})
    with pytest.raises(ModelError, match="missing or incomplete"):
        Network(model, name="a.onnx", threads=1)


def changed(change) -> Network:
    model = onnx.load_from_string(tiny_onnx({"lpm": json.dumps(TINY)}))
    change(model.graph)
    return Network(model.SerializeToString(), name="a.onnx", threads=1)


def test_the_sound_network_runs():
    assert changed(lambda _graph: None)(STACKS).shape == (2, 5, 8, 16)


def test_a_network_of_other_input_is_refused(capfd):
    def renamed(graph) -> None:
        graph.input[0].name = graph.node[0].input[0] = "picture"

    with pytest.raises(ModelError, match="cannot be run"):
        changed(renamed)(STACKS)
    assert capfd.readouterr() == ("", "")


def test_a_network_of_other_output_is_refused():
    def without_background(graph) -> None:
        (concat,) = (node for node in graph.node if node.op_type == "Concat")
        del concat.input[0]
        graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4

    with pytest.raises(ModelError, match=r"returns an array of shape \(2, 4, 8, 16\)"):
        changed(without_background)(STACKS)


def test_a_network_that_returns_no_probabilities_is_refused():
    def undefined(graph) -> None:
        (steep,) = (constant for constant in graph.initializer if constant.name == "steep")
        values = np.array(np.nan, np.float32)
        steep.CopyFrom(onnx.numpy_helper.from_array(values, "steep"))

    with pytest.raises(ModelError, match="no probabilities"):
        changed(undefined)(STACKS)
