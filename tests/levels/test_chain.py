from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.levels.chain import Chain, Node, offset_probabilities


def chain(*heights_mm: float) -> Chain:
    up = np.array([0.0, 0.0, 1.0])
    return Chain(tuple(Node(np.array([0.0, 0.0, z]), up, 1.0, 50.0) for z in heights_mm))


def test_a_missed_disc_is_counted() -> None:
    assert chain(0, -35, -105, -140).numbers.tolist() == [0, 1, 3, 4]


def test_one_odd_patch_does_not_shift_the_names() -> None:
    names = np.full((5, 7), 0.02)
    names[np.arange(5), [1, 2, 3, 4, 5]] = 0.88
    names[2] = np.roll(names[2], 1)  # L3-L4 looks like L4-L5
    likely = offset_probabilities(chain(0, -35, -70, -105, -140), names)
    assert max(likely, key=lambda offset: likely[offset]) == 0
    assert sum(likely.values()) == pytest.approx(1.0)


def test_the_look_of_the_sacrum_outweighs_that_of_upper_discs() -> None:
    names = np.full((5, 7), 0.01)
    names[np.arange(3), [1, 2, 3]] = 0.2
    names[np.arange(3), [0, 1, 2]] = 0.75  # look like the disc above, as they may in a tall person
    names[3, [3, 4]] = 0.35, 0.6
    names[4, [4, 5]] = 0.06, 0.9
    likely = offset_probabilities(chain(0, -35, -70, -105, -140), names)
    assert max(likely, key=lambda offset: likely[offset]) == 0


def test_patches_that_say_nothing_leave_the_count_open() -> None:
    likely = offset_probabilities(chain(0, -35, -70), np.full((3, 7), 1 / 7))
    assert max(likely.values()) < 0.3
