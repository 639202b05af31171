from __future__ import annotations

import pytest

from lpm_segmentator import api
from lpm_segmentator.core import ModelError


def test_the_default_is_the_embedded_model():
    assert api.load_predictor().info.kind == "compact"


def test_a_path_is_a_compact_model(tiny_path):
    assert api.load_predictor(str(tiny_path)).info.name == "tiny"


@pytest.mark.parametrize("name", ["no-such-model", "gone.onnx", ""])
def test_an_unknown_model_is_refused_with_a_hint(name):
    with pytest.raises(ModelError, match="embedded"):
        api.load_predictor(name)
