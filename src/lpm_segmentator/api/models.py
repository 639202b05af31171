"""From the name of a model to something that segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment import embedded_predictor, load_compact

if TYPE_CHECKING:
    from collections.abc import Callable

    from lpm_segmentator.segment import Predictor

__all__ = ["EMBEDDED", "load_predictor"]

EMBEDDED = "embedded"


def load_predictor(
    model: str = EMBEDDED,
    *,
    mode: str = "exact",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predictor:
    """Return the predictor of a model.

    Parameters
    ----------
    model : str
        ``"embedded"`` or the path of a compact ONNX model.
    mode : {'fast', 'exact'}
        For the compact model, ``exact`` averages with the mirrored image.
    threads : int, optional
        Threads to compute with; the runtime's own choice if not given.
    progress : callable, optional
        Called with the slices done and the slices there are.

    Raises
    ------
    ModelError
        If there is no such model or it cannot be loaded.
    """
    mirror = mode == "exact"
    if model == EMBEDDED:
        return embedded_predictor(mirror=mirror, threads=threads, progress=progress)
    path = Path(model)
    if path.suffix.lower() == ".onnx" and path.exists():
        return load_compact(path, mirror=mirror, threads=threads, progress=progress)
    raise ModelError(
        f"there is no model {model!r}",
        hint=f"Use {EMBEDDED!r} (the default) or the path of an .onnx file",
    )
