from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpm_segmentator.core import bounding_box


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=1, max_dims=3)), st.integers(0, 2))
def test_the_box_holds_the_mask_and_touches_it(mask, margin):
    box = bounding_box(mask, margin)
    if box is None:
        assert not mask.any()
        return
    outside = mask.copy()
    outside[box] = False
    assert not outside.any()
    tight = bounding_box(mask)
    for part, inner, size in zip(box, tight, mask.shape, strict=True):
        assert part == slice(max(0, inner.start - margin), min(size, inner.stop + margin))
