"""The pelvis: muscles are deformed and kept, bone lies beside them."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.synthesis.pelvis import Narrowing, add_pelvis, draw_narrowing
from lpm_segmentator.train.synthesis.tissue import Tissue

WIDTHS = st.floats(12.0, 35.0), st.floats(45.0, 90.0), st.floats(1.0, 1.7), st.floats(0.6, 1.0)


def _labels() -> torch.Tensor:
    marks = torch.zeros(120, 200, dtype=torch.uint8)
    for value, columns in enumerate(((50, 80), (80, 98), (102, 120), (120, 150)), 1):
        marks[40:80, columns[0] : columns[1]] = value
    return marks


@given(*WIDTHS)
def test_narrowing_is_odd_and_keeps_the_order(
    inner: float, outer: float, widen: float, narrow: float
) -> None:
    x = torch.linspace(-120, 120, 481, dtype=torch.float64)
    source = Narrowing(inner, outer, widen, narrow).source_mm(x, x)[0]
    torch.testing.assert_close(source, -source.flip(0))
    assert (source.diff() > 0).all()


@given(*WIDTHS)
def test_narrowing_moves_the_outer_border(
    inner: float, outer: float, widen: float, narrow: float
) -> None:
    narrowing = Narrowing(inner, outer, widen, narrow)
    x, y = (torch.tensor([value], dtype=torch.float64) for value in (outer * narrow, 7.0))
    border, row = narrowing.source_mm(x, y)
    torch.testing.assert_close(border, torch.tensor([outer], dtype=torch.float64))
    assert row == 7.0


def test_the_borders_come_from_the_labels() -> None:
    narrowing = draw_narrowing(_labels(), 1.0, Draw(1))
    assert narrowing is not None
    assert abs(narrowing.inner_mm - 19.5) < 1
    assert abs(narrowing.outer_mm - 49.5) < 1
    assert draw_narrowing(_labels() * (_labels() != 4), 1.0, Draw(1)) is None


def test_bone_lies_beside_the_muscles_on_both_sides_and_not_in_them() -> None:
    marks = _labels()[None].long()
    classes = torch.stack([(marks == value).float() for value in range(5)])
    muscle = (marks > 0).float()
    tissue = Tissue(0.9 * muscle + 0.1, 0.9 * (1 - muscle), classes)
    for seed in range(8):
        after = add_pelvis(tissue, 1.0, Draw(seed))
        changed = (after.water - tissue.water).abs()[0] > 0.02
        assert not changed[marks[0] > 0].any()
        assert changed[:, :50].sum() > 100
        assert changed[:, 150:].sum() > 100
        assert torch.isfinite(after.fat).all()
        assert after.fat.min() >= 0
