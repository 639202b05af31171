"""What a stack of a DICOM series shows, from its header alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lpm_segmentator.core import Contrast
from lpm_segmentator.io import contrast_in_header, names_dixon, words_of
from lpm_segmentator.io.dicom import SeriesTags, Stack
from lpm_segmentator.study.dicom import words

__all__ = ["Described", "Plane", "describe", "same_frame"]

Plane = Literal["axial", "sagittal", "coronal", ""]

_MR = "MR"
#: ranges of spin-echo sequences, in ms: short or long repetition and echo times
_T1_TR, _T1_TE, _T2_TR, _T2_TE = 1200.0, 30.0, 1500.0, 60.0
_STIR_TI = (80.0, 260.0)
_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, eq=False)
class Described:
    """A stack, and what it shows.

    Attributes
    ----------
    stack : Stack
    plane : {'axial', 'sagittal', 'coronal', ''}
        By the direction of its slices; empty where the header states none.
    contrast : Contrast
    evidence : str
        What the contrast is known from.
    fat_suppressed : bool
    body_part : str
        ``"lumbar"``, another part, or empty where the header names none.
    unsuitable : str
        Why it is neither segmented nor used for levels; empty if it may be.
    """

    stack: Stack
    plane: Plane
    contrast: Contrast
    evidence: str
    fat_suppressed: bool
    body_part: str
    unsuitable: str

    @property
    def tags(self) -> SeriesTags:
        """The header of the first slice."""
        return self.stack.tags

    @property
    def is_secondary(self) -> bool:
        """Whether the image was derived from others after the scan."""
        return self.tags.image_type[1:2] == ("SECONDARY",)

    @property
    def n_slices(self) -> int:
        """Number of slices; 0 of a file without an image, such as a report."""
        return len(self.stack.frames) if self.tags.rows else 0

    @cached_property
    def extent_mm(self) -> float:
        """Length that the slices cover along their normal, slice thickness included."""
        geometry = self.stack.geometry
        return math.nan if geometry is None else geometry.shape[2] * geometry.spacing_mm[2]


def describe(stack: Stack) -> Described:
    """Say what a stack shows.

    The contrast follows from ImageType or FrameType, then from the description, then from
    repetition and echo time, in this order.
    """
    tags = stack.tags
    contrast, evidence = _contrast(tags)
    return Described(
        stack=stack,
        plane=_plane(stack),
        contrast=contrast,
        evidence=evidence,
        fat_suppressed=not contrast.is_dixon and _is_fat_suppressed(tags),
        body_part=_body_part(tags),
        unsuitable=_unsuitable(stack),
    )


def same_frame(one: Described, other: Described) -> bool:
    """Return whether two stacks may lie in one frame of reference: one that is not stated may."""
    frames = {tags.frame_of_reference for tags in (one.tags, other.tags)} - {""}
    return len(frames) <= 1


def _body_part(tags: SeriesTags) -> str:
    """Return the part of the body that the header names; the spine is taken as its lumbar part.

    Protocols of the abdomen serve for the lumbar spine as well: then the study decides, as it does
    where the series names no part of the spine.
    """
    part = words.body_part_of(tags.description, tags.protocol, tags.body_part)
    study = words.body_part_of(tags.study_description)
    if part == words.SPINE and study in ("neck", "thoracic spine"):
        return study
    found = study if part in ("", "abdomen") and study else part
    return "lumbar" if found == words.SPINE else found


def _plane(stack: Stack) -> Plane:
    if stack.geometry is None:
        return ""
    planes: dict[str, Plane] = {
        "L": "sagittal", "R": "sagittal", "A": "coronal", "P": "coronal"
    }  # fmt: skip
    return planes.get(stack.geometry.axis_codes[2], "axial")


def _contrast(tags: SeriesTags) -> tuple[Contrast, str]:
    """Return the contrast and what it is known from."""
    contrast, evidence = contrast_in_header(tags.image_type, (tags.description, tags.protocol))
    return _by_times(tags) if contrast is None else (contrast, evidence)


def _by_times(tags: SeriesTags) -> tuple[Contrast, str]:
    """Return the weighting of a spin-echo sequence by repetition and echo time."""
    if tags.scanning_sequence and "SE" not in tags.scanning_sequence:
        return Contrast.UNKNOWN, ""
    shown = f"TR {tags.tr_ms:.0f}, TE {tags.te_ms:.0f} ms"
    if tags.te_ms <= _T1_TE and tags.tr_ms <= _T1_TR:
        return Contrast.T1W, shown
    if tags.te_ms >= _T2_TE and tags.tr_ms >= _T2_TR:
        return Contrast.T2W, shown
    return Contrast.UNKNOWN, ""


def _is_fat_suppressed(tags: SeriesTags) -> bool:
    named = {*words_of(tags.description), *words_of(tags.protocol)}
    text = " ".join(words_of(tags.description))
    if named & words.SUPPRESSION_WORDS or "fat sat" in text or "fat sup" in text:
        return True
    inverted = "IR" in tags.scanning_sequence and _STIR_TI[0] < tags.ti_ms < _STIR_TI[1]
    return bool({"FS", "SFS"} & set(tags.scan_options)) or inverted


def _unsuitable(stack: Stack) -> str:
    """Return why a stack is no image of muscles; empty if it may be one."""
    tags, kinds = stack.tags, set(stack.tags.image_type)
    maps = [what for value, what in words.PARAMETRIC_TYPES.items() if value in kinds]
    text = {*words_of(tags.description), *words_of(tags.protocol)}
    checks = {
        "it holds no image": not tags.rows,
        f"its modality is {tags.modality or 'unknown'}, not MR": tags.modality != _MR,
        "it is a screenshot or a scanned document": tags.sop_class.startswith(_SECONDARY)
        or tags.burned_in,
        "it is a localiser": "LOCALIZER" in kinds or bool(text & words.LOCALISER_WORDS),
        "its header does not say which image of the Dixon scan it is": (
            _contrast(tags)[0] is Contrast.UNKNOWN
            and any(map(names_dixon, (tags.description, tags.protocol)))
        ),
        f"it is {maps[0] if maps else 'a map'}": bool(maps or text & words.MAP_WORDS),
        stack.problem: bool(stack.problem),
    }
    return next((text for text, is_so in checks.items() if is_so), "")
