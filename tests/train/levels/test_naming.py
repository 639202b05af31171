"""The naming network: it learns, resumes, and exports probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from lpm_segmentator.core import InputError
from lpm_segmentator.train.levels.config import NamingConfig
from lpm_segmentator.train.levels.naming import export_naming, train_naming
from lpm_segmentator.train.levels.patches import SubjectPatches
from training import InterruptError, interrupt_at


def patches_of(name: str) -> SubjectPatches:
    """Patches whose class and vertical position is the brightest of seven rows."""
    random = np.random.default_rng(len(name))
    classes = np.arange(28) % 7
    patches = random.normal(size=(28, 4, 48, 48)).astype(np.float16)
    for patch, kind in zip(patches, classes, strict=True):
        patch[:3, 6 * kind : 6 * kind + 6] += 3
    places = np.full((28, 4), np.nan, np.float32)
    places[:20] = np.column_stack([0 * classes, 6.0 * (classes - 3), 0 * classes, 0 * classes])[:20]
    return SubjectPatches(name, patches, classes, places)


def test_names_are_learnt_and_an_interrupted_run_resumes(
    tmp_path: Path,
) -> None:
    config = NamingConfig(steps=45, batch_size=16, seed=1)
    whole = train_naming(["a_water", "b_spinecho"], patches_of, config, tmp_path / "whole.pt")
    with pytest.raises(InterruptError):
        train_naming(
            ["a_water", "b_spinecho"],
            patches_of,
            config,
            tmp_path / "interrupted.pt",
            progress=interrupt_at(20),
        )
    again = train_naming(["a_water", "b_spinecho"], patches_of, config, tmp_path / "interrupted.pt")
    new = patches_of("longer_name_water")
    images = torch.from_numpy(new.patches).float()
    with torch.no_grad():
        scores, places = whole(images)
        for one, other in zip((scores, places), again(images), strict=True):
            assert torch.allclose(one, other, atol=1e-3)
    assert (scores.argmax(1).numpy() == new.classes).mean() > 0.8
    error = np.abs(places.numpy() - new.places)[:20, 1]
    assert np.median(error) < 4.0  # the places lie 6 mm apart


def test_another_run_does_not_resume(tmp_path: Path) -> None:
    train_naming(["a_water"], patches_of, NamingConfig(steps=1, batch_size=2), tmp_path / "n.pt")
    with pytest.raises(InputError, match="another run"):
        train_naming(
            ["b_water"], patches_of, NamingConfig(steps=1, batch_size=2), tmp_path / "n.pt"
        )


def test_the_exported_network_gives_probabilities(tmp_path: Path) -> None:
    import onnxruntime

    config = NamingConfig(steps=1, batch_size=2)
    network = train_naming(["a_water"], patches_of, config, tmp_path / "n.pt")
    export_naming(network, tmp_path / "names.onnx", {})
    session = onnxruntime.InferenceSession(str(tmp_path / "names.onnx"))
    for count in (1, 5):
        images = np.zeros((count, 4, 48, 48), np.float32)
        names, places = session.run(["names", "places"], {"image": images})
        assert names.shape == (count, 7)
        assert places.shape == (count, 4)
        assert np.allclose(names.sum(1), 1, atol=1e-5)
