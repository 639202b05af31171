from __future__ import annotations

import numpy as np
import pytest

from lpm_segmentator.core import Volume
from lpm_segmentator.levels import look
from lpm_segmentator.levels.chain import Chain, Node
from lpm_segmentator.levels.look import look_closer
from lpm_segmentator.levels.planes import SagittalPlanes, sagittal_planes

DISC_MM = np.array([2.0, 12.0, -10.0])
UP = np.array([0.0, 0.0, 1.0])


class Seeing:
    """Knows where a disc is, and tells it for every patch that is cut."""

    def __init__(self, tilt: float = 0.0) -> None:
        self.centres: list[np.ndarray] = []
        self._tilt = tilt

    def patches_around(self, _: SagittalPlanes, centre_mm: np.ndarray) -> np.ndarray:
        self.centres += [centre_mm] * 3
        return np.zeros((3, 4, 48, 48), np.float32)

    def look(self, patches: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        off = DISC_MM - np.array(self.centres[-len(patches) :])
        # right, below, behind
        places = np.column_stack([off[:, 0], -off[:, 2], -off[:, 1]])
        tilts = np.full((len(patches), 1), self._tilt)
        names = np.full((len(patches), 7), 1 / 7)
        return names, np.hstack([places, tilts])


def looked(
    monkeypatch: pytest.MonkeyPatch, spine: Volume, model: Seeing, *centres: np.ndarray
) -> Chain:
    monkeypatch.setattr(look, "patches_around", model.patches_around)
    scores = np.linspace(0.8, 0.4, len(centres))
    nodes = tuple(Node(c, UP, float(s), 50.0) for c, s in zip(centres, scores, strict=True))
    chain, names = look_closer(Chain(nodes), sagittal_planes(spine), model)  # type: ignore[arg-type]
    assert names.shape == (len(chain.nodes), 7)
    return chain


def test_a_disc_is_centred(monkeypatch: pytest.MonkeyPatch, spine: Volume) -> None:
    start = DISC_MM + np.array([4.0, 6.0, 8.0])
    chain = looked(monkeypatch, spine, Seeing(), start)
    assert np.allclose(chain.nodes[0].centre_mm, DISC_MM)
    assert chain.nodes[0].below_mm == pytest.approx(50.0 - 8.0)


def test_a_look_from_afar_is_followed_by_a_nearer_one(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    # 24 mm away: one look moves no further than 15 mm.
    chain = looked(monkeypatch, spine, Seeing(), DISC_MM + np.array([0.0, 0.0, 24.0]))
    assert np.allclose(chain.nodes[0].centre_mm, DISC_MM)


def test_the_plane_is_turned_as_its_front_lies(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    chain = looked(monkeypatch, spine, Seeing(tilt=np.radians(30)), DISC_MM)
    # The front is lower: the normal leans to the front, which is +A.
    assert np.allclose(chain.nodes[0].normal, [0, 0.5, np.sqrt(3) / 2])


def test_two_that_prove_to_be_one_are_one(monkeypatch: pytest.MonkeyPatch, spine: Volume) -> None:
    near = DISC_MM + np.array([0.0, 0.0, 9.0])
    chain = looked(monkeypatch, spine, Seeing(), DISC_MM, near)
    assert [node.score for node in chain.nodes] == [0.8]


def test_the_maps_and_the_look_are_averaged_where_they_agree(
    monkeypatch: pytest.MonkeyPatch, spine: Volume
) -> None:
    start = DISC_MM + np.array([0.0, 0.0, 2.0])
    chain = looked(monkeypatch, spine, Seeing(), start)
    assert np.allclose(chain.nodes[0].centre_mm, (DISC_MM + start) / 2)
