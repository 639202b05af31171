"""Water and fat images of one scan, and of several."""

from __future__ import annotations

import math
from itertools import permutations

from dicom_headers import described, dixon, scan_of
from lpm_segmentator.study.dicom.describe import Described
from lpm_segmentator.study.dicom.pairs import dixon_scans


def numbers(images: list[Described]) -> set[tuple[int | None, int | None]]:
    """Pairs by the series numbers of water and fat."""
    return {(s.water.tags.number, s.fat.tags.number) for s in dixon_scans(images)[0]}


def test_the_roles_do_not_depend_on_the_order_of_the_series():
    images = [dixon("water", 20), dixon("fat", 7), dixon("in-phase", 8)]
    for ordered in permutations(images):
        assert numbers(list(ordered)) == {(20, 7)}


def test_two_scans_are_told_apart_by_their_descriptions():
    images = scan_of(10, protocol="pre_dixon_tra") + scan_of(20, protocol="post_dixon_tra")
    assert numbers(images) == {(10, 11), (20, 21)}


def test_a_repeated_scan_is_told_apart_by_its_time():
    images = scan_of(10) + scan_of(14, time_s=36600.0)
    assert numbers(images) == {(10, 11), (14, 15)}
    # also where the numbers would pair the images of different scans
    images = [
        dixon("fat", 10), dixon("water", 14), dixon("fat", 15, time_s=36600.0),
        dixon("water", 11, time_s=36600.0),
    ]  # fmt: skip
    assert numbers(images) == {(14, 10), (11, 15)}


def test_a_repeated_scan_without_times_is_told_apart_by_its_numbers():
    images = scan_of(10, time_s=math.nan) + scan_of(20, time_s=math.nan)
    assert numbers(images) == {(10, 11), (20, 21)}


def test_images_of_one_series_belong_together():
    one = [dixon("water", 10, series="a"), dixon("fat", 10, series="a", description="x_F")]
    two = [dixon("water", 11, series="b"), dixon("fat", 11, series="b")]
    scans, left = dixon_scans([*one, *two])
    assert [(s.water.tags.series, s.fat.tags.series) for s in scans] == [("a", "a"), ("b", "b")]
    assert not left
    assert scans[0].evidence == "one series"


def test_acquisitions_of_one_series_are_told_apart():
    images = [
        dixon(kind, 10, series="a", acquisition=acquisition)
        for acquisition in (1, 2)
        for kind in ("water", "fat")
    ]
    scans, _ = dixon_scans(images)
    assert {(s.water.tags.acquisition, s.fat.tags.acquisition) for s in scans} == {(1, 1), (2, 2)}


def test_images_on_other_grids_are_of_other_scans():
    water = dixon("water", 10)
    others = {
        "place": dixon("fat", 11, center_mm=(0.0, 0.0, 3.0)),
        "slices": dixon("fat", 11, slices=9),
        "spacing": dixon("fat", 11, spacing_mm=(15.0, 15.0, 15.0)),
        "frame of reference": dixon("fat", 11, frame_of_reference="1.8"),
    }
    for other in others.values():
        scans, left = dixon_scans([water, other])
        assert not scans
        assert left == {
            id(water): "there is no fat image of the same scan",
            id(other): "there is no water image of the same scan",
        }
    lost = dixon("fat", 11, frame_of_reference="")
    assert dixon_scans([water, lost])[0]


def test_what_fits_equally_well_is_not_guessed():
    images = [dixon("water", 10), dixon("fat", 11), dixon("fat", 11, series="other")]
    scans, left = dixon_scans(images)
    assert not scans
    assert left[id(images[0])] == "several water and fat images fit each other equally well"
    assert set(left) == set(map(id, images))


def test_the_best_partner_of_an_image_must_prefer_it_too():
    """A fat image whose water image was not exported is not given that of another scan."""
    images = [dixon("water", 10), dixon("fat", 11), dixon("fat", 15, time_s=36600.0)]
    scans, left = dixon_scans(images)
    assert [(s.water, s.fat) for s in scans] == [(images[0], images[1])]
    assert left == {id(images[2]): "there is no water image of the same scan"}


def test_images_without_a_place_are_not_paired():
    images = [dixon("water", 10, problem="no place"), dixon("fat", 11, problem="no place")]
    assert not dixon_scans(images)[0]
    assert dixon_scans([described()]) == ([], {})
