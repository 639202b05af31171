"""Files of levels: whose they are, in which grid their slices count, where their discs lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lpm_segmentator.api import LevelOptions, find_levels
from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError, Remedy, Volume
from lpm_segmentator.io import parse_name, write_image
from lpm_segmentator.study.levels_files import read_levels, read_slice_levels, write_levels

ENDS = ((Disc.L1_L2, 9), (Disc.L5_S1, 1))
SHAPE = (20, 20, 12)
AFFINE = np.array([[-2.0, 0, 0, 10], [0, -2.0, 0, 20], [0, 0, 4.0, -100], [0, 0, 0, 1]])


def _noise(shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "p01_t2w.nii.gz"
    write_image(Volume(_noise(), AFFINE), path)
    return path


@pytest.fixture
def written(image: Path) -> Path:
    path = image.parent / "p01.json"
    write_levels(find_levels(image, LevelOptions(anchors=ENDS)), path)
    return path


def _moved(image: Path, name: str, first: int) -> Volume:
    """The image without its lowest slices, as a crop or, misplaced, with the origin kept."""
    affine = AFFINE.copy()
    affine[2, 3] += 4.0 * first
    volume = Volume(_noise((*SHAPE[:2], SHAPE[2] - first)), affine)
    write_image(volume, image.parent / name)
    return volume


def _corrected(path: Path, **slices: int) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text())
    for disc in values["discs"]:
        disc["slice"] = slices.get(disc["name"].replace("-", "_"), disc["slice"])
    path.write_text(json.dumps(values))
    return values


def test_levels_of_another_subject_are_refused_unless_accepted(written: Path) -> None:
    other = written.parent / "p02_t2w.nii.gz"
    write_image(Volume(_noise(), AFFINE), other)
    with pytest.raises(InputError, match="levels of 'p01_t2w', not of 'p02_t2w'") as caught:
        find_levels(other, LevelOptions(written=written))
    assert caught.value.remedies == (Remedy.ACCEPT_FRAME_MISMATCH,)
    taken = find_levels(other, LevelOptions(written=written, accept_frame_mismatch=True))
    assert [disc["slice"] for disc in taken["discs"]] == [9, 1]


def test_another_image_of_the_same_subject_takes_the_levels(written: Path) -> None:
    dixon = written.parent / "p01_dixon_water.nii.gz"
    write_image(Volume(_noise(), AFFINE), dixon)
    assert len(find_levels(dixon, LevelOptions(written=written))["discs"]) == 2


@pytest.mark.parametrize("name", ["p01_t2w.nii.gz", "p01_cropped.nii.gz"])
def test_a_crop_is_labelled_by_place_whatever_it_is_called(
    image: Path, written: Path, name: str
) -> None:
    _corrected(written, L1_L2=8)
    (image.parent / "crop").mkdir()
    _moved(image, f"crop/{name}", 1)
    crop = image.parent / "crop" / name
    options = LevelOptions(written=written, accept_frame_mismatch=crop.name != image.name)
    found = find_levels(crop, options)
    assert {disc["name"]: disc["slice"] for disc in found["discs"]} == {"L1-L2": 7, "L5-S1": 0}


def test_a_file_without_a_grid_counts_in_the_image_it_names(image: Path, written: Path) -> None:
    values = _corrected(written, L1_L2=8)
    del values["grid"]
    written.write_text(json.dumps(values))
    found = find_levels(image, LevelOptions(written=written))
    assert [disc["slice"] for disc in found["discs"]] == [8, 1]
    assert read_levels(written).find(Disc.L1_L2) != read_levels(
        written, image=image, geometry=Volume(_noise(), AFFINE).geometry
    ).find(Disc.L1_L2)


def test_levels_of_an_image_that_lost_its_origin_serve_nothing(image: Path) -> None:
    lost = AFFINE.copy()
    lost[:3, 3] = 0
    lost_path = image.parent / "lost" / image.name
    lost_path.parent.mkdir()
    write_image(Volume(_noise(), lost), lost_path)
    path = image.parent / "lost.json"
    write_levels(find_levels(lost_path, LevelOptions(anchors=ENDS)), path)
    geometry = Volume(_noise(), AFFINE).geometry
    for names in (["p01_t2w"], ["p01_dseg"]):
        with pytest.raises(GeometryError, match="another grid: origins differ"):
            read_slice_levels(path, names, geometry)
    with pytest.raises(GeometryError, match="another grid: origins differ"):
        find_levels(image, LevelOptions(written=path))
    with pytest.raises(InputError, match="none of its discs"):
        find_levels(image, LevelOptions(written=path, accept_frame_mismatch=True))


def test_another_image_of_that_name_is_refused_though_its_discs_lie_inside(
    image: Path, written: Path
) -> None:
    """In every subject's folder the image may have this name."""
    affine = AFFINE.copy()
    affine[:3, 3] += (3.0, 1.0, 9.0)
    write_image(Volume(_noise(), affine), image)
    with pytest.raises(GeometryError, match=r"another grid: origins differ by 9\.54 mm") as caught:
        find_levels(image, LevelOptions(written=written))
    assert caught.value.remedies == (Remedy.ACCEPT_FRAME_MISMATCH,)
    with pytest.raises(GeometryError, match="another grid"):
        read_slice_levels(written, ["p01_t2w"], Volume(_noise(), affine).geometry)
    taken = find_levels(image, LevelOptions(written=written, accept_frame_mismatch=True))
    assert [disc["slice"] for disc in taken["discs"]] == [7, None]


def test_measuring_checks_whose_the_levels_are(written: Path) -> None:
    geometry = Volume(_noise(), AFFINE).geometry
    found, _ = read_slice_levels(written, ["p01_dseg"], geometry)
    assert found.discs[Disc.L1_L2] == 9
    with pytest.raises(InputError, match="not of 'p02'"):
        read_slice_levels(written, ["p02"], geometry)
    read_slice_levels(written, ["p02"], geometry, accept_mismatch=True)


@pytest.mark.parametrize(
    "grid", [{}, {"shape": [1, 2], "affine": []}, "none", {"shape": [1, 2, 3]}]
)
def test_a_broken_grid_is_refused(written: Path, grid: Any) -> None:
    values = json.loads(written.read_text())
    written.write_text(json.dumps({**values, "grid": grid}))
    with pytest.raises(InputError, match="grid"):
        read_levels(written)


def subject(name: str) -> tuple[str, ...]:
    return parse_name(name).subject


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s1_T2_obl", "s1_sag_T1"),
        ("s1_cor_stir", "s1_t2_tse_tra"),
        ("P7_oblique_axial", "p7_parasag"),
        ("sub-01_ses-2_T2w", "sub-01_ses-2_acq-sag_T2w"),
        ("s1_Series3_axial", "s1_series12_sagittal"),
        ("s1_mdixon_water", "s1_3d_space_sag"),
    ],
)
def test_names_of_one_subject_are_equal_without_the_tokens_of_the_series(
    one: str, other: str
) -> None:
    assert subject(one) == subject(other) != ()


@pytest.mark.parametrize(("one", "other"), [("s1_obl", "s2_obl"), ("a_ses-1_cor", "a_ses-2_cor")])
def test_other_subjects_and_sessions_stay_apart(one: str, other: str) -> None:
    assert subject(one) != subject(other)


def test_the_example_of_the_manual_can_be_read(tmp_path: Path) -> None:
    manual = Path(__file__).parents[2] / "docs" / "levels.md"
    example = manual.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    path = tmp_path / "P1_levels.json"
    path.write_text(example)
    values = json.loads(example)
    geometry = Geometry(tuple(values["grid"]["shape"]), np.array(values["grid"]["affine"]))
    found, _ = read_slice_levels(path, ["P1"], geometry)
    assert found.discs == {Disc(d["name"]): d["slice"] for d in values["discs"]}
