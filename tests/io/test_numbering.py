from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import InputError, LabelError
from lpm_segmentator.io import label_numbering, read_label_map

AFFINE = np.diag([-1.0, -1.0, 4.0, 1.0])


def saved(folder, values):
    array = np.zeros((6, 5, 2), np.int32)
    array[:, 0, 0] = [0, *values]
    path = folder / "m.nii.gz"
    nib.Nifti1Image(array, AFFINE).to_filename(path)
    return path


def test_a_map_of_another_program_is_read(tmp_path):
    path = saved(tmp_path, [5112, 5102, 5101, 5111, 5121])
    image = read_label_map(path, label_numbering("musclemap"))
    assert image.labels.array[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 0]
    assert any("5121" in note for note in image.notes)
    with pytest.raises(LabelError, match="the values of musclemap"):
        read_label_map(path)


def test_values_to_ignore_stay_apart(tmp_path):
    path = saved(tmp_path, [15, 17, 18, 16, 1])
    image = read_label_map(path, label_numbering("totalsegmentator"), ignore=[1])
    assert image.labels.array[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 255]
    assert image.labels.ignored.sum() == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", json.dumps({"ES_R": 11, "MF_R": [12, 22], "left multifidus": 13})),
        ("s.tsv", "index\tname\n11\tES_R\n12\tMF_R\n22\tMF right\n13\tMF_L\n30\tpsoas\n"),
        ("s.csv", "index;name\n11;ES_R\n12;MF_R\n22;MF right\n13;MF_L\n"),
    ],
)
def test_a_scheme_of_ones_own(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    numbering = label_numbering(tmp_path / name)
    assert dict(numbering.values) == {11: 1, 12: 2, 22: 2, 13: 3}
    assert numbering.name == name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.json", "[1, 2]"),
        ("s.json", "{"),
        ("s.json", '{"ES_R": true}'),
        ("s.json", '{"ES_R": 1.5}'),
        ("s.json", '{"ES_R": 1, "MF_R": 1}'),
        ("s.json", '{"psoas": 1}'),
        ("s.tsv", "value\tname\n1\tES_R\n"),
        ("s.tsv", "index\tname\nx\tES_R\n"),
        ("s.tsv", "index\tname\n1\tES_R\n1\tMF_R\n"),
    ],
)
def test_a_wrong_scheme_is_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError):
        label_numbering(tmp_path / name)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(LabelError, match="musclemap, musclemap-abdomen, totalsegmentator"):
        label_numbering("muscle-map")


def test_a_map_of_own_values_is_not_taken_for_another_programs(tmp_path):
    with pytest.raises(LabelError, match=r"no value of the label scheme musclemap .* 1, 2, 3, 4"):
        read_label_map(saved(tmp_path, [1, 2, 3, 4, 0]), label_numbering("musclemap"))


def test_a_scheme_of_the_same_values_in_another_order_is_not_suggested(tmp_path):
    with pytest.raises(LabelError) as caught:
        read_label_map(saved(tmp_path, [1, 2, 3, 4, 9]))
    assert "musclemap-abdomen" not in str(caught.value)


def test_a_map_of_a_third_program_is_refused(tmp_path):
    with pytest.raises(LabelError, match="totalsegmentator"):
        read_label_map(saved(tmp_path, [15, 16, 17, 18, 3]), label_numbering("musclemap"))
