"""Read torch checkpoints: tensors and plain values, without running code."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import MissingExtraError, ModelError

__all__ = ["Weights", "load_checkpoint", "weights_of"]

Weights = dict[str, npt.NDArray[np.float32]]
# torch's messages where a pickle refers to a name outside its list.
_UNSAFE = re.compile(r"unsupported (global|class|operand)|is blocked|not an allowed", re.IGNORECASE)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint with ``weights_only``.

    Besides tensors, nnU-Net's checkpoints hold training curves as numpy numbers; the few numpy
    names that these need are allowed in addition to torch's own list.

    Parameters
    ----------
    path : Path
        ``*.model`` (version 1) or ``*.pth`` (version 2).

    Returns
    -------
    dict

    Raises
    ------
    ModelError
        If the file is missing, truncated or holds anything else.
    MissingExtraError
        If torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("reading nnU-Net weights", extra="nnunet") from error
    if not path.is_file():
        raise ModelError("the checkpoint is missing", where=path)
    try:
        _check_not_compressed(path)
        with torch.serialization.safe_globals(_numpy_globals()):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:
        if _UNSAFE.search(str(error)):
            raise ModelError(
                f"refused: the checkpoint holds more than tensors ({_first_line(error)})",
                where=path,
                hint="Nothing was executed. Ask the author for a checkpoint written by nnU-Net",
            ) from error
        raise ModelError(
            f"the checkpoint is truncated or damaged ({_first_line(error)})",
            where=path,
            hint="Copy or download the model again",
        ) from error
    if not isinstance(loaded, dict):
        raise ModelError(
            f"the checkpoint holds a {type(loaded).__name__}, not nnU-Net's dictionary", where=path
        )
    return loaded


def weights_of(checkpoint: Mapping[str, Any], key: str, *, where: Path) -> Weights:
    """Return a checkpoint's network weights.

    Parameters
    ----------
    checkpoint : mapping
        As returned by `load_checkpoint`.
    key : str
        ``state_dict`` (version 1) or ``network_weights`` (version 2).
    where : Path
        The file, for messages.

    Returns
    -------
    dict of str to ndarray of float32

    Raises
    ------
    ModelError
        If the entry is missing, or holds anything but finite numbers.
    """
    state = checkpoint.get(key)
    if not isinstance(state, Mapping) or not state:
        raise ModelError(
            f"the checkpoint has no {key!r}; it has {sorted(map(str, checkpoint))[:10]}",
            where=where,
            hint="Supported are checkpoints of nnU-Net v1 (*.model) and v2 (checkpoint_*.pth)",
        )
    weights: Weights = {}
    for name, tensor in state.items():
        if not _is_plain_tensor(tensor):
            raise ModelError(f"the weight {name!r} is not a plain tensor", where=where)
        array = np.ascontiguousarray(tensor.detach().float().numpy())
        if not np.isfinite(array).all():
            raise ModelError(f"the weight {name!r} holds values that are not finite", where=where)
        # torch.compile and data parallelism prefix the names.
        weights[str(name).removeprefix("_orig_mod.").removeprefix("module.")] = array
    return weights


def _is_plain_tensor(value: Any) -> bool:
    """Return whether a value is a tensor that needs no more memory than its file.

    A view may repeat one number a billion times; sparse and meta tensors have no storage of their
    size at all.
    """
    import torch

    if not isinstance(value, torch.Tensor) or value.is_complex():
        return False
    if value.layout is not torch.strided or value.device.type != "cpu" or value.is_quantized:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _check_not_compressed(path: Path) -> None:
    """Refuse a checkpoint whose zip would expand: torch stores tensors uncompressed.

    Raises
    ------
    ModelError
        If it would.
    """
    if not zipfile.is_zipfile(path):
        return  # the format before torch 1.6
    with zipfile.ZipFile(path) as archive:
        total = sum(entry.file_size for entry in archive.infolist())
    if total > path.stat().st_size:
        raise ModelError(
            f"refused: the checkpoint expands from {path.stat().st_size / 2**20:.0f} to "
            f"{total / 2**20:.0f} MB",
            where=path,
            hint="torch does not compress checkpoints. Ask the author for the original file",
        )


def _numpy_globals() -> list[Any]:
    """Return the names that pickled numpy numbers need, old and new."""
    core = getattr(np, "_core", None) or np.core
    scalar = core.multiarray.scalar
    dtypes = {type(np.dtype(code)) for code in ("f8", "f4", "f2", "i8", "i4", "u1", "?")}
    return [
        (scalar, "numpy.core.multiarray.scalar"),
        (scalar, "numpy._core.multiarray.scalar"),
        np.dtype,
        *dtypes,
    ]


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    line = next((t for t in text.splitlines() if _UNSAFE.search(t)), None)
    return (line or text.splitlines()[0]).strip()[:200]
