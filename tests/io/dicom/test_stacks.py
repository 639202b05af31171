"""From slices to stacks: geometry from orientation and position, and what forms no image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_damage import rewrite
from dicom_dialects import GE_IDEAL_ONE_SERIES, PHILIPS_CLASSIC, PHILIPS_ENHANCED
from dicom_files import dixon_images, plane, ramp, uid, write_dixon, write_series
from dicom_parts import LPS
from dicom_studies import write_localiser, write_multi_stack, write_screenshot
from lpm_segmentator.io.dicom import Frame, Stack, scan, stacks_of
from strategies import affines

SHAPE = (6, 4, 5)


def stacks_in(folder: Path) -> list[Stack]:
    return stacks_of(scan([folder]).frames)


def only_problem(folder: Path) -> str:
    (stack,) = stacks_in(folder)
    assert stack.geometry is None
    return stack.problem


def same_grid(affine: np.ndarray, shape: tuple[int, ...], stack: Stack) -> bool:
    """Whether the corners lie at the same places; a stack's rows are reversed."""
    assert stack.geometry is not None
    last = np.array(shape) - 1
    corners = np.array(np.meshgrid(*([0, n] for n in last))).reshape(3, -1)
    mirrored = corners.copy()
    mirrored[1] = last[1] - corners[1]
    slices = np.sign(affine[:3, 2] @ stack.geometry.affine[:3, 2]) < 0
    mirrored[2] = last[2] - corners[2] if slices else corners[2]
    ones = np.ones((1, corners.shape[1]))
    there = affine @ np.vstack([corners, ones])
    here = stack.geometry.affine @ np.vstack([mirrored, ones])
    return stack.geometry.shape == shape and np.abs(there - here).max() < 1e-6


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Frame:
    folder = tmp_path_factory.mktemp("frame")
    write_series(folder, ramp((6, 4, 1)), plane())
    return scan([folder]).frames[0]


def sliced(frame: Frame, affine: np.ndarray, n_slices: int) -> list[Frame]:
    """Frames of a stack, without files."""
    from dataclasses import replace

    lps = LPS @ affine
    steps = np.linalg.norm(lps[:3, :2], axis=0)
    tags = replace(
        frame.tags,
        orientation=tuple((lps[:3, :2] / steps).T.ravel()),
        pixel_spacing_mm=(steps[1], steps[0]),
    )
    return [
        replace(frame, tags=tags, sop=str(k), position_mm=tuple((lps @ [0, 0, k, 1])[:3]))
        for k in range(n_slices)
    ]


@given(affine=affines(), n_slices=st.integers(2, 6), order=st.randoms(use_true_random=False))
def test_geometry_follows_from_the_places_in_any_order(frame, affine, n_slices, order):
    frames = sliced(frame, affine, n_slices)
    order.shuffle(frames)
    (stack,) = stacks_of(frames)
    assert not stack.problem
    assert same_grid(affine, (6, 4, n_slices), stack)


@given(affine=affines())
def test_slices_run_to_the_head_the_front_or_the_right(frame, affine):
    (stack,) = stacks_of(sliced(frame, affine, 3))
    assert stack.geometry is not None
    step = stack.geometry.affine[:3, 2]
    assert step[np.abs(step).argmax()] > 0


@pytest.mark.parametrize("name", ["axial", "sagittal", "coronal"])
@pytest.mark.parametrize("tilt", [0.0, 17.0, -40.0])
def test_planes(tmp_path: Path, name: str, tilt: float):
    affine = plane(name, SHAPE, (0.7, 0.9, 4.4), tilt_deg=tilt, center_mm=(10, -20, 300))
    write_series(tmp_path, ramp(SHAPE), affine)
    (stack,) = stacks_in(tmp_path)
    assert same_grid(affine, SHAPE, stack)


def test_instance_numbers_decide_nothing(tmp_path: Path):
    rng = np.random.default_rng(0)
    numbers = rng.permutation(SHAPE[2])
    affine = plane(shape=SHAPE)
    write_series(tmp_path, ramp(SHAPE), affine,
                 edit=lambda data, k: setattr(data, "InstanceNumber", int(numbers[k])))  # fmt: skip
    (stack,) = stacks_in(tmp_path)
    assert same_grid(affine, SHAPE, stack)


def test_one_slice_is_as_thick_as_stated(tmp_path: Path):
    affine = plane("sagittal", (6, 4, 1), (1.0, 1.0, 5.0), tilt_deg=3)
    write_series(tmp_path, ramp((6, 4, 1)), affine)
    (stack,) = stacks_in(tmp_path)
    assert stack.geometry is not None
    assert stack.geometry.spacing_mm == pytest.approx((1.0, 1.0, 5.0))


# --- several images in one series ---


def test_stacks_along_the_discs_are_parted(tmp_path: Path):
    write_multi_stack(tmp_path)
    stacks = stacks_in(tmp_path)
    assert [len(stack.frames) for stack in stacks] == [4, 4, 4]
    assert not any(stack.problem for stack in stacks)
    assert [stack.frames[0].instance for stack in stacks] == [1, 5, 9]


def test_parallel_stacks_are_parted_by_the_gap_between_them(tmp_path: Path):
    write_multi_stack(tmp_path, tilts_deg=(5.0, 5.0, 5.0))
    stacks = stacks_in(tmp_path)
    assert [len(stack.frames) for stack in stacks] == [4, 4, 4]
    assert not any(stack.problem for stack in stacks)


def test_a_localiser_has_a_stack_in_each_plane(tmp_path: Path):
    write_localiser(tmp_path)
    stacks = stacks_in(tmp_path)
    assert [len(stack.frames) for stack in stacks] == [3, 3, 3]
    assert not any(stack.problem for stack in stacks)


@pytest.mark.parametrize(
    "dialect", [PHILIPS_CLASSIC, PHILIPS_ENHANCED, GE_IDEAL_ONE_SERIES], ids=str
)
def test_images_of_a_dixon_scan_in_one_series_are_parted(tmp_path: Path, dialect):
    write_dixon(tmp_path, dixon_images(SHAPE), plane(shape=SHAPE), dialect=dialect)
    stacks = stacks_in(tmp_path)
    assert [stack.tags.image_type[-1] for stack in stacks] == [
        dialect.image_type[kind][-1] for kind in dixon_images((2, 2, 2))
    ]
    assert all(same_grid(plane(shape=SHAPE), SHAPE, stack) for stack in stacks)


def write_parts(folder: Path, *parts: dict, shape=SHAPE, affine=None) -> list[Stack]:
    """Write images of one series that differ in some tags."""
    for n, tags in enumerate(parts):
        write_series(folder, ramp(shape), plane(shape=shape) if affine is None else affine,
                     series_uid=uid("one"), first_instance=100 * n + 1, **tags)  # fmt: skip
    return stacks_in(folder)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"EchoNumbers": 1, "EchoTime": 20.0}, {"EchoNumbers": 2, "EchoTime": 90.0}),
        ({"EchoTime": 20.0}, {"EchoTime": 90.0}),
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}),
    ],
)
def test_echoes_time_points_and_kinds_are_parted(tmp_path: Path, one: dict, other: dict):
    stacks = write_parts(tmp_path, one, other)
    assert [len(stack.frames) for stack in stacks] == [5, 5]
    assert not any(stack.problem for stack in stacks)


def test_images_that_nothing_distinguishes_are_refused(tmp_path: Path):
    (stack,) = write_parts(tmp_path, {}, {})
    assert stack.problem == (
        "there are up to 2 images at one place, and nothing in the headers distinguishes them"
    )


def test_slices_of_another_size_are_another_stack(tmp_path: Path):
    affine = plane(shape=SHAPE)
    write_series(tmp_path, ramp(SHAPE), affine, series_uid="1.2.3")
    write_series(tmp_path, ramp((8, 4, 1)), plane(shape=(8, 4, 1), center_mm=(0, 0, 200)),
                 series_uid="1.2.3", first_instance=50)  # fmt: skip
    stacks = stacks_in(tmp_path)
    assert [stack.geometry.shape for stack in stacks] == [SHAPE, (8, 4, 1)]


# --- what forms no image ---


@pytest.mark.parametrize("gone", [(2,), (1, 3), (3, 4), (3, 4, 5, 6), (1, 4, 5, 6, 7)])
def test_missing_slices_are_counted(tmp_path: Path, gone: tuple[int, ...]):
    shape = (6, 4, 20)
    paths = write_series(tmp_path, ramp(shape), plane(shape=shape))
    for k in gone:
        paths[k].unlink()
    assert only_problem(tmp_path) == f"{len(gone)} of 20 slices are missing: export it again"


def moved(k: int, by_mm: tuple[float, float, float]):
    def edit(data, slice_number: int) -> None:
        if slice_number == k:
            data.ImagePositionPatient = [
                f"{float(old) + step:.4f}"
                for old, step in zip(data.ImagePositionPatient, by_mm, strict=True)
            ]

    return edit


def test_uneven_slices_are_refused_with_their_distances(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE), edit=moved(2, (0, 0, 1.0)))
    assert only_problem(tmp_path) == (
        "the slices are unevenly spaced, 3.00 to 5.00 mm apart (up to 1.00 mm off)"
    )


def test_slices_that_are_off_by_rounding_are_accepted(tmp_path: Path):
    write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE), edit=moved(2, (0.05, 0, 0.1)))
    (stack,) = stacks_in(tmp_path)
    assert not stack.problem


def test_a_tilted_gantry_is_refused(tmp_path: Path):
    affine = plane(shape=SHAPE)
    affine[1, 2] = np.tan(np.radians(14)) * affine[2, 2]
    write_series(tmp_path, ramp(SHAPE), affine)
    assert only_problem(tmp_path) == (
        "the slices are shifted against each other by 4.0 mm, as by a tilted gantry (14.0 degrees)"
    )


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "packed into mosaics"),
        ({"ImageOrientationPatient": None}, "no direction or pixel spacing"),
        ({"ImageOrientationPatient": ["0"] * 6}, "not perpendicular"),
        ({"ImageOrientationPatient": ["1", "0", "0", "1", "0", "0"]}, "not perpendicular"),
        ({"ImageOrientationPatient": ["2", "0", "0", "0", "2", "0"]}, "not perpendicular"),
        ({"PixelSpacing": None}, "no direction or pixel spacing"),
        ({"PixelSpacing": ["0", "0"]}, "no direction or pixel spacing"),
        ({"ImagePositionPatient": None}, "of some slices state no place"),
    ],
)
def test_headers_that_state_no_grid_are_refused(tmp_path: Path, tags: dict, problem: str):
    write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE), **tags)
    assert problem in only_problem(tmp_path)


def test_screenshots_and_reports_are_no_images(tmp_path: Path):
    path = write_screenshot(tmp_path / "a.dcm")
    assert "in colour" in only_problem(tmp_path)
    rewrite(path, lambda data: delattr(data, "Rows"))
    assert only_problem(tmp_path) == "it holds no image"


def test_a_header_without_spacing_has_the_wrong_slices_only(tmp_path: Path):
    paths = write_series(tmp_path, ramp(SHAPE), plane(shape=SHAPE))
    rewrite(paths[4], lambda data: delattr(data, "PixelSpacing"))
    stacks = stacks_in(tmp_path)
    assert sorted(bool(stack.problem) for stack in stacks) == [False, True]


# --- the shared real series ---


def test_real_series_with_gantry_tilt_and_missing_slices_are_refused(shared_data: Path):
    folder = shared_data / "dicom"
    tilted = only_problem(folder / "failing_gantrytilting_001")
    assert "tilted gantry (14.0 degrees)" in tilted
    assert only_problem(folder / "failing_sliceincrement_001").startswith("1 of 5 slices")
