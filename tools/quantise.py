"""Make the 8-bit networks of the embedded model from its networks in single precision.

    python tools/quantise.py IMAGE.nii.gz ... [--weights FOLDER]

The images (Dixon water and fat, T1w and T2w) set the ranges of the activations; ten or twenty
suffice. Weights have 7 bits, so that no sum overflows on processors without VNNI instructions, and
the result is the same on all. The first convolution and the last stay in single precision: the
first sees the image, the last gives the probabilities.

The networks in single precision stay the start of every training and adaptation.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from lpm_segmentator.io import read_image
from lpm_segmentator.segment import CompactPredictor
from lpm_segmentator.segment.compact.boxes import pad
from lpm_segmentator.segment.compact.files import QUANTISED

WEIGHTS = Path("src/lpm_segmentator/segment/compact/weights")
#: every how manyth slice of an image is used
STEP = 3


class Inputs(CompactPredictor):
    """A predictor that keeps what its first network is given."""

    def __init__(self, model: bytes) -> None:
        super().__init__(model, refine=False)
        self.kept: list[np.ndarray] = []

    def probabilities(self, stacks: np.ndarray) -> np.ndarray:
        """Return the class probabilities, and keep every third slice of the input."""
        padded, _ = pad(stacks, self.spec.multiple)
        self.kept += [padded[index : index + 1] for index in range(0, len(padded), STEP)]
        return super().probabilities(stacks)


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Hands the inputs to onnxruntime one by one."""

    def __init__(self, inputs: Sequence[np.ndarray]) -> None:
        self._left: Iterator[np.ndarray] = iter(inputs)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next input, None after the last."""
        image = next(self._left, None)
        return None if image is None else {"image": image}


def quantise(source: Path, target: Path, inputs: Sequence[np.ndarray]) -> None:
    """Write the 8-bit network of a network in single precision, with its metadata."""
    original = onnx.load(str(source))
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        nodes = onnx.load(str(prepared)).graph.node
        names = [node.name for node in nodes if node.op_type == "Conv"]
        result = Path(folder) / "result.onnx"
        quantize_static(
            str(prepared),
            str(result),
            Reader(inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=[names[0], names[-1]],
            extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": 0.05},
        )
        model = onnx.load(str(result))
    del model.metadata_props[:]
    for entry in original.metadata_props:
        added = model.metadata_props.add()
        added.key, added.value = entry.key, entry.value
        if entry.key == "lpm":
            described = json.loads(entry.value)
            described["quantised_from"] = hashlib.sha256(source.read_bytes()).hexdigest()
            added.value = json.dumps(described, sort_keys=True)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def main() -> None:
    """Quantise both networks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("images", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    recorder = Inputs((given.weights / next(iter(QUANTISED))).read_bytes())
    for path in given.images:
        recorder.predict(read_image(path).volume)
    for source, target in QUANTISED.items():
        quantise(given.weights / source, given.weights / target, recorder.kept)


if __name__ == "__main__":
    main()
