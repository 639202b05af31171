"""The words of DICOM headers that say for what an image cannot be used, and where it was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "BODY_PARTS",
    "LOCALISER_WORDS",
    "MAP_WORDS",
    "PARAMETRIC_TYPES",
    "SPINE",
    "SUPPRESSION_WORDS",
    "body_part_of",
]

#: values that name a map of something else, or the phase of a complex image
PARAMETRIC_TYPES: Mapping[str, str] = MappingProxyType({
    **dict.fromkeys(("ADC", "TRACEW", "DIFFUSION", "DWI", "FA"), "a diffusion image"),
    **dict.fromkeys(("PERFUSION", "ASL"), "a perfusion image"),
    **dict.fromkeys(("T1 MAP", "T2 MAP", "T2_STAR", "T2STAR", "R2_STAR", "R2STAR", "R2STAR_MAP",
                     "T2 STAR MAP", "R2 STAR MAP", "FIELD_MAP", "B0", "B1"), "a map"),
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "R", "I", "REAL", "IMAGINARY"),
                    "a phase, real or imaginary part"),
    **dict.fromkeys(("SUBTRACT", "SUBTRACTION", "SUB"), "a subtraction"),
    **dict.fromkeys(("PROJECTION IMAGE", "MIP", "MINIP", "MAX_IP", "MIN_IP"), "a projection"),
    **dict.fromkeys(("MPR", "CSA MPR", "REFORMATTED", "CPR", "MPR_THICK", "RESAMPLED"),
                    "a reformatted image (MPR)"),
})  # fmt: skip
LOCALISER_WORDS = frozenset({"loc", "localizer", "localiser", "localizers", "scout", "survey",
                             "topogram", "plan", "3plane", "surv", "pilot"})  # fmt: skip
MAP_WORDS = frozenset({"map", "maps", "mapping", "mapit"})
SUPPRESSION_WORDS = frozenset({"fs", "fatsat", "stir", "tirm", "spair", "spir", "chess", "fatsup",
                               "proset", "sfs"})  # fmt: skip
#: the spine, but not which part of it
SPINE = "spine"
#: words of descriptions by part of the body; the lumbar spine first, the vaguest last
BODY_PARTS: Mapping[str, re.Pattern[str]] = MappingProxyType({
    "lumbar": re.compile(
        r"lumb|\blws|\blwk|\bl[ -]?spine|\blsp\b|\bls\b|lendenwirbel|lombaire|lombar|paraspinal"
        r"|\bl[1-5]\b"
    ),
    "thigh": re.compile(r"thigh|femur|upper ?leg|oberschenkel|cuisse|quadriceps"),
    "leg or foot": re.compile(r"knee|calf|\bankle|\bfoot|lower ?leg|tibia|unterschenkel|knie"),
    "pelvis or hip": re.compile(r"pelvis|\bhip|\bisg\b|sacro-?iliac|\bsij\b|becken|prosta|uter"),
    "neck": re.compile(r"neck|cervi|\bhws|\bhwk|\bc[ -]?spine|halswirbel"),
    "thoracic spine": re.compile(r"thorac|\bbws|\bbwk|\bt[ -]?spine|brustwirbel"),
    "abdomen": re.compile(r"abdom|liver|leber|kidney|pancrea|mrcp|\bupper ?gi"),
    "head": re.compile(r"\bhead|brain|skull|\bkopf|\bcranio|neuro\b|schaedel|pituit"),
    "shoulder or arm": re.compile(r"shoulder|schulter|elbow|wrist|\bhand\b|humer|\barm\b"),
    "chest": re.compile(r"chest|breast|heart|cardiac|mamm"),
    SPINE: re.compile(r"\bspine|wirbels"),
})  # fmt: skip


def body_part_of(*texts: str) -> str:
    """Return the part of the body that the first telling text names; empty if none does.

    Examples
    --------
    >>> body_part_of("t2_tse_tra", "LSPINE"), body_part_of("thigh dixon", "SPINE")
    ('lumbar', 'thigh')
    >>> body_part_of("t2 tra C spine"), body_part_of("SPINE")
    ('neck', 'spine')
    """
    for text in texts:
        lower = text.lower().replace("_", " ")
        for part, pattern in BODY_PARTS.items():
            if pattern.search(lower):
                return part
    return ""
