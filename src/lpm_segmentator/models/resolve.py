"""From the name or path of a model to a predictor."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.models.disk import disk_errors
from lpm_segmentator.models.installed import (
    is_name,
    named,
    nnunet_predictor,
    onnx_files,
    open_folder,
    open_onnx,
)
from lpm_segmentator.models.registry import PUBLISHED
from lpm_segmentator.models.source import read_nnunet
from lpm_segmentator.models.store import EMBEDDED, ModelStore
from lpm_segmentator.segment import embedded_predictor
from lpm_segmentator.segment.compact import embedded_networks

if TYPE_CHECKING:
    from collections.abc import Callable

    from lpm_segmentator.segment import Mode, Predictor

__all__ = ["compact_networks", "describe_model", "list_models", "load_predictor"]


def load_predictor(
    model: str | Path = EMBEDDED,
    *,
    mode: Mode | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Return the predictor of a model.

    Parameters
    ----------
    model : str or Path
        ``"embedded"``, the name of an installed model, or the path of a model: a folder, a zip or
        an ONNX file.
    mode : {'fast', 'exact'}, optional
        ``exact`` runs both passes of a compact model, and reproduces nnU-Net for its models;
        ``fast`` takes less time. By default exact for compact models, which take seconds, and fast
        for nnU-Net models, which take minutes.
    threads : int, optional
        Number of threads; the runtime's choice if not given.
    progress : callable, optional
        Called with the number of steps done (slices, or tiles of nnU-Net) and the number of all
        steps.

    Returns
    -------
    Predictor

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    """
    name = str(model)
    if not name:
        raise ModelError(
            "the name of the model is empty",
            hint=f"The default is {EMBEDDED!r}; 'lpm models list' lists the others",
            remedy=Remedy.MODEL,
        )
    if name == EMBEDDED:
        return embedded_predictor(refine=mode != "fast", threads=threads, progress=progress)
    options: dict[str, Any] = {"mode": mode, "threads": threads, "progress": progress}
    store = ModelStore()
    if _names_installed(Path(model), store):
        return open_folder(store.get(name).folder, **options)
    return _open_path(Path(model), **options)


def _names_installed(path: Path, store: ModelStore) -> bool:
    """Return whether a name or path means a model in the store."""
    name = str(path)
    if path.exists() and (path.is_absolute() or len(path.parts) > 1 or path.suffix):
        return False
    return is_name(name) and (name in store or not path.exists())


def _open_path(path: Path, **options: Any) -> Predictor:
    """Return a predictor for a model outside the store."""
    if not path.exists():
        raise ModelError("no such file or folder, and no model of this name", where=path)
    if path.suffix.lower() == ".onnx":
        return open_onnx(path, **options)
    with (
        disk_errors(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="lpm-") as work,
    ):
        model = read_nnunet(path, Path(work))
    return nnunet_predictor(named(model, path), **options)


def compact_networks(model: str | Path = EMBEDDED) -> tuple[bytes, ...]:
    """Return the ONNX files of a compact model: one, or two of which the second refines.

    Parameters
    ----------
    model : str or Path
        ``"embedded"``, the name of an installed model, or the path of an ONNX file.

    Raises
    ------
    ModelError
        If there is no such model, or it is of another kind.
    """
    name, path = str(model), Path(model)
    if name == EMBEDDED:
        return embedded_networks()
    store = ModelStore()
    if _names_installed(path, store):
        files = onnx_files(store.get(name).folder)
        return tuple(file.read_bytes() for file in files if file is not None)
    if not path.is_file() or path.suffix.lower() != ".onnx":
        raise ModelError(
            "no compact model of this name, and no ONNX file",
            where=model,
            hint=f"Name {EMBEDDED!r}, an installed compact model or an ONNX file",
        )
    open_onnx(path)  # refuses other ONNX files
    return (path.read_bytes(),)


def list_models() -> list[dict[str, Any]]:
    """Return a row for each model: the embedded one, the installed and the published ones.

    Returns
    -------
    list of dict
        With ``name``, ``state`` (embedded, installed, not installed), ``kind`` and ``description``;
        for a model that is not installed also the ``page`` and ``file`` to download.
    """
    rows = [{**embedded_predictor().info.to_dict(), "name": EMBEDDED, "state": "embedded"}]
    installed = ModelStore().list()
    rows += [{**model.to_dict(), "state": "installed"} for model in installed]
    known = {model.name for model in installed}
    rows += [
        {
            "name": name,
            "state": "not installed",
            "kind": "",
            "description": published.card.get("description", ""),
            "page": published.page,
            "file": published.file,
        }
        for name, published in PUBLISHED.items()
        if name not in known
    ]
    return rows


def describe_model(name: str) -> dict[str, Any]:
    """Return the description of the embedded model or an installed one.

    Parameters
    ----------
    name : str

    Returns
    -------
    dict
        The fields of `ModelInfo`; for an installed model also ``folder``, ``source`` and
        ``size_bytes``.

    Raises
    ------
    ModelError
        If there is none of this name.
    """
    if name == EMBEDDED:
        return embedded_predictor().info.to_dict()
    return ModelStore().get(name).to_dict()
