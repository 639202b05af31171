from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator import api
from lpm_segmentator.api.measuring import find_measurable
from lpm_segmentator.core import GeometryError, InputError, LpmError, Remedy, Severity, Volume
from lpm_segmentator.io import write_image, write_label_map
from lpm_segmentator.study.options import ReadOptions
from phantoms import Truthful, labels_of, pair_of, phantom, write_pair, write_reference


@pytest.fixture
def folder(tmp_path):
    write_pair(tmp_path, "A")
    write_reference(tmp_path, "A")
    return tmp_path


def test_measures_of_a_file_are_the_phantoms_truth(folder):
    (files,) = find_measurable(
        folder / "A_dseg.nii.gz", water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz"
    )
    measured = api.measure_file(files).measures
    for value in (1, 2, 3, 4):
        assert measured.volumes_ml[value] == pytest.approx(phantom().volumes_ml[value], abs=1e-6)
        assert measured.fat_ratios[value] == pytest.approx(phantom().fat_ratio[value], abs=0.005)
    assert measured.rows[0].case == "A_dseg"


def test_without_images_there_are_volumes_alone(folder):
    (files,) = find_measurable(folder / "A_dseg.nii.gz")
    measured = api.measure_file(files).measures
    assert measured.volumes_ml[1] == pytest.approx(phantom().volumes_ml[1], abs=1e-6)
    assert np.isnan(measured.fat_ratios[1])


def test_folders_of_label_maps_and_images_are_matched(folder):
    write_pair(folder, "B", 1)
    write_reference(folder, "B", 1)
    cases = find_measurable(folder, water=folder, fat=folder)
    assert [(f.case, f.mask) for f in cases] == [
        ("A", folder / "A_dseg.nii.gz"),
        ("B", folder / "B_dseg.nii.gz"),
    ]
    write_pair(folder, "C", 2)
    write_reference(folder / "more", "A", 0)
    write_reference(folder / "more", "D", 0)
    cases = find_measurable(folder / "more", water=folder)
    assert [f.case for f in cases] == ["A", "B", "C", "D_dseg"]
    assert [f.problem[:12] for f in cases] == ["", "no label map", "no label map", "no image in "]
    (folder / "more" / "A_dseg.nii.gz").unlink()
    with pytest.raises(InputError, match="no label map belongs to any of the cases"):
        find_measurable(folder / "more", water=folder)


def test_folders_tell_apart_label_maps_of_one_name(tmp_path):
    made = {}
    for seed, subject in enumerate(("P1", "P2")):
        write_image(pair_of(phantom(seed)).water, tmp_path / "in" / subject / "t2.nii.gz")
        made[f"{subject}_t2"] = write_reference(tmp_path / "ref" / subject, "t2", seed)
    cases = find_measurable(tmp_path / "ref", image=tmp_path / "in")
    assert {files.case: files.mask for files in cases} == made
    alone = find_measurable(tmp_path / "ref")
    assert {files.case: files.mask for files in alone} == {
        f"{case}_dseg": path for case, path in made.items()
    }


def test_an_image_on_another_grid_is_refused_unless_resampled(folder):
    image = pair_of(phantom()).water
    affine = image.affine.copy()
    affine[:3, 3] += 1
    write_image(Volume(image.array, affine), folder / "x.nii.gz")
    (files,) = find_measurable(folder / "A_dseg.nii.gz", image=folder / "x.nii.gz")
    with pytest.raises(GeometryError) as caught:
        api.measure_file(files)
    assert caught.value.remedies == (Remedy.RESAMPLE,)
    options = api.MeasureOptions(read=ReadOptions(resample=True))
    measured = api.measure_file(files, options).measures
    assert measured.volumes_ml[1] == pytest.approx(phantom().volumes_ml[1], abs=1e-6)


def test_voxels_outside_the_image_are_counted(folder):
    image = pair_of(phantom()).water
    middle = image.shape[0] // 2
    part = image.geometry.shifted([middle, 0, 0], [image.shape[0] - middle, *image.shape[1:]])
    write_image(Volume(image.array[middle:], part.affine), folder / "x.nii.gz")
    (files,) = find_measurable(folder / "A_dseg.nii.gz", image=folder / "x.nii.gz")
    (finding,) = [f for f in api.measure_file(files).findings if f.code == "labels-outside"]
    assert finding.severity is Severity.CHECK


def test_a_missing_label_map_is_refused(tmp_path):
    with pytest.raises(LpmError, match="no such file"):
        find_measurable(tmp_path / "none.nii.gz")


def test_the_given_predictor_is_compared_with(folder, monkeypatch):
    monkeypatch.setattr("lpm_segmentator.api.measuring.load_predictor", None)
    labels = labels_of(phantom())
    mirrored = labels.with_array(labels.array[::-1].copy())
    write_label_map(mirrored, folder / "A_dseg.nii.gz")
    (files,) = find_measurable(
        folder / "A_dseg.nii.gz", water=folder / "A_water.nii.gz", fat=folder / "A_fat.nii.gz"
    )
    predictor = Truthful(labels)
    api.measure_file(files, predictor=predictor)
    assert len(predictor.inputs) == 1
