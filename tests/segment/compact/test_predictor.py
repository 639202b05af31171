from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from lpm_segmentator.core import (
    Contrast,
    DixonPair,
    GeometryError,
    ModelError,
    Remedy,
    Volume,
    reorient,
)
from lpm_segmentator.segment import (
    TIGHT_BOUNDARY,
    WIDE_BOUNDARY,
    CompactPredictor,
    Predictor,
    load_compact,
)
from lpm_segmentator.segment.compact import CompactSpec, normalise
from strategies import ORIENTATIONS, signed_permutation
from tiny_model import TINY, tiny_onnx


def blob(
    shape: tuple[int, int, int] = (60, 40, 5),
    spacing_mm: tuple[float, float, float] = (2.0, 2.0, 4.0),
    offset: float = 0.0,
) -> Volume:
    """A dim body with a bright band across it, in L-P-S order: columns run to the left."""
    array = np.full(shape, 20.0 + offset, np.float32)
    array[:, shape[1] // 4 : shape[1] // 2] = 100.0 + offset
    array[:, :2] = offset
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    affine[:3, 3] = (57.0, 31.0, -80.0)
    return Volume(array, affine)


def noisy_blob() -> Volume:
    volume = blob()
    noisy = volume.array + np.random.default_rng(0).normal(0, 25, volume.shape)
    return volume.with_array(noisy.astype(np.float32))


def dixon_images() -> tuple[Volume, Volume]:
    """Two images of one grid whose bands lie elsewhere."""
    water, fat = blob(), blob(offset=30.0)
    fat = fat.with_array(fat.array[:, ::-1].copy(), contrast=Contrast.FAT)
    return replace(water, contrast=Contrast.WATER), fat


# -- a model known by heart


def test_it_is_a_predictor(tiny):
    assert isinstance(tiny, Predictor)
    assert tiny.info.name == "tiny"
    assert tiny.info.kind == "compact"
    assert len(tiny.info.sha256) == 64


def test_a_pair_is_segmented_by_the_mean_of_both_images(tiny):
    model = CompactPredictor(tiny_onnx({"lpm": json.dumps({**TINY, "pairs": True})}))
    water, fat = dixon_images()
    pair = model.predict(DixonPair(water, fat))
    swapped = model.predict(DixonPair(fat, water))
    np.testing.assert_array_equal(pair.labels.array, swapped.labels.array)
    np.testing.assert_allclose(pair.confidence, swapped.confidence, atol=1e-6)
    alone = tiny.predict(water)
    twice = model.predict(DixonPair(water, water))
    np.testing.assert_array_equal(twice.labels.array, alone.labels.array)
    np.testing.assert_allclose(twice.confidence, alone.confidence, atol=1e-6)
    # Where both agree the mean does; where they differ it is less confident than either.
    other = tiny.predict(fat)
    agreed = alone.labels.array == other.labels.array
    assert (pair.labels.array == alone.labels.array)[agreed].all()
    assert not agreed.all()
    highest = np.maximum(alone.confidence, other.confidence)
    assert (pair.confidence[~agreed] < highest[~agreed]).all()
    assert pair.details["images"] == 2


def test_a_model_that_does_not_mention_pairs_takes_the_water_image(tiny):
    water, fat = dixon_images()
    pair, alone = tiny.predict(DixonPair(water, fat)), tiny.predict(water)
    np.testing.assert_array_equal(pair.labels.array, alone.labels.array)
    np.testing.assert_array_equal(pair.confidence, alone.confidence)
    assert pair.details["images"] == 1


@pytest.mark.parametrize("contrast", Contrast)
def test_the_boundary_is_tight_for_dixon_images_and_wide_for_all_others(tiny, contrast):
    image = replace(noisy_blob(), contrast=contrast)
    boundary = TIGHT_BOUNDARY if contrast.is_dixon else WIDE_BOUNDARY
    by_default, explicit = tiny.predict(image), tiny.predict(image, boundary=boundary)
    np.testing.assert_array_equal(by_default.labels.array, explicit.labels.array)


def test_the_boundary_is_tight_for_a_pair_whose_contrasts_are_unknown(tiny):
    image = noisy_blob()
    pair, explicit = (
        tiny.predict(DixonPair(image, image)),
        tiny.predict(image, boundary=TIGHT_BOUNDARY),
    )
    np.testing.assert_array_equal(pair.labels.array, explicit.labels.array)


def test_a_single_image_has_larger_muscles_with_smoother_outlines(tiny):
    volume = noisy_blob()
    single, dixon = tiny.predict(volume), tiny.predict(replace(volume, contrast=Contrast.WATER))
    areas = [int((prediction.labels.array > 0).sum()) for prediction in (single, dixon)]
    assert areas[0] > 1.01 * areas[1]

    def rim(prediction):
        muscle = prediction.labels.array > 0
        return sum(int(np.diff(muscle.astype(np.int8), axis=a).astype(bool).sum()) for a in (0, 1))

    assert rim(single) < 0.8 * rim(dixon)
    # The confidence does not depend on the decision boundary.
    same = single.labels.array == dixon.labels.array
    np.testing.assert_array_equal(single.confidence[same], dixon.confidence[same])


def test_right_is_where_the_affine_says(tiny):
    volume = blob()
    labels = reorient(tiny.predict(volume).labels, ("R", "A", "S"))
    assert labels.present == (1, 2, 3, 4)
    middles = [np.argwhere(labels.mask(v))[:, 0].mean() for v in (1, 2, 3, 4)]
    assert middles == sorted(middles, reverse=True)  # R grows along the first axis


def test_a_file_whose_affine_is_mirrored_has_its_sides_mirrored(tiny):
    volume = blob()
    mirrored = volume.with_grid(volume.array, np.diag([-1.0, 1, 1, 1]) @ volume.affine)
    labels, other = (tiny.predict(v).labels.array for v in (volume, mirrored))
    swap = np.array([0, 4, 3, 2, 1])
    assert np.array_equal(swap[labels], other)


@pytest.mark.parametrize("codes", ORIENTATIONS, ids="".join)
def test_any_orientation_gives_the_same_mask(tiny, codes):
    volume = blob()
    expected = tiny.predict(volume).labels
    turned = tiny.predict(reorient(volume, codes)).labels
    assert turned.geometry == reorient(volume, codes).geometry
    assert np.array_equal(reorient(turned, ("L", "P", "S")).array, expected.array)


def test_confidence_goes_with_the_voxels(tiny):
    volume = blob()
    array = volume.array.copy()
    array[:, 10:20, 0] = 60.0  # less certain in the lowest slice
    volume = volume.with_array(array)
    straight = tiny.predict(volume)
    turned = tiny.predict(reorient(volume, ("I", "R", "A")))
    assert straight.confidence is not None
    assert turned.confidence is not None
    back = reorient(Volume(turned.confidence, turned.labels.affine), ("L", "P", "S"))
    np.testing.assert_allclose(back.array, straight.confidence, atol=1e-6)
    assert straight.confidence[:, 10:20, 0].mean() < straight.confidence[:, 10:20, 1].mean()


def test_mirroring_swaps_the_sides_back(tiny_bytes):
    volume = blob()
    plain = CompactPredictor(tiny_bytes, refine=False, threads=1).predict(volume)
    mirrored = CompactPredictor(tiny_bytes, refine=True, threads=1).predict(volume)
    assert np.array_equal(plain.labels.array, mirrored.labels.array)


def test_a_second_network_refines_the_first(tiny_bytes):
    volume = blob()
    contrary = tiny_onnx({"lpm": json.dumps(TINY)}, steep=-40.0)
    alone, same, two, fast = (
        CompactPredictor(tiny_bytes, second=second, refine=refine, threads=1)
        for second, refine in (
            (None, True),
            (tiny_bytes, True),
            (contrary, True),
            (contrary, False),
        )
    )
    predictions = [model.predict(volume) for model in (alone, same, two, fast)]
    assert [prediction.details["networks"] for prediction in predictions] == [1, 2, 2, 1]
    assert predictions[2].minimum_expected_dice < predictions[0].minimum_expected_dice
    muscle, expected = predictions[0].labels.array > 0, predictions[0].confidence
    np.testing.assert_allclose(predictions[1].confidence, expected, atol=1e-5)
    np.testing.assert_array_equal(predictions[3].labels.array > 0, muscle)
    # Where one is certain of muscle and the other of none, the mean is in between.
    assert np.median(expected[muscle]) > 0.95
    stacks = np.stack([normalise(volume.array.T[[0, 0, 1]].astype(np.float32))])
    both = two.probabilities(stacks)[0, 0]
    one = alone.probabilities(stacks)[0, 0]
    np.testing.assert_allclose(both[one < 0.01], 0.5, atol=0.01)
    assert len({model.info.sha256 for model in (alone, same, two)}) == 3
    assert two.info.version == f"{alone.info.version}+{alone.info.version}"
    assert fast.info == alone.info  # the second network is not part of the result


def test_a_second_network_that_prefers_a_side_leaves_the_sides_even():
    metadata = {"lpm": json.dumps(TINY)}
    biased, fair = tiny_onnx(metadata, shift=0.08), tiny_onnx(metadata)

    def sizes(predictor: CompactPredictor) -> list[int]:
        labels = predictor.predict(blob()).labels.array
        return [np.count_nonzero(labels == value) for value in (1, 2, 3, 4)]

    even = sizes(CompactPredictor(fair, second=biased, threads=1))
    assert even == even[::-1]
    uneven = sizes(CompactPredictor(biased, refine=False, threads=1))
    assert uneven != uneven[::-1]


def test_two_networks_of_different_grids_are_refused(tiny_bytes):
    other = tiny_onnx({"lpm": json.dumps({**TINY, "spacing_mm": TINY["spacing_mm"] / 2})})
    with pytest.raises(ModelError, match="take different input"):
        CompactPredictor(tiny_bytes, second=other)


@pytest.mark.parametrize("offset", [-500.0, -20.0, 1000.0])
def test_negative_intensities_are_lifted_to_air(tiny, offset):
    volume = blob(offset=min(offset, 0.0))
    assert np.array_equal(tiny.predict(volume).labels.array, tiny.predict(blob()).labels.array)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float64])
def test_any_number_type_is_read(tiny, dtype):
    volume = blob()
    converted = tiny.predict(volume.with_array(volume.array.astype(dtype)))
    assert np.array_equal(converted.labels.array, tiny.predict(volume).labels.array)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_slices_are_enough(tiny, count):
    prediction = tiny.predict(blob((60, 40, count)))
    assert prediction.labels.shape == (60, 40, count)
    assert all(prediction.labels.array[..., k].any() for k in range(count))


@pytest.mark.parametrize("spacing_mm", [(0.36, 0.36, 5.0), (0.8, 1.7, 4.0), (3.0, 3.0, 3.0)])
def test_any_spacing_gives_the_same_place(tiny, spacing_mm):
    shape = (round(120 / spacing_mm[0]), round(80 / spacing_mm[1]), 3)
    volume = blob(shape, spacing_mm)
    muscle = np.flatnonzero(tiny.predict(volume).labels.foreground.any(axis=(0, 2)))
    bright = np.flatnonzero((volume.array > 50).any(axis=(0, 2)))
    off = np.abs(muscle[[0, -1]] - bright[[0, -1]]) * spacing_mm[1]
    assert off.max() <= max(2.0, spacing_mm[1])  # a pixel of the coarser grid


def test_progress_is_reported_to_the_end(tiny_bytes):
    seen: list[tuple[int, int]] = []
    predictor = CompactPredictor(
        tiny_bytes, refine=False, threads=1, progress=lambda *state: seen.append(state)
    )
    predictor.predict(blob())
    assert seen[-1] == (5, 5)


def test_an_empty_mask_is_reported(tiny):
    volume = blob()
    prediction = tiny.predict(volume.with_array(np.zeros(volume.shape)))
    assert not prediction.labels.array.any()
    assert prediction.warnings == ("no erector spinae or multifidus detected",)


def test_memory_stays_near_that_of_the_image(tiny):
    volume = blob((400, 400, 30), (1.0, 1.0, 4.0))
    tracemalloc.start()
    tiny.predict(volume)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    image = volume.array.astype(np.float32).nbytes
    assert peak < 8 * image


# -- what it refuses


@pytest.mark.parametrize("codes", [("P", "S", "L"), ("R", "S", "A")])
def test_slices_that_are_not_axial_are_refused(tiny, codes):
    affine = np.eye(4)
    affine[:3, :3] = signed_permutation(codes) @ np.diag([1.0, 1.0, 4.0])
    volume = Volume(np.random.default_rng(0).random((50, 60, 12)), affine)
    with pytest.raises(GeometryError, match="not axial") as caught:
        tiny.predict(volume)
    assert "use the axial series" in str(caught.value)
    assert str(Remedy.SAGITTAL) in str(caught.value)


def test_a_foreign_onnx_model_is_refused():
    with pytest.raises(ModelError, match="not a compact model"):
        CompactPredictor(tiny_onnx({}))


@pytest.mark.parametrize("entry", ["{", "[]", json.dumps({"name": "x"})])
def test_a_model_with_broken_metadata_is_refused(entry):
    with pytest.raises(ModelError, match="metadata"):
        CompactPredictor(tiny_onnx({"lpm": entry}))


def test_unknown_metadata_are_ignored():
    read = CompactSpec.from_metadata({"lpm": json.dumps({**TINY, "colour": "blue"})}, "x")
    assert read == CompactSpec(**TINY)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x07" + bytes(100)])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="model") as caught:
        load_compact(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        load_compact(tmp_path / "model.onnx")
