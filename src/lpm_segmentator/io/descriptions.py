"""What headers say about the contrast in words: image types, and descriptions of series.

DICOM headers and the JSON sidecars that converters make of them are read by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType

from lpm_segmentator.core.contrast import Contrast

__all__ = [
    "WATER_AND_FAT_WORDS",
    "contrast_in_header",
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
#: words that name the water or the fat image of a scan
WATER_AND_FAT_WORDS = frozenset(
    word for word, contrast in (_NAMES | _LETTERS).items() if contrast.is_dixon
)
#: words after "fat" or "water" that make a suppression, an excitation or a share of it
_AFTER = frozenset({"sat", "saturated", "saturation", "sup", "supp", "suppressed", "suppression",
                    "excitation", "exc", "excited", "only", "nulled", "sep",
                    "fraction", "frac", "percent", "percentage", "pct"})  # fmt: skip
#: gradient echoes weighted by T2*
_T2_STAR = frozenset({"star", "t2*", "t2star", "me2d", "me3d", "medic", "merge", "swi", "mfge"})
_WEIGHTING = re.compile(r"[a-z]?t([12])w?(?:i|se|tse|fse)?")


def contrast_in_header(
    image_type: Sequence[str], descriptions: Iterable[str]
) -> tuple[Contrast | None, str]:
    """Return the contrast that a header states in words, and where it does.

    Parameters
    ----------
    image_type : sequence of str
        All values of ImageType or FrameType, in upper case.
    descriptions : iterable of str
        Of the series, then of its protocol.

    Returns
    -------
    contrast : Contrast or None
        Unknown of a Dixon scan if it is not said which image of it this is; None if no word is
        about the contrast.
    evidence : str
        ``"image type"`` or ``"description"``; empty where the contrast is not known.

    Examples
    --------
    >>> contrast_in_header(("DERIVED", "PRIMARY", "M", "WATER"), ["t1_vibe_dixon"])
    (<Contrast.WATER: 'water'>, 'image type')
    >>> contrast_in_header((), ["t1_vibe_dixon", "t1"]), contrast_in_header((), ["ax", ""])
    ((<Contrast.UNKNOWN: 'unknown'>, ''), (None, ''))
    """
    # The first two values say how the image came about, not what it shows.
    if (dixon := dixon_type(image_type[2:])) is not None:
        return dixon, "image type"
    for text in descriptions:
        if (dixon := dixon_words(text)) is not None:
            return dixon, "description"
        if names_dixon(text):
            return Contrast.UNKNOWN, ""  # some other image of the scan
        if (weighting := weighting_of(text)) is not Contrast.UNKNOWN:
            return weighting, "description"
    return None, ""


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
