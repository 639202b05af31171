"""What stacks show, from headers of several kinds."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dicom_headers import SECONDARY_CAPTURE, described, dixon
from lpm_segmentator.core import Contrast
from lpm_segmentator.io import contrast_of


@pytest.mark.parametrize("name", ["axial", "sagittal", "coronal"])
def test_the_plane_follows_from_the_direction_of_the_slices(name):
    assert described(name).plane == name
    assert described("axial", tilt_deg=30.0).plane == "axial"


def test_without_a_place_there_is_no_plane_and_no_extent():
    image = described(problem="the headers state no direction")
    assert image.plane == ""
    assert math.isnan(image.extent_mm)
    assert image.unsuitable == "the headers state no direction"


def test_the_extent_is_that_of_all_slices():
    assert described(slices=5).extent_mm == pytest.approx(75.0)


def test_a_file_without_an_image_has_no_slices():
    assert described(slices=5).n_slices == 5
    assert described(slices=1, rows=0, problem="it holds no image").n_slices == 0


@pytest.mark.parametrize(
    ("tags", "contrast", "evidence"),
    [
        ({}, Contrast.T2W, "description"),
        ({"description": "Ax", "protocol": "AX T1 FSE"}, Contrast.T1W, "description"),
        ({"image_type": ("DERIVED", "PRIMARY", "M", "W")}, Contrast.WATER, "image type"),
        # how an image came about is not what it shows
        ({"image_type": ("F", "PRIMARY", "M")}, Contrast.T2W, "description"),
        ({"description": "", "protocol": ""}, Contrast.T2W, "TR 4000, TE 90 ms"),
        (
            {"description": "", "protocol": "", "tr_ms": 550.0, "te_ms": 11.0},
            Contrast.T1W,
            "TR 550, TE 11 ms",
        ),
        ({"description": "", "protocol": "", "te_ms": 20.0}, Contrast.UNKNOWN, ""),
        ({"description": "", "protocol": "", "tr_ms": math.nan}, Contrast.UNKNOWN, ""),
        (
            {"description": "", "protocol": "", "scanning_sequence": ("GR",)},
            Contrast.UNKNOWN,
            "",
        ),
        ({"description": "t1_vibe_dixon_tra_F_FP"}, Contrast.UNKNOWN, ""),
    ],
)
def test_contrast_and_what_it_is_known_from(tags, contrast, evidence):
    image = described(**tags)
    assert (image.contrast, image.evidence) == (contrast, evidence)


@pytest.mark.parametrize(
    ("image_type", "description", "protocol", "contrast"),
    [
        (["ORIGINAL", "PRIMARY", "M", "ND"], "t2_tse_tra", "", Contrast.T2W),
        (["DERIVED", "PRIMARY", "OTHER"], "Ax", "sT1W_TSE", Contrast.T1W),
        (["DERIVED", "PRIMARY", "WATER_ONLY"], "Ax", "", Contrast.WATER),
        (["DERIVED", "PRIMARY", "PDFF"], "", "", Contrast.FAT_FRACTION),
        (["DERIVED", "PRIMARY", "W", "F"], "t1 Ax", "", Contrast.T1W),
        (["F", "PRIMARY", "M"], "t2 Ax", "", Contrast.T2W),
        (["DERIVED", "PRIMARY", "OTHER"], "WATER: Ax LAVA-Flex", "", Contrast.WATER),
        (["DERIVED", "PRIMARY", "OTHER"], "Ax Out-Phase", "", Contrast.OPPOSED_PHASE),
        (["DERIVED", "PRIMARY", "OTHER"], "tra isofat", "", Contrast.FAT),
        ([], "T2* GRE", "", Contrast.UNKNOWN),
        ([], "t1_vibe_dixon_tra_F_FP", "", Contrast.UNKNOWN),
        ([], "t1_vibe_dixon_tra", "t1", Contrast.UNKNOWN),
        ([], "T2 W TSE", "", Contrast.T2W),
        ([], "ideal_fat_percentage", "", Contrast.UNKNOWN),
        ([], "t1_fat_percentage", "", Contrast.T1W),
    ],
)
def test_a_header_and_its_sidecar_tell_the_same_contrast(
    tmp_path: Path, image_type, description, protocol, contrast
):
    header = described(
        image_type=tuple(image_type), description=description, protocol=protocol, te_ms=math.nan
    )
    values = {
        "ImageType": image_type,
        "SeriesDescription": description,
        "ProtocolName": protocol,
    }
    (tmp_path / "image.json").write_text(json.dumps(values))
    sidecar = contrast_of(tmp_path / "image.nii.gz").contrast
    assert (header.contrast, sidecar) == (contrast, contrast)


@pytest.mark.parametrize(
    "tags",
    [
        {"description": "t2_tse_fs_tra"},
        {"description": "Ax T2 Fat Sat"},
        {"protocol": "T2_SPAIR"},
        {"description": "t2_tirm_tra"},
        {"scan_options": ("PFP", "FS")},
        {"scanning_sequence": ("SE", "IR"), "ti_ms": 160.0},
    ],
)
def test_fat_suppression_is_known_by_words_options_or_inversion(tags):
    assert described(**tags).fat_suppressed


def test_flair_and_dixon_images_are_not_fat_suppressed():
    assert not described(scanning_sequence=("SE", "IR"), ti_ms=2500.0).fat_suppressed
    assert not dixon("water", scan_options=("FS",)).fat_suppressed


@pytest.mark.parametrize(
    ("tags", "part"),
    [
        ({}, ""),
        ({"body_part": "LSPINE"}, "lumbar"),
        ({"body_part": "SPINE"}, "lumbar"),
        ({"body_part": "SPINE", "study_description": "MRI cervical spine"}, "neck"),
        ({"body_part": "SPINE", "study_description": "BWS nativ"}, "thoracic spine"),
        ({"body_part": "SPINE", "study_description": "MRI"}, "lumbar"),
        ({"study_description": "MRI Spine"}, "lumbar"),
        ({"body_part": "ABDOMEN", "study_description": "LWS"}, "lumbar"),
        ({"body_part": "ABDOMEN"}, "abdomen"),
        ({"description": "thigh dixon", "study_description": "LWS"}, "thigh"),
        ({"description": "t2 C-Spine", "body_part": "SPINE"}, "neck"),
    ],
)
def test_the_part_of_the_body(tags, part):
    assert described(**tags).body_part == part


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"modality": "CT"}, "its modality is CT, not MR"),
        ({"modality": ""}, "its modality is unknown, not MR"),
        ({"sop_class": SECONDARY_CAPTURE}, "screenshot"),
        ({"burned_in": True}, "screenshot"),
        ({"description": "localizer"}, "localiser"),
        ({"protocol": "3-plane scout"}, "localiser"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "localiser"),
        ({"image_type": ("DERIVED", "SECONDARY", "MPR")}, "reformatted image"),
        ({"image_type": ("DERIVED", "SECONDARY", "SUBTRACTION")}, "subtraction"),
        ({"image_type": ("DERIVED", "PRIMARY", "PROJECTION IMAGE")}, "projection"),
        ({"image_type": ("DERIVED", "PRIMARY", "M", "R2_STAR")}, "a map"),
        ({"image_type": ("ORIGINAL", "PRIMARY", "P", "ND")}, "phase"),
        ({"image_type": ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")}, "diffusion"),
        ({"description": "T2 Map"}, "a map"),
        ({"description": "t1_vibe_dixon_tra_F_FP"}, "which image of the Dixon scan"),
        ({"rows": 0, "problem": "it holds no image"}, "no image"),
        ({"problem": "1 of 8 slices are missing"}, "slices are missing"),
    ],
)
def test_what_is_no_image_of_muscles_is_named(tags, reason):
    assert reason in described(**tags).unsuitable


def test_plain_images_are_suitable():
    assert not described().unsuitable
    assert not dixon("fat").unsuitable


def test_secondary_images_are_known():
    assert described(image_type=("DERIVED", "SECONDARY", "M")).is_secondary
    assert not dixon("water").is_secondary
    assert not described(image_type=()).is_secondary
