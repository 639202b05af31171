"""Damage to NIfTI files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from fuzz.mutate import (
    BYTE_CHANGES,
    Contract,
    Mutation,
    Rng,
    bits_flipped,
    emptied,
    mutation,
    packed,
    pick,
    range_inserted,
    truncated,
    unpacked,
)
from fuzz.nifti import EQUIVALENT, Parsed, packed_otherwise, pair_of_files, parsed, plain_name

SAME, DETECTABLE, ANY = Contract.SAME, Contract.SAME_OR_REFUSED, Contract.ANY

# damage that can be recognised


def reoriented(rng: Rng, parts: Parsed) -> bool | None:
    """Turn the array and the sform alike; the qform is left out, so that none contradicts."""
    if parts.fields["sform_code"] == 0:
        return False
    affine = np.vstack([[parts.fields[f"srow_{a}"] for a in "xyz"], (0, 0, 0, 1)])
    order = rng.permutation(3)
    array = parts.array().transpose(order)
    steps = np.eye(4)
    steps[:3, :3] = np.eye(3)[:, order]
    affine = affine @ steps
    for axis in range(3):
        if rng.random() < 0.5:
            flip = np.eye(4)
            flip[axis, axis], flip[axis, 3] = -1, array.shape[axis] - 1
            affine, array = affine @ flip, np.flip(array, axis)
    parts.with_array(array)
    parts.fields["pixdim"][1:4] = parts.fields["pixdim"][1:4][order]
    parts.fields["qform_code"] = 0
    for row, axis in enumerate("xyz"):
        parts.fields[f"srow_{axis}"] = affine[row]
    return None


def _both_forms(parts: Parsed) -> bool:
    return bool(parts.fields["sform_code"] > 0 and parts.fields["qform_code"] > 0)


def sform_alone(rng: Rng, parts: Parsed) -> bool | None:
    if not _both_forms(parts):
        return False
    matrix = np.array([parts.fields[f"srow_{a}"] for a in "xyz"], dtype=np.float64)
    kind = int(rng.integers(4))
    if kind == 0:
        matrix[:, int(rng.integers(3))] *= pick(rng, (0.5, 0.9, 1.1, 2.0, -1.0, 1000.0))
    elif kind == 1:
        turn = Rotation.from_rotvec(np.radians(rng.uniform(5, 40)) * np.eye(3)[rng.integers(3)])
        matrix[:, :3] = turn.as_matrix() @ matrix[:, :3]
    elif kind == 2:
        matrix[:, :3] = matrix[:, np.roll(np.arange(3), 1)]
    else:
        matrix[:, int(rng.integers(3))] = pick(rng, (0.0, np.nan, np.inf))
    for row, axis in enumerate("xyz"):
        parts.fields[f"srow_{axis}"] = matrix[row]
    return None


def qform_alone(rng: Rng, parts: Parsed) -> bool | None:
    if not _both_forms(parts):
        return False
    kind = int(rng.integers(4))
    if kind == 0:
        parts.fields["pixdim"][0] *= -1
    elif kind == 1:
        parts.fields[f"quatern_{pick(rng, 'bcd')}"] = pick(rng, (5.0, np.nan, np.inf, -3.0))
    elif kind == 2:
        parts.fields[f"qoffset_{pick(rng, 'xyz')}"] += pick(rng, (1.0, -300.0, 1e20))
    else:
        b, c, d = Rotation.random(random_state=int(rng.integers(2**31))).as_quat()[:3]
        parts.fields["quatern_b"], parts.fields["quatern_c"], parts.fields["quatern_d"] = b, c, d
    return None


def pixdim_alone(rng: Rng, parts: Parsed) -> bool | None:
    if not parts.fields["sform_code"] > 0:
        return False
    at = int(rng.integers(1, 4))
    values = (0, -1, np.nan, np.inf, 1e-30, 1e30, -parts.fields["pixdim"][at])
    if rng.random() < 0.5:
        parts.fields["pixdim"][at] = pick(rng, values)
    else:
        parts.fields["pixdim"][at] *= pick(rng, (0.1, 0.9, 1.1, 10))
    return None


def unit_wrong(rng: Rng, parts: Parsed) -> None:
    units = int(parts.fields["xyzt_units"])
    parts.fields["xyzt_units"] = units & ~7 | int(pick(rng, (1, 3, 4, 5, 6, 7)))


def shape_wrong(rng: Rng, parts: Parsed) -> None:
    at = int(rng.integers(0, 5))
    old = int(parts.fields["dim"][at])
    largest = np.iinfo(parts.fields["dim"].dtype).max
    values = (0, -1, old + 1, old - 1, old * 2, largest, 2**15 - 1, 10)
    # Another number of axes alone gives the same image, or several, or too few axes.
    parts.fields["dim"][at] = pick(rng, [v for v in values if v != old])


def shape_huge(rng: Rng, parts: Parsed) -> None:
    info = np.iinfo(parts.fields["dim"].dtype)
    big = (info.max, 2**15 - 1, info.max // 2 + 1, min(info.max, 2**32), min(info.max, 2**21))
    for at in (1, 2, 3)[: int(rng.integers(1, 4))]:
        parts.fields["dim"][at] = pick(rng, big)


def offset_wrong(rng: Rng, parts: Parsed) -> None:
    values = (0, 1, -352, 300, 351, 353, 368, 500, 1e12, 1e18)
    kind = parts.fields["vox_offset"].dtype
    extra = (np.nan, np.inf, 352.5) if kind.kind == "f" else (2**62,)
    parts.fields["vox_offset"] = pick(rng, (*values, *extra))


def type_of_other_size(rng: Rng, parts: Parsed) -> None:
    size = parts.header.get_data_dtype().itemsize
    sizes = {2: 1, 4: 2, 8: 4, 16: 4, 64: 8, 256: 1, 512: 2, 768: 4, 1024: 8, 1280: 8, 1536: 16,
             32: 8, 128: 3, 1792: 16, 2048: 32, 2304: 4, 0: 0, 1: 0, 9999: 0, -1: 0}  # fmt: skip
    parts.fields["datatype"] = pick(rng, [code for code, n in sizes.items() if n != size])


def bits_wrong(rng: Rng, parts: Parsed) -> None:
    parts.fields["bitpix"] = pick(rng, (0, 1, 7, 64, -8, 24))


def voxels_cut(rng: Rng, parts: Parsed) -> None:
    parts.voxels = parts.voxels[: int(rng.integers(len(parts.voxels)))]


def voxels_appended(rng: Rng, parts: Parsed) -> None:
    parts.voxels += rng.bytes(int(rng.integers(1, 3000)))


def scaling_wrong(rng: Rng, parts: Parsed) -> None:
    values = (0, 1, -1, 0.5, 2, 1.001, 1e-3, 0.0024, 1e-30, 1e30, np.nan, np.inf, 3.4e38)
    parts.fields["scl_slope"] = pick(rng, values)
    parts.fields["scl_inter"] = pick(rng, (0, 0, 0, 1, -1, 0.005, 0.3, 1e30, np.nan, np.inf))


def voxel_not_finite(rng: Rng, parts: Parsed) -> None:
    array = parts.array().astype(np.float32)
    flat = array.reshape(-1)
    # Not of a labelled voxel: nan is background there.
    at = pick(rng, np.flatnonzero(flat == 0)) if (flat == 0).any() else 0
    flat[at] = pick(rng, (np.nan, np.inf, -np.inf))
    parts.with_array(array)


def unknown_value(rng: Rng, parts: Parsed) -> None:
    array = parts.array().astype(np.float64)
    array.reshape(-1)[int(rng.integers(array.size))] = pick(
        rng, (5, 200, -1, 0.5, 256, 1e20, 1e300)
    )
    parts.with_array(array)


def rounding_noise(rng: Rng, parts: Parsed) -> None:
    array = parts.array().astype(np.float64)
    parts.with_array(array + rng.uniform(-0.008, 0.008, array.shape))


# whatever


def header_bytes(rng: Rng, data: bytes) -> bytes:
    plain = unpacked(data)
    size = min(540 if plain[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else 352, len(plain))
    changed = pick(rng, BYTE_CHANGES[:2])(rng, plain[:size]) + plain[size:]
    return packed(changed) if plain is not data else changed


def header_field(rng: Rng, parts: Parsed) -> None:
    name = pick(rng, parts.fields.dtype.names)
    field = parts.fields[name]
    kind = field.dtype
    if kind.kind == "f":
        info = np.finfo(kind)
        values = (0, -1, np.nan, np.inf, -np.inf, info.max, info.tiny, -info.max, 1e-20, 1e18)
    elif kind.kind in "iu":
        info = np.iinfo(kind)
        values = (0, 1, 2, 3, info.max, info.min, info.max - 1, 4, 8, 16, 64)
    else:
        values = (b"", rng.bytes(kind.itemsize))
    if field.ndim:
        field[int(rng.integers(field.size))] = pick(rng, values)
    else:
        parts.fields[name] = pick(rng, values)


def any_bytes(rng: Rng, data: bytes) -> bytes:
    plain = unpacked(data)
    changed = pick(rng, BYTE_CHANGES)(rng, plain)
    return packed(changed) if plain is not data else changed


def consistent_spacing(rng: Rng, parts: Parsed) -> None:
    factor = pick(rng, (0.1, 0.5, 2, 100, 1e-6, 1e6, 1e12, 1e-12, 1e18))
    parts.fields["pixdim"][1:4] *= factor
    for axis in "xyz":
        parts.fields[f"srow_{axis}"][:3] *= factor


def constant(rng: Rng, parts: Parsed) -> None:
    array = parts.array()
    parts.with_array(np.full_like(array, pick(rng, (0, 1, 4))))


def one_slice(rng: Rng, parts: Parsed) -> None:
    array = parts.array()
    for axis in range(3):
        if rng.random() < 0.5:
            array = array.take([array.shape[axis] // 2], axis)
    parts.with_array(array)


def huge_values(rng: Rng, parts: Parsed) -> None:
    array = parts.array().astype(np.float64)
    flat = array.reshape(-1)
    for _ in range(int(pick(rng, (1, 30)))):
        flat[int(rng.integers(flat.size))] = pick(rng, (1e308, -1e308, 1e200, 1e-320, -1e5))
    parts.with_array(array)


_DETECTABLE = (
    sform_alone, qform_alone, pixdim_alone, unit_wrong, shape_wrong, shape_huge, offset_wrong,
    type_of_other_size, bits_wrong, voxels_cut, voxels_appended,
)  # fmt: skip
_ANY = (header_field, header_field, consistent_spacing, constant, one_slice)


def compressed_bits(rng: Rng, data: bytes) -> bytes | None:
    return bits_flipped(rng, data) if data[:2] == b"\x1f\x8b" else None


def compressed_inserted(rng: Rng, data: bytes) -> bytes | None:
    return range_inserted(rng, data) if data[:2] == b"\x1f\x8b" else None


def of_nifti(
    *, labels: bool = False, turned: bool = True, without: Sequence[str] = ()
) -> tuple[Mutation, ...]:
    """Return mutations of an image or a label map; not `turned` where slices are counted."""
    detectable = [*_DETECTABLE, *((reoriented,) if turned else ())]
    other = list(_ANY)
    if labels:
        detectable += [scaling_wrong, voxel_not_finite, unknown_value, rounding_noise]
    else:
        other += [scaling_wrong, voxel_not_finite, huge_values]
    return (
        *(
            mutation(SAME, parsed(change), whole=True)
            for change in EQUIVALENT
            if change.__name__ not in without
        ),
        mutation(SAME, packed_otherwise, whole=True),
        Mutation("plain_name", SAME, plain_name),
        Mutation("pair_of_files", SAME, pair_of_files),
        *(
            mutation(DETECTABLE, parsed(change))
            for change in detectable
            if change.__name__ not in without
        ),
        *(mutation(DETECTABLE, change) for change in (compressed_bits, compressed_inserted)),
        *(mutation(DETECTABLE, change) for change in (truncated, emptied)),
        *(mutation(ANY, parsed(change)) for change in other),
        *(mutation(ANY, change) for change in (header_bytes, header_bytes, any_bytes)),
    )
