"""The embedded model: a compact 2.5-D network, run by onnxruntime on any machine.

The image is turned so that its slices run feet to head, rows front to back and columns right to
left, brought to the model's in-plane spacing, segmented slice by slice with the neighbours as
context, and the class probabilities are brought back to the image's own grid. Sides come from the
affine alone; nothing in the file's axis order reaches the network.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import (
    LPM_SCHEME,
    GeometryError,
    LabelMap,
    ModelError,
    Volume,
    reorient,
)
from lpm_segmentator.segment.boxes import body_box, muscle_box, pad
from lpm_segmentator.segment.grid import InPlaneGrid
from lpm_segmentator.segment.network import CompactSpec, Network
from lpm_segmentator.segment.outline import DIXON, SINGLE, Outline
from lpm_segmentator.segment.predictor import ModelInfo, Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


__all__ = ["CompactPredictor", "CompactSpec", "embedded_predictor", "load_compact", "normalise"]

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

#: axis codes of the model's frame: columns to the left, rows to posterior, slices to superior
_FRAME = ("L", "P", "S")
_EMBEDDED = "compact.onnx"
#: looks again around what the first network found
_EMBEDDED_SECOND = "compact-second.onnx"
#: in a closely spaced stack the context is taken this far away, as in training
_CONTEXT_MM = 4.0
#: two networks contradict each other where there is no lumbar back: they expect at most 0.61 of a
#: brain or a turned back, and at least 0.85 of a lumbar back under strong noise
_LEAST_OF_TWO = 0.70
#: one network asked once is surer: at most 0.78 of such images, and at least 0.89 of a back
_LEAST_OF_ONE = 0.80
_BATCH_PIXELS = 400_000
#: less probable muscle than this is not looked at on the image's grid
_NO_MUSCLE = 1e-4


def normalise(image: FloatArray) -> FloatArray:
    """Scale an image so that the 95th percentile of its body is 1.

    The body is what lies above half the mean of the image. Training does the same in torch; the
    two must stay equal (a test compares them).
    """
    body = image[image > 0.5 * image.mean()]
    if body.size == 0:
        return image
    rank = min(body.size - 1, int(0.95 * body.size))
    top = max(float(np.partition(body, rank)[rank]), 1e-6)
    scaled: FloatArray = np.clip(image / np.float32(top), -0.5, 3.0)
    return scaled


class CompactPredictor:
    """A compact ONNX model behind the `Predictor` protocol.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    name : str
        Where it came from, for messages.
    mirror : bool
        Look again around the muscles found, at the mirrored image, and average: slower, more exact.
    second : bytes, optional
        Another network of the same kind that looks again, at the image and the mirrored one: two
        that err differently are better than one asked twice (docs/experiments.md, 20 and 21).
        Without `mirror` nothing looks again, and it is left out.
    threads : int, optional
        Threads of onnxruntime; its own choice if not given.
    progress : callable, optional
        Called with the slices done and the slices there are.

    Raises
    ------
    ModelError
        If a file is no ONNX model or not one of this kind, or the two networks do not fit together.
    """

    def __init__(
        self,
        model: bytes,
        *,
        name: str = "compact.onnx",
        mirror: bool = True,
        second: bytes | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not mirror:
            second = None
        self._network = Network(model, name=name, threads=threads)
        self._second: Network | None = None
        if second is not None:
            self._second = Network(second, name=f"second network of {name}", threads=threads)
            self.spec.check_same_input(self._second.spec, where=name)
        self._mirror = mirror
        self._sha256 = hashlib.sha256(model + (second or b"")).hexdigest()
        self._progress = progress

    @property
    def spec(self) -> CompactSpec:
        """What the model says of itself."""
        return self._network.spec

    @cached_property
    def info(self) -> ModelInfo:
        """What is known about the model; of two networks both versions, the rest of the first."""
        second = "" if self._second is None else f"+{self._second.spec.version}"
        return ModelInfo(
            name=self.spec.name,
            version=self.spec.version + second,
            kind="compact",
            sha256=self._sha256,
            citation=self.spec.citation,
            licence=self.spec.licence,
            description=self.spec.description,
        )

    def predict(self, volume: Volume, *, outline: Outline = SINGLE) -> Prediction:
        """Segment one volume that is no Dixon image: T1w, T2w or the like.

        Parameters
        ----------
        volume : Volume
            An axial image of any orientation, in-plane spacing, field of view and number of
            slices, one included.
        outline : Outline
            Where the muscles end.

        Returns
        -------
        Prediction
            Labels on the grid of `volume`; ``confidence`` is the probability of the label given.

        Raises
        ------
        GeometryError
            If the slices are not axial.
        """
        return self._predict([volume], outline)

    def predict_dixon(self, *images: Volume) -> Prediction:
        """Segment water and fat as one: the mean of both probabilities. Or one of them alone.

        Each image shows borders that the other does not. On subjects left out the mean came out
        near the better of the two, whichever that was (docs/experiments.md, 17). A model whose
        metadata do not say that it knows both sees the first.

        Parameters
        ----------
        *images : Volume
            Of one grid.

        Returns
        -------
        Prediction
            As for the first.

        Raises
        ------
        GeometryError
            If the slices are not axial.
        """
        return self._predict(images if self.spec.pairs else images[:1], DIXON)

    def _predict(self, volumes: Sequence[Volume], outline: Outline) -> Prediction:
        """Segment images of one grid as one."""
        _check_axial(volumes[0])
        turned = reorient(volumes[0], _FRAME)
        images = [_slices(reorient(volume, _FRAME)) for volume in volumes]
        spacing = turned.spacing_mm
        grid = InPlaneGrid.of(
            (images[0].shape[1], images[0].shape[2]),
            (spacing[1], spacing[0]),
            self.spec.spacing_mm,
        )
        labels, confidence = self._segment(
            [grid.forward(slices) for slices in images],
            grid,
            turned.geometry.slice_spacing_mm,
            outline,
        )
        found = _prediction(volumes[0], turned, labels, confidence)
        two = self._second is not None
        return replace(
            found,
            details={"slices": len(labels), "images": len(images), "networks": 1 + two},
            least_expected_dice=_LEAST_OF_TWO if two else _LEAST_OF_ONE,
        )

    def _segment(
        self,
        images: Sequence[FloatArray],
        grid: InPlaneGrid,
        slice_spacing_mm: float,
        outline: Outline,
    ) -> tuple[npt.NDArray[np.uint8], FloatArray]:
        box = body_box(images)
        rows, columns = grid.back_weights()
        rows, columns = rows[:, box[0]], columns[:, box[1]]
        inner = [planes[:, box[0], box[1]] for planes in images]
        slices = len(inner[0])
        shape = (slices, *grid.shape)
        labels, confidence = np.zeros(shape, np.uint8), np.ones(shape, np.float32)
        count = max(1, _BATCH_PIXELS // inner[0][0].size)
        for start in range(0, slices, count):
            stop = min(start + count, slices)
            shown = [
                context_slices(i, slices, slice_spacing_mm, self.spec) for i in range(start, stop)
            ]
            found = [
                self.probabilities(np.stack([normalise(planes[near]) for near in shown]))
                for planes in inner
            ]
            mean: FloatArray = found[0] if len(found) == 1 else np.stack(found).mean(axis=0)
            smooth = outline.smooth(mean, self.spec.spacing_mm)
            here, weights = _where_muscle(smooth, rows, columns)
            for index, plain, blurred in zip(range(start, stop), mean, smooth, strict=True):
                full = _on_image(plain, *weights)
                drawn = _on_image(blurred, *weights) if outline.blur_mm else full
                marks = outline.decide(drawn)
                labels[index][here] = marks
                confidence[index][here] = np.take_along_axis(full, marks[None], axis=0)[0]
            if self._progress is not None:
                self._progress(stop, slices)
        return labels, np.clip(confidence, 0.0, 1.0, out=confidence)

    def probabilities(self, stacks: FloatArray) -> FloatArray:
        """Return class probabilities on the model's grid.

        Parameters
        ----------
        stacks : ndarray of float32, shape (n, 2 * context + 1, h, w)
            Normalised slices with their neighbours.

        Returns
        -------
        ndarray of float32, shape (n, 5, h, w)
        """
        padded, crop = pad(stacks, self.spec.multiple)
        found = self._network(padded)
        box = muscle_box(found, self.spec.multiple) if self._mirror else None
        if box is not None:
            inner = np.ascontiguousarray(padded[..., box[0], box[1]])
            again = self._look_again(inner)
            found[..., box[0], box[1]] = (found[..., box[0], box[1]] + again) * np.float32(0.5)
        result: FloatArray = found[..., crop[0], crop[1]]
        return result

    def _look_again(self, images: FloatArray) -> FloatArray:
        """Return what the second network says; without one, the first of the mirrored image.

        A network may find the muscles of one side a little larger, unless it is shown both sides
        as either: the second is asked both ways.
        """
        network = self._second or self._network
        turned = network(np.ascontiguousarray(images[..., ::-1]))
        mirrored: FloatArray = turned[..., ::-1][:, _mirrored_classes()]
        if self._second is None:
            return mirrored
        return (self._second(images) + mirrored) * np.float32(0.5)


def embedded_predictor(
    *,
    mirror: bool = True,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CompactPredictor:
    """Return the model that comes with the package.

    Raises
    ------
    ModelError
        If the installation lacks it.
    """
    model, second = (_shipped(name) for name in (_EMBEDDED, _EMBEDDED_SECOND))
    return CompactPredictor(
        model, name=_EMBEDDED, second=second, mirror=mirror, threads=threads, progress=progress
    )


def _shipped(name: str) -> bytes:
    """Return a file of the embedded model."""
    source = resources.files("lpm_segmentator.segment") / "weights" / name
    try:
        return source.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(
            "the embedded model is missing from this installation",
            where=source,
            hint="Install lpm-segmentator again",
        ) from error


def load_compact(path: Path, **options: Any) -> CompactPredictor:
    """Return the compact model of an ONNX file.

    Parameters
    ----------
    path : Path
    **options
        ``mirror``, ``second``, ``threads`` and ``progress`` of `CompactPredictor`.

    Raises
    ------
    ModelError
        If the file cannot be read or is no such model.
    """
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path) from error
    return CompactPredictor(model, name=str(path), **options)


def context_slices(index: int, count: int, slice_spacing_mm: float, spec: CompactSpec) -> list[int]:
    """Return the slices shown to the network for a slice: itself and its neighbours, clamped."""
    step = max(1, round(_CONTEXT_MM / slice_spacing_mm))
    offsets = range(-spec.context, spec.context + 1)
    return [min(max(index + step * offset, 0), count - 1) for offset in offsets]


def _check_axial(volume: Volume) -> None:
    if not volume.geometry.is_axial:
        codes = "".join(volume.geometry.axis_codes)
        raise GeometryError(
            f"the slices are not axial (axes {codes}, spacing "
            f"{' x '.join(f'{s:.3g}' for s in volume.spacing_mm)} mm)",
            hint="The muscles are segmented on axial slices; give the axial series. A sagittal "
            "series serves 'lpm levels --sagittal'",
        )


def _slices(turned: Volume) -> FloatArray:
    """Return the slices ``(s, h, w)`` of a volume in the model's frame; air is 0 to the network."""
    slices = np.array(turned.array.T, dtype=np.float32, order="C")
    slices -= min(0.0, float(slices.min()))
    return slices


def _mirrored_classes() -> Sequence[int]:
    swapped = LPM_SCHEME.swap_sides()
    return [0, *(swapped[value] for value in LPM_SCHEME.values)]


def _where_muscle(
    probabilities: FloatArray, rows: FloatArray, columns: FloatArray
) -> tuple[tuple[slice, slice], tuple[FloatArray, FloatArray]]:
    """Return the part of the image that may hold muscle, and the weights that lead there."""
    likely = probabilities[:, 1:].max(axis=(0, 1)) > _NO_MUSCLE
    here, weights = [], []
    for axis, lines in enumerate((rows, columns)):
        held = np.flatnonzero((lines @ likely.any(axis=1 - axis)) > 0)
        part = slice(int(held[0]), int(held[-1]) + 1) if held.size else slice(0, 0)
        here.append(part)
        weights.append(lines[part])
    return (here[0], here[1]), (weights[0], weights[1])


def _on_image(probability: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the probabilities ``(5, h, w)`` of one slice on the image's grid."""
    muscles = np.matmul(np.matmul(rows, probability[1:]), columns.T)
    # Background is the rest: outside the body box, where nothing was computed, it is 1.
    full: FloatArray = np.concatenate([1.0 - muscles.sum(axis=0, keepdims=True), muscles])
    return full


def _prediction(
    volume: Volume,
    turned: Volume,
    labels: npt.NDArray[np.uint8],
    confidence: FloatArray,
) -> Prediction:
    codes = volume.geometry.axis_codes
    mask = reorient(LabelMap(labels.T, turned.affine), codes)
    sure = reorient(turned.with_array(confidence.T), codes)
    warnings = () if labels.any() else ("no erector spinae or multifidus was found",)
    return Prediction(
        labels=LabelMap(np.ascontiguousarray(mask.array), volume.affine),
        confidence=np.ascontiguousarray(sure.array),
        warnings=warnings,
    )
