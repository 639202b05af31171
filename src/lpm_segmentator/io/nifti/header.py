"""Where a NIfTI header places its voxels, and whether its three accounts of that agree.

A header describes the geometry three times: the spacing (``pixdim``), a rotation with an origin
(qform, which takes its steps from pixdim) and a whole matrix (sform). Readers disagree on which
one counts. Here the sform counts where it is set, else the qform, else the spacing alone; where
they contradict each other the image is refused until the user says which one to trust.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import nibabel as nib
import numpy as np
import numpy.typing as npt

from lpm_segmentator.core.about import about
from lpm_segmentator.core.errors import FileFormatError, GeometryError, Remedy
from lpm_segmentator.core.geometry import axis_codes, spacing_mm
from lpm_segmentator.io.nifti.limits import check_size, joined, makes_sense

__all__ = ["Form", "HeaderOptions", "affine_of", "in_mm", "read_shape", "stated_form"]

FloatArray = npt.NDArray[np.float64]

Form = Literal["sform", "qform", "pixdim"]
"""Which account of the geometry counts."""

_AXES = 3
#: accounts that differ by less than this share of a voxel anywhere in the image are equal
_EQUAL_VOXELS = 0.1
#: beyond these, measures, directions or sides differ: the accounts contradict each other
_CONTRADICTING_DEG = 1.0
_CONTRADICTING_SHARE = 0.005
_SINGULAR = 1e-6  # of the product of the steps
_UNITS_MM = {"meter": 1000.0, "micron": 0.001}
#: voxels of another size are no MRI of a back: the unit is wrong
_SMALLEST_VOXEL_MM, _LARGEST_VOXEL_MM = 0.05, 100.0


@dataclass(frozen=True)
class HeaderOptions:
    """What the user says about headers that are wrong or contradict themselves.

    Attributes
    ----------
    trust : {'sform', 'qform', 'pixdim'}, optional
        Which account of the geometry counts where they contradict each other.
    spacing_mm : tuple of float, optional
        Spacing along the array axes i, j, k, for headers that carry none.
    """

    trust: Form | None = None
    spacing_mm: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if self.trust is not None and self.trust not in get_args(Form):
            raise GeometryError(
                f"{self.trust!r} is no account of an image's geometry",
                hint=f"Choose one of {', '.join(get_args(Form))}",
                remedy=Remedy.TRUST,
            )
        if self.spacing_mm is not None and not (
            len(self.spacing_mm) == _AXES
            and all(np.isfinite(step) and step > 0 for step in self.spacing_mm)
        ):
            raise GeometryError(
                f"a spacing needs three positive numbers in mm, got {self.spacing_mm}",
                remedy=Remedy.SPACING,
            )


def read_shape(header: Any, where: object) -> tuple[int, ...]:
    """Return the shape of the voxels, without trailing axes of length 0 or 1 beyond the third.

    Raises
    ------
    FileFormatError
        If it is not one 3-D volume.
    """
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise FileFormatError(
            f"the header is damaged: it announces {axes} axes",
            where=where,
            hint="Copy or export the file again",
        )
    shape = [int(n) for n in header["dim"][1 : 1 + axes]]
    while len(shape) > _AXES and shape[-1] in (0, 1):
        shape.pop()
    if len(shape) < _AXES:
        raise FileFormatError(
            f"the image has {len(shape)} axes, shape {tuple(shape)}; its geometry is not known",
            where=where,
            hint="Save a single slice as a 3-D image of shape (x, y, 1) with its slice thickness",
        )
    if min(shape) < 1:
        raise FileFormatError(f"the image has no voxels, shape {tuple(shape)}", where=where)
    if len(shape) > _AXES:
        raise FileFormatError(
            f"the file holds several volumes, shape {tuple(shape)}",
            where=where,
            hint="Extract one, counting from 0, with e.g. nibabel: "
            "nibabel.load(path).slicer[..., 0].to_filename('volume0.nii.gz')",
        )
    return tuple(shape)


def in_mm(header: Any, where: object) -> tuple[Any, tuple[str, ...]]:
    """Return a copy of the header with lengths in mm, and what was done.

    Headers that name metres or micrometres in error give voxels of impossible size and are
    refused. A unit that NIfTI does not know counts as mm.

    Raises
    ------
    FileFormatError
        If a voxel would have an impossible size.
    """
    try:
        unit = str(header.get_xyzt_units()[0])
    except KeyError:
        known = header.copy()
        known.set_xyzt_units("mm", "unknown")
        return known, ("the header names no known unit of length; millimetres were assumed",)
    if unit not in _UNITS_MM:
        return header.copy(), ()
    scaled, factor = header.copy(), _UNITS_MM[unit]
    with np.errstate(over="ignore", invalid="ignore"):  # what is infinite then is refused as such
        scaled["pixdim"][1:4] *= factor
        for name in ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"):
            scaled[name] = scaled[name] * factor
    scaled.set_xyzt_units("mm", scaled.get_xyzt_units()[1])
    steps = [abs(float(step)) for step in scaled["pixdim"][1:4]]
    if min(steps) < _SMALLEST_VOXEL_MM or max(steps) > _LARGEST_VOXEL_MM:
        raise FileFormatError(
            f"the header gives lengths in {unit}s, so that a voxel would measure {joined(steps)} "
            "mm",
            where=where,
            hint="If they are millimetres, save the file again with the unit mm, e.g. with "
            "nibabel: image.header.set_xyzt_units('mm')",
        )
    return scaled, (f"lengths in {unit}s were converted to mm",)


def affine_of(
    header: Any, shape: tuple[int, ...], options: HeaderOptions, where: object
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the affine of a header, and what is uncertain about it.

    Parameters
    ----------
    header : nibabel.Nifti1Header
        In mm.
    shape : tuple of int, length 3
    options : HeaderOptions
    where : object
        The file, for messages.

    Returns
    -------
    affine : ndarray, shape (4, 4)
        Voxel to world, RAS+ millimetres.
    notes : tuple of str

    Raises
    ------
    GeometryError
        If the accounts contradict each other or there is none, and the options do not settle it;
        if the image would be larger than any body.
    """
    accounts = _Accounts.of(header, shape)
    with about(where):
        accounts.check_spacing(options)
        if options.spacing_mm is not None:
            notes: tuple[str, ...] = (
                f"the spacing {joined(options.spacing_mm)} mm was given by the user",
            )
            affine = accounts.with_spacing(options.spacing_mm)
        else:
            affine, notes = accounts.choose(options.trust)
            if options.trust is None:
                _refuse_bare(affine, shape)
        check_size(affine, shape)
        return affine, notes


def stated_form(header: Any, name: str) -> FloatArray | None:
    """Return the qform or sform of a header, None if it is not set or makes no sense."""
    if int(header[f"{name}_code"]) <= 0:
        return None
    if name == "sform":
        with np.errstate(invalid="ignore"):  # of a signalling nan
            rows = np.array([header[f"srow_{axis}"] for axis in "xyz"], dtype=np.float64)
        return np.vstack([rows, (0, 0, 0, 1)]) if makes_sense(*rows.flat) else None
    fields = [f"quatern_{axis}" for axis in "bcd"] + [f"qoffset_{axis}" for axis in "xyz"]
    if not makes_sense(*(header[field] for field in fields), *header["pixdim"][1:4]):
        return None
    try:
        matrix = np.asarray(header.get_qform(), dtype=np.float64)
    except (ValueError, nib.spatialimages.HeaderDataError):  # no rotation has such a quaternion
        return None
    return matrix if np.isfinite(matrix).all() else None


@dataclass(frozen=True, eq=False)
class _Accounts:
    """The three accounts that a header gives of its geometry; None where it gives none.

    Where a form is set, but none makes sense, the header `is_damaged`.
    """

    qform: FloatArray | None
    sform: FloatArray | None
    spacing: tuple[float, float, float]
    shape: tuple[int, ...]
    is_damaged: bool

    @classmethod
    def of(cls, header: Any, shape: tuple[int, ...]) -> _Accounts:
        i, j, k = (float(step) for step in header["pixdim"][1:4])
        sform = stated_form(header, "sform")
        if not (makes_sense(i, j, k) and min(i, j, k) > 0):
            header = header.copy()
            header["pixdim"][1:4] = 1  # the directions of the qform are known all the same
        qform = stated_form(header, "qform")
        is_stated = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
        is_damaged = is_stated and sform is None and qform is None
        return cls(qform, sform, (i, j, k), shape, is_damaged)

    @property
    def has_spacing(self) -> bool:
        """Whether pixdim can be the size of a voxel."""
        return makes_sense(*self.spacing) and min(self.spacing) > 0

    def check_spacing(self, options: HeaderOptions) -> None:
        """Refuse a spacing that cannot be, where it decides; an sform does without it."""
        decides = self.sform is None or options.trust in ("qform", "pixdim")
        if decides and not self.has_spacing and options.spacing_mm is None:
            raise GeometryError(
                f"the header's spacing {joined(self.spacing)} mm is not positive, so that the size "
                "of the voxels is not known",
                hint=f"State the true spacing in mm along the array axes: pass {Remedy.SPACING}",
                remedy=Remedy.SPACING,
            )

    def with_spacing(self, spacing: tuple[float, float, float]) -> FloatArray:
        """Return the affine with other steps; the first voxel of a stated form stays in place."""
        form = self.sform if self.sform is not None else self.qform
        return _unplaced(self.shape, spacing) if form is None else _with_steps(form, spacing)

    def choose(self, trust: Form | None) -> tuple[FloatArray, tuple[str, ...]]:
        """Return the account that counts, and how the others differ from it."""
        if trust is not None:
            return self._trusted(trust), (f"the {trust} counts, as requested",)
        if self.sform is None:
            if self.qform is not None:  # which takes its steps from pixdim
                return self.qform, ()
            if self.is_damaged:
                raise GeometryError(
                    "the header states a geometry in numbers that make no sense",
                    hint="Export the image again; to use the spacing alone, with a guessed "
                    f"orientation, pass {Remedy.TRUST} (pixdim)",
                    remedy=Remedy.TRUST,
                )
            note = "the header states no orientation; left and right are a guess (LAS)"
            return _unplaced(self.shape, self.spacing), (note,)
        others: dict[str, FloatArray] = {}
        if self.qform is not None and self.has_spacing:
            others["qform"] = self.qform
        if self.has_spacing:
            others["pixdim"] = _with_steps(self.sform, self.spacing)
        return self.sform, self._differences(self.sform, others)

    def _trusted(self, trust: Form) -> FloatArray:
        form = {"sform": self.sform, "qform": self.qform}.get(trust)
        if trust == "pixdim":
            form = self.with_spacing(self.spacing)
        if form is None:
            raise GeometryError(f"the header states no {trust}", remedy=Remedy.TRUST)
        return form

    def _differences(self, sform: FloatArray, others: dict[str, FloatArray]) -> tuple[str, ...]:
        for name, other in others.items():
            apart_mm = _apart_mm(sform, other, self.shape)
            if apart_mm <= _EQUAL_VOXELS * min(spacing_mm(sform)):
                continue
            if _contradict(sform, other):
                raise _contradiction(sform, name, other)
            note = f"{name} and sform place voxels up to {apart_mm:.1f} mm apart"
            return (f"{note}; the sform was used",)
        return ()


def _refuse_bare(affine: FloatArray, shape: tuple[int, ...]) -> None:
    if _is_bare(affine, shape):
        raise GeometryError(
            "the header carries no geometry (voxels of 1 × 1 × 1 mm without a position), as in "
            "pictures that were saved as NIfTI",
            hint=f"State the true spacing in mm along the array axes: pass {Remedy.SPACING}",
            remedy=Remedy.SPACING,
        )


def _contradict(one: FloatArray, other: FloatArray) -> bool:
    """Return whether two accounts give other sizes, directions or sides, not only a place."""
    steps = np.array(spacing_mm(one)), np.array(spacing_mm(other))
    if min(steps[0]) < _SINGULAR:
        return False
    volume = abs(float(np.linalg.det(one[:_AXES, :_AXES])))
    if volume <= _SINGULAR * float(np.prod(steps[0])):
        return False  # singular, which is refused elsewhere
    if (np.abs(steps[1] / steps[0] - 1) > _CONTRADICTING_SHARE).any():
        return True
    cosines = ((one / [*steps[0], 1]) * (other / [*steps[1], 1]))[:_AXES, :_AXES].sum(axis=0)
    return bool((cosines < np.cos(np.radians(_CONTRADICTING_DEG))).any())


def _contradiction(sform: FloatArray, name: str, other: FloatArray) -> GeometryError:
    return GeometryError(
        f"the header contradicts itself: the sform says {_in_words(sform)}, the {name} "
        f"{_in_words(other)}",
        hint="Compare the image with its original, then say which one is right: pass "
        f"{Remedy.TRUST} (sform, qform or pixdim)",
        remedy=Remedy.TRUST,
    )


def _in_words(affine: FloatArray) -> str:
    if min(spacing_mm(affine)) < _SINGULAR:  # no axis has a direction then
        return f"{joined(spacing_mm(affine))} mm"
    directions = affine[:_AXES, :_AXES] / np.maximum(spacing_mm(affine), 1e-9)
    turn = float(np.degrees(np.arccos(np.clip(np.abs(directions).max(axis=0), 0, 1))).max())
    turned = f", turned by {turn:.0f}°" if turn > 1 else ""
    return f"{joined(spacing_mm(affine))} mm, axes {''.join(axis_codes(affine))}{turned}"


def _corners(shape: tuple[int, ...]) -> FloatArray:
    """Return the outer corners of the voxels, shape (8, 4), homogeneous."""
    ends = product(*((-0.5, n - 0.5) for n in shape))
    return np.array([(*corner, 1.0) for corner in ends])


def _apart_mm(one: FloatArray, other: FloatArray, shape: tuple[int, ...]) -> float:
    difference = _corners(shape) @ (one - other)[:_AXES].T
    return float(np.linalg.norm(difference, axis=1).max())


def _with_steps(affine: FloatArray, spacing: tuple[float, ...]) -> FloatArray:
    """Return an affine with other step lengths; the first voxel stays where it is."""
    lengths = np.maximum(spacing_mm(affine), 1e-12)
    scaled = affine.copy()
    scaled[:_AXES, :_AXES] *= np.array(spacing) / lengths
    return scaled


def _unplaced(shape: tuple[int, ...], spacing: tuple[float, ...]) -> FloatArray:
    """Return what the format prescribes without any form: LAS axes about the middle."""
    affine = np.diag([-spacing[0], spacing[1], spacing[2], 1.0])
    affine[:_AXES, 3] = -affine[:_AXES, :_AXES] @ ((np.array(shape[:_AXES]) - 1) / 2)
    return affine


def _is_bare(affine: FloatArray, shape: tuple[int, ...]) -> bool:
    """Return whether an affine is what programs write who know no geometry.

    Those are 1 mm steps along the axes with the first voxel at the origin, in NIfTI's or in ITK's
    convention, or the format's default about the middle of the image.
    """
    if not np.array_equal(np.abs(affine[:_AXES, :_AXES]), np.eye(_AXES)):
        return False
    signs = tuple(np.sign(np.diag(affine)[:_AXES]))
    at_origin = not affine[:_AXES, 3].any() and signs in ((1, 1, 1), (-1, -1, 1))
    return at_origin or bool(np.array_equal(affine, _unplaced(shape, (1.0, 1.0, 1.0))))
