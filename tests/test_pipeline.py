from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lpm_segmentator.core import (
    Area,
    Contrast,
    Disc,
    DixonPair,
    Finding,
    GeometryError,
    LabelMap,
    Remedy,
    Severity,
    Volume,
)
from lpm_segmentator.levels import LevelRequest
from lpm_segmentator.pipeline import Case, Settings, measure_labels, run_case, segment_case
from phantoms import SHAPE, Truthful, labels_of, pair_of, phantom

LABELS = (1, 2, 3, 4)


def case(**more: object) -> Case:
    pair = pair_of(phantom())
    return Case(name="P", image=pair.water, pair=pair, **more)  # type: ignore[arg-type]


def truthful(confidence: float = 0.9) -> Truthful:
    return Truthful(labels_of(phantom()), confidence)


def test_a_perfect_predictor_gives_the_phantoms_truth():
    result = run_case(case(reference=labels_of(phantom())), truthful())
    truth = phantom()
    assert np.array_equal(result.labels.array, truth.labels)
    for value in LABELS:
        assert result.measures.volumes_ml[value] == pytest.approx(truth.volumes_ml[value], abs=1e-6)
        assert result.measures.fat_ratios[value] == pytest.approx(truth.fat_ratio[value], abs=0.005)
    assert result.accuracy is not None
    row = result.accuracy.wide()
    assert [row[f"dsc_{name}"] for name in ("global", *LABELS)] == [1.0] * 5
    assert result.reference_measures is not None
    assert result.reference_measures.volumes_ml == result.measures.volumes_ml


def test_the_result_tells_what_it_was_made_of():
    note = Finding(Area.INPUT, Severity.NOTE, "input", "the origin was repaired")
    settings = Settings(keep_low_confidence=True)
    result = run_case(case(findings=(note,)), truthful(0.6), settings)
    assert result.model.name == "truth"
    assert result.accuracy is None
    assert result.reference_measures is None
    assert result.mask == "automatic"
    messages = [finding.message for finding in result.findings]
    assert messages[0] == "the origin was repaired"
    assert "this predictor returns the truth" in messages
    assert any("low confidence in 6 of 6 slices (0–5)" in message for message in messages)
    assert result.quality.score == pytest.approx(2 * 0.6 / 1.6)
    assert set(result.seconds) == {"levels", "segment", "intensity", "measure"}


def test_only_the_chosen_slices_are_segmented_and_measured():
    predictor = truthful()
    result = run_case(case(slices=(1, 4), reference=labels_of(phantom())), predictor)
    (seen,) = predictor.inputs
    assert seen.geometry.shape == (*SHAPE[:2], 3)
    assert seen.geometry.origin_mm == pytest.approx(case().image.geometry.voxel_to_world([0, 0, 1]))
    truth = phantom().labels.copy()
    truth[..., [0, 4, 5]] = 0
    assert result.labels.shape == SHAPE
    assert np.array_equal(result.labels.array, truth)
    voxel_ml = np.prod(case().image.spacing_mm) / 1000
    for value in LABELS:
        expected = (truth == value).sum() * voxel_ml
        assert result.measures.volumes_ml[value] == pytest.approx(expected, abs=1e-6)
    # The reference outside the range must not count as missed.
    assert result.accuracy is not None
    assert result.accuracy.wide()["dsc_global"] == 1.0
    assert set(result.quality.slice_scores) == {1, 2, 3}


def test_a_model_is_given_both_images_of_a_pair_cropped_alike():
    predictor = truthful()
    segment_case(case(slices=(2, 5)), predictor)
    (given,) = predictor.inputs
    assert isinstance(given, DixonPair)
    pair = pair_of(phantom())
    np.testing.assert_array_equal(given.water.array, pair.water.array[:, :, 2:5])
    np.testing.assert_array_equal(given.fat.array, pair.fat.array[:, :, 2:5])


def test_a_single_image_is_given_to_the_model_as_dixon_only_if_it_is():
    water = pair_of(phantom()).water
    predictor = truthful()
    segment_case(Case(name="P", image=water), predictor)
    segment_case(Case(name="P", image=replace(water, contrast=Contrast.WATER)), predictor)
    assert [given.contrast for given in predictor.inputs] == [Contrast.UNKNOWN, Contrast.WATER]


def test_slices_are_counted_in_the_whole_image():
    result = run_case(case(slices=(2, 6)), truthful(0.5))
    assert result.quality.low_confidence_slices == (2, 3, 4, 5)
    assert any("slices (2–5)" in flag for flag in result.quality.flags)


def anchored(*anchors):
    return LevelRequest(anchors=anchors)


def test_levels_choose_slices_and_add_rows():
    levels = anchored((Disc.L1_L2, 4), (Disc.L5_S1, 1))
    result = run_case(case(levels=levels), truthful())
    assert result.slices == (1, 5)
    assert not result.labels.array[..., [0, 5]].any()
    kinds = {row.level_kind for row in result.measures.rows}
    assert {"all", "disc", "span"} == kinds
    assert any("slices 1 to 4 were chosen" in finding.message for finding in result.findings)


def test_slices_that_the_user_states_go_before_those_of_the_levels():
    levels = anchored((Disc.L1_L2, 4), (Disc.L5_S1, 1))
    result = run_case(case(levels=levels, slices=(2, 4)), truthful())
    assert result.slices == (2, 4)
    assert {"L1-L2", "L5-S1"} <= {row.level for row in result.measures.rows}


def test_without_a_spine_in_view_all_slices_are_measured():
    result = run_case(case(levels=LevelRequest()), truthful())
    assert result.slices is None
    assert result.located is not None
    assert result.located.slice_levels is None
    (finding,) = [f for f in result.findings if f.code == "levels-not-found"]
    assert finding.severity is Severity.NOTE


# -- the second door: a mask that is already there


def test_a_mask_that_is_there_is_measured_like_the_models():
    given = case(reference=labels_of(phantom()), slices=(1, 5))
    automatic = run_case(given, truthful())
    edited = measure_labels(given, labels_of(phantom()), "edited")
    assert edited.mask == "edited"
    rows = zip(edited.measures.rows, automatic.measures.rows, strict=True)
    for one, other in rows:
        np.testing.assert_equal(one.to_dict(), other.to_dict())  # nan equals nan
    np.testing.assert_equal(edited.accuracy.wide(), automatic.accuracy.wide())
    np.testing.assert_array_equal(edited.labels.array, automatic.labels.array)
    assert edited.model is None
    assert edited.quality is None


def test_a_mask_on_another_grid_is_not_measured():
    labels = labels_of(phantom())
    moved = labels.with_grid(labels.array[1:], labels.affine)
    with pytest.raises(GeometryError, match="image and mask") as caught:
        measure_labels(case(), moved, "imported")
    assert caught.value.remedies == (Remedy.RESAMPLE,)


@pytest.mark.parametrize("slices", [(0, 7), (-1, 3), (3, 3), (4, 2)])
def test_slices_outside_the_image_are_refused(slices):
    with pytest.raises(GeometryError):
        segment_case(case(slices=slices), truthful())


def test_a_reference_on_another_grid_is_refused():
    moved = phantom().affine.copy()
    moved[:3, 3] += (0, 10, 0)
    with pytest.raises(GeometryError, match=r"origins differ by 10\.00 mm") as caught:
        case(reference=LabelMap(phantom().labels, moved))
    assert str(caught.value).startswith("P: ")
    assert caught.value.remedies == (Remedy.ACCEPT_ORIGIN_MISMATCH,)


def test_a_reference_of_another_shape_is_refused():
    with pytest.raises(GeometryError, match="shape"):
        case(reference=LabelMap(phantom().labels[..., :-1], phantom().affine))


def test_a_pair_on_another_grid_is_refused():
    image = Volume(phantom().water[..., 1:], phantom().affine)
    with pytest.raises(GeometryError, match="Dixon pair"):
        Case(name="P", image=image, pair=pair_of(phantom()))


def test_loose_voxels_are_cleaned_away():
    noisy = phantom().labels.copy()
    noisy[0, 0, 0] = 3
    result = run_case(case(), Truthful(LabelMap(noisy, phantom().affine)))
    assert np.array_equal(result.labels.array, phantom().labels)


def test_nothing_found_is_nan_with_a_reason():
    empty = LabelMap(np.zeros(SHAPE, np.uint8), phantom().affine)
    result = run_case(case(), Truthful(empty))
    messages = [finding.message for finding in result.findings]
    (message,) = messages
    assert message.startswith("no erector spinae or multifidus detected")
    assert all(np.isnan(result.measures.fat_ratios[value]) for value in LABELS)
    rows = [row for row in result.measures.rows if row.side != "both"]
    assert all(np.isnan(row["csa_mean_mm2"]) and row.note for row in rows)


def test_a_low_confidence_mask_is_discarded_with_the_reason():
    result = run_case(case(), truthful(0.5))
    assert not result.labels.array.any()
    assert np.isnan(result.measures.fat_ratios[1])
    (finding,) = [f for f in result.findings if f.code == "low-confidence"]
    assert finding.severity is Severity.FAIL
    assert finding.remedy is Remedy.KEEP_LOW_CONFIDENCE
    assert "the mask was discarded: expected Dice 0.67 is below 0.75" in finding.message


def test_a_low_confidence_mask_is_kept_on_request():
    segmented = segment_case(case(), truthful(0.5), Settings(keep_low_confidence=True))
    assert np.array_equal(segmented.labels.array, phantom().labels)
    assert not segmented.quality.plausible
    (finding,) = [f for f in segmented.findings if f.code == "low-confidence"]
    assert "kept as requested" in finding.message


def test_the_networks_own_answer_has_all_components():
    noisy = phantom().labels.copy()
    noisy[0, 0, 0] = 3
    predictor = Truthful(LabelMap(noisy, phantom().affine))
    segmented = segment_case(case(), predictor, Settings(postprocess=False))
    assert np.array_equal(segmented.labels.array, noisy)
