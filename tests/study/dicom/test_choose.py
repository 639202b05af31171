"""Which series are segmented, and why."""

from __future__ import annotations

import pytest

from dicom_headers import described, dixon, scan_of
from lpm_segmentator.study.dicom.choose import Choice, Selector, choose
from lpm_segmentator.study.dicom.describe import Described

SHORT = {"slices": 4, "spacing_mm": (16.0, 16.0, 4.0)}


def axial(number: int = 5, **tags: object) -> Described:
    return described(number=number, **tags)


def t1(number: int = 6, **tags: object) -> Described:
    return axial(number, **{"description": "t1_tse_tra", "protocol": "t1_tse_tra", **tags})


def sagittal(number: int = 2, **tags: object) -> Described:
    return described(
        "sagittal", **{"number": number, "spacing_mm": (8.0, 8.0, 5.0), "slices": 9, **tags}
    )


def slab(height_mm: float, tilt_deg: float, **tags: object) -> Described:
    return described(**SHORT, tilt_deg=tilt_deg, center_mm=(0.0, 0.0, height_mm), **tags)


def chosen(choice: Choice) -> list[tuple[int | None, ...]]:
    """Series numbers of what is segmented."""
    return [tuple(image.tags.number for image in c.images) for c in choice.chosen]


def reasons(choice: Choice) -> dict[int | None, str]:
    return {image.tags.number: reason for image, reason in choice.others}


def named(images: list[Described], *texts: str) -> Choice:
    return choose(images, [Selector(text) for text in texts])


def test_a_dixon_pair_goes_before_t2w_and_t2w_before_t1w():
    images = [t1(), axial(), *scan_of(10)]
    choice = choose(images)
    assert chosen(choice) == [(10, 11)]
    assert choice.chosen[0].rank == 1
    assert reasons(choice) == {
        6: "the Dixon pair series of the examination is preferred",
        5: "the Dixon pair series of the examination is preferred",
        12: "in-phase image of a Dixon scan",
        13: "opposed-phase image of a Dixon scan",
    }
    choice = choose(images[:2])
    assert chosen(choice) == [(5,)]
    assert reasons(choice) == {6: "the T2w series of the examination is preferred"}
    assert chosen(choose(images[:1])) == [(6,)]


def test_series_named_lumbar_go_before_those_that_name_no_part():
    choice = choose([axial(5), axial(6, body_part="LSPINE")])
    assert chosen(choice) == [(6,)]
    assert choice.chosen[0].reasons == ("axial T2w", "by description", "lumbar by header")
    (reason,) = reasons(choice).values()
    assert "whose header names the lumbar spine" in reason


def test_the_roles_of_a_candidate_are_those_of_its_images_in_the_case():
    (single,) = choose([axial()]).chosen
    (pair,) = choose(scan_of(10)).chosen
    (stacks,) = choose([slab(h, t) for h, t in ((40, -8), (0, 2), (-40, 15))]).chosen
    assert list(single.roles) == ["image"]
    assert pair.roles == {"water": pair.image, "fat": pair.fat}
    assert list(stacks.roles) == ["stack-1", "stack-2", "stack-3"]
    for candidate in (single, pair, stacks):
        assert candidate.images == tuple(candidate.roles.values())
        assert candidate.images[0] is candidate.image


def test_images_as_acquired_go_before_those_derived_from_them():
    derived = axial(6, image_type=("DERIVED", "SECONDARY", "AVERAGE"), body_part="LSPINE")
    choice = choose([axial(5), derived])
    assert chosen(choice) == [(5,)]
    assert "that was not derived from other images" in reasons(choice)[6]
    alone = choose([derived])
    assert chosen(alone) == [(6,)]
    assert "derived from other images" in alone.chosen[0].reasons
    # the kind of image matters more
    assert chosen(choose([derived, t1(7, body_part="LSPINE")])) == [(6,)]


def test_ties_are_all_segmented():
    assert chosen(choose([axial(5), axial(6)])) == [(5,), (6,)]
    pairs = scan_of(10, protocol="pre_dixon") + scan_of(20, protocol="post_dixon")
    assert chosen(choose(pairs)) == [(10, 11), (20, 21)]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (sagittal(9), "sagittal, not axial"),
        (described("coronal", number=9), "coronal, not axial"),
        (axial(9, modality="CT"), "modality is CT"),
        (axial(9, description="localizer"), "localiser"),
        (axial(9, description="t2_tse_fs_tra"), "fat-suppressed"),
        (axial(9, body_part="THIGH", description="t2_tra"), "another part of the body (thigh)"),
        (axial(9, study_description="MRI neck"), "another part of the body (neck)"),
        (axial(9, body_part="ABDOMEN"), "another part of the body (abdomen)"),
        (axial(9, description="pd", protocol="pd", te_ms=20.0), "contrast not known"),
        (axial(9, image_type=("DERIVED", "SECONDARY", "MPR")), "MPR"),
        (dixon("in-phase", 9), "in-phase image of a Dixon scan"),
        (axial(9, image_type=("DERIVED", "PRIMARY", "FF")), "fat-fraction image"),
        (dixon("water", 9), "there is no fat image of the same scan"),
        (dixon("fat", 9), "there is no water image of the same scan"),
        (axial(9, problem="1 of 8 slices are missing"), "slices are missing"),
    ],
)
def test_what_is_not_segmented_has_a_reason(image, reason):
    alone = choose([image])
    assert not alone.chosen
    assert alone.sagittal is None
    assert reason in reasons(alone)[9]
    beside = choose([axial(5), image])
    assert chosen(beside) == [(5,)]
    assert beside.sagittal is not None or reason in reasons(beside)[9]


def test_in_phase_and_opposed_phase_images_alone_are_no_pair():
    images = [dixon("in-phase", 12), dixon("opposed-phase", 13)]
    choice = choose(images)
    assert not choice.chosen
    assert set(reasons(choice)) == {12, 13}
    assert all("do not tell whether water or fat predominates" in r
               for r in reasons(choice).values())  # fmt: skip
    # beside others they are no reason to refuse these
    assert chosen(choose([*images, axial(5)])) == [(5,)]


def test_a_thigh_scan_does_not_displace_the_spine():
    thighs = scan_of(20, protocol="thigh_dixon_tra", center_mm=(0.0, 0.0, -500.0))
    choice = choose([axial(5), *thighs])
    assert chosen(choice) == [(5,)]
    assert reasons(choice)[20] == "another part of the body (thigh)"


def test_stacks_of_one_scan_are_one_case_from_foot_to_head():
    images = [slab(40, -8), slab(0, 2), slab(-40, 15)]
    (candidate,) = choose(images).chosen
    assert candidate.stacks == tuple(images[::-1])
    assert candidate.image is images[2]
    assert candidate.reasons[0] == "axial T2w in 3 stacks"


def test_a_repeated_stack_and_a_long_one_are_cases_of_their_own():
    images = [slab(40, -8), slab(0, 2), slab(0, 2, number=7), axial(8)]
    assert sorted(len(c.images) for c in choose(images).chosen) == [1, 1, 2]


def test_the_sagittal_series_shows_the_levels():
    """T2w before T1w, without fat suppression, and of those the one of most slices."""
    t1w = {"description": "t1_sag", "protocol": "t1_sag"}
    images = [
        sagittal(1, **t1w), sagittal(2, description="t2_fs_sag"), sagittal(3, slices=5),
        sagittal(4), axial(5),
    ]  # fmt: skip
    order = []
    while (found := choose(images).sagittal) is not None:
        order.append(found.tags.number)
        images.remove(found)
    assert order == [4, 3, 1, 2]


@pytest.mark.parametrize(
    "tags",
    [
        {"frame_of_reference": "1.8"},
        {"center_mm": (0.0, 0.0, 900.0)},
        {"modality": "CT"},
        {"description": "localizer"},
        {"problem": "slices are missing"},
    ],
)
def test_a_sagittal_series_elsewhere_or_unsuitable_shows_no_levels(tags):
    assert choose([sagittal(**tags), axial()]).sagittal is None


@pytest.mark.parametrize("frames", [("", "1.9"), ("1.9", ""), ("", ""), ("1.9", "1.9")])
def test_a_frame_of_reference_that_is_not_stated_contradicts_none(frames):
    one, other = frames
    images = [sagittal(frame_of_reference=one), axial(frame_of_reference=other)]
    assert choose(images).sagittal is images[0]


def test_of_two_sagittal_series_the_one_that_shows_more_of_the_height_is_taken():
    high = {"center_mm": (0.0, 0.0, 70.0)}
    images = [sagittal(1, slices=11, **high), sagittal(2), sagittal(3, **high), axial()]
    assert choose(images).sagittal is images[1]


def test_a_sagittal_series_need_not_show_every_stack():
    stacks = [slab(h, t) for h, t in ((40, -8), (0, 2), (-40, 15))]
    series = sagittal(2, center_mm=(0.0, 0.0, 75.0))
    assert choose([series, *stacks]).sagittal is series


def test_series_are_named_by_uid_number_or_text():
    images = [axial(5, series="1.2.3"), t1(6), axial(15)]
    assert chosen(named(images, "1.2.3")) == [(5,)]
    assert chosen(named(images, "15")) == [(15,)]
    assert chosen(named(images, "T1_tse")) == [(6,)]
    assert chosen(named(images, "5", "6")) == [(5,), (6,)]
    assert reasons(named(images, "6"))[5] == "another series was named"


def test_naming_an_image_of_a_dixon_scan_gives_the_pair():
    images = [axial(5), *scan_of(10)]
    assert chosen(named(images, "11")) == [(10, 11)]
    assert chosen(named(images, "dixon_tra_W")) == [(10, 11)]


def test_a_named_series_is_segmented_whatever_its_header_says():
    images = [axial(5), axial(9, description="t2_fs_tra", body_part="PELVIS"), sagittal(2)]
    choice = named(images, "9")
    assert chosen(choice) == [(9,)]
    assert choice.chosen[0].reasons == ("named by the user",)
    assert choice.sagittal is images[2]


def test_a_named_scan_of_another_part_of_the_body_is_a_pair_too():
    images = scan_of(20, protocol="thigh_dixon_tra")
    assert not choose(images).chosen
    choice = named(images, "20")
    assert chosen(choice) == [(20, 21)]
    assert choice.chosen[0].fat is images[1]


def test_a_named_series_of_stacks_is_one_case():
    images = [slab(h, t, description="t2_fs_tra") for h, t in ((40, -8), (0, 2), (-40, 15))]
    assert not choose(images).chosen
    (candidate,) = named(images, "5").chosen
    assert candidate.stacks == tuple(images[::-1])


def test_a_named_series_that_is_no_axial_image_is_not_segmented():
    for image in (sagittal(9), axial(9, problem="slices are missing")):
        choice = named([axial(5), image], "9")
        assert not choice.chosen
        assert choice.sagittal is None


def test_every_image_is_used_once_or_has_one_reason():
    images = [
        sagittal(1), sagittal(2), axial(5), t1(6), *scan_of(10), *scan_of(20), slab(0, 2),
        axial(30, description="localizer"), dixon("fat", 40, center_mm=(0.0, 0.0, 9.0)),
    ]  # fmt: skip
    choice = choose(images)
    used = [image for candidate in choice.chosen for image in candidate.images]
    listed = [*used, choice.sagittal, *(image for image, _ in choice.others)]
    assert sorted(map(id, listed)) == sorted(map(id, images))
    assert all(reason for _, reason in choice.others)
    assert choose([]).chosen == ()
