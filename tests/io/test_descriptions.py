"""What descriptions and image types say of the contrast, of several vendors."""

from __future__ import annotations

import pytest

from dicom_dialects import DIALECTS, DIXON, Dialect
from lpm_segmentator.core import Contrast
from lpm_segmentator.io.descriptions import (
    dixon_type,
    dixon_words,
    names_dixon,
    weighting_of,
    words_of,
)


@pytest.mark.parametrize("kind", DIXON)
@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_every_dialect_names_its_images_by_type_or_description(dialect: Dialect, kind: str):
    values = dialect.image_type.get(kind, ())
    text = dialect.description[kind].format("t1_dixon_tra")
    assert (dixon_type(values) or dixon_words(text)) is Contrast(kind)


@pytest.mark.parametrize(
    ("values", "contrast"),
    [
        (("M", "W"), Contrast.WATER),
        (("DIXON", "FAT"), Contrast.FAT),
        (("IP", "M", "IP"), Contrast.IN_PHASE),
        (("M", "OPP_PHASE"), Contrast.OPPOSED_PHASE),
        (("FF",), Contrast.FAT_FRACTION),
        (("WATER", "FAT"), None),
        (("M", "SE"), None),
        ((), None),
    ],
)
def test_image_types_name_one_image_or_none(values, contrast):
    assert dixon_type(values) is contrast


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        ("WATER: Ax LAVA-Flex", Contrast.WATER),
        ("FatFrac: Ax IDEAL IQ", Contrast.FAT_FRACTION),
        ("t1_vibe_dixon_tra_F", Contrast.FAT),
        ("(W) mDIXON ax", Contrast.WATER),
        ("t1_vibe_dixon_in phase", Contrast.IN_PHASE),
        ("Ax Out-Phase", Contrast.OPPOSED_PHASE),
        ("t1_dixon_fat_fraction", Contrast.FAT_FRACTION),
        ("t1_dixon water fraction", None),
        ("ideal_fat_percentage", None),
        # the letter belongs to another image of the scan, or to no Dixon scan
        ("t1_vibe_dixon_tra_F_FP", None),
        ("T2 W TSE", None),
        ("t2_tse_tra_fat_sat", None),
        ("Ax T1 fat suppressed", None),
        ("WATER and FAT", None),
        ("R2*: Ax IDEAL IQ", None),
        ("", None),
    ],
)
def test_descriptions_name_one_image_or_none(text, contrast):
    assert dixon_words(text) is contrast


def test_words_are_parted_at_anything_but_letters_and_digits():
    assert words_of("T2*-w/Ax.(FS)") == ["t2*", "w", "ax", "fs"]
    assert words_of("") == []


def test_dixon_sequences_are_known_by_their_names():
    assert [text for text in ("mDIXON_tra", "q-dixon", "Ax IDEAL IQ", "t1_wfi", "ideally", "T2w")
            if names_dixon(text)] == ["mDIXON_tra", "q-dixon", "Ax IDEAL IQ", "t1_wfi"]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "contrast"),
    [
        ("t2_tse_tra_384", Contrast.T2W),
        ("AX T1 FSE", Contrast.T1W),
        ("sT2W_TSE", Contrast.T2W),
        ("T1TSE ax", Contrast.T1W),
        ("T2* GRE", Contrast.UNKNOWN),
        ("t2_star_tra", Contrast.UNKNOWN),
        ("t2_me2d_tra_p2", Contrast.UNKNOWN),
        ("T1 and T2", Contrast.UNKNOWN),
        ("pd_tse", Contrast.UNKNOWN),
        ("mt10", Contrast.UNKNOWN),
    ],
)
def test_weightings_are_whole_words(text, contrast):
    assert weighting_of(text) is contrast
