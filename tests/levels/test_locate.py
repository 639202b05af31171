from __future__ import annotations

import numpy as np
import pytest

from box_spine import body_centre, disc_centre
from lpm_segmentator.core import Disc, Geometry, GeometryError, InputError, Remedy, Volume
from lpm_segmentator.levels.locate import Anchor, find_levels
from lpm_segmentator.levels.planes import plane_geometry, sagittal_planes


class KnowingModel:
    """Answers with the maps of a spine that is known, as far as it is in view, and its names."""

    def __init__(self, volume: Volume, *, unsure: bool = False) -> None:
        geometry = sagittal_planes(volume).geometry
        world = geometry.voxel_to_world(np.moveaxis(np.indices(geometry.shape), 0, -1))
        self._maps = np.zeros((7, *geometry.shape), np.float32)
        self._unsure = unsure
        for index in range(6):
            middle = (body_centre(index) + body_centre(index + 1)) / 2
            off = (world - middle) / np.array([14.0, 8.0, 2.8])
            heat = np.exp(-0.5 * (off**2).sum(-1))
            self._maps[5] = np.maximum(self._maps[5], heat)

    def maps(self, planes: np.ndarray) -> np.ndarray:
        assert planes.shape == self._maps.shape[1:]
        return self._maps

    def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the head: thoracic, L1-L2 … as far as the discs in view, three looks at each."""
        assert patches.shape[1:] == (4, 48, 48)
        looks = np.repeat(np.arange(len(patches) // 3), 3)
        places = np.zeros((len(patches), 4), np.float32)
        if self._unsure:
            return np.full((len(patches), 7), 1 / 7, np.float32), places
        return np.eye(7, dtype=np.float32)[looks] * 0.88 + 0.02, places


def test_finds_all_five_discs_above_the_sacrum(spine: Volume) -> None:
    levels = find_levels(spine, KnowingModel(spine))  # type: ignore[arg-type]
    assert [found.disc for found in levels.discs] == list(Disc)
    assert levels.warnings == ()
    for found in levels.discs:
        assert np.linalg.norm(np.asarray(found.centre_mm) - disc_centre(found.disc)) < 1.5
        assert found.normal[2] > 0.97
        assert found.confidence > 0.8


def test_a_single_mid_sagittal_slice_is_sufficient(spine: Volume) -> None:
    affine = spine.affine.copy()
    affine[:3, 3] += 6 * affine[:3, 0]  # to x = 2, where the spine lies
    single = Volume(spine.array[6:7], affine)
    levels = find_levels(single, KnowingModel(single))  # type: ignore[arg-type]
    assert [found.disc for found in levels.discs] == list(Disc)
    for found in levels.discs:
        assert np.linalg.norm(np.asarray(found.centre_mm) - disc_centre(found.disc)) < 1.5


def test_says_when_the_sacrum_is_not_in_view(spine: Volume) -> None:
    cut = Volume(spine.array[:, :110], spine.affine)  # down to -80 mm, above L5-S1
    levels = find_levels(cut, KnowingModel(cut))  # type: ignore[arg-type]
    assert any(str(Remedy.ANCHOR) in warning for warning in levels.warnings)
    assert all(found.confidence <= 0.5 for found in levels.discs)


def test_says_when_the_names_are_doubtful(spine: Volume) -> None:
    levels = find_levels(spine, KnowingModel(spine, unsure=True))  # type: ignore[arg-type]
    assert any(str(Remedy.ANCHOR) in warning for warning in levels.warnings)


def test_faint_discs_are_listed(spine: Volume) -> None:
    class Faint(KnowingModel):
        def maps(self, planes: np.ndarray) -> np.ndarray:
            found = super().maps(planes).copy()
            middle = disc_centre(Disc.L2_L3)[2]
            rows = np.abs(140 - 2 * np.arange(found.shape[2]) - middle) < 15
            found[:, :, rows] *= 0.27
            return found

    levels = find_levels(spine, Faint(spine))  # type: ignore[arg-type]
    assert levels.warnings == ("faint in the image: L2-L3; check their position",)
    assert levels.named_surely
    found = levels.find(Disc.L2_L3)
    assert found is not None
    assert found.confidence < 0.5


@pytest.mark.parametrize(("rows", "said"), [(125, True), (127, True), (129, False)])
def test_says_when_the_image_ends_just_below_the_sacrum(
    spine: Volume, rows: int, *, said: bool
) -> None:
    # L5-S1 lies 12, 16 and 20 mm above the edge.
    cut = Volume(spine.array[:, :rows], spine.affine)
    levels = find_levels(cut, KnowingModel(cut))  # type: ignore[arg-type]
    assert any("too close to distinguish" in warning for warning in levels.warnings) == said


def test_says_when_the_edge_cuts_the_disc_below_l5_s1(spine: Volume) -> None:
    class OneUp(KnowingModel):
        def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            names, places = super().look(patches)
            shifted = np.roll(names, 1, axis=1)  # the lowest disc looks like the sacrum
            return 0.5 * shifted + 0.5 / 7, places

    cut = Volume(spine.array[:, :121], spine.affine)  # L5-S1 lies 4 mm above the edge
    levels = find_levels(cut, OneUp(cut))  # type: ignore[arg-type]
    assert any("edge of the image cuts" in warning for warning in levels.warnings)
    assert all(found.confidence <= 0.5 for found in levels.discs)


@pytest.mark.parametrize(("formed", "said"), [(0.4, True), (0.2, False)])
def test_says_when_the_disc_below_l5_s1_resembles_it(
    spine: Volume, formed: float, *, said: bool
) -> None:
    class Transitional(KnowingModel):
        def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            names = np.full((len(patches), 7), 0.02)
            for look, kind in enumerate(np.repeat(np.arange(1, 6), 3)):  # L1-L2 to L5-S1
                names[look, kind] = 0.88
            names[-3:, -2:] = formed, 0.9 - formed  # the lowest: L5-S1, or within the sacrum
            return names, np.zeros((len(patches), 4))

    levels = find_levels(spine, Transitional(spine))  # type: ignore[arg-type]
    lowest = levels.find(Disc.L5_S1)
    assert lowest is not None
    assert np.linalg.norm(np.asarray(lowest.centre_mm) - disc_centre(Disc.L4_L5)) < 1.5
    assert any("well formed" in warning for warning in levels.warnings) == said
    assert levels.named_surely != said


def test_a_missed_disc_leaves_its_number_out(spine: Volume) -> None:
    class Missing(KnowingModel):
        def maps(self, planes: np.ndarray) -> np.ndarray:
            found = super().maps(planes).copy()
            middle = disc_centre(Disc.L3_L4)[2]
            rows = np.abs(140 - 2 * np.arange(found.shape[2]) - middle) < 15
            found[:, :, rows] = 0
            return found

        def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            names = np.full((len(patches), 7), 0.02)
            for look, kind in enumerate(np.repeat([0, 1, 2, 4, 5], 3)):
                names[look, kind] = 0.88
            return names, np.zeros((len(patches), 4))

    levels = find_levels(spine, Missing(spine))  # type: ignore[arg-type]
    assert levels.find(Disc.L3_L4) is None
    for disc in (Disc.L2_L3, Disc.L4_L5, Disc.L5_S1):
        found = levels.find(disc)
        assert found is not None
        assert np.linalg.norm(np.asarray(found.centre_mm) - disc_centre(disc)) < 1.5
    assert any("a disc may have been missed" in warning for warning in levels.warnings)


def test_an_anchor_settles_the_count(spine: Volume) -> None:
    axial = Geometry((100, 100, 80), np.diag([1.0, 1.0, 4.0, 1.0]))
    axial = axial.shifted((-50, -50, -40), (100, 100, 80))
    index = round(float(axial.world_to_voxel(disc_centre(Disc.L3_L4))[2]))
    anchor = Anchor(Disc.L4_L5, index, axial)
    levels = find_levels(spine, KnowingModel(spine), anchor=anchor)  # type: ignore[arg-type]
    found = levels.find(Disc.L4_L5)
    assert found is not None
    assert np.linalg.norm(np.asarray(found.centre_mm) - disc_centre(Disc.L3_L4)) < 1.5
    assert any("the anchor names L4-L5 where the image shows L3-L4" in w for w in levels.warnings)


def test_an_anchor_that_agrees_or_settles_a_doubt_is_not_warned_of(spine: Volume) -> None:
    axial = Geometry((100, 100, 80), np.diag([1.0, 1.0, 4.0, 1.0]))
    axial = axial.shifted((-50, -50, -40), (100, 100, 80))
    index = round(float(axial.world_to_voxel(disc_centre(Disc.L3_L4))[2]))
    for disc, unsure in ((Disc.L3_L4, False), (Disc.L4_L5, True)):
        model = KnowingModel(spine, unsure=unsure)
        levels = find_levels(spine, model, anchor=Anchor(disc, index, axial))  # type: ignore[arg-type]
        assert not any("the anchor names" in warning for warning in levels.warnings)


def test_an_anchor_between_discs_is_refused(spine: Volume) -> None:
    far = Anchor(Disc.L4_L5, 79, Geometry((9, 9, 80), np.diag([1.0, 1.0, 10.0, 1.0])))
    with pytest.raises(GeometryError, match="no disc was found near"):
        find_levels(spine, KnowingModel(spine), anchor=far)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "diagonal", "message"),
    [
        ((200, 20, 200), (1.0, 5.0, 1.0), "coronal"),
        ((200, 200, 1), (1.0, 1.0, 4.0), "single slice"),
        ((200, 200, 10), (1.0, 1.0, 4.0), "from head to foot"),
        ((200, 200, 10), (1.0, 1.0, 15.0), "localiser"),
    ],
)
def test_images_that_show_no_discs_are_refused(
    shape: tuple[int, int, int], diagonal: tuple[float, ...], message: str
) -> None:
    volume = Volume(np.zeros(shape, np.float32), np.diag([*diagonal, 1.0]))
    with pytest.raises(GeometryError, match=message):
        find_levels(volume, None)  # type: ignore[arg-type]


def test_nothing_is_invented_where_there_is_no_spine(spine: Volume) -> None:
    class Empty:
        def maps(self, planes: np.ndarray) -> np.ndarray:
            return np.zeros((7, *planes.shape), np.float32)

    with pytest.raises(InputError, match="no lumbar spine"):
        find_levels(spine, Empty())  # type: ignore[arg-type]


def test_planes_cover_the_image_at_the_models_spacing(sagittal_geometry: Geometry) -> None:
    planes = plane_geometry(sagittal_geometry)
    assert planes.spacing_mm == pytest.approx((4.0, 2.0, 2.0))
    assert np.allclose(planes.centre_mm, sagittal_geometry.centre_mm)
