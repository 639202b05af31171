"""The level model: maps of the discs on sagittal planes, their names and places, by onnxruntime."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.core import Disc, ModelError
from lpm_segmentator.inference import open_session

if TYPE_CHECKING:
    from pathlib import Path

    from lpm_segmentator.levels.planes import FloatArray

__all__ = ["CHANNELS", "LevelModel", "embedded_level_model", "load_level_model"]

#: maps of the model: the five discs by name, any disc of the spine, bodies of the vertebrae
CHANNELS = len(Disc) + 2
#: rows and columns of what the network sees are multiples of this
MULTIPLE = 16
_EMBEDDED = "levels.onnx"
#: the network that names and centres discs, in the folder of the one that marks them
NAMES_FILE = "levels-names.onnx"
_BATCH = 8


class LevelModel:
    """Two ONNX networks: one marks the discs on planes, the other names and centres each of them.

    Parameters
    ----------
    model : bytes
        From planes ``(n, 1, h, w)`` to maps ``(n, 7, h, w)`` of 0 to 1.
    names : bytes
        From patches ``(n, 4, 48, 48)`` to probabilities ``(n, 7)`` and places ``(n, 4)``.
    name : str, optional
        Of the file, for messages.
    threads : int, optional
        As onnxruntime chooses if not given.

    Raises
    ------
    ModelError
        If the bytes are not such a model.
    """

    def __init__(
        self, model: bytes, names: bytes, *, name: str = _EMBEDDED, threads: int | None = None
    ) -> None:
        self._session = _session(model, ["heat"], name=name, threads=threads)
        self._naming = _session(names, ["names", "places"], name=NAMES_FILE, threads=threads)
        self.sha256 = hashlib.sha256(model + names).hexdigest()

    def maps(self, planes: FloatArray) -> FloatArray:
        """Return the maps of normalised planes.

        Parameters
        ----------
        planes : ndarray of float32, shape (n, h, w)

        Returns
        -------
        ndarray of float32, shape (7, n, h, w)
        """
        height, width = planes.shape[1:]
        padded = np.pad(planes, [(0, 0), (0, -height % MULTIPLE), (0, -width % MULTIPLE)])
        parts = [
            self._session.run(None, {"image": padded[start : start + _BATCH, None]})[0]
            for start in range(0, len(padded), _BATCH)
        ]
        found: FloatArray = np.moveaxis(np.concatenate(parts), 1, 0)[:, :, :height, :width]
        return found

    def look(self, patches: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the probability of each name of a disc, and its position in the patch.

        Parameters
        ----------
        patches : ndarray of float32, shape (n, 4, 48, 48)
            As `lpm_segmentator.levels.patches.standardise` gives them.

        Returns
        -------
        names : ndarray of float32, shape (n, 7)
            Thoracic, L1-L2 … L5-S1, within the sacrum.
        places : ndarray of float32, shape (n, 4)
            Distance of the disc to the right of, below and behind the middle of the patch, in mm,
            and the angle in radians by which its front is lower than its back.
        """
        names, places = self._naming.run(["names", "places"], {"image": patches})
        return names, places


def _session(model: bytes, outputs: list[str], *, name: str, threads: int | None) -> Any:
    session = open_session(model, name=name, threads=threads)
    if [output.name for output in session.get_outputs()] != outputs:
        raise ModelError("the ONNX file is not a level model of lpm-segmentator", where=name)
    return session


@cache
def embedded_level_model(*, threads: int | None = None) -> LevelModel:
    """Return the model that comes with the package.

    Raises
    ------
    ModelError
        If the installation lacks it.
    """
    source = resources.files("lpm_segmentator.levels") / "weights"
    try:
        model, names = ((source / file).read_bytes() for file in (_EMBEDDED, NAMES_FILE))
    except FileNotFoundError as error:
        raise ModelError(
            "the level model is missing from this installation",
            where=source,
            hint="Install lpm-segmentator again",
        ) from error
    return LevelModel(model, names, threads=threads)


def level_model_files(path: Path) -> tuple[Path, Path]:
    """Return the two files of the level model whose first file is `path`."""
    return path, path.with_name(NAMES_FILE)


def load_level_model(path: Path, *, threads: int | None = None) -> LevelModel:
    """Return the level model of an ONNX file and of ``levels-names.onnx`` beside it.

    Raises
    ------
    ModelError
        If it cannot be read or is not such a model.
    """
    model, names = map(_read, level_model_files(path))
    return LevelModel(model, names, name=str(path), threads=threads)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path) from error
