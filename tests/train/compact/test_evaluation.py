"""Folders of labelled images: found, checked, and scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import FileFormatError, GeometryError, InputError, LabelMap
from lpm_segmentator.io import write_label_map
from lpm_segmentator.train.compact.evaluation import evaluate_slices, labelled_files, summary
from phantoms import Truthful, labels_of, phantom, write_labelled


def test_the_truth_has_the_highest_score(tmp_path: Path) -> None:
    write_labelled(tmp_path / "T2w", "P")
    scores = evaluate_slices(Truthful(labels_of(phantom())), labelled_files(tmp_path / "T2w"))
    (score,) = scores
    assert (score.case, score.sequence, score.foreground) == ("P", "T2w", 1.0)
    assert score.certainty == pytest.approx(0.9)
    assert np.isnan(score.fat_ratio_error_points)
    assert summary(scores).splitlines()[-1].startswith("| T2w | 1 | 1.000 | 1.000 | 1.000 |")


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_without_images_is_refused(tmp_path: Path, made: bool) -> None:
    folder = tmp_path / "check"
    if made:
        folder.mkdir()
    with pytest.raises(InputError, match="holds no X_image"):
        labelled_files(folder)


def test_a_missing_label_map_and_a_damaged_image_are_refused(tmp_path: Path) -> None:
    write_labelled(tmp_path, "P")
    image, labels = tmp_path / "P_image.nii.gz", tmp_path / "P_label.nii.gz"
    data = image.read_bytes()
    image.write_bytes(data[: len(data) // 2])
    with pytest.raises(FileFormatError, match="P_image"):
        labelled_files(tmp_path)
    image.write_bytes(data)
    labels.unlink()
    with pytest.raises(FileFormatError, match="P_label"):
        labelled_files(tmp_path)


def test_image_and_label_map_have_one_shape(tmp_path: Path) -> None:
    write_labelled(tmp_path, "P")
    labels = labels_of(phantom())
    write_label_map(
        LabelMap(labels.array[..., 1:].copy(), labels.affine), tmp_path / "P_label.nii.gz"
    )
    with pytest.raises(GeometryError, match="has the shape"):
        labelled_files(tmp_path)
