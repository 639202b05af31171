"""What counts as a gain, and what is scored."""

from __future__ import annotations

import numpy as np
import pytest

from adaptation import dixon, single
from lpm_segmentator.core import LabelMap
from lpm_segmentator.train.adapt.evaluation import CaseScore, score_case, summary, verdict
from phantoms import Truthful, labels_of, phantom

NAMES = ("foreground", "ES_R", "MF_R", "MF_L", "ES_L")


def score(gain: float, contrast: str = "T2w", **others: float) -> CaseScore:
    before = dict.fromkeys(NAMES, 0.8)
    after = {name: 0.8 + others.get(name, gain) for name in NAMES}
    return CaseScore("c", "s", contrast, 0, before, after)


def test_a_gain_is_not_useless():
    assert verdict([score(0.02), score(0.01)]) == ""


def test_a_small_gain_is_useless():
    assert "changes by +0.004 on average, less than 0.005" in verdict([score(0.008), score(0.0)])
    assert "changes by -0.100" in verdict([score(-0.1)])


def test_a_muscle_that_falls_is_named():
    assert verdict([score(0.02, MF_L=-0.009)]) == ""
    assert verdict([score(0.02, MF_L=-0.02)]) == "the Dice of MF_L falls by 0.020, more than 0.01"


def test_the_table_has_each_contrast_and_all():
    rows = summary([score(0.02), score(0.04), score(0.03, "T1w")]).splitlines()[2:]
    assert rows[0] == "| T1w | foreground | 1 | 0.800 | 0.830 | +0.030 |"
    assert rows[5] == "| T2w | foreground | 2 | 0.800 | 0.830 | +0.030 |"
    assert rows[10].startswith("| all | foreground | 3 |")
    assert len(rows) == 15
    assert len(summary([score(0.02)]).splitlines()) == 7


def test_the_truth_scores_one():
    truth = Truthful(labels_of(phantom(1)))
    assert score_case(truth, dixon(1)) == dict.fromkeys(NAMES, pytest.approx(1.0))


def test_slices_without_a_mask_do_not_count():
    truth = Truthful(labels_of(phantom(0)))  # which labels all slices
    assert score_case(truth, single(slices=(2, 3)))["foreground"] == pytest.approx(1.0)


def test_ignored_voxels_do_not_count():
    case = single()
    scheme = case.labels.scheme.ignoring([9])
    array = np.where(case.labels.array == 1, 9, case.labels.array)
    array[tuple(np.argwhere(case.labels.array == 1)[0])] = 1
    labels = LabelMap(array, case.labels.affine, scheme)
    case = type(case)(case.case, case.subject, case.image, labels)
    assert score_case(Truthful(labels_of(phantom(0))), case)["ES_R"] == pytest.approx(1.0)


def test_without_scores_there_is_no_table_and_a_concern():
    assert summary([]) == ""
    assert "cannot be cross-validated" in verdict([])
