"""Damage to bytes and text: pure functions of a generator and what is to be damaged."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

Rng = np.random.Generator


class Contract(IntEnum):
    """What may follow from a mutation; the larger is the weaker promise."""

    SAME = 0
    """Another way to write the same content: the answer is the same."""
    SAME_OR_REFUSED = 1
    """Damage that can be recognised: the answer is the same, or the file is refused."""
    ANY = 2
    """The result may be another valid file: any answer in finite numbers, or a refusal."""


@dataclass(frozen=True)
class Mutation:
    """One kind of damage.

    `change` takes the generator, the name and the content of a file, and returns the files that
    take its place; None where the mutation does not apply. What is `whole` can be changed again.
    """

    name: str
    contract: Contract
    change: Callable[[Rng, str, bytes], Mapping[str, bytes] | None]
    whole: bool = False


def mutation(
    contract: Contract, change: Callable[[Rng, bytes], bytes | None], *, whole: bool = False
) -> Mutation:
    """Return a mutation of the content of one file."""

    def changed(rng: Rng, path: str, data: bytes) -> Mapping[str, bytes] | None:
        result = change(rng, data)
        return None if result is None else {path: result}

    return Mutation(change.__name__, contract, changed, whole)


def pick(rng: Rng, values: Sequence[Any]) -> Any:
    """Return one of the values; numpy's own `choice` would convert them."""
    return values[int(rng.integers(len(values)))]


# bytes


def _span(rng: Rng, data: bytes, longest: int = 64) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.integers(1, longest)))


def bits_flipped(rng: Rng, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(int(pick(rng, (1, 1, 2, 8)))):
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def bytes_replaced(rng: Rng, data: bytes) -> bytes:
    start, stop = _span(rng, data, 9)
    fill = pick(rng, (b"\0", b"\xff", b"\x7f", b"\x80", b"\x01", b"\n", b'"', rng.bytes(1)))
    return data[:start] + fill * (stop - start) + data[stop:]


def range_removed(rng: Rng, data: bytes) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + data[stop:]


def range_repeated(rng: Rng, data: bytes) -> bytes:
    start, stop = _span(rng, data)
    return data[:stop] + data[start:stop] * int(pick(rng, (1, 3, 200))) + data[stop:]


def range_inserted(rng: Rng, data: bytes) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + rng.bytes(stop - start) + data[start:]


def truncated(rng: Rng, data: bytes) -> bytes:
    short = data[: int(rng.integers(len(data)))]
    return short if rng.random() < 0.8 else data[: -int(rng.integers(1, 9))]


def emptied(_rng: Rng, _data: bytes) -> bytes:
    return b""


BYTE_CHANGES = (bits_flipped, bytes_replaced, range_removed, range_repeated, range_inserted)


def of_bytes(contract: Contract, *, cut: Contract | None = None) -> tuple[Mutation, ...]:
    """Return mutations of bytes; a cut file may be easier to recognise than other damage."""
    cut = contract if cut is None else cut
    changes = tuple(mutation(contract, change) for change in BYTE_CHANGES)
    return (*changes, mutation(cut, truncated), mutation(cut, emptied))


# JSON

#: deeper than any parser's stack
_DEEP = "[" * 100_000
HOSTILE: tuple[Any, ...] = (
    None, True, False, "", " ", "L9-L10", "\ud800", "\0", "x" * 70_000, "1e999", "../../x", 0, -1,
    1, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.5, -0.0, 1e-320, 1e308, -1e308, float("nan"),
    float("inf"), [], {}, [[]], [None], {"": None}, [1, 2], [1e308] * 3, [0, 0, 0], ["a", "b"],
    [[1, 0], [0, 1]], list(range(5000)),
)  # fmt: skip


def places(value: Any, parent: Any = None, key: Any = None) -> list[tuple[Any, Any]]:
    """Return container and key of every value below a value."""
    found = [] if parent is None else [(parent, key)]
    if isinstance(value, dict):
        for name in value:
            found += places(value[name], value, name)
    elif isinstance(value, list):
        for index in range(len(value)):
            found += places(value[index], value, index)
    return found


def _parsed(data: bytes) -> Any:
    return json.loads(data.decode("utf-8-sig"))


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def value_replaced(rng: Rng, data: bytes) -> bytes | None:
    value = _parsed(data)
    found = places(value)
    if not found or rng.random() < 0.02:
        return _dumped(pick(rng, HOSTILE))
    parent, key = pick(rng, found)
    parent[key] = pick(rng, HOSTILE)
    return _dumped(value)


def number_changed(rng: Rng, data: bytes) -> bytes | None:
    value = _parsed(data)
    found = [(p, k) for p, k in places(value) if type(p[k]) in (int, float)]
    if not found:
        return None
    parent, key = pick(rng, found)
    old = parent[key]
    parent[key] = pick(rng, (-old, old + 1, old - 1, old * 2, str(old), float(old), [old], old / 3))
    return _dumped(value)


def value_removed(rng: Rng, data: bytes) -> bytes | None:
    value = _parsed(data)
    found = places(value)
    if not found:
        return None
    parent, key = pick(rng, found)
    del parent[key]
    return _dumped(value)


def values_swapped(rng: Rng, data: bytes) -> bytes | None:
    value = _parsed(data)
    found = places(value)
    if len(found) < 2:
        return None
    (one, a), (other, b) = pick(rng, found), pick(rng, found)
    inner = json.dumps(other[b])
    one[a] = json.loads(inner)
    return _dumped(value)


def nested_deeply(rng: Rng, data: bytes) -> bytes:
    return pick(rng, (_DEEP.encode(), b'{"a":' * 50_000, data[:1] + _DEEP.encode()))


def _shuffled(value: Any, rng: Rng) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: _shuffled(value[key], rng) for key in keys}
    return [_shuffled(item, rng) for item in value] if isinstance(value, list) else value


def keys_reordered(rng: Rng, data: bytes) -> bytes:
    return _dumped(_shuffled(_parsed(data), rng))


def written_otherwise(rng: Rng, data: bytes) -> bytes:
    value, indent = _parsed(data), pick(rng, (None, 0, 1, 7, "\t"))
    text = json.dumps(value, indent=indent, ensure_ascii=bool(rng.random() < 0.5))
    text = text.replace("\n", pick(rng, ("\n", "\r\n")))
    return (pick(rng, ("", "\n", "\t \r\n")) + text + pick(rng, ("", "\n\n", " "))).encode()


def mark_prepended(_rng: Rng, data: bytes) -> bytes:
    return b"\xef\xbb\xbf" + data.removeprefix(b"\xef\xbb\xbf")


def of_json(
    *, damage: Contract = Contract.ANY, cut: Contract = Contract.SAME_OR_REFUSED, mark: bool = True
) -> tuple[Mutation, ...]:
    """Return mutations of a JSON file; without `mark` none by a byte order mark."""
    same = (keys_reordered, written_otherwise, *((mark_prepended,) if mark else ()))
    harm = (value_replaced, value_replaced, number_changed, value_removed, values_swapped)
    return (
        *(mutation(Contract.SAME, change, whole=True) for change in same),
        *(mutation(damage, change) for change in (*harm, nested_deeply)),
        *of_bytes(damage, cut=cut),
    )


# tables

CELLS = (
    "", " ", "nan", "NaN", "-", "inf", "-inf", "1e400", "1e308", "-1", "0", "1,5", "0x10", "1_000",
    "٣", "½", "007", "abc", "a\nb", 'a"b', "=1+1", "\0", "x" * 140_000, "9" * 400, "True",
    "1e-320", "١٢", "½", "1.0.0", "L4-L5",
)  # fmt: skip


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    if first.startswith("sep="):
        return first[4]
    return max(",;\t", key=first.count)


def _rows(data: bytes) -> list[list[str]]:
    """Return the cells of a table that other mutations may have written."""
    text = data.decode("utf-8-sig")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    return [row for row in rows if row and not row[0].startswith("sep=")]


def _rewritten(data: bytes, rows: Sequence[Sequence[str]], **how: Any) -> bytes:
    """Return other rows, delimited as before."""
    delimiter = _delimiter(data.decode("utf-8-sig"))
    return _table(rows, **{"delimiter": delimiter, **how})


def _table(rows: Sequence[Sequence[str]], **how: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **{"lineterminator": "\n", **how}).writerows(rows)
    return text.getvalue().encode("utf-8", errors="surrogatepass")


def quoted(rng: Rng, data: bytes) -> bytes:
    ending = pick(rng, ("\n", "\r\n"))
    return _rewritten(data, _rows(data), quoting=csv.QUOTE_ALL, lineterminator=ending)


def other_delimiter(rng: Rng, data: bytes) -> bytes | None:
    if _delimiter(data.decode("utf-8-sig")) == ";":  # there the comma may be a decimal sign
        return None
    delimiter = pick(rng, (";", "\t"))
    table = _table(_rows(data), delimiter=delimiter)
    return (f"sep={delimiter}\n".encode() if rng.random() < 0.3 else b"") + table


def decimal_commas(_rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    return _table([[cell.replace(".", ",") for cell in row] for row in rows], delimiter=";")


def blank_rows(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    for _ in range(int(rng.integers(1, 4))):
        blank = pick(rng, ([], [""] * len(rows[0]), [" "] + [""] * (len(rows[0]) - 1)))
        rows.insert(int(rng.integers(1, len(rows) + 1)), blank)
    return _rewritten(data, rows)


def columns_reordered(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    order = rng.permutation(len(rows[0]))
    return _rewritten(data, [[row[i] for i in order] for row in rows])


def cells_padded(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    return _rewritten(data, [[f" {c} " if rng.random() < 0.3 else c for c in row] for row in rows])


def without_last_newline(_rng: Rng, data: bytes) -> bytes:
    return data.rstrip(b"\n")


def cell_replaced(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    row = pick(rng, rows)
    row[int(rng.integers(len(row)))] = pick(rng, CELLS)
    return _rewritten(data, rows)


def column_replaced(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    at, cell = int(rng.integers(len(rows[0]))), pick(rng, CELLS)
    return _rewritten(data, [rows[0], *([*row[:at], cell, *row[at + 1 :]] for row in rows[1:])])


def row_repeated(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    return _rewritten(data, [*rows, pick(rng, rows)])


def rows_removed(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    return _rewritten(data, rows[: int(rng.integers(len(rows)))])


def cell_removed(rng: Rng, data: bytes) -> bytes:
    rows = _rows(data)
    row = pick(rng, rows)
    del row[int(rng.integers(len(row)))]
    return _rewritten(data, rows)


def other_encoding(rng: Rng, data: bytes) -> bytes:
    text = data.decode("utf-8-sig") + "\nä"
    return text.encode(pick(rng, ("utf-16", "latin-1", "utf-32", "cp1252")))


def of_table(*, decimals: bool = False) -> tuple[Mutation, ...]:
    """Return mutations of a CSV, with decimal commas where the table holds decimals."""
    same = [quoted, mark_prepended, blank_rows, columns_reordered, without_last_newline]
    same += [cells_padded, other_delimiter]
    if decimals:
        same += [decimal_commas]
    harm = (
        cell_replaced, cell_replaced, column_replaced, row_repeated, rows_removed, cell_removed,
        other_encoding,
    )  # fmt: skip
    return (
        *(mutation(Contract.SAME, change, whole=True) for change in same),
        *(mutation(Contract.ANY, change) for change in harm),
        *of_bytes(Contract.ANY),
    )


def packed(data: bytes) -> bytes:
    """Return gzip of fixed bytes."""
    return gzip.compress(data, compresslevel=1, mtime=0)


def unpacked(data: bytes) -> bytes:
    """Return the content of gzip, or of a file that is not compressed."""
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
