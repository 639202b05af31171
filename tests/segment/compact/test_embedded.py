"""The embedded model on real images."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.core import LabelMap, Volume, crop_slices, reorient, resample
from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.measure import dice, overlap
from lpm_segmentator.pipeline import Case, segment_case
from lpm_segmentator.segment import keep_largest
from strategies import ORIENTATIONS


def foreground_dice(reference: LabelMap, prediction: LabelMap) -> float:
    return dice(overlap(reference.foreground, prediction.foreground))


def test_the_shipped_model_finds_the_muscles(embedded, tum_slab):
    image, labels = tum_slab(5)
    found = keep_largest(embedded.predict(image).labels).labels
    assert foreground_dice(labels, found) > 0.9
    for value in (1, 2, 3, 4):
        centre, other = (np.argwhere(m.mask(value)).mean(axis=0) for m in (labels, found))
        assert np.linalg.norm(centre[:2] - other[:2]) < 12, value


def test_the_shipped_model_segments_a_single_slice(embedded, tum_slab):
    image, labels = tum_slab(1)
    assert image.shape[2] == 1
    assert foreground_dice(labels, embedded.predict(image).labels) > 0.7


@pytest.mark.slow
def test_the_shipped_model_sees_the_same_in_all_orientations(embedded, tum_slab):
    image, _ = tum_slab(1)
    expected = embedded.predict(image).labels
    frame = image.geometry.axis_codes
    size = np.count_nonzero(expected.array)
    for codes in ORIENTATIONS:
        turned = embedded.predict(reorient(image, codes)).labels
        differing = np.count_nonzero(reorient(turned, frame).array != expected.array)
        assert differing < 0.005 * size, codes


@pytest.mark.parametrize("case", ["t2-005", "t2-100"])
def test_the_shipped_model_segments_a_fine_t2_slice(shipped, shared_data, case):
    folder = shared_data / "axial_t2_check"
    image = read_image(folder / f"{case}_image.nii.gz").volume
    labels = read_label_map(folder / f"{case}_label.nii.gz", ignore=[255]).labels
    found = shipped.predict(image).labels
    seen = ~labels.ignored
    assert found.shape == image.shape
    assert dice(overlap(labels.foreground & seen, found.foreground & seen)) > 0.7


@pytest.fixture(scope="module")
def whole_abdomen(shared_data) -> tuple[Volume, LabelMap]:
    """All 29 slices of TUM02 (fat), a field of view of 407 mm, and their labels."""
    folder = shared_data / "myosegmentum"
    image = read_image(folder / "TUM02_fat_img_img_L2-L5.nii.gz").volume
    labels = read_label_map(folder / "TUM02_fat_manual_label_segmentation_L2-L5.nii.gz").labels
    return image, labels


def test_a_stack_of_60_slices_of_the_whole_abdomen(embedded, whole_abdomen):
    image, labels = whole_abdomen
    finer = image.geometry.with_spacing((2.0, 2.0, 4.0 * 29 / 60))
    stack, truth = resample(image, finer, order=1), resample(labels, finer, order=0)
    assert stack.shape[2] == 60
    found = keep_largest(embedded.predict(stack).labels).labels
    assert foreground_dice(truth, found) > 0.85
    for value in (1, 2, 3, 4):
        assert dice(overlap(truth.mask(value), found.mask(value))) > 0.75, value


@pytest.mark.parametrize("last", [6, 12, 20, 29])
def test_a_stack_of_five_anywhere(embedded, whole_abdomen, last):
    image, labels = (crop_slices(each, last - 5, last)[0] for each in whole_abdomen)
    found = keep_largest(embedded.predict(image).labels).labels
    assert foreground_dice(labels, found) > 0.8


@pytest.mark.parametrize("case", range(5, 190, 20))
def test_sides_are_never_swapped(shipped, shared_data, case):
    """Neither on an image as it is nor on one whose affine says that it is mirrored."""
    path = shared_data / "axial_t2_check" / f"t2-{case:03d}_image.nii.gz"
    image = read_image(path).volume
    mirrored = Volume(image.array, image.affine @ np.diag([-1.0, 1.0, 1.0, 1.0]))
    for volume in (image, mirrored):
        labels = keep_largest(shipped.predict(volume).labels).labels
        right = {}  # millimetres to the right of the world's origin
        for value in (1, 2, 3, 4):
            middle = np.argwhere(labels.mask(value)).mean(axis=0)
            right[value] = volume.geometry.voxel_to_world(middle)[0]
        assert right[1] > right[2] > right[3] > right[4]


def brain() -> Volume:
    """Return the head that nibabel ships for its tests."""
    image = nib.load(Path(nib.__file__).parent / "tests" / "data" / "anatomical.nii")
    spacing = nib.affines.voxel_sizes(image.affine)
    return Volume(np.asarray(image.dataobj, dtype=np.float32), np.diag([*spacing, 1.0]))


def thighs() -> Volume:
    """Return two round limbs: a rim of fat, muscle, a bone with marrow."""
    rows, columns = np.mgrid[:240, :320].astype(np.float32)
    plane = np.zeros((240, 320), np.float32)
    for middle in (90, 230):
        radius = np.hypot(columns - middle, rows - 120)
        for size, brightness in ((75, 1.0), (60, 0.35), (15, 0.02), (10, 0.8)):
            plane[radius < size] = brightness
    return Volume(plane.T[..., None].copy(), np.diag([-1.0, -1.0, 5.0, 1.0]))


def noise() -> Volume:
    array = np.random.default_rng(1).rayleigh(100.0, (160, 160, 3)).astype(np.float32)
    return Volume(array, np.diag([-1.0, -1.0, 4.0, 1.0]))


@pytest.mark.parametrize("make", [brain, thighs, noise])
def test_an_image_without_these_muscles_yields_an_empty_mask_and_a_warning(shipped, make):
    segmented = segment_case(Case("X", make()), shipped)
    assert not segmented.labels.array.any()
    messages = [finding.message for finding in segmented.findings]
    assert any("lumbar back" in text or "detected" in text for text in messages)


def test_no_back_is_emptied(shipped, shared_data, tum_slab):
    paths = sorted((shared_data / "axial_t2_check").glob("*_image.nii.gz"))[::6]
    for image in (tum_slab(3)[0], *(read_image(path).volume for path in paths)):
        segmented = segment_case(Case("X", image), shipped)
        assert segmented.labels.array.any()
        quality = segmented.quality
        assert quality.expected_dice > quality.minimum_expected_dice + 0.1
