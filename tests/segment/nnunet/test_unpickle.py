from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.errors import ModelError
from lpm_segmentator.segment.nnunet.unpickle import load_plain_pickle
from nnunet_models import RunsCode


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "plans.pkl"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_plans_come_back_as_plain_values(tmp_path, protocol):
    plans = {
        "classes": [1, 2],
        "spacing": np.array([4.0, 1.0]),
        "sizes": [(1, 2), (3, 4)],
        "flag": np.bool_(True),
        "scheme": OrderedDict([(0, "nonCT")]),
        "ratio": {"a": np.float64(0.5), "b": np.float32(0.25)},
        "text": np.array(["a", "bc"]),
        "mixed": np.array([1, "x", None], dtype=object),
        "big": np.array([1.5], dtype=">f8"),
        None: {1, 2},
    }
    read = load_plain_pickle(_write(tmp_path, pickle.dumps(plans, protocol=protocol)))
    assert read == {
        "classes": [1, 2],
        "spacing": [4.0, 1.0],
        "sizes": [(1, 2), (3, 4)],
        "flag": True,
        "scheme": {0: "nonCT"},
        "ratio": {"a": 0.5, "b": 0.25},
        "text": ["a", "bc"],
        "mixed": [1, "x", None],
        "big": [1.5],
        None: {1, 2},
    }
    assert type(read["ratio"]["a"]) is float


def test_the_old_names_of_numpy_and_builtins_are_known(tmp_path):
    old = pickle.dumps({"a": np.arange(3)}, protocol=2).replace(
        b"numpy._core.multiarray", b"numpy.core.multiarray"
    )
    assert load_plain_pickle(_write(tmp_path, old)) == {"a": [0, 1, 2]}
    python2 = b"c__builtin__\nset\np0\n((lp1\nI1\natp2\nRp3\n."
    assert load_plain_pickle(_write(tmp_path, python2)) == {1}


def test_byte_order_of_a_file_does_not_reach_numpys_own_types(tmp_path):
    load_plain_pickle(_write(tmp_path, pickle.dumps(np.array([1.0], dtype=">f8"))))
    assert np.dtype("f8").byteorder == "="


def _attacks(marker: Path) -> dict[str, bytes]:
    command = f"touch {marker}"
    return {
        "os.system": pickle.dumps({"plans": RunsCode(os.system, command)}),
        "eval": pickle.dumps(RunsCode(eval, f"open({str(marker)!r}, 'w')")),
        "protocol 0": b"cposix\nsystem\n(S'" + command.encode() + b"'\ntR.",
        "inst": b"(S'" + command.encode() + b"'\niposix\nsystem\n.",
        "obj": b"(cposix\nsystem\nS'" + command.encode() + b"'\no.",
        "nested numpy": pickle.dumps(RunsCode(np.lib.format.open_memmap, str(marker), "w+")),
        "np.load": pickle.dumps(RunsCode(np.load, str(marker))),
        "getattr": pickle.dumps(RunsCode(getattr, "text", "upper")),
        "import": pickle.dumps(RunsCode(__import__, "antigravity")),
        "codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x04\x00\x00\x00zliptR.",
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.tofile\x93.",
        "persistent id": b"Pevil\n.",
        "extension": b"\x80\x02\x82\x01.",
        "memo bomb": b"\x80\x02Nr\xff\xff\xff\x7f.",
        "byte array bomb": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
        "array bomb": b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
        "reconstruct bomb": (
            b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
            b"(cnumpy\nndarray\n(J\xff\xff\xff\x7ftU\x01btR."
        ),
        "list bomb": _doubling(40),
        "deep": b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
    }


def _doubling(levels: int) -> bytes:
    """A list of two references to a list of two references to …"""
    value: list[object] = [1]
    for _ in range(levels):
        value = [value, value]
    return pickle.dumps(value)


@pytest.mark.parametrize("kind", _attacks(Path("marker")))
def test_attacks_are_refused_and_nothing_is_run(tmp_path, kind):
    marker = tmp_path / "was_here"
    path = _write(tmp_path, _attacks(marker)[kind])
    with pytest.raises(ModelError) as caught:
        load_plain_pickle(path)
    assert str(path) in str(caught.value)
    assert not marker.exists()


def test_the_refused_name_is_reported(tmp_path):
    path = _write(tmp_path, _attacks(tmp_path / "x")["protocol 0"])
    with pytest.raises(ModelError, match=r"posix\.system"):
        load_plain_pickle(path)


@pytest.mark.parametrize("cut", [0, 1, 5, 20, -1])
def test_truncated_files_are_named_as_such(tmp_path, cut):
    data = pickle.dumps({"a": np.arange(5)})
    with pytest.raises(ModelError, match="truncated"):
        load_plain_pickle(_write(tmp_path, data[:cut]))


def test_missing_and_huge_files(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="cannot be read"):
        load_plain_pickle(tmp_path / "none.pkl")
    monkeypatch.setattr("lpm_segmentator.segment.nnunet.unpickle._MAX_BYTES", 10)
    with pytest.raises(ModelError, match="the limit for a model"):
        load_plain_pickle(_write(tmp_path, pickle.dumps(list(range(100)))))
