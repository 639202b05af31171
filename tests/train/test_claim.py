"""A folder serves one training; a damaged identity is that of another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lpm_segmentator.core import InputError, ModelError, Remedy
from lpm_segmentator.io import write_json
from lpm_segmentator.train.claim import check_claim


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LPM_HOME", str(tmp_path / "home"))


IDENTITY = {"cases": ["A"], "options": {"folds": 5}}


def claim(path: Path, identity: dict[str, object], name: str = "mine") -> str:
    return check_claim(
        path, identity, name, what="training", inputs="images", replace_existing=False
    )


def test_the_same_training_has_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    key = claim(path, IDENTITY)
    assert not path.exists()
    write_json(IDENTITY, path)
    assert claim(path, dict(IDENTITY)) == key


def test_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.json"
    write_json({**IDENTITY, "cases": ["B"], "more": 1}, path)
    with pytest.raises(InputError, match="another training; its cases and more differ") as caught:
        claim(path, IDENTITY)
    assert caught.value.remedies == (Remedy.OUTPUT,)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cases and options differ"):
        claim(path, IDENTITY)


def test_a_name_that_is_not_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="comes with the package"):
        claim(tmp_path / "training.json", IDENTITY, "embedded")
