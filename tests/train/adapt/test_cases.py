"""Cases that cannot be learnt from are refused, all at once; subjects stay together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from adaptation import dixon, single
from lpm_segmentator.core import Contrast, InputError, LabelMap
from lpm_segmentator.train.adapt.cases import check_cases


def test_contrasts_and_volumes_of_a_case():
    assert (single().contrast, len(single().volumes)) == ("T2w", 1)
    assert (dixon().contrast, len(dixon().volumes)) == ("Dixon", 2)


def test_the_hash_changes_with_whatever_changes_the_samples():
    case = single()
    image, labels = case.image, case.labels
    moved = np.diag([1.0, 1.0, 2.0, 1.0]) @ image.affine
    voxels, marks = image.array.copy(), labels.array.copy()
    voxels[0, 0, 0] += 1
    marks[0, 0, 0] = 1
    others = [
        dataclasses.replace(case, image=dataclasses.replace(image, contrast=Contrast.WATER)),
        dataclasses.replace(case, image=dataclasses.replace(image, affine=moved)),
        dataclasses.replace(case, image=image.with_grid(voxels, image.affine)),
        dataclasses.replace(case, labels=labels.with_array(marks)),
        dataclasses.replace(
            case, labels=dataclasses.replace(labels, scheme=labels.scheme.ignoring([9]))
        ),
        dixon(0),
    ]
    hashes = {one.sha256 for one in (case, *others)}
    assert len(hashes) == 1 + len(others)
    assert dataclasses.replace(case, case="other").sha256 == single().sha256


def test_good_cases_are_accepted():
    check_cases([single(), dixon()])


def test_no_case_is_an_error():
    with pytest.raises(InputError, match="no image with a mask"):
        check_cases([])


def test_swapped_sides_and_missing_muscles_are_refused_together():
    good = single()
    swapped = np.choose(good.labels.array, [0, 4, 3, 2, 1]).astype(np.uint8)
    lacking = np.where(good.labels.array == 2, 0, good.labels.array)
    cases = [
        good,
        *(
            dataclasses.replace(good, case=name, labels=LabelMap(array, good.labels.affine))
            for name, array in (("swapped", swapped), ("lacking", lacking))
        ),
    ]
    with pytest.raises(InputError) as caught:
        check_cases(cases)
    text = str(caught.value)
    assert "2 of 3 cases" in text
    assert "swapped: left and right are swapped" in text
    assert "lacking: the label map has no voxel of MF_R" in text


def test_one_subject_under_two_names_is_refused():
    cases = [single(case="A_visit1"), single(case="A_visit2")]
    with pytest.raises(InputError, match="A_visit2: has the same mask as A_visit1"):
        check_cases(cases)
    check_cases([dataclasses.replace(case, subject="A") for case in cases])
