"""The words of DICOM headers: image types, and what descriptions of series say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from types import MappingProxyType

from lpm_segmentator.core import Contrast

__all__ = [
    "BODY_PARTS",
    "LOCALISER_WORDS",
    "MAP_WORDS",
    "PARAMETRIC_TYPES",
    "SPINE",
    "SUPPRESSION_WORDS",
    "body_part_of",
    "dixon_type",
    "dixon_words",
    "names_dixon",
    "weighting_of",
    "words_of",
]

#: values of ImageType or FrameType that name an image of a Dixon scan
_DIXON_TYPES: Mapping[str, Contrast] = MappingProxyType({
    **dict.fromkeys(("W", "WATER", "WATER_ONLY"), Contrast.WATER),
    **dict.fromkeys(("F", "FAT", "FAT_ONLY"), Contrast.FAT),
    **dict.fromkeys(("IP", "IN_PHASE", "INPHASE", "IN"), Contrast.IN_PHASE),
    **dict.fromkeys(
        ("OP", "OPP_PHASE", "OPPOSED_PHASE", "OUT_PHASE", "OUTPHASE", "OPP", "OUT"),
        Contrast.OPPOSED_PHASE,
    ),
    **dict.fromkeys(("FF", "FAT_FRACTION", "FATFRACTION", "PDFF"), Contrast.FAT_FRACTION),
})  # fmt: skip
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
_DIXON_SEQUENCES = frozenset({"dixon", "mdixon", "qdixon", "dixonvibe", "ideal", "flex", "lava",
                              "wfi", "quick3d", "wfs", "idealiq"})  # fmt: skip
_LETTERS = {"w": Contrast.WATER, "f": Contrast.FAT, "in": Contrast.IN_PHASE,
            "ip": Contrast.IN_PHASE, "opp": Contrast.OPPOSED_PHASE, "op": Contrast.OPPOSED_PHASE,
            "out": Contrast.OPPOSED_PHASE, "oop": Contrast.OPPOSED_PHASE}  # fmt: skip
_NAMES = {
    "water": Contrast.WATER,
    "isowater": Contrast.WATER,
    "fat": Contrast.FAT,
    "isofat": Contrast.FAT,
    "inphase": Contrast.IN_PHASE,
    "outphase": Contrast.OPPOSED_PHASE,
    "oppphase": Contrast.OPPOSED_PHASE,
    "opposedphase": Contrast.OPPOSED_PHASE,
    "fatfraction": Contrast.FAT_FRACTION,
    "fatfrac": Contrast.FAT_FRACTION,
    "pdff": Contrast.FAT_FRACTION,
    "ff": Contrast.FAT_FRACTION,
}
#: words after "fat" or "water" that make a suppression, an excitation or a share of it
_AFTER = frozenset({"sat", "saturated", "saturation", "sup", "supp", "suppressed", "suppression",
                    "excitation", "exc", "excited", "only", "nulled", "sep",
                    "fraction", "frac", "percent", "percentage", "pct"})  # fmt: skip
#: gradient echoes weighted by T2*
_T2_STAR = frozenset({"star", "t2*", "t2star", "me2d", "me3d", "medic", "merge", "swi", "mfge"})
_WEIGHTING = re.compile(r"[a-z]?t([12])w?(?:i|se|tse|fse)?")

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


def words_of(text: str) -> list[str]:
    """Return the words of a description in lower case.

    Examples
    --------
    >>> words_of("WATER: Ax LAVA-Flex"), words_of("t1_vibe_dixon_tra_W")
    (['water', 'ax', 'lava', 'flex'], ['t1', 'vibe', 'dixon', 'tra', 'w'])
    """
    joined = re.sub(r"(?i)(?<![a-z])(in|out|opp|opposed)[ _-]?phase(?![a-z])", r"\1phase", text)
    joined = re.sub(r"(?i)(?<![a-z])fat[ _-]?frac(tion)?(?![a-z])", "fatfraction", joined)
    return [word for word in re.split(r"[^a-z0-9*]+", joined.lower()) if word]


def dixon_type(image_type: Iterable[str]) -> Contrast | None:
    """Return which image of a Dixon scan the values of ImageType name; None if none or several.

    Examples
    --------
    >>> dixon_type(("DERIVED", "PRIMARY", "DIXON", "WATER"))
    <Contrast.WATER: 'water'>
    """
    found = {_DIXON_TYPES[value] for value in image_type if value in _DIXON_TYPES}
    return found.pop() if len(found) == 1 else None


def dixon_words(text: str) -> Contrast | None:
    """Return which image of a Dixon scan a description names; None if none or several.

    Letters (``_W``, ``_in``) count at the end of a description that names a Dixon sequence, or in
    brackets in front.

    Examples
    --------
    >>> dixon_words("FAT: Ax LAVA-Flex"), dixon_words("t1_vibe_dixon_tra_opp")
    (<Contrast.FAT: 'fat'>, <Contrast.OPPOSED_PHASE: 'opposed-phase'>)
    >>> dixon_words("t2_tse_tra_fat_sat"), dixon_words("T2 W TSE")
    (None, None)
    """
    words = words_of(text)
    found = {
        _NAMES[word]
        for word, following in zip_longest(words, words[1:])
        if word in _NAMES and following not in _AFTER
    }
    if not found and (_DIXON_SEQUENCES & set(words) or names_dixon(text)):
        ends = [words[-1], words[0]]
        # A suffix such as _F_FP or _opp_T2s means another reconstruction, not this image.
        found = {_LETTERS[word] for word in ends if word in _LETTERS}
    return found.pop() if len(found) == 1 else None


def names_dixon(text: str) -> bool:
    """Return whether a description says that the sequence separates water and fat.

    Examples
    --------
    >>> names_dixon("t1_vibe_dixon_tra_F_FP"), names_dixon("t2_tse_tra")
    (True, False)
    """
    return any("dixon" in word or word in ("ideal", "wfi") for word in words_of(text))


def weighting_of(text: str) -> Contrast:
    """Return the weighting that a description names.

    Examples
    --------
    >>> weighting_of("sT2W_TSE"), weighting_of("AX T1 FSE"), weighting_of("T2* GRE")
    (<Contrast.T2W: 'T2w'>, <Contrast.T1W: 'T1w'>, <Contrast.UNKNOWN: 'unknown'>)
    """
    words = words_of(text)
    if _T2_STAR & set(words):
        return Contrast.UNKNOWN
    matches = (_WEIGHTING.fullmatch(word) for word in words)
    found = {match.group(1) for match in matches if match is not None}
    if len(found) != 1:
        return Contrast.UNKNOWN
    return Contrast.T1W if found == {"1"} else Contrast.T2W


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
