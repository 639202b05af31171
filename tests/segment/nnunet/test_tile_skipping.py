"""Skipped tiles: what four predict, when the fifth refutes it, and where none are skipped."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from lpm_segmentator.core import Volume
from lpm_segmentator.segment.nnunet import predictor
from lpm_segmentator.segment.nnunet.sliding import count_tiles, gaussian, sliding_scores
from lpm_segmentator.segment.nnunet.source import read_model_folder
from lpm_segmentator.segment.nnunet.tile_skipping import nearly_coincide, weighted_average
from nnunet_models import ISOTROPIC, v2_plans, write_v2

SHAPE, TILE = (17, 27, 36), (16, 24, 32)
STARTS = [[0, 1], [0, 3], [0, 4]]
ALL = list(product((0, 1), repeat=3))
FIVE = [(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 0, 0)]


def _tile(position):
    """The place of a tile in the image, channels first."""
    parts = zip(STARTS, position, TILE, strict=True)
    return (slice(None), *(slice(begins[i], begins[i] + size) for begins, i, size in parts))


def _image():
    """An image whose voxels hold their indices: 10,000 i + 100 j + k."""
    i, j, k = np.indices(SHAPE)
    return (10_000 * i + 100 * j + k)[None].astype(np.float32)


def _engine(interaction):
    """A network whose scores depend on the position of the tile, with or without interaction."""

    def engine(tile):
        rest, k = divmod(float(tile[0, 0, 0, 0]), 100)
        i, j = divmod(rest, 100)
        moved = 0.3 * (i > 0) - 0.2 * (j > 0) + 0.4 * (k > 0)
        moved += interaction * ((i > 0) ^ (j > 0) ^ (k > 0))
        answer = np.sin(tile / 7) + moved * np.cos(tile / 5)
        return np.concatenate([answer, -answer]).astype(np.float32)

    return engine


def _both(engine, *, generation=2, shape=SHAPE, **options):
    image = _image() if shape == SHAPE else np.zeros((1, *shape), dtype=np.float32)
    return [
        sliding_scores(
            image, TILE, [engine], generation=generation, rounded=False, skip_tiles=few, **options
        )
        for few in (True, False)
    ]


@pytest.mark.parametrize("generation", [1, 2])
def test_five_tiles_where_the_position_of_a_tile_hardly_matters(generation):
    def engine(tile):
        return np.concatenate([np.zeros_like(tile), np.sin(tile)])

    (few, computed), (full, all_tiles) = _both(engine, generation=generation)
    assert (computed, all_tiles) == (5, 8)
    seen = np.ones(SHAPE, dtype=bool)
    for corner in set(ALL) - set(FIVE):  # what only a skipped tile covers
        place = tuple(
            slice(-width, None) if end else slice(width)
            for end, width in zip(corner, (1, 3, 4), strict=True)
        )
        seen[place] = False
        assert (few[(slice(None), *place)].argmax(axis=0) == 0).all()
    assert seen.mean() > 0.99
    np.testing.assert_allclose(few[:, seen], full[:, seen], atol=1e-5)


def test_all_tiles_where_the_fifth_is_not_as_predicted():
    (few, computed), (full, _) = _both(_engine(interaction=0.5))
    assert computed == 8
    np.testing.assert_allclose(few, full, atol=1e-4)


@pytest.mark.parametrize("kept", [FIVE[:4], FIVE, ALL])
def test_estimates_are_exact_where_the_effects_of_the_axes_add_up(kept):
    def answers(tiles, interaction):
        engine = _engine(interaction)
        return {tile: engine(_image()[_tile(tile)]) for tile in tiles}

    weight = gaussian(TILE).astype(np.float32)
    inner = (slice(None), slice(1, -1), slice(3, -3), slice(4, -4))  # where all eight overlap
    for interaction in (0.0, 0.5):
        some, full = (
            weighted_average(answers(tiles, interaction), weight, STARTS, SHAPE)[inner]
            for tiles in (kept, ALL)
        )
        if interaction and kept != ALL:
            assert np.abs(some - full).max() > 0.02  # otherwise the other case could not fail
        else:
            np.testing.assert_allclose(some, full, atol=1e-4)


def test_an_image_without_muscle_needs_no_more_tiles():
    def engine(tile):
        return np.concatenate([np.ones_like(tile), np.zeros_like(tile)])

    (few, computed), (full, _) = _both(engine)
    assert computed == 5
    np.testing.assert_allclose(few, full, atol=1e-6)


def test_only_where_tiles_nearly_coincide():
    assert nearly_coincide((29, 216, 392), (28, 192, 352))
    for shape in ((28, 216, 392), (32, 216, 392), (29, 217, 392), (29, 216, 397)):
        assert not nearly_coincide(shape, (28, 192, 352))
    assert not nearly_coincide((216, 392), (192, 352))  # a 2-D network

    def engine(tile):
        return np.concatenate([tile, tile])

    for shape in ((17, 24, 36), (17, 40, 36)):
        (_, few), (_, full) = _both(engine, shape=shape)
        assert few == full == count_tiles(shape, TILE)


def test_progress_ends_at_all_tiles_though_some_are_not_computed():
    steps = []
    _both(lambda tile: np.concatenate([tile, tile]), advance=lambda: steps.append(1))
    assert len(steps) == 2 * count_tiles(SHAPE, TILE) == 16


@pytest.mark.parametrize(("mode", "computed"), [("fast", 5), ("exact", 8)])
def test_fast_skips_tiles_and_exact_does_not(tmp_path, monkeypatch, mode, computed):
    pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
    model = write_v2(tmp_path / "model", v2_plans((32, 32, 32), (1.0, 1.0, 1.0), ISOTROPIC), seed=1)
    answer = np.stack([np.full((32, 32, 32), kind, np.float32) for kind in range(5)])
    monkeypatch.setattr(predictor, "make_engine", lambda *_, **__: lambda tile: answer + 0 * tile)
    noise = 1 + np.random.default_rng(0).random((34, 35, 36), dtype=np.float32)
    steps = []
    segmenter = predictor.NnUnetPredictor(
        read_model_folder(model),
        mode=mode,
        progress=lambda done, tiles: steps.append((done, tiles)),
    )
    assert segmenter.predict(Volume(noise, np.eye(4))).details["tiles"] == computed
    assert steps == [(done, 8) for done in range(1, 9)]
