"""From the name of a model to something that segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment import embedded_predictor, load_compact
from lpm_segmentator.segment.registry import PUBLISHED
from lpm_segmentator.segment.store import ModelStore, open_model
from lpm_segmentator.segment.store import convert as convert_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from lpm_segmentator.segment import Predictor

__all__ = [
    "EMBEDDED",
    "Mode",
    "ModelStore",
    "convert_model",
    "describe_model",
    "list_models",
    "load_predictor",
]

EMBEDDED = "embedded"
Mode = Literal["fast", "exact"]


def load_predictor(
    model: str = EMBEDDED,
    *,
    mode: Mode | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Return the predictor of a model.

    Parameters
    ----------
    model : str
        ``"embedded"``, an installed model's name, or the path of a model.
    mode : {'fast', 'exact'}, optional
        ``exact`` averages the compact model with the mirrored image, and follows nnU-Net to the
        letter for its models; ``fast`` is quicker. If not given: exact for the compact model,
        which takes seconds, and fast for nnU-Net models, which take minutes.
    threads : int, optional
        Threads to compute with; the runtime's own choice if not given.
    progress : callable, optional
        Called with the slices done and the slices there are.

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    """
    if not model:
        raise ModelError("no model was named", hint=f"Use {EMBEDDED!r}, or see 'lpm models list'")
    mirror = mode != "fast"
    if model == EMBEDDED:
        return embedded_predictor(mirror=mirror, threads=threads, progress=progress)
    path = Path(model)
    if path.suffix.lower() == ".onnx" and path.exists():
        return load_compact(path, mirror=mirror, threads=threads, progress=progress)
    return open_model(model, mode=mode or "fast")


def list_models() -> list[dict[str, Any]]:
    """Return the embedded model, the installed ones, and the published ones not installed."""
    rows = [{**embedded_predictor().info.to_dict(), "name": EMBEDDED, "state": "embedded"}]
    installed = ModelStore().list()
    rows += [{**model.to_dict(), "state": "installed"} for model in installed]
    known = {model.name for model in installed}
    for name, published in PUBLISHED.items():
        if name not in known:
            description = published.how_to_install()
            rows.append(
                {"name": name, "state": "not installed", "kind": "", "description": description}
            )
    return rows


def describe_model(name: str) -> dict[str, Any]:
    """Return what is known about the embedded model or an installed one.

    Raises
    ------
    ModelError
        If there is none of that name.
    """
    if name == EMBEDDED:
        return embedded_predictor().info.to_dict()
    return ModelStore().get(name).to_dict()
