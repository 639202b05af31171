from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import Disc, GeometryError, LabelMap, Volume
from lpm_segmentator.measure import SliceLevels
from lpm_segmentator.pipeline import Case, run_case, segment_case
from phantoms import SHAPE, Truthful, TruthfulOfDixon, labels_of, pair_of, phantom

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
    result = run_case(case(notes=("the origin was repaired",)), truthful(0.6))
    assert result.model.name == "truth"
    assert result.accuracy is None
    assert result.reference_measures is None
    assert result.case.notes == ("the origin was repaired",)
    assert "the predictor knows the answer" in result.warnings
    assert any("unsure in 6 of 6 slices (0–5)" in warning for warning in result.warnings)
    assert result.quality.score == pytest.approx(2 * 0.6 / 1.6)
    assert set(result.seconds) == {"segment", "brightness", "measure"}


def test_only_the_chosen_slices_are_segmented_and_measured():
    predictor = truthful()
    result = run_case(case(slices=(1, 4), reference=labels_of(phantom())), predictor)
    (seen,) = predictor.seen
    assert seen.shape == (*SHAPE[:2], 3)
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


def test_a_model_that_knows_dixon_images_sees_both_cut_alike():
    predictor = TruthfulOfDixon(labels_of(phantom()))
    segmented = segment_case(case(slices=(2, 5)), predictor)
    water, fat = predictor.dixon
    pair = pair_of(phantom())
    np.testing.assert_array_equal(water.array, pair.water.array[:, :, 2:5])
    np.testing.assert_array_equal(fat.array, pair.fat.array[:, :, 2:5])
    alone = segment_case(case(slices=(2, 5)), truthful())
    np.testing.assert_array_equal(segmented.labels.array, alone.labels.array)


def test_a_single_image_is_outlined_as_dixon_only_if_it_is_such():
    water = pair_of(phantom()).water
    predictor = TruthfulOfDixon(labels_of(phantom()))
    segment_case(Case(name="P", image=water), predictor)
    assert (len(predictor.seen), len(predictor.dixon)) == (1, 0)
    segment_case(Case(name="P", image=water, dixon=True), predictor)
    assert (len(predictor.seen), len(predictor.dixon)) == (2, 1)
    segment_case(Case(name="P", image=water, dixon=True), truthful())


def test_slices_are_counted_in_the_whole_image():
    result = run_case(case(slices=(2, 6)), truthful(0.5))
    assert result.quality.unsure_slices == (2, 3, 4, 5)
    assert any("slices (2–5)" in flag for flag in result.quality.flags)


def test_levels_add_rows():
    levels = SliceLevels({Disc.L3_L4: 4, Disc.L4_L5: 2}, SHAPE[2])
    kinds = {row.level_kind for row in run_case(case(levels=levels), truthful()).measures.rows}
    assert {"all", "disc"} <= kinds


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
    assert "--accept-origin-mismatch" in str(caught.value)


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
    assert "no erector spinae or multifidus was found" in result.warnings
    assert all(np.isnan(result.measures.fat_ratios[value]) for value in LABELS)
    rows = [row for row in result.measures.rows if row.side != "both"]
    assert all(np.isnan(row.csa_mean_mm2) and row.note for row in rows)


def test_a_mask_that_the_model_hardly_believes_in_is_emptied_with_a_warning():
    result = run_case(case(), truthful(0.5))
    assert not result.labels.array.any()
    assert np.isnan(result.measures.fat_ratios[1])
    (warning,) = [w for w in result.warnings if "lumbar back" in w]
    assert "Dice of 0.67" in warning
    assert "--keep-doubtful" in warning


def test_a_doubtful_mask_is_kept_on_request():
    segmented = segment_case(case(), truthful(0.5), keep_doubtful=True)
    assert np.array_equal(segmented.labels.array, phantom().labels)
    assert not segmented.quality.plausible
    assert any("kept as asked" in warning for warning in segmented.warnings)
