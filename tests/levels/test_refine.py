from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import Volume
from lpm_segmentator.levels import refine
from lpm_segmentator.levels.chain import Chain, Node
from lpm_segmentator.levels.planes import SagittalPlanes, sagittal_planes
from lpm_segmentator.levels.refine import refine_chain

L4_L5, L5_S1 = 4, 5
DISC_MM = np.array([2.0, 12.0, -10.0])
NEXT_MM = DISC_MM + np.array([3.0, 4.0, -33.0])
UP = np.array([0.0, 0.0, 1.0])


def off(*mm: float) -> np.ndarray:
    return DISC_MM + np.array(mm)


class Seeing:
    """Knows where discs are, and tells it for every patch that is cut."""

    def __init__(self, discs: dict[int, np.ndarray], *, tilt: float = 0.0) -> None:
        self._discs, self._tilt = discs, tilt
        self._centres: list[np.ndarray] = []

    def patches_around(self, _: SagittalPlanes, centre_mm: np.ndarray) -> np.ndarray:
        self._centres += [centre_mm] * 3
        return np.zeros((3, 4, 48, 48), np.float32)

    def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        names, places = zip(*map(self._seen, self._centres[-len(patches) :]), strict=True)
        return np.array(names), np.array(places)

    def _seen(self, centre_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = {kind: disc - centre_mm for kind, disc in self._discs.items()}
        kind, (right, front, up) = min(steps.items(), key=lambda seen: np.linalg.norm(seen[1]))
        name = np.eye(7)[kind] * 0.86 + 0.02
        if np.linalg.norm(steps[kind]) > 25:
            return np.full(7, 1 / 7), np.zeros(4)
        return name, np.array([right, -up, -front, self._tilt])


def looked(
    monkeypatch: pytest.MonkeyPatch,
    spine: Volume,
    model: Seeing,
    *centres: np.ndarray,
    below_mm: float = 80.0,
) -> Chain:
    monkeypatch.setattr(refine, "patches_around", model.patches_around)
    scores = [0.8, 0.7, 0.2][: len(centres)]
    nodes = tuple(Node(c, UP, s, below_mm) for c, s in zip(centres, scores, strict=True))
    chain, names = refine_chain(Chain(nodes), sagittal_planes(spine), model)  # type: ignore[arg-type]
    assert names.shape == (len(chain.nodes), 7)
    return chain


def test_a_disc_is_centred(monkeypatch: pytest.MonkeyPatch, spine: Volume) -> None:
    chain = looked(monkeypatch, spine, Seeing({L5_S1: DISC_MM}), off(4, 6, 8))
    assert np.allclose(chain.nodes[0].centre_mm, DISC_MM)
    assert chain.nodes[0].below_mm == pytest.approx(80.0 - 8.0)


def test_a_look_from_afar_is_followed_by_a_nearer_one(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    # 24 mm away: one look moves no further than 15 mm.
    chain = looked(monkeypatch, spine, Seeing({L5_S1: DISC_MM}), off(0, 0, 24))
    assert np.allclose(chain.nodes[0].centre_mm, DISC_MM)


def test_the_plane_is_turned_as_its_front_lies(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    model = Seeing({L5_S1: DISC_MM}, tilt=np.radians(30))
    chain = looked(monkeypatch, spine, model, DISC_MM)
    # The front is lower: the normal leans to the front, which is +A.
    assert np.allclose(chain.nodes[0].normal, [0, 0.5, np.sqrt(3) / 2])


def test_the_maps_and_the_look_are_averaged_where_they_agree(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    chain = looked(monkeypatch, spine, Seeing({L5_S1: DISC_MM}), off(0, 0, 2))
    assert np.allclose(chain.nodes[0].centre_mm, off(0, 0, 1))


def test_two_that_prove_to_be_one_are_one(monkeypatch: pytest.MonkeyPatch, spine: Volume) -> None:
    chain = looked(monkeypatch, spine, Seeing({L5_S1: DISC_MM}), DISC_MM, off(0, 0, -9))
    assert [node.score for node in chain.nodes] == [0.8]


def test_l5_s1_is_looked_for_where_the_maps_miss_it(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    model = Seeing({L4_L5: DISC_MM, L5_S1: NEXT_MM})
    chain = looked(monkeypatch, spine, model, DISC_MM)
    assert len(chain.nodes) == 2
    assert np.allclose(chain.nodes[1].centre_mm, NEXT_MM)
    assert chain.nodes[1].below_mm == pytest.approx(80.0 - 33.0)


@pytest.mark.parametrize(
    ("discs", "below_mm"),
    [
        ({L4_L5: DISC_MM}, 80.0),  # nothing is seen there
        ({L4_L5: DISC_MM, L4_L5 - 1: NEXT_MM}, 80.0),  # another disc than is due
        ({L4_L5: DISC_MM, L5_S1: NEXT_MM}, 36.0),  # it would lie at the edge of the image
        ({L4_L5: DISC_MM, L5_S1: off(0, 0, -17)}, 80.0),  # too near
    ],
)
def test_no_l5_s1_is_made_up(
    monkeypatch: pytest.MonkeyPatch, spine: Volume, discs: dict[int, np.ndarray], below_mm: float
) -> None:
    chain = looked(monkeypatch, spine, Seeing(discs), DISC_MM, below_mm=below_mm)
    assert len(chain.nodes) == 1


def test_a_faint_lowest_disc_that_looks_like_none_is_taken_off(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    model = Seeing({L4_L5: off(0, 0, 35), L5_S1: DISC_MM})
    aside = off(40, 0, -30)  # far from any disc
    chain = looked(monkeypatch, spine, model, off(0, 0, 35), DISC_MM, aside)
    assert len(chain.nodes) == 2
    assert np.allclose(chain.nodes[1].centre_mm, DISC_MM)
