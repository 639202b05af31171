"""A model in this package's own files: ``model.json`` and one ``.npz`` of plain arrays per fold.

Nothing in them can be executed: JSON, and arrays read with ``allow_pickle=False``.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.segment.nnunet.checkpoint import Weights
from lpm_segmentator.segment.nnunet.shapes import check_weights
from lpm_segmentator.segment.nnunet.spec import ModelSpec

__all__ = [
    "FORMAT",
    "Fold",
    "NnUnetModel",
    "file_sha256",
    "read_bundle",
    "read_model_json",
    "write_bundle",
]

FORMAT = "lpm-nnunet-1"
_CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class Fold:
    """The weights of one fold, by the names of `expected_shapes`."""

    name: str
    weights: Weights


@dataclass(frozen=True, eq=False)
class NnUnetModel:
    """A model that can be run.

    Attributes
    ----------
    spec : ModelSpec
        How to run it.
    folds : tuple of Fold
        At least one; several are averaged.
    card : mapping of str to object
        Information from the author or user: ``name``, ``labels``, ``orientation``, ``citation``,
        ``licence``, ``description``, ``version``, as far as given.
    """

    spec: ModelSpec
    folds: tuple[Fold, ...]
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """Hash of all weights: the same for the same folds, whatever file held them."""
        digest = hashlib.sha256()
        for fold in self.folds:
            for name in sorted(fold.weights):
                digest.update(name.encode())
                digest.update(np.ascontiguousarray(fold.weights[name]).data)
        return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def write_bundle(
    model: NnUnetModel, folder: Path, *, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write a model into an empty folder.

    Parameters
    ----------
    model : NnUnetModel
    folder : Path
        An existing folder.
    extra : mapping of str to object, optional
        Further entries of ``model.json``, e.g. the origin of the model.

    Returns
    -------
    dict
        The content of ``model.json``.
    """
    weights = []
    for fold in model.folds:
        path = folder / f"fold_{fold.name}.npz"
        arrays: dict[str, Any] = fold.weights
        with path.open("wb") as file:
            np.savez(file, **arrays)
        weights.append({"file": path.name, "fold": fold.name, "sha256": file_sha256(path)})
    content = {
        "format": FORMAT,
        "card": dict(model.card),
        "sha256": model.sha256,
        "weights": weights,
        "spec": model.spec.to_dict(),
        **(extra or {}),
    }
    # Written last: a folder with a model.json is complete.
    (folder / "model.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return content


def read_bundle(folder: Path) -> NnUnetModel:
    """Read a model that `write_bundle` wrote, and check its hashes.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    NnUnetModel

    Raises
    ------
    ModelError
        If a file is missing, damaged or not the one that was written.
    """
    content = read_model_json(folder)
    if content.get("format") != FORMAT:
        raise ModelError(
            f"its format is {content.get('format')!r}, expected {FORMAT!r}", where=folder
        )
    spec = ModelSpec.from_dict(content.get("spec", {}), where=folder)
    try:
        folds = tuple(
            Fold(str(entry["fold"]), _read_weights(folder / Path(entry["file"]).name, entry))
            for entry in content["weights"]
        )
        card = dict(content.get("card", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"model.json is damaged ({error!r})", where=folder) from error
    if not folds:
        raise ModelError("the model has no weights", where=folder)
    for fold in folds:
        check_weights(fold.weights, spec.network, where=folder)
    return NnUnetModel(spec=spec, folds=folds, card=card)


def read_model_json(folder: Path) -> dict[str, Any]:
    """Return the content of a folder's ``model.json``.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        If it is missing or not a JSON object.
    """
    path = folder / "model.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError("model.json is missing", where=folder) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read ({error})", where=path) from error
    if not isinstance(content, dict):
        raise ModelError("is not a JSON object", where=path)
    return content


def _read_weights(path: Path, entry: Mapping[str, Any]) -> Weights:
    if not path.is_file():
        raise ModelError("the weights are missing", where=path, hint="Install the model again")
    if file_sha256(path) != entry["sha256"]:
        raise ModelError(
            "the weights are not the installed ones (their SHA-256 differs)",
            where=path,
            hint=f"Install the model again and replace this one ({Remedy.REPLACE})",
            remedy=Remedy.REPLACE,
        )
    try:
        # write_bundle does not compress: an archive that expands is of another origin.
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ModelError("refused: the weights expand when read", where=path)
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name], dtype=np.float32) for name in stored.files}
    except (OSError, ValueError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        raise ModelError(f"the weights cannot be read ({error})", where=path) from error
