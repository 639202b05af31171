"""An nnU-Net model as a `Predictor`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import LPM_SCHEME, DixonPair, LabelMap, ModelError, Volume, reorient
from lpm_segmentator.segment.nnunet.bundle import NnUnetModel
from lpm_segmentator.segment.nnunet.engine import make_engine
from lpm_segmentator.segment.nnunet.export import labels_on_image, postprocess
from lpm_segmentator.segment.nnunet.preprocess import prepare
from lpm_segmentator.segment.nnunet.sliding import Engine, count_tiles, sliding_scores
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from lpm_segmentator.segment.predictor import Mode, ModelInfo, Prediction, water_image

__all__ = ["NnUnetPredictor", "checked_labels"]

_log = logging.getLogger(__name__)
_ITK_ORDER = (2, 1, 0)
_COMMON_ORIENTATION = "LPS"


class NnUnetPredictor:
    """Segment with an nnU-Net model of version 1 or 2.

    Parameters
    ----------
    model : NnUnetModel
        See `source.read_model_folder` and `bundle.read_bundle`.
    mode : {'fast', 'exact'}
        ``exact`` reproduces nnU-Net and its masks. ``fast`` computes five of eight tiles where
        these nearly coincide and the other three would change almost nothing (`tile_skipping`),
        and uses bfloat16 where the CPU supports it.
    threads : int, optional
        Number of threads; by default one for each core.
    progress : callable, optional
        Called with the number of tiles done and the number of all tiles.

    Raises
    ------
    ModelError
        If the model's labels have no mapping to the package's.
    """

    def __init__(
        self,
        model: NnUnetModel,
        *,
        mode: Mode = "fast",
        threads: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.model = model
        self.mode: Mode = mode
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

    @property
    def info(self) -> ModelInfo:
        """Description of the model."""
        return self._info

    def predict(self, image: Volume | DixonPair) -> Prediction:
        """Segment an image, or the water image of a Dixon pair; see `Predictor.predict`."""
        begin = time.perf_counter()
        given = water_image(image)
        turned = reorient(given, self._orientation) if self._orientation else given
        values, computed = self._model_labels(turned)
        labels = LabelMap(_mapped(values, self._info.labels), turned.affine)
        if self._orientation:
            restored = reorient(labels, given.geometry.axis_codes)
            labels = LabelMap(restored.array, given.affine)
        seconds = time.perf_counter() - begin
        _log.info("segmented with %s in %.1f s", self._info.name or "nnU-Net", seconds)
        return Prediction(
            labels=labels,
            warnings=() if self._orientation else _orientation_warning(given),
            details={"mode": self.mode, "seconds": round(seconds, 2), "tiles": computed},
        )

    def _model_labels(self, volume: Volume) -> tuple[npt.NDArray[np.uint8], int]:
        """Return the model's label values on the grid of an image, and the tiles computed."""
        spec, spacing = self.model.spec, _itk_spacing(volume)
        prepared = prepare(volume.array.transpose(_ITK_ORDER), spacing, spec)
        tiles = count_tiles(prepared.data.shape[1:], spec.patch_size) * len(self.model.folds)
        scores, computed = sliding_scores(
            prepared.data,
            spec.patch_size,
            self._engines(),
            generation=spec.generation,
            rounded=self.mode == "exact",
            skip_tiles=self.mode == "fast",
            advance=self._counter(tiles),
        )
        labels = labels_on_image(scores, prepared, spec)
        if spec.postprocessing is not None:
            labels = postprocess(labels, spec.postprocessing, float(np.prod(spacing)))
        return labels.transpose(_ITK_ORDER), computed

    def _engines(self) -> Iterator[Engine]:
        """Yield the engine of each fold.

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
    """Return the mapping from the model's label values to the package's.

    It is the card's, if the card has one; else that of the labels' names, if these are the
    package's own keys (``ES_R``, …); else one to one, if the model has the package's four values.

    Parameters
    ----------
    given : object
        The ``labels`` of the card; None where it has none.
    spec : ModelSpec

    Returns
    -------
    dict of int to int

    Raises
    ------
    ModelError
        If none of these apply, or the mapping contains values that do not exist.
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
            f"the model's labels ({named}) differ from this program's "
            f"({', '.join(f'{v} {k}' for k, v in own.items())})",
            hint='Add a card.json beside the model with their mapping: {"labels": {"1": "ES_R", '
            "…}}. Labels that are not listed become background",
        )
    try:
        mapping = {int(k): own.get(str(v)) or int(v) for k, v in dict(given).items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the label mapping {given!r} cannot be read ({error})") from error
    if not set(mapping) <= values or not set(mapping.values()) <= set(LPM_SCHEME.values):
        raise ModelError(
            f"the label mapping {mapping} contains values that do not exist; the model has "
            f"{sorted(values)}, this program {sorted(LPM_SCHEME.values)}"
        )
    return mapping


def _checked_orientation(given: Any) -> tuple[str, ...] | None:
    if given in (None, ""):
        return None
    codes = tuple(str(given).upper())
    if sorted("".join(codes).translate(str.maketrans("LPI", "RAS"))) != ["A", "R", "S"]:
        raise ModelError(
            f"the orientation {given!r} in the model's card is not valid",
            hint="Give the directions in which the array axes grow, e.g. LPS",
        )
    return codes


def _orientation_warning(volume: Volume) -> tuple[str, ...]:
    stored = "".join(volume.geometry.axis_codes)
    if stored == _COMMON_ORIENTATION:
        return ()
    return (
        f"the model's card states no orientation, and the image was used as stored ({stored}); if "
        f"the model was trained on images in another orientation (commonly "
        f"{_COMMON_ORIENTATION}), left and right may be swapped; state it in the model's card.json "
        '("orientation")',
    )


def _itk_spacing(volume: Volume) -> tuple[float, ...]:
    """Return the spacing in z-y-x order, as ITK reads it from a NIfTI header.

    The header holds float32. nnU-Net compares spacings for equality: rounding errors of an oblique
    affine must not make two equal axes differ.
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
