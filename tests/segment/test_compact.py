from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest

from lpm_segmentator.core import GeometryError, ModelError, Volume, reorient
from lpm_segmentator.segment import (
    CompactPredictor,
    DixonPredictor,
    Predictor,
    load_compact,
)
from lpm_segmentator.segment.compact import CompactSpec, context_slices, normalise
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


# -- intensities


@pytest.mark.parametrize("seed", range(5))
def test_normalise_equals_what_the_network_was_trained_on(seed):
    torch = pytest.importorskip("torch", reason="the extra 'train' is not installed")
    from lpm_segmentator.train.synthesis import normalise as by_torch

    rng = np.random.default_rng(seed)
    image = rng.gamma(1.0 + seed, 50.0, (3, 40 + seed, 31)).astype(np.float32)
    image[:, :9] = -0.1 * seed
    np.testing.assert_allclose(
        normalise(image), by_torch(torch.from_numpy(image)).numpy(), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("factor", [1e-4, 3.0, 1e5])
def test_normalise_forgets_the_scale(factor):
    image = np.random.default_rng(0).gamma(2.0, 50.0, (3, 30, 30)).astype(np.float32)
    np.testing.assert_allclose(normalise(image * np.float32(factor)), normalise(image), rtol=1e-4)


def test_normalise_of_air_is_air():
    air = np.zeros((3, 4, 4), np.float32)
    assert not normalise(air).any()


# -- neighbours


def spec(**values: object) -> CompactSpec:
    return CompactSpec(**{**TINY, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("index", "count", "spacing_mm", "expected"),
    [
        (3, 9, 4.0, [2, 3, 4]),
        (0, 9, 4.0, [0, 0, 1]),
        (8, 9, 4.0, [7, 8, 8]),
        (0, 1, 4.0, [0, 0, 0]),
        (10, 40, 1.0, [6, 10, 14]),
        (3, 9, 12.0, [2, 3, 4]),
    ],
)
def test_the_neighbours_lie_as_far_away_as_in_training(index, count, spacing_mm, expected):
    assert context_slices(index, count, spacing_mm, spec()) == expected


# -- a model known by heart


def test_it_is_a_predictor(tiny):
    assert isinstance(tiny, Predictor)
    assert tiny.info.name == "tiny"
    assert tiny.info.kind == "compact"
    assert len(tiny.info.sha256) == 64


def test_a_pair_is_segmented_by_the_mean_of_both_images(tiny):
    knowing = CompactPredictor(tiny_onnx({"lpm": json.dumps({**TINY, "pairs": True})}))
    assert isinstance(knowing, DixonPredictor)
    water, fat = blob(), blob(offset=30.0)
    fat = fat.with_array(fat.array[:, ::-1].copy())  # the band lies elsewhere
    pair = knowing.predict_dixon(water, fat)
    turned = knowing.predict_dixon(fat, water)
    np.testing.assert_array_equal(pair.labels.array, turned.labels.array)
    np.testing.assert_allclose(pair.confidence, turned.confidence, atol=1e-6)
    alone = tiny.predict_dixon(water)
    twice = knowing.predict_dixon(water, water)
    np.testing.assert_array_equal(twice.labels.array, alone.labels.array)
    np.testing.assert_allclose(twice.confidence, alone.confidence, atol=1e-6)
    # Where both agree the mean does; where they differ it is less sure than either.
    other = tiny.predict_dixon(fat)
    agreed = alone.labels.array == other.labels.array
    assert (pair.labels.array == alone.labels.array)[agreed].all()
    assert not agreed.all()
    surest = np.maximum(alone.confidence, other.confidence)
    assert (pair.confidence[~agreed] < surest[~agreed]).all()
    # A model that does not say so is shown the water.
    unknowing = tiny.predict_dixon(water, fat)
    np.testing.assert_array_equal(unknowing.labels.array, alone.labels.array)


def test_a_single_image_has_larger_muscles_with_smooth_outlines(tiny):
    volume = blob()
    noisy = volume.array + np.random.default_rng(0).normal(0, 25, volume.shape)
    volume = volume.with_array(noisy.astype(np.float32))
    single, dixon = tiny.predict(volume), tiny.predict_dixon(volume)
    areas = [int((found.labels.array > 0).sum()) for found in (single, dixon)]
    assert areas[0] > 1.01 * areas[1]

    def rim(found):
        muscle = found.labels.array > 0
        return sum(int(np.diff(muscle.astype(np.int8), axis=a).astype(bool).sum()) for a in (0, 1))

    assert rim(single) < 0.8 * rim(dixon)
    # What the network is sure of does not depend on where the outline is drawn.
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
    found = tiny.predict(reorient(volume, codes))
    assert found.labels.geometry == reorient(volume, codes).geometry
    assert np.array_equal(reorient(found.labels, ("L", "P", "S")).array, expected.array)


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
    plain = CompactPredictor(tiny_bytes, mirror=False, threads=1).predict(volume)
    mirrored = CompactPredictor(tiny_bytes, mirror=True, threads=1).predict(volume)
    assert np.array_equal(plain.labels.array, mirrored.labels.array)


def test_a_second_network_looks_again(tiny_bytes):
    volume = blob()
    contrary = tiny_onnx({"lpm": json.dumps(TINY)}, steep=-40.0)
    alone, same, two, fast = (
        CompactPredictor(tiny_bytes, second=second, mirror=mirror, threads=1)
        for second, mirror in (
            (None, True),
            (tiny_bytes, True),
            (contrary, True),
            (contrary, False),
        )
    )
    answers = [model.predict(volume) for model in (alone, same, two, fast)]
    assert [answer.details["networks"] for answer in answers] == [1, 2, 2, 1]
    assert answers[2].least_expected_dice < answers[0].least_expected_dice
    muscle, expected = answers[0].labels.array > 0, answers[0].confidence
    np.testing.assert_allclose(answers[1].confidence, expected, atol=1e-5)
    np.testing.assert_array_equal(answers[3].labels.array > 0, muscle)
    # Where one is sure of muscle and the other of none, they meet in the middle.
    assert np.median(expected[muscle]) > 0.95
    stacks = np.stack([normalise(volume.array.T[[0, 0, 1]].astype(np.float32))])
    both = two.probabilities(stacks)[0, 0]
    one = alone.probabilities(stacks)[0, 0]
    np.testing.assert_allclose(both[one < 0.01], 0.5, atol=0.01)
    assert len({model.info.sha256 for model in (alone, same, two)}) == 3
    assert two.info.version == f"{alone.info.version}+{alone.info.version}"
    assert fast.info == alone.info  # the second is never asked, so it is no part of the answer


def test_a_second_network_that_prefers_a_side_leaves_the_sides_even():
    metadata = {"lpm": json.dumps(TINY)}
    biased, fair = tiny_onnx(metadata, shift=0.08), tiny_onnx(metadata)

    def sizes(predictor: CompactPredictor) -> list[int]:
        labels = predictor.predict(blob()).labels.array
        return [np.count_nonzero(labels == value) for value in (1, 2, 3, 4)]

    even = sizes(CompactPredictor(fair, second=biased, threads=1))
    assert even == even[::-1]
    uneven = sizes(CompactPredictor(biased, mirror=False, threads=1))
    assert uneven != uneven[::-1]


def test_two_networks_of_different_grids_are_refused(tiny_bytes):
    other = tiny_onnx({"lpm": json.dumps({**TINY, "spacing_mm": TINY["spacing_mm"] / 2})})
    with pytest.raises(ModelError, match="do not fit together"):
        CompactPredictor(tiny_bytes, second=other)


@pytest.mark.parametrize("offset", [-500.0, -20.0, 1000.0])
def test_negative_intensities_are_lifted_to_air(tiny, offset):
    volume = blob(offset=min(offset, 0.0))
    assert np.array_equal(tiny.predict(volume).labels.array, tiny.predict(blob()).labels.array)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float64])
def test_any_number_type_is_read(tiny, dtype):
    volume = blob()
    found = tiny.predict(volume.with_array(volume.array.astype(dtype)))
    assert np.array_equal(found.labels.array, tiny.predict(volume).labels.array)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_slices_are_enough(tiny, count):
    prediction = tiny.predict(blob((60, 40, count)))
    assert prediction.labels.shape == (60, 40, count)
    assert all(prediction.labels.array[..., k].any() for k in range(count))


@pytest.mark.parametrize("spacing_mm", [(0.36, 0.36, 5.0), (0.8, 1.7, 4.0), (3.0, 3.0, 3.0)])
def test_any_spacing_gives_the_same_place(tiny, spacing_mm):
    shape = (round(120 / spacing_mm[0]), round(80 / spacing_mm[1]), 3)
    volume = blob(shape, spacing_mm)
    found = np.flatnonzero(tiny.predict(volume).labels.foreground.any(axis=(0, 2)))
    bright = np.flatnonzero((volume.array > 50).any(axis=(0, 2)))
    off = np.abs(found[[0, -1]] - bright[[0, -1]]) * spacing_mm[1]
    assert off.max() <= max(2.0, spacing_mm[1])  # a pixel of the coarser grid


def test_progress_is_told_to_the_end(tiny_bytes):
    seen: list[tuple[int, int]] = []
    predictor = CompactPredictor(
        tiny_bytes, mirror=False, threads=1, progress=lambda *state: seen.append(state)
    )
    predictor.predict(blob())
    assert seen[-1] == (5, 5)


def test_nothing_found_is_said(tiny):
    volume = blob()
    prediction = tiny.predict(volume.with_array(np.zeros(volume.shape)))
    assert not prediction.labels.array.any()
    assert prediction.warnings == ("no erector spinae or multifidus was found",)


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
    assert "axial series" in str(caught.value)


def test_a_foreign_onnx_model_is_refused():
    with pytest.raises(ModelError, match="not a compact model"):
        CompactPredictor(tiny_onnx({}))


@pytest.mark.parametrize("entry", ["{", "[]", json.dumps({"name": "x"})])
def test_a_model_with_broken_metadata_is_refused(entry):
    with pytest.raises(ModelError, match="metadata"):
        CompactPredictor(tiny_onnx({"lpm": entry}))


def test_newer_metadata_do_not_disturb(tiny_bytes):
    found = CompactSpec.from_metadata({"lpm": json.dumps({**TINY, "colour": "blue"})}, "x")
    assert found == spec()


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
