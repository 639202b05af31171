"""What a file's name says: whose it is, what it shows, which series it is.

One reader for every convention in use: BIDS (``sub-01_acq-ax_T2w``), converters of DICOM
(``P1_t2_tse_tra_0012``, ``P1_W``) and the names of published data sets. Parts of a name are
compared whole, never by substring, so that ``1`` is not ``10``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise, zip_longest
from pathlib import Path
from types import MappingProxyType

from lpm_segmentator.core.contrast import Contrast, ContrastSource, KnownContrast
from lpm_segmentator.io import vocabulary
from lpm_segmentator.io.formats import image_suffix

__all__ = [
    "ParsedName",
    "case_id",
    "contrast_in_text",
    "is_label_name",
    "parse_name",
    "subject_key",
]


@dataclass(frozen=True)
class ParsedName:
    """What a file's name says.

    Attributes
    ----------
    stem : str
        The name without its suffix: the case id of a single image.
    contrast : KnownContrast
        What the image shows, as far as the name tells.
    sequence : str
        The series tokens, such as ``"t2_tse_tra"``.
    subject : tuple of str
        Parts that may say of whom the image is, lower case; empty where the name says nothing else
        than the series.
    number : str
        Run or series number (or letter) at the end; empty where there is none.
    entities : mapping of str to str
        BIDS entities, empty if the name does not begin with ``sub-``.
    suffix : str
        BIDS suffix, such as ``"T2w"``; empty if the name is not of BIDS.
    """

    stem: str
    contrast: KnownContrast
    sequence: str
    subject: tuple[str, ...]
    number: str
    entities: Mapping[str, str]
    suffix: str
    #: tokens that state the contrast, as they are spelled and where they begin
    contrast_spans: tuple[tuple[int, int], ...] = ()

    @property
    def by_letter(self) -> bool:
        """Whether water or fat is known by a single letter only, which may mean something else."""
        letters = all(stop - start == 1 for start, stop in self.contrast_spans)
        dixon = not vocabulary.DIXON_SEQUENCES.isdisjoint(self.sequence.split("_"))
        return self.contrast.contrast.is_dixon and letters and not dixon

    @cached_property
    def pair_key(self) -> str:
        """The name without the tokens that state the contrast: the case id of a Dixon pair."""
        name = self.stem
        for start, stop in reversed(self.contrast_spans):
            # One separator goes with the token: the one before it, or after it at the beginning.
            name = name[: start - 1] + name[stop:] if start > 0 else name[stop + 1 :]
        return name

    @cached_property
    def loose_pair_key(self) -> str:
        """`pair_key` without a series number at the end, which differs between halves of a pair."""
        if not self.number:
            return self.pair_key
        shorter = re.sub(
            rf"[_\-. ]{re.escape(self.number)}$", "", self.pair_key, flags=re.IGNORECASE
        )
        return shorter or self.pair_key

    @cached_property
    def source_entities(self) -> Mapping[str, str]:
        """BIDS entities without those that derivatives add."""
        return {k: v for k, v in self.entities.items() if k not in vocabulary.DERIVED_KEYS}


def case_id(path: str | os.PathLike[str]) -> str:
    """Return the file name without the suffix of an image.

    Examples
    --------
    >>> case_id("study/TUM01_water.nii.gz")
    'TUM01_water'
    >>> case_id("sub-1.2_T2w.nii")
    'sub-1.2_T2w'
    """
    name = Path(path).name
    sidecar = ".json" if name.lower().endswith(".json") else ""
    return name.removesuffix(image_suffix(name) or name[len(name) - len(sidecar) :])


def is_label_name(path: str | os.PathLike[str]) -> bool:
    """Return whether the name says that this is a label map, e.g. ``1_dseg.nii.gz``.

    Examples
    --------
    >>> is_label_name("TUM01_fat_manual_label_segmentation.nii.gz"), is_label_name("segal.nii")
    (True, False)
    """
    return not vocabulary.LABEL_TOKENS.isdisjoint(re.split(r"[_\-. ]", case_id(path).lower()))


def subject_key(name: str) -> tuple[str, ...]:
    """Return the parts of a case id that are not about the kind of file.

    They are equal for an image and the label map that belongs to it.

    Examples
    --------
    >>> subject_key("TUM01_water_manual_label_segmentation_L2-L5")
    ('TUM01', 'L2-L5')
    >>> subject_key("sub-01_desc-manual_dseg")
    ('sub-01',)
    """
    parts = [part for part in re.split(r"[_ ]+", name) if part]
    derived = tuple(f"{key}-" for key in vocabulary.DERIVED_KEYS)
    return tuple(
        part
        for part in parts
        if part.lower() not in vocabulary.KIND_TOKENS and not part.lower().startswith(derived)
    )


def contrast_in_text(text: str) -> Contrast:
    """Return the contrast that the name of a folder or a case states.

    Examples
    --------
    >>> contrast_in_text("t2_tse_tra_384"), contrast_in_text("T1 VIBE Dixon_W")
    (<Contrast.T2W: 'T2w'>, <Contrast.WATER: 'water'>)
    """
    return _contrast(_tokens(text))[0]


def parse_name(path: str | os.PathLike[str]) -> ParsedName:
    """Read what a file's name says.

    Parameters
    ----------
    path : path-like
        A file; only its name is looked at.

    Examples
    --------
    >>> name = parse_name("TUM01_water_img_img_L2-L5.nii.gz")
    >>> str(name.contrast), name.pair_key, name.subject
    ('water (file name)', 'TUM01_img_img_L2-L5', ('tum01',))
    >>> str(parse_name("P1_T2_FAT_SAT_tra_5.nii").contrast)
    'T2w (file name)'
    """
    stem = case_id(path)
    entities, suffix = _bids(stem)
    tokens = _tokens(stem)
    contrast, spans = _contrast(tokens)
    subject, number = _subject(tokens)
    if entities:
        subject = tuple(
            part for key in ("sub", "ses") if key in entities for part in (key, entities[key])
        )
    lower = [token.text for token in tokens]
    evidence = ContrastSource.BIDS if entities and suffix else ContrastSource.NAME
    return ParsedName(
        stem=stem,
        contrast=KnownContrast(
            contrast, ContrastSource.NOTHING if contrast is Contrast.UNKNOWN else evidence
        ),
        sequence="_".join(text for text in lower if vocabulary.SERIES_TOKEN.fullmatch(text)),
        subject=subject,
        number=number,
        entities=MappingProxyType(entities),
        suffix=suffix,
        contrast_spans=spans,
    )


@dataclass(frozen=True)
class _Token:
    """A part of a name between separators, in lower case, and where it stands."""

    text: str
    start: int
    stop: int
    underscored: bool  # an underscore or an end of the name on both sides


def _tokens(stem: str) -> list[_Token]:
    tokens = []
    for match in re.finditer(r"[^_\-. ]+", stem):
        start, stop = match.span()
        before = start == 0 or stem[start - 1] == "_"
        after = stop == len(stem) or stem[stop] == "_"
        tokens.append(_Token(match[0].lower(), start, stop, before and after))
    return tokens


def _bids(stem: str) -> tuple[dict[str, str], str]:
    """Return entities and suffix of a BIDS name; empty ones for other names."""
    *pairs, suffix = stem.split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("-")
        if not (separator and value and key in vocabulary.BIDS_KEYS):
            return {}, ""
        entities[key] = value
    if "sub" not in entities or "-" in suffix:
        return {}, ""
    return entities, suffix


def _contrast(tokens: Sequence[_Token]) -> tuple[Contrast, tuple[tuple[int, int], ...]]:
    """Return the contrast and the places of the tokens that state it.

    Water and fat go before T1w and T2w, since Dixon images are T1- or T2-weighted too; words go
    before letters. A name that says both water and fat says neither.
    """
    stated: dict[Contrast, list[tuple[int, int]]] = {}
    for index, token in enumerate(tokens):
        following = tokens[index + 1].text if index + 1 < len(tokens) else ""
        contrast = _stated_by(token, following)
        if contrast is not None:
            stated.setdefault(contrast, []).append((token.start, token.stop))
    dixon = [c for c in stated if c.is_dixon]
    others = [c for c in stated if not c.is_dixon]
    words = {token.text for token in tokens}
    if not dixon and (words & vocabulary.DIXON_SEQUENCES or not words & vocabulary.NO_DIXON_LETTER):
        for token in _letters(tokens):
            stated.setdefault(vocabulary.LETTERS[token.text], []).append((token.start, token.stop))
        dixon = [c for c in stated if c.is_dixon]
    if len(dixon) == 1:
        return dixon[0], tuple(stated[dixon[0]])
    specific = [c for c in others if c not in (Contrast.T1W, Contrast.T2W)]
    chosen = specific or others
    if dixon or len(chosen) != 1:
        return Contrast.UNKNOWN, ()
    return chosen[0], tuple(stated[chosen[0]])


def _stated_by(token: _Token, following: str) -> Contrast | None:
    if token.text == "fat":
        if following in ("fraction", "frac"):
            return Contrast.FAT_FRACTION
        return None if following in vocabulary.AFTER_FAT else Contrast.FAT
    if token.text == "water":
        return None if following in vocabulary.AFTER_WATER else Contrast.WATER
    if token.text in vocabulary.PHASE and following == "phase":
        return vocabulary.PHASE[token.text]
    return vocabulary.CONTRASTS.get(token.text)


def _letters(tokens: Sequence[_Token]) -> list[_Token]:
    """Return the tokens W and F that may state a contrast: not "with" or "without" something."""
    return [
        token
        for token, following in zip_longest(tokens, tokens[1:])
        if token.text in vocabulary.LETTERS
        and token.underscored
        and not (following is not None and following.text in ("contrast", "o", "wo", "km", "gd"))
    ]


def _level_ranges(tokens: Sequence[_Token]) -> set[_Token]:
    """Return the tokens of ranges such as ``L4-L5``."""
    levels = [
        (one, other)
        for one, other in pairwise(tokens)
        if one.stop + 1 == other.start
        and not one.underscored
        and not other.underscored
        and vocabulary.LEVEL.fullmatch(one.text)
        and vocabulary.LEVEL.fullmatch(other.text)
    ]
    return {token for pair in levels for token in pair}


def _subject(tokens: Sequence[_Token]) -> tuple[tuple[str, ...], str]:
    """Return the tokens that say of whom an image is, and the number of the series.

    A number or a letter belongs to the series if it follows a token of the series; elsewhere it is
    part of the subject's name. Where nothing else is left, it is the subject's name too.
    """
    subject: list[str] = []
    dropped: list[str] = []
    number = ""
    after_series = False
    ranges = _level_ranges(tokens)
    for token in tokens:
        if vocabulary.SERIES_TOKEN.fullmatch(token.text):
            after_series = True
        elif token in ranges or (after_series and vocabulary.LEVEL.fullmatch(token.text)):
            continue
        elif after_series and vocabulary.SERIES_NUMBER.fullmatch(token.text):
            number = token.text
            dropped.append(token.text)
        else:
            after_series = False
            number = ""
            subject.append(token.text)
    if not subject and dropped:
        return tuple(dropped), ""
    return tuple(subject), number
