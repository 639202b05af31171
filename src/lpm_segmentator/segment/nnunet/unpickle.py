"""Read the pickles of nnU-Net v1 as data.

A pickle is a program: it may import any name and call it. nnU-Net v1 keeps its plans in pickles of
plain containers and numpy values. Here every name outside a short list is refused before anything
is run, the names on the list are bound to functions of this module that only build values, and
opcodes that could reserve memory out of proportion are refused as well.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.core import ModelError

__all__ = ["load_plain_pickle"]

_MAX_BYTES = 64 * 2**20
_MAX_NODES = 2_000_000
_MAX_DEPTH = 50
_VALUE_KINDS = "biufcSUO"
# Extension codes and persistent ids refer to objects outside the stream; INST and OBJ instantiate
# classes in protocol 0. Plans need none of them.
_REFUSED_OPCODES = {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "INST", "OBJ"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_HINT = "Nothing was executed. Ask the model's author for a file written by nnU-Net"


class _Refused(pickle.UnpicklingError):
    """The stream holds something that a model's description does not need."""


class _ArrayType:
    """Stands for ``numpy.ndarray``, which occurs only as an argument of ``_reconstruct``."""


def _empty_array(kind: object, shape: object, _typecode: object) -> np.ndarray[Any, Any]:
    if kind is not _ArrayType or shape != (0,):
        raise _Refused("an array of an unusual kind")
    # Its content follows in the stream, through numpy's own __setstate__, which checks that shape,
    # type and number of bytes agree.
    return np.empty((0,), dtype=np.int8)


def _array_of_bytes(data: Any, dtype: Any, shape: Any, order: Any = "C") -> np.ndarray[Any, Any]:
    if not isinstance(dtype, np.dtype) or dtype.kind == "O" or order not in ("C", "F"):
        raise _Refused("an array of an unusual kind")
    array: np.ndarray[Any, Any] = np.frombuffer(data, dtype=dtype).reshape(shape, order=order)
    return array


def _dtype(*args: Any) -> np.dtype[Any]:
    # A copy: a later instruction of the stream sets the byte order in place.
    dtype = np.dtype(args[0] if args else "", False, True)
    if dtype.kind not in _VALUE_KINDS or dtype.fields or dtype.itemsize > 4096:
        raise _Refused(f"values of type {dtype}")
    return dtype


def _scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, np.dtype) or not isinstance(data, bytes):
        raise _Refused("a number of an unusual kind")
    if dtype.kind == "O" or len(data) != dtype.itemsize:
        raise _Refused("a number of an unusual kind")
    return np.frombuffer(data, dtype=dtype)[0]


def _bytes_of_text(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _Refused("text in an unusual encoding")
    return text.encode("latin1")


_ALLOWED: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    **{
        (module, kind.__name__): kind
        for module in ("builtins", "__builtin__")  # names in Python 3 and Python 2
        for kind in (set, frozenset)
    },
    ("_codecs", "encode"): _bytes_of_text,
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _ArrayType,
    **{
        (f"numpy.{core}.multiarray", name): function
        for core in ("core", "_core")
        for name, function in (("_reconstruct", _empty_array), ("scalar", _scalar))
    },
    ("numpy.core.numeric", "_frombuffer"): _array_of_bytes,
    ("numpy._core.numeric", "_frombuffer"): _array_of_bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        try:
            function: Callable[..., Any] = _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"the name {module}.{name}") from None
        return function

    def persistent_load(self, pid: object) -> Any:
        raise _Refused(f"an object outside the file ({pid!r})")


def load_plain_pickle(path: Path) -> Any:
    """Read a pickle of plain values.

    Parameters
    ----------
    path : Path
        The file, at most 64 MB.

    Returns
    -------
    object
        None, booleans, numbers, text, and lists, tuples, sets and dicts of them. Arrays become
        nested lists, numpy numbers Python's own.

    Raises
    ------
    ModelError
        If the file is missing, truncated or too large, or holds anything but plain values.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_BYTES:
            raise ModelError(
                f"the file has {size / 2**20:.0f} MB; the limit for a model's plans is "
                f"{_MAX_BYTES // 2**20} MB",
                where=path,
            )
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot be read ({error.strerror})", where=path) from error
    try:
        _check_opcodes(data)
        value = _Unpickler(io.BytesIO(data)).load()
        return _Plain()(value)
    except _Refused as error:
        raise ModelError(
            f"refused: the file contains {error}, which a model's description does not need",
            where=path,
            hint=_HINT,
        ) from error
    except Exception as error:
        raise ModelError(
            f"is truncated or not a pickle ({type(error).__name__})",
            where=path,
            hint="Copy or download the model again",
        ) from error


def _check_opcodes(data: bytes) -> None:
    """Scan the stream without running it; a size that exceeds the stream is an error."""
    last = ""
    for opcode, argument, _position in pickletools.genops(data):
        last = opcode.name
        if last in _REFUSED_OPCODES:
            raise _Refused(f"the pickle operation {last}")
        if last == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            if (module, name) not in _ALLOWED:
                raise _Refused(f"the name {module}.{name}")
        # The C unpickler reserves memory for its memo up to the largest index at once.
        if last in _PUTS and (argument or 0) > len(data):
            raise _Refused("a memo larger than the file")
    if last != "STOP":
        raise ValueError("no end of the stream")


class _Plain:
    """Convert numpy values to Python's, within limits.

    A few bytes can refer to the same list a billion times; counting the visits keeps such a file
    from exhausting the memory.
    """

    def __init__(self) -> None:
        self.nodes = 0

    def __call__(self, value: Any, depth: int = 0) -> Any:
        self.nodes += 1
        if self.nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise _Refused("more values, or more deeply nested ones, than plans have")
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            return value.item() if isinstance(value, np.generic) else value
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, np.ndarray):
            self.nodes += value.size
            return self(value.tolist(), depth + 1)
        if isinstance(value, Mapping):
            return {self._key(k): self(v, depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self(v, depth + 1) for v in value)
        if isinstance(value, (set, frozenset)):
            return {self._key(v) for v in value}
        raise _Refused(f"a value of type {type(value).__name__}")

    def _key(self, key: Any) -> Any:
        plain = self(key, _MAX_DEPTH - 5)
        hash(plain)
        return plain
