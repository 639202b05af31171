"""The compact predictor: one network, or two of which the second refines the first.

The image is reoriented so that its slices run from feet to head, rows from front to back and
columns from right to left, resampled to the network's in-plane spacing, and segmented slice by
slice with the neighbours as context. The class probabilities are resampled back to the image's own
grid. Sides come from the affine alone: the axis order of the file does not reach the network.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import (
    AXIAL_FRAME,
    LPM_SCHEME,
    DixonPair,
    LabelMap,
    Volume,
    reorient,
)
from lpm_segmentator.segment.compact.boxes import body_box, muscle_box, pad
from lpm_segmentator.segment.compact.grid import InPlaneGrid
from lpm_segmentator.segment.compact.labelling import LabelledSlices
from lpm_segmentator.segment.compact.network import CompactSpec, Network
from lpm_segmentator.segment.compact.slices import (
    check_axial,
    context_slices,
    image_slices,
    normalise,
)
from lpm_segmentator.segment.decision_boundary import (
    TIGHT_BOUNDARY,
    WIDE_BOUNDARY,
    DecisionBoundary,
)
from lpm_segmentator.segment.predictor import ModelInfo, Prediction, water_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CompactPredictor", "default_boundary"]

FloatArray = npt.NDArray[np.float32]

#: two networks disagree where there is no lumbar back: the expected Dice is at most 0.55 for a
#: brain or a rotated back, and at least 0.85 for a lumbar back under strong noise
_MINIMUM_OF_TWO = 0.70
#: one network is more confident: version 7 at most 0.64 for such images, version 4 up to 0.78, and
#: at least 0.87 for a lumbar back
_MINIMUM_OF_ONE = 0.80
_BATCH_PIXELS = 400_000


class CompactPredictor:
    """A compact ONNX model behind the `Predictor` protocol.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    name : str
        Its origin, for messages.
    refine : bool
        Run a second pass around the muscles of the first pass, on the mirrored image, and average
        both: slower and more accurate.
    second : bytes, optional
        Another network of the same kind for the second pass, which then sees the image and the
        mirrored image. Two networks with different errors are better than one network run twice
        (docs/experiments.md, 20 and 21). Ignored without `refine`.
    threads : int, optional
        Number of threads; onnxruntime's choice if not given.
    progress : callable, optional
        Called with the number of slices done and the number of all slices.

    Raises
    ------
    ModelError
        If a file is not a compact ONNX model, or the two networks take different input.
    """

    def __init__(
        self,
        model: bytes,
        *,
        name: str = "compact.onnx",
        refine: bool = True,
        second: bytes | None = None,
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not refine:
            second = None
        self._network = Network(model, name=name, threads=threads)
        self._second: Network | None = None
        if second is not None:
            self._second = Network(second, name=f"second network of {name}", threads=threads)
            self.spec.check_same_input(self._second.spec, where=name)
        self._refine = refine
        self._sha256 = hashlib.sha256(model + (second or b"")).hexdigest()
        self._progress = progress

    @property
    def spec(self) -> CompactSpec:
        """Metadata of the (first) network."""
        return self._network.spec

    @cached_property
    def info(self) -> ModelInfo:
        """Description of the model: the versions of both networks, the rest from the first."""
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

    def predict(
        self, image: Volume | DixonPair, *, boundary: DecisionBoundary | None = None
    ) -> Prediction:
        """Segment an image or a Dixon pair.

        The probabilities of a pair are the mean over its two images: each shows borders that the
        other does not. On held-out subjects the mean was close to the better of the two, whichever
        it was (docs/experiments.md, 17). Networks whose metadata do not mention pairs take the
        water image.

        Parameters
        ----------
        image : Volume or DixonPair
            Axial, with any orientation, in-plane spacing, field of view and number of slices; one
            slice is enough.
        boundary : DecisionBoundary, optional
            By default `TIGHT_BOUNDARY` for a Dixon pair and for an image whose contrast is water
            or fat, `WIDE_BOUNDARY` for any other image.

        Returns
        -------
        Prediction
            Labels on the grid of `image`; ``confidence`` is the probability of the assigned label.

        Raises
        ------
        GeometryError
            If the slices are not axial.
        """
        first = water_image(image)
        check_axial(first)
        volumes = [first]
        if isinstance(image, DixonPair) and self.spec.pairs:
            volumes.append(image.fat)
        labelled = self._segment(volumes, boundary or default_boundary(image))
        return self._prediction(first, labelled, images=len(volumes))

    def _segment(self, volumes: Sequence[Volume], boundary: DecisionBoundary) -> LabelledSlices:
        """Label images of one grid as one, in the axial frame."""
        geometry = reorient(volumes[0], AXIAL_FRAME).geometry
        columns, rows, count = geometry.shape
        column_mm, row_mm, _ = geometry.spacing_mm
        grid = InPlaneGrid.of((rows, columns), (row_mm, column_mm), self.spec.spacing_mm)
        images = [grid.forward(image_slices(volume)) for volume in volumes]
        box = body_box(images)
        inner = [planes[:, box[0], box[1]] for planes in images]
        labelled = LabelledSlices(count, grid, box, boundary, self.spec.spacing_mm)
        step = max(1, _BATCH_PIXELS // inner[0][0].size)
        for start in range(0, count, step):
            stop = min(start + step, count)
            contexts = [
                context_slices(i, count, geometry.slice_spacing_mm, self.spec)
                for i in range(start, stop)
            ]
            labelled.fill(start, self._mean_probabilities(inner, contexts))
            if self._progress is not None:
                self._progress(stop, count)
        return labelled

    def _mean_probabilities(
        self, images: Sequence[FloatArray], contexts: Sequence[list[int]]
    ) -> FloatArray:
        """Return the mean over the images of the probabilities of some slices."""
        each = [
            self.probabilities(np.stack([normalise(planes[context]) for context in contexts]))
            for planes in images
        ]
        mean: FloatArray = each[0] if len(each) == 1 else np.stack(each).mean(axis=0)
        return mean

    def probabilities(self, stacks: FloatArray) -> FloatArray:
        """Return class probabilities on the network's grid.

        Parameters
        ----------
        stacks : ndarray of float32, shape (n, 2 * context + 1, rows, columns)
            Normalised slices with their context.

        Returns
        -------
        ndarray of float32, shape (n, 5, rows, columns)
        """
        padded, crop = pad(stacks, self.spec.multiple)
        first = self._network(padded)
        box = muscle_box(first, self.spec.multiple) if self._refine else None
        if box is not None:
            inner = np.ascontiguousarray(padded[..., box[0], box[1]])
            refined = self._second_pass(inner)
            first[..., box[0], box[1]] = (first[..., box[0], box[1]] + refined) * np.float32(0.5)
        probabilities: FloatArray = first[..., crop[0], crop[1]]
        return probabilities

    def _second_pass(self, stacks: FloatArray) -> FloatArray:
        """Return the second network's probabilities; without one, the first's when mirrored.

        A network may segment the muscles of one side slightly larger. The second network therefore
        sees both the image and the mirrored image.
        """
        network = self._second or self._network
        of_mirrored = network(np.ascontiguousarray(stacks[..., ::-1]))
        mirrored: FloatArray = of_mirrored[..., ::-1][:, _mirrored_classes()]
        if self._second is None:
            return mirrored
        return (self._second(stacks) + mirrored) * np.float32(0.5)

    def _prediction(self, image: Volume, labelled: LabelledSlices, *, images: int) -> Prediction:
        """Return labels and confidence on the grid of the image."""
        frame = reorient(image, AXIAL_FRAME)
        codes = image.geometry.axis_codes
        labels = reorient(LabelMap(labelled.labels.T, frame.affine), codes)
        clipped = np.clip(labelled.confidence, 0.0, 1.0, out=labelled.confidence)
        confidence = reorient(frame.with_array(clipped.T), codes)
        networks = 1 if self._second is None else 2
        return Prediction(
            labels=LabelMap(np.ascontiguousarray(labels.array), image.affine),
            confidence=np.ascontiguousarray(confidence.array),
            warnings=() if labelled.labels.any() else ("no erector spinae or multifidus detected",),
            details={"slices": len(labelled.labels), "images": images, "networks": networks},
            minimum_expected_dice=_MINIMUM_OF_ONE if networks == 1 else _MINIMUM_OF_TWO,
        )


def default_boundary(image: Volume | DixonPair) -> DecisionBoundary:
    """Return the tight boundary for Dixon images, alone or in pairs, and else the wide one."""
    is_dixon = isinstance(image, DixonPair) or image.contrast.is_dixon
    return TIGHT_BOUNDARY if is_dixon else WIDE_BOUNDARY


def _mirrored_classes() -> list[int]:
    """Return the class of each class in the mirrored image."""
    swapped = LPM_SCHEME.swap_sides()
    return [0, *(swapped[value] for value in LPM_SCHEME.values)]
