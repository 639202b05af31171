"""nnU-Net v1's postprocessing.json."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lpm_segmentator.core import ModelError
from lpm_segmentator.segment.nnunet.export import postprocess
from lpm_segmentator.segment.nnunet.plans_v1 import read_postprocessing
from lpm_segmentator.segment.nnunet.spec import Postprocessing

#: a row with an object of three voxels of class 1, one of class 2 beside it, and single voxels
ROW = [1, 1, 1, 2, 0, 1, 0, 2, 0, 3, 3, 0, 3]


def _row(rule: Postprocessing, voxel_mm3: float = 1.0) -> list[int]:
    labels = np.array(ROW, dtype=np.uint8).reshape(1, 1, -1)
    return postprocess(labels, rule, voxel_mm3).ravel().tolist()


def test_all_but_the_largest_object_of_a_class_are_removed():
    expected = [1, 1, 1, 2, 0, 0, 0, 2, 0, 3, 3, 0, 3]
    assert _row(Postprocessing(groups=((1,),), minimum_size=(None,))) == expected


def test_classes_of_a_group_are_one_object():
    expected = [1, 1, 1, 2, 0, 0, 0, 0, 0, 3, 3, 0, 3]
    assert _row(Postprocessing(groups=((1, 2),), minimum_size=(None,))) == expected


@pytest.mark.parametrize(("minimum_mm3", "kept"), [(2.0, True), (2.1, False)])
def test_only_objects_below_a_size_are_removed(minimum_mm3, kept):
    row = _row(Postprocessing(groups=((3,),), minimum_size=(minimum_mm3,)), voxel_mm3=2.0)
    assert row == [*ROW[:-1], 3 if kept else 0]


def test_the_file_is_read(tmp_path):
    path = tmp_path / "postprocessing.json"
    assert read_postprocessing(path) is None
    content = {"for_which_classes": [[1, 2], 3], "min_valid_object_sizes": "{(1, 2): 5.0, 3: 2.0}"}
    path.write_text(json.dumps(content))
    assert read_postprocessing(path) == Postprocessing(((1, 2), (3,)), (5.0, 2.0))
    path.write_text(json.dumps({"for_which_classes": [1], "min_valid_object_sizes": None}))
    assert read_postprocessing(path) == Postprocessing(((1,),), (None,))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"for_which_classes": ["x"]}'])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "postprocessing.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="damaged"):
        read_postprocessing(path)
