"""From the name of a model to something that segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment import embedded_predictor
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
        ``exact`` has the compact model look twice, the second time at the mirrored image too, and
        follows nnU-Net to the letter for its models; ``fast`` is quicker. If not given: exact for
        compact models, which take seconds, and fast for nnU-Net models, which take minutes.
    threads : int, optional
        Threads to compute with; the runtime's own choice if not given.
    progress : callable, optional
        Called with the steps done (slices, or tiles of nnU-Net) and the steps there are.

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    """
    if not model:
        raise ModelError("no model was named", hint=f"Use {EMBEDDED!r}, or see 'lpm models list'")
    if model == EMBEDDED:
        return embedded_predictor(mirror=mode != "fast", threads=threads, progress=progress)
    return open_model(model, mode=mode, threads=threads, progress=progress)


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
