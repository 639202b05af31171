"""An nnU-Net model as a `Predictor`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.errors import ModelError
from lpm_segmentator.core.labels import LPM_SCHEME
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import LabelMap, Volume
from lpm_segmentator.segment.nnunet.bundle import NnUnetModel
from lpm_segmentator.segment.nnunet.engine import Backend, make_engine
from lpm_segmentator.segment.nnunet.export import labels_on_image, postprocess
from lpm_segmentator.segment.nnunet.preprocess import prepare
from lpm_segmentator.segment.nnunet.sliding import Engine, count_tiles, sliding_scores
from lpm_segmentator.segment.nnunet.source import read_model_folder
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from lpm_segmentator.segment.predictor import ModelInfo, Prediction

__all__ = ["Mode", "NnUnetPredictor", "checked_labels"]

Mode = Literal["fast", "exact"]
_log = logging.getLogger(__name__)
_ITK_ORDER = (2, 1, 0)
_USUAL = "LPS"


class NnUnetPredictor:
    """Segment with an nnU-Net model of version 1 or 2.

    Parameters
    ----------
    model
        The model, see `source.read_model_folder` and `bundle.read_bundle`.
    mode
        ``exact`` computes as nnU-Net does and gives its masks; ``fast`` computes five of
        eight tiles where these nearly coincide and the three that are left would change almost
        nothing (see `fewer`), in bfloat16 where the CPU has it.
    backend
        What runs the network; by default OpenVINO where it is installed, else torch.
    threads
        How many to compute with; the runtime's own choice by default.
    progress
        Called with the number of tiles done and of all.

    Raises
    ------
    ModelError
        The model's labels have no mapping to the package's.
    """

    def __init__(
        self,
        model: NnUnetModel,
        *,
        mode: Mode = "fast",
        backend: Backend = "auto",
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.model = model
        self.mode: Mode = mode
        self._backend: Backend = backend
        self._threads = threads
        self._progress = progress
        labels = checked_labels(model.card.get("labels"), model.spec)
        card = model.card
        self._info = ModelInfo(
            name=str(card.get("name", "")),
            version=str(card.get("version", "")),
            kind=f"nnunet-v{model.spec.generation}-{model.spec.configuration}",
            sha256=str(card.get("sha256") or model.sha256),
            labels=labels,
            input_channels=model.spec.channels,
            citation=str(card.get("citation", "")),
            licence=str(card.get("licence", "")),
            description=str(card.get("description", "")),
        )
        self._orientation = _checked_orientation(card.get("orientation"))
        self._engine: Engine | None = None

    @classmethod
    def from_folder(
        cls, folder: Path, *, folds: Sequence[str] | None = None, mode: Mode = "fast"
    ) -> NnUnetPredictor:
        """Read a model that is not in the store and make a predictor of it."""
        return cls(read_model_folder(folder, folds=folds), mode=mode)

    @property
    def info(self) -> ModelInfo:
        """What is known about the model."""
        return self._info

    def predict(self, volume: Volume) -> Prediction:
        """Segment one volume; see `Predictor.predict`."""
        begin = time.perf_counter()
        spec = self.model.spec
        given = volume
        if self._orientation:
            volume = reorient(volume, self._orientation)
        prepared = prepare(volume.array.transpose(_ITK_ORDER), _itk_spacing(volume), spec)
        tiles = count_tiles(prepared.data.shape[1:], spec.patch_size) * len(self.model.folds)
        scores, computed = sliding_scores(
            prepared.data,
            spec.patch_size,
            self._engines(),
            generation=spec.generation,
            rounded=self.mode == "exact",
            sparing=self.mode == "fast",
            advance=self._counter(tiles),
        )
        raw = labels_on_image(scores, prepared, spec)
        if spec.postprocessing is not None:
            raw = postprocess(raw, spec.postprocessing, float(np.prod(_itk_spacing(volume))))
        labels = LabelMap(
            _mapped(raw, self._info.labels).transpose(_ITK_ORDER), volume.affine, LPM_SCHEME
        )
        if self._orientation:
            labels = reorient(labels, given.geometry.axis_codes)
            labels = LabelMap(labels.array, given.affine, LPM_SCHEME)
        seconds = time.perf_counter() - begin
        _log.info("segmented with %s in %.1f s", self._info.name or "nnU-Net", seconds)
        warnings = () if self._orientation else _orientation_warning(given)
        details = {"mode": self.mode, "seconds": round(seconds, 2), "tiles": computed}
        return Prediction(labels=labels, details=details, warnings=warnings)

    def _engines(self) -> Iterator[Engine]:
        """Give one fold's engine after the other.

        A network needs a gigabyte while it runs. A single one is kept for the next image; of
        several, only the current one is in memory.
        """
        if self._engine is not None:
            yield self._engine
            return
        spec = self.model.spec
        for fold in self.model.folds:
            engine = make_engine(
                fold.weights,
                spec.network,
                spec.patch_size,
                low_precision=self.mode == "fast",
                backend=self._backend,
                threads=self._threads,
            )
            if len(self.model.folds) == 1:
                self._engine = engine
            yield engine

    def _counter(self, tiles: int) -> Callable[[], None]:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if self._progress is not None:
                self._progress(done, tiles)

        return advance


def checked_labels(given: Any, spec: ModelSpec) -> dict[int, int]:
    """Return model value → package value.

    Taken from the card where it has one; else from the labels' names, where these are the
    package's own keys (``ES_R``, …); else one to one, where the model has the package's four.

    Raises
    ------
    ModelError
        None of these apply, or the mapping names values that do not exist.
    """
    own = {s.key: s.value for s in LPM_SCHEME}
    values = set(range(1, spec.network.classes))
    if given is None:
        if spec.label_names and set(spec.label_names.values()) <= set(own):
            return {value: own[name] for value, name in spec.label_names.items()}
        if values == set(LPM_SCHEME.values):
            return {v: v for v in sorted(values)}
        named = ", ".join(f"{v} {spec.label_names.get(v, '')}".strip() for v in sorted(values))
        raise ModelError(
            f"the model's labels ({named}) are not this program's "
            f"({', '.join(f'{v} {k}' for k, v in own.items())})",
            hint='Say which is which in a card.json beside it, {"labels": {"1": "ES_R", …}}; '
            "labels left out become background",
        )
    try:
        mapping = {int(k): own.get(str(v)) or int(v) for k, v in dict(given).items()}
    except (TypeError, ValueError) as error:
        raise ModelError(f"the label mapping {given!r} cannot be read ({error})") from error
    if not set(mapping) <= values or not set(mapping.values()) <= set(LPM_SCHEME.values):
        raise ModelError(
            f"the label mapping {mapping} names values that do not exist; the model has "
            f"{sorted(values)}, the program {sorted(LPM_SCHEME.values)}"
        )
    return mapping


def _checked_orientation(given: Any) -> tuple[str, ...] | None:
    if given in (None, ""):
        return None
    codes = tuple(str(given).upper())
    if sorted("".join(codes).translate(str.maketrans("LPI", "RAS"))) != ["A", "R", "S"]:
        raise ModelError(
            f"the orientation {given!r} in the model's card is none",
            hint="Give the directions the array axes grow to, e.g. LPS",
        )
    return codes


def _orientation_warning(volume: Volume) -> tuple[str, ...]:
    stored = "".join(volume.geometry.axis_codes)
    if stored == _USUAL:
        return ()
    return (
        f"The model's card names no orientation, so that the image was used as it is stored "
        f"({stored}). If the model was trained on images stored otherwise (most are {_USUAL}), "
        'left and right may be exchanged. Name it in the model\'s card.json: "orientation".',
    )


def _itk_spacing(volume: Volume) -> tuple[float, ...]:
    """Return the spacing in z-y-x order, as ITK reads it from a NIfTI header.

    The header holds float32. nnU-Net compares spacings for equality, so that the rounding noise
    of an oblique affine must not make two equal axes differ.
    """
    spacing = [float(np.float32(s)) for s in volume.spacing_mm]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        if abs(spacing[a] - spacing[b]) < 1e-5 * spacing[a]:
            spacing[b] = spacing[a]
    return tuple(reversed(spacing))


def _mapped(labels: npt.NDArray[np.uint8], mapping: Mapping[int, int]) -> npt.NDArray[np.uint8]:
    table = np.zeros(256, dtype=np.uint8)
    for value, own in mapping.items():
        table[value] = own
    return table[labels]
