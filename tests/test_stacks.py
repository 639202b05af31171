"""Examinations in several stacks: one table, each disc once."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.case import Case, Settings
from lpm_segmentator.core import (
    Area,
    Disc,
    Finding,
    GeometryError,
    InputError,
    LabelMap,
    Severity,
    Source,
    Volume,
)
from lpm_segmentator.levels import LevelRequest, Levels, Series
from lpm_segmentator.pipeline import run_case
from lpm_segmentator.stacks import NO_VOLUME, StackedResult, run_stacks
from phantoms import Truthful, labels_of, phantom
from stacked import AT, PARTS, discs, image_of, mask_of, request

SETTINGS = Settings(intensity_fat=False, postprocess=False)


def cases(parts=PARTS, levels: LevelRequest | None = None, **more: object) -> list[Case]:
    return [Case("P", image_of(*part), levels=levels, **more) for part in parts]


def run(given: list[Case]) -> StackedResult:
    return run_stacks(given, Truthful(labels_of(phantom())), SETTINGS)


@pytest.fixture(scope="module")
def found() -> StackedResult:
    return run(cases(levels=request()))


def test_each_stack_gets_a_mask_on_its_own_grid(found: StackedResult):
    for result, part in zip(found.stacks, PARTS, strict=True):
        np.testing.assert_array_equal(result.labels.array, mask_of(*part).array)
        np.testing.assert_allclose(result.labels.affine, image_of(*part).affine)


def test_a_disc_is_measured_as_in_the_whole_image(found: StackedResult):
    whole = run_case(
        Case("P", Volume(phantom().t2w, phantom().affine), levels=request()),
        Truthful(labels_of(phantom())),
        SETTINGS,
    )
    expected = {
        (row.level, row.muscle, row.side): row.values["csa_mean_mm2"]
        for row in whole.measures.rows
        if row.level_kind == "disc"
    }
    there = [row for row in found.rows if row.level_kind == "disc"]
    assert {(r.level, r.muscle, r.side): r.values["csa_mean_mm2"] for r in there} == expected
    assert {row.level for row in there} == {str(disc) for disc in AT}


def test_overlapping_stacks_count_a_disc_once(found: StackedResult):
    """L3-L4 lies in the slice that the second and third stack share."""
    keys = Counter((row.muscle, row.side, row.level) for row in found.rows)
    assert set(keys.values()) == {1}
    assert found.located is not None
    at = {one.disc: (one.stack, one.slice) for one in found.located.slices}
    assert at == {
        Disc.L5_S1: (0, 0), Disc.L4_L5: (0, 1), Disc.L3_L4: (1, 1), Disc.L2_L3: (2, 2),
    }  # fmt: skip


def test_there_is_no_volume_and_the_reason_is_given(found: StackedResult):
    whole = [row for row in found.rows if row.level_kind == "all"]
    assert len(whole) == len({(row.muscle, row.side) for row in whole}) == 9
    for row in whole:
        assert row.note == NO_VOLUME
        assert all(math.isnan(v) for v in row.values.values() if not isinstance(v, str))


def test_stacks_have_rows_of_their_own(found: StackedResult):
    levels = list(dict.fromkeys(row.level for row in found.rows if row.level_kind == "stack"))
    assert levels == ["stack 1", "stack 2", "stack 3"]


def test_the_rows_of_discs_state_where_they_were_measured(found: StackedResult):
    row = next(row for row in found.rows if row.level == "L4-L5")
    assert "slice 1 of stack 1, 0.0 mm from the disc and at 0° to it" in row.note


def test_slices_are_counted_through_all_stacks(found: StackedResult):
    assert found.offsets == (0, 2, 4)
    assert {row.slice for row in found.profile} == set(range(7))
    assert found.quality is not None
    assert set(found.quality.slice_scores) == set(range(7))
    assert found.quality.score == pytest.approx(np.mean(list(found.quality.slice_scores.values())))


def test_the_height_that_stacks_cover_counts_overlaps_once(found: StackedResult):
    assert found.covered_mm == pytest.approx(6 * 8.0)
    assert run(cases(((0, 2), (4, 6)))).covered_mm == pytest.approx(4 * 8.0)


def test_equal_findings_of_stacks_are_one(found: StackedResult):
    predictor = [f for f in found.findings if "returns the truth" in f.message]
    (finding,) = predictor
    assert finding.message.startswith("stack 1: ")
    assert finding.message.endswith("(likewise in stacks 2, 3)")
    assert found.findings[0].message == f"3 stacks; {NO_VOLUME}"


def test_a_disc_outside_of_all_stacks_is_named():
    result = run(cases(((0, 2), (2, 4)), request()))
    assert "outside of all stacks: L2-L3" in [f.message for f in result.findings]
    assert not any(row.level == "L2-L3" for row in result.rows)


def test_without_a_request_nothing_is_located():
    result = run(cases())
    assert result.located is None
    assert {row.level_kind for row in result.rows} == {"all", "stack"}


def test_levels_that_are_not_found_are_empty_with_the_reason():
    noise = np.random.default_rng(0).integers(0, 99, (5, 60, 60)).astype(np.int16)
    affine = np.array([[9.0, 0, 0, -18], [0, 4.0, 0, -120], [0, 0, 4.0, -120], [0, 0, 0, 1]])
    series = Series(Volume(noise, affine), Source(Path("sag.nii.gz")))
    unread = Finding(Area.LEVELS, Severity.CHECK, "sagittal-not-used", "the series is damaged")
    result = run(cases(levels=LevelRequest(sagittal=series), findings=(unread,)))
    assert result.located is not None
    assert result.located.levels.discs == result.located.slices == ()
    messages = [f.message for f in result.findings if f.area is Area.LEVELS]
    assert messages[0] == "the series is damaged"
    assert messages[1].startswith("no disc is named: ")
    with pytest.raises(InputError):
        run(cases(levels=LevelRequest(sagittal=series, sagittal_required=True)))


def test_levels_that_were_stated_and_lie_elsewhere_are_an_error():
    far = tuple(replace(one, centre_mm=(0.0, 0.0, 900.0)) for one in discs().discs)
    given = replace(request().given, levels=Levels(far))
    with pytest.raises(InputError, match="none of its discs lies in the image"):
        run(cases(levels=LevelRequest(given=given)))


def test_given_masks_are_measured_in_place_of_the_models():
    masks = [mask_of(*part) for part in PARTS]
    emptied = LabelMap(np.zeros_like(masks[1].array), masks[1].affine)
    result = run_stacks(
        cases(levels=request()), None, SETTINGS, masks=[masks[0], emptied, masks[2]]
    )
    assert result.quality is None
    assert [stack.mask for stack in result.stacks] == ["edited"] * 3
    areas = {
        (row.level, row.side): row.values["voxels"]
        for row in result.rows
        if row.muscle == "ES" and row.level_kind == "disc"
    }
    assert areas["L4-L5", "R"] > 0
    assert areas["L3-L4", "R"] == 0


def test_masks_on_another_grid_and_no_masks_at_all_are_errors():
    masks = [mask_of(0, 2)] * 3
    with pytest.raises(GeometryError):
        run_stacks(cases(), None, SETTINGS, masks=masks)
    with pytest.raises(ValueError, match="predictor or masks"):
        run_stacks(cases(), None, SETTINGS)
