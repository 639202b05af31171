"""The real sample: complete, small, placed on one grid, and equal to the published files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lpm_segmentator.core import Disc, DixonPair, LabelMap, Volume
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.levels import corrected_levels, to_slices
from lpm_segmentator.measure import dice, overlap
from lpm_segmentator.samples import Sample, real_sample
from lpm_segmentator.segment import embedded_predictor, keep_largest

_TOOL = Path(__file__).parents[2] / "tools" / "make_sample.py"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return real_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_files_are_small_and_come_with_their_notice(sample: Sample) -> None:
    names = {path.name for path in sample.water.parent.iterdir()}
    assert names == {
        "TUM01_water.nii.gz",
        "TUM01_fat.nii.gz",
        "TUM01_dseg.nii.gz",
        "TUM01_levels.json",
        "NOTICE",
    }
    assert sum(path.stat().st_size for path in sample.water.parent.iterdir()) <= 4_000_000
    notice = (sample.water.parent / "NOTICE").read_text(encoding="utf-8")
    for part in ("Burian", "10.1186/s12891-019-2528-x", "Zhang", "Apache License 2.0", "Cropped"):
        assert part in notice
    assert "trained on this subject" in sample.origin


def test_water_fat_and_reference_share_a_grid(sample: Sample) -> None:
    water, fat = read_image(sample.water).volume, read_image(sample.fat).volume
    labels = read_label_map(sample.reference).labels
    DixonPair(water, fat)
    assert water.geometry == fat.geometry == labels.geometry
    assert set(np.unique(labels.array)) == {0, 1, 2, 3, 4}
    assert labels.foreground.any(axis=(0, 1)).all()  # every slice holds muscle
    margins = np.argwhere(labels.foreground)
    assert (margins.min(axis=0)[:2] > 20).all()
    assert (margins.max(axis=0)[:2] < np.array(labels.shape[:2]) - 20).all()


def test_the_levels_lie_in_their_slices(sample: Sample) -> None:
    geometry = read_image(sample.water).volume.geometry
    values = json.loads(sample.levels.read_text(encoding="utf-8"))
    levels = corrected_levels(values, geometry)
    assert to_slices(levels, geometry) == {
        Disc.L1_L2: 28,
        Disc.L2_L3: 20,
        Disc.L3_L4: 11,
        Disc.L4_L5: 2,
    }
    assert values["image"] == sample.water.name
    assert values["grid"]["shape"] == list(geometry.shape)
    np.testing.assert_allclose(values["grid"]["affine"], geometry.affine)
    assert "sagittal" in values["source"]


def test_the_tool_makes_the_same_sample_from_the_published_files(
    sample: Sample, tool: ModuleType, shared_data: Path, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    source = shared_data / "myosegmentum"
    monkeypatch.setattr("sys.argv", ["make_sample.py", str(source), "-o", str(tmp_path)])
    tool.main()
    for path in (sample.water, sample.fat):
        ours, again = read_image(path).volume, read_image(tmp_path / path.name).volume
        np.testing.assert_array_equal(ours.array, again.array)
        np.testing.assert_array_equal(ours.affine, again.affine)
        assert ours.array.dtype == again.array.dtype
    np.testing.assert_array_equal(
        read_label_map(sample.reference).labels.array,
        read_label_map(tmp_path / sample.reference.name).labels.array,
    )
    assert (tmp_path / sample.levels.name).read_bytes() == sample.levels.read_bytes()


def test_the_tool_refuses_other_files(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, _ in tool.PUBLISHED.values():
        (tmp_path / name).write_bytes(b"other")
    monkeypatch.setattr("sys.argv", ["make_sample.py", str(tmp_path), "-o", str(tmp_path)])
    with pytest.raises(SystemExit, match="not the published file"):
        tool.main()


@pytest.mark.slow
def test_the_mask_of_the_crop_is_nearly_that_of_the_whole_image(
    sample: Sample, tool: ModuleType, shared_data: Path
) -> None:
    folder = shared_data / "myosegmentum"
    fat = read_image(folder / tool.PUBLISHED["fat"][0]).volume
    water = read_image(folder / tool.PUBLISHED["water"][0]).volume
    water = water.with_grid(water.array, fat.affine)
    crop = read_image(sample.water).volume, read_image(sample.fat).volume
    cropped, whole = (_segmented(*pair) for pair in (crop, (water, fat)))
    part = whole.array[tool.CROP]
    assert (whole.array > 0).sum() == (part > 0).sum()
    assert dice(overlap(cropped.array > 0, part > 0)) > 0.99
    for value in range(1, 5):
        assert dice(overlap(cropped.array == value, part == value)) > 0.98


def _segmented(water: Volume, fat: Volume) -> LabelMap:
    return keep_largest(embedded_predictor().predict(DixonPair(water, fat)).labels).labels
