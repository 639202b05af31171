"""Open compact models: the embedded one and ONNX files."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.compact.predictor import CompactPredictor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["QUANTISED", "embedded_networks", "embedded_predictor", "load_compact"]

_FIRST = "compact.onnx"
_SECOND = "compact-second.onnx"
#: networks in single precision, which trainings start from → those of 8 bits that are run
QUANTISED = {_FIRST: "compact-int8.onnx", _SECOND: "compact-second-int8.onnx"}


def embedded_predictor(
    *,
    refine: bool = True,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CompactPredictor:
    """Return the model that comes with the package: its networks of 8 bits.

    Their masks are as accurate as those in single precision, in less than half the time (ADR 15).

    Parameters
    ----------
    refine : bool
        Whether its second network refines the result of the first.
    threads : int, optional
        As in `CompactPredictor`.
    progress : callable, optional
        As in `CompactPredictor`.

    Returns
    -------
    CompactPredictor

    Raises
    ------
    ModelError
        If the installation is incomplete.
    """
    return CompactPredictor(
        _weights(QUANTISED[_FIRST]),
        name=QUANTISED[_FIRST],
        second=_weights(QUANTISED[_SECOND]) if refine else None,
        refine=refine,
        threads=threads,
        progress=progress,
    )


def embedded_networks() -> tuple[bytes, bytes]:
    """Return both ONNX files of the embedded model in single precision, to train from.

    Raises
    ------
    ModelError
        If the installation is incomplete.
    """
    return _weights(_FIRST), _weights(_SECOND)


def load_compact(path: Path, **options: Any) -> CompactPredictor:
    """Return the compact model of an ONNX file.

    Parameters
    ----------
    path : Path
    **options
        ``refine``, ``second``, ``threads`` and ``progress`` of `CompactPredictor`.

    Returns
    -------
    CompactPredictor

    Raises
    ------
    ModelError
        If the file cannot be read or is not a compact model.
    """
    try:
        model = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read: {error.strerror}", where=path) from error
    return CompactPredictor(model, name=str(path), **options)


def _weights(name: str) -> bytes:
    """Return a file of the embedded model."""
    source = resources.files("lpm_segmentator.segment.compact") / "weights" / name
    try:
        return source.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(
            "the embedded model is missing from this installation",
            where=source,
            hint="Reinstall lpm-segmentator",
        ) from error
