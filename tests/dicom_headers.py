"""Stacks of DICOM slices as headers describe them, without any file."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dicom_files import plane
from lpm_segmentator.io.dicom import Frame, SeriesTags, Stack
from lpm_segmentator.study.dicom.describe import Described, describe

MR, SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7"
SHAPE, SPACING_MM = (16, 16, 8), (16.0, 16.0, 15.0)
DIXON = {
    "water": ("WATER", "W"), "fat": ("FAT", "F"), "in-phase": ("IN_PHASE", "in"),
    "opposed-phase": ("OPP_PHASE", "opp"),
}  # fmt: skip

_TAGS = SeriesTags(
    patient="p", study="1.1", series="1.1.5", frame_of_reference="1.9", number=5, acquisition=1,
    time_s=36000.0, modality="MR", sop_class=MR, syntax="1.2.840.10008.1.2.1",
    manufacturer="SIEMENS", model="Skyra", field_t=3.0,
    image_type=("ORIGINAL", "PRIMARY", "M", "ND"), description="t2_tse_tra",
    study_description="", protocol="t2_tse_tra", sequence_name="*tse2d1", body_part="",
    scanning_sequence=("SE",), scan_options=(), acquisition_type="2D",
    tr_ms=4000.0, te_ms=90.0, ti_ms=math.nan, flip_deg=150.0, thickness_mm=4.0,
    echo=1, temporal=None, rows=SHAPE[1], columns=SHAPE[0], samples=1, frames=1,
    pixel_spacing_mm=None, orientation=None, sex="F", age_years=63.0, height_m=1.7, weight_kg=70.0,
    burned_in=False,
)  # fmt: skip


def stack_of(
    name: str = "axial",
    slices: int = SHAPE[2],
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    *,
    tilt_deg: float = 0.0,
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    time_s: float = 36000.0,
    problem: str = "",
    **tags: object,
) -> Stack:
    """Return a stack in a plane; `tags` are those of `SeriesTags` that differ from a T2w image."""
    number = tags.get("number", _TAGS.number)
    named = {"series": f"1.1.{number}", **tags}
    shape = (SHAPE[0], SHAPE[1], slices)
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ plane(
        name, shape, spacing_mm, tilt_deg=tilt_deg, center_mm=center_mm
    )
    directions = (lps[:3, :2] / np.linalg.norm(lps[:3, :2], axis=0)).T.ravel()
    place = {"pixel_spacing_mm": spacing_mm[:2], "orientation": tuple(map(float, directions))}
    shared = replace(_TAGS, **{**place, **named})
    frames = [
        Frame(
            shared, f"/export/{number}/{k}", "", 0, f"{shared.series}.{k}", k + 1,
            tuple(map(float, (lps @ [0, 0, k, 1])[:3])), 1.0, 0.0, time_s,
        )
        for k in range(slices)
    ]  # fmt: skip
    # As `stacks_of` orders them: from foot to head, from left to right or from back to front.
    axis, sign = {"axial": (2, 1), "sagittal": (0, -1), "coronal": (1, -1)}[name]
    frames.sort(key=lambda frame: sign * frame.position_mm[axis])
    return Stack(tuple(frames), problem)


def described(name: str = "axial", slices: int = SHAPE[2], **tags: object) -> Described:
    """Return what a stack shows; arguments as of `stack_of`."""
    return describe(stack_of(name, slices, **tags))


def dixon(kind: str, number: int = 10, protocol: str = "t1_dixon_tra", **tags: object) -> Described:
    """Return an image of a Dixon scan as Siemens labels it."""
    value, suffix = DIXON[kind]
    return described(
        number=number,
        **{
            "image_type": ("DERIVED", "PRIMARY", "M", value, "NORM"),
            "description": f"{protocol}_{suffix}",
            "protocol": protocol,
            **tags,
        },
    )


def scan_of(number: int = 10, **tags: object) -> list[Described]:
    """Return the four images of a Dixon scan."""
    return [dixon(kind, number + n, **tags) for n, kind in enumerate(DIXON)]
