"""NIfTI files in parts, and other ways to write the same content."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from typing import Any

import nibabel as nib
import numpy as np

from fuzz.mutate import (
    Contract,
    Rng,
    packed,
    pick,
    unpacked,
)

SAME, DETECTABLE, ANY = Contract.SAME, Contract.SAME_OR_REFUSED, Contract.ANY
_SIZES = {348: nib.Nifti1Header, 540: nib.Nifti2Header}


class Parsed:
    """A NIfTI file in parts: header (in its own byte order), what lies between, voxels."""

    def __init__(self, data: bytes) -> None:
        plain = unpacked(data)
        self.is_packed = plain is not data
        size = int.from_bytes(plain[:4], "little")
        order = "<" if size in _SIZES else ">"
        if size not in _SIZES:
            size = int.from_bytes(plain[:4], "big")
        self.header: Any = _SIZES[size](plain[:size], order, check=False)
        offset = max(int(self.header["vox_offset"]), size)
        self.between, self.voxels = plain[size:offset], plain[offset:]

    @property
    def fields(self) -> Any:
        return self.header._structarr  # the raw fields, of any value

    def array(self) -> np.ndarray:
        shape = [int(n) for n in self.header["dim"][1:4]]
        dtype = self.header.get_data_dtype()
        return np.frombuffer(self.voxels, dtype).reshape(shape, order="F")

    def with_array(self, array: np.ndarray) -> None:
        order = self.header.endianness
        array = array.astype(array.dtype.newbyteorder(order))
        self.header.set_data_dtype(array.dtype)
        self.header["dim"][1:4] = array.shape
        self.voxels = array.tobytes(order="F")

    def written(self) -> bytes:
        plain = self.header.binaryblock + self.between + self.voxels
        return packed(plain) if self.is_packed else plain


def parsed(change: Callable[[Rng, Parsed], Any]) -> Callable[[Rng, bytes], bytes | None]:
    """Lift a change of the parts to one of bytes; a change that returns False does not apply."""

    def changed(rng: Rng, data: bytes) -> bytes | None:
        parts = Parsed(data)
        return None if change(rng, parts) is False else parts.written()

    changed.__name__ = change.__name__
    return changed


# the same content


def unused_fields(rng: Rng, parts: Parsed) -> None:
    numbers = (0, 1, -1, 1e30, -1e30, float("nan"), float("inf"), 7.5)
    for name in ("cal_max", "cal_min", "slice_duration", "toffset"):
        parts.fields[name] = pick(rng, numbers)
    for name in ("intent_p1", "intent_p2", "intent_p3"):
        parts.fields[name] = pick(rng, numbers)
    for name in ("intent_code", "slice_code", "slice_start", "slice_end", "dim_info"):
        parts.fields[name] = int(rng.integers(0, 127))
    for name in ("descrip", "aux_file", "intent_name"):
        parts.fields[name] = rng.bytes(parts.fields.dtype[name].itemsize)
    parts.fields["pixdim"][4:] = pick(rng, numbers)
    units = int(parts.fields["xyzt_units"])
    parts.fields["xyzt_units"] = units & 7 | int(pick(rng, (0, 8, 16, 24, 32)))


def axes_of_one(rng: Rng, parts: Parsed) -> None:
    parts.fields["dim"][0] = int(rng.integers(3, 8))
    parts.fields["dim"][4:] = pick(rng, (0, 1))


def unit_unknown(rng: Rng, parts: Parsed) -> None:
    units = int(parts.fields["xyzt_units"])
    parts.fields["xyzt_units"] = units & ~7 | int(pick(rng, (0, 2)))


def byte_order(_rng: Rng, parts: Parsed) -> None:
    array, target = parts.array(), ">" if parts.header.endianness == "<" else "<"
    parts.header = parts.header.as_byteswapped(target)
    parts.with_array(array)


def other_type(rng: Rng, parts: Parsed) -> bool | None:
    array = parts.array()
    if array.dtype.kind == "f" or not parts.header.has_data_slope:
        return False
    kinds = [k for k in "bBhHiIqQfd" if np.array_equal(array.astype(k), array)]
    parts.with_array(array.astype(pick(rng, kinds)))
    return None


def scaled_storage(rng: Rng, parts: Parsed) -> bool | None:
    """Store multiples; slopes are powers of two, so that no rounding is involved."""
    array = parts.array()
    if parts.fields["scl_slope"] not in (0, 1) or array.dtype.kind == "f":
        return False
    factor, shift = int(pick(rng, (2, 4, 16))), int(pick(rng, (0, 8, -16)))
    parts.with_array((array.astype(np.int32) * factor + shift).astype(np.int32))
    parts.fields["scl_slope"], parts.fields["scl_inter"] = 1 / factor, -shift / factor
    return None


def no_scaling(rng: Rng, parts: Parsed) -> bool | None:
    if parts.fields["scl_slope"] not in (0, 1) or parts.fields["scl_inter"] != 0:
        return False
    slope, intercept = pick(rng, ((0, 5), (np.nan, 1), (1, 0), (np.inf, 0), (1, np.nan)))
    parts.fields["scl_slope"], parts.fields["scl_inter"] = slope, intercept
    return None


def extension(rng: Rng, parts: Parsed) -> None:
    size = 16 * int(rng.integers(1, 9))
    code = int(pick(rng, (4, 6, 40, 12345)))
    order = "little" if parts.header.endianness == "<" else "big"
    content = rng.bytes(size - 8)
    parts.between = b"\1\0\0\0" + size.to_bytes(4, order) + code.to_bytes(4, order) + content
    parts.fields["vox_offset"] = len(parts.header.binaryblock) + len(parts.between)


def second_version(_rng: Rng, parts: Parsed) -> bool | None:
    if isinstance(parts.header, nib.Nifti2Header) or parts.header.endianness != "<":
        return False
    second, first = nib.Nifti2Header(), parts.fields
    for name in set(first.dtype.names) & set(second._structarr.dtype.names):
        second._structarr[name] = first[name]
    parts.header = second
    parts.fields["sizeof_hdr"], parts.fields["magic"] = 540, b"n+2\0\r\n\x1a\n"
    parts.between = b"\0\0\0\0"
    parts.fields["vox_offset"] = 544
    return None


def without_qform(_rng: Rng, parts: Parsed) -> bool | None:
    if parts.fields["sform_code"] == 0:
        return False
    parts.fields["qform_code"] = 0
    return None


def without_sform(_rng: Rng, parts: Parsed) -> bool | None:
    if parts.fields["qform_code"] == 0:
        return False
    parts.fields["sform_code"] = 0
    parts.fields["srow_x"] = np.nan
    return None


def codes(rng: Rng, parts: Parsed) -> None:
    for name in ("qform_code", "sform_code"):
        if parts.fields[name] > 0:
            parts.fields[name] = int(rng.integers(1, 5))


def packed_otherwise(rng: Rng, data: bytes) -> bytes:
    plain = unpacked(data)
    at = int(rng.integers(1, len(plain)))
    out = io.BytesIO()
    with gzip.GzipFile("name.nii", "wb", int(rng.integers(10)), out) as file:
        file.write(plain)
    several = gzip.compress(plain[:at], 9) + gzip.compress(plain[at:], 0)
    padded = packed(plain) + b"\0" * int(rng.integers(1, 600))
    return pick(rng, (out.getvalue(), several, padded, plain))


def plain_name(_rng: Rng, name: str, data: bytes) -> Mapping[str, bytes] | None:
    return {name.removesuffix(".gz"): unpacked(data)} if name.endswith(".gz") else None


def pair_of_files(rng: Rng, name: str, data: bytes) -> Mapping[str, bytes] | None:
    parts = Parsed(data)
    stem = name.removesuffix(".gz").removesuffix(".nii")
    parts.fields["magic"] = (
        b"ni1" if isinstance(parts.header, nib.Nifti1Header) else b"ni2\0\r\n\x1a\n"
    )
    parts.fields["vox_offset"] = 0
    header, voxels = parts.header.binaryblock + b"\0\0\0\0", parts.voxels
    if rng.random() < 0.5:
        return {f"{stem}.hdr.gz": packed(header), f"{stem}.img.gz": packed(voxels)}
    return {f"{stem}.hdr": header, f"{stem}.img": voxels}


EQUIVALENT = (
    unused_fields, axes_of_one, unit_unknown, byte_order, other_type, scaled_storage, no_scaling,
    extension, second_version, without_qform, without_sform, codes,
)  # fmt: skip
