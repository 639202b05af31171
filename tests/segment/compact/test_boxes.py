from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.segment.compact.boxes import body_box, muscle_box, pad

sizes = st.integers(1, 70)


def test_the_body_of_any_slice_is_kept_with_a_margin():
    image = np.zeros((2, 60, 50), np.float32)
    image[0, 20:30, 12:40] = 1.0
    image[1, 25:35, 12:40] = 1.0
    assert body_box([image]) == (slice(12, 43), slice(4, 48))
    other = np.zeros((2, 60, 50), np.float32)
    other[0, 5, 45] = 1.0
    assert body_box([image, other]) == (slice(0, 43), slice(4, 50))


def test_an_empty_image_is_kept_whole():
    assert body_box([np.zeros((3, 10, 12), np.float32)]) == (slice(0, 10), slice(0, 12))


@given(sizes, sizes, st.sampled_from([1, 8, 16]))
def test_padding_reaches_the_multiple_and_is_undone_by_the_box(rows, columns, multiple):
    stacks = np.random.default_rng(0).random((2, 3, rows, columns), dtype=np.float32)
    padded, box = pad(stacks, multiple)
    assert padded.shape[2] % multiple == padded.shape[3] % multiple == 0
    assert padded.shape[2] - rows < multiple
    np.testing.assert_array_equal(padded[..., box[0], box[1]], stacks)
    assert padded.sum() == pytest.approx(stacks.sum(), rel=1e-5)


@given(st.integers(0, 127), st.integers(0, 95), st.sampled_from([8, 16]))
def test_the_muscle_box_holds_the_muscle_and_is_a_multiple_inside_the_image(row, column, multiple):
    probabilities = np.zeros((1, 5, 128, 96), np.float32)
    probabilities[:, 0] = 1.0
    probabilities[0, 0, row, column] = 0.5
    box = muscle_box(probabilities, multiple)
    assert box is not None
    for part, index, size in zip(box, (row, column), (128, 96), strict=True):
        assert 0 <= part.start <= index < part.stop <= size
        assert (part.stop - part.start) % multiple == 0


def test_without_muscle_there_is_no_box():
    probabilities = np.ones((1, 5, 16, 16), np.float32)
    assert muscle_box(probabilities, 8) is None
