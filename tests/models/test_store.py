from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core import ModelError, OutputError, Volume
from lpm_segmentator.models import ModelStore, convert_model, load_predictor
from lpm_segmentator.models.store import default_home
from lpm_segmentator.segment import Predictor
from model_server import serve
from nnunet_models import ANISOTROPIC, RunsCode, v1_plans, v2_dataset, v2_plans, write_v1, write_v2

pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")

V1 = v1_plans((8, 16, 16), (4.0, 1.0, 1.0), ANISOTROPIC, base=2)
V2 = v2_plans((8, 16, 16), (4.0, 1.0, 1.0), ANISOTROPIC, base=2)
PUBLISHED_LAYOUT = "nnUNet/3d_fullres/Task515_x/nnUNetTrainerV2_noMirroring__nnUNetPlansv2.1"


@pytest.fixture
def store(tmp_path, monkeypatch) -> ModelStore:
    """The user's store, in a folder of the test."""
    monkeypatch.setenv("LPM_HOME", str(tmp_path / "home"))
    return ModelStore()


@pytest.fixture
def v1(tmp_path) -> Path:
    return write_v1(tmp_path / "results", V1, folds=("0", "1"))


def _zipped(folder: Path, archive: Path, inside: str) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for path in folder.rglob("*"):
            if path.is_file():
                opened.write(path, f"{inside}/{path.relative_to(folder).as_posix()}")
        opened.writestr(f"{inside}/fold_0/training_log.txt", "not needed")
    return archive


def _files(store: ModelStore) -> dict[str, bytes]:
    return {
        str(p.relative_to(store.folder)): p.read_bytes()
        for p in store.folder.rglob("*")
        if p.is_file()
    }


def test_a_folder_is_installed_listed_described_and_run(store, v1):
    installed = store.install(v1, name="mine", card={"citation": "Me"})
    assert installed.info.kind == "nnunet-v1-3d"
    assert installed.info.citation == "Me"
    assert len(installed.info.sha256) == 64
    assert [m.name for m in store.list()] == ["mine"]
    assert store.get("mine").to_dict() == installed.to_dict()
    predictor = load_predictor("mine")
    assert isinstance(predictor, Predictor)
    assert predictor.info.name == "mine"
    assert predictor.info.sha256 == installed.info.sha256
    volume = Volume(np.random.default_rng(0).normal(size=(20, 18, 9)), np.diag([1.0, 1, 4, 1]))
    assert predictor.predict(volume).labels.geometry == volume.geometry


def test_installing_twice_is_harmless_and_another_model_needs_replace(store, v1, tmp_path):
    first = store.install(v1, name="mine")
    assert store.install(v1, name="mine").to_dict() == first.to_dict()
    other = write_v1(tmp_path / "other", V1, seed=9)
    with pytest.raises(ModelError, match="another model is named 'mine'"):
        store.install(other, name="mine")
    assert store.get("mine").info.sha256 == first.info.sha256
    assert store.install(other, name="mine", replace_existing=True).info.sha256 != (
        first.info.sha256
    )
    assert [p.name for p in store.folder.iterdir()] == ["mine"]


def test_the_published_zip_is_installed_under_its_name(store, v1, tmp_path):
    archive = _zipped(v1, tmp_path / "nnUNet_trained_models.zip", PUBLISHED_LAYOUT)
    installed = store.install(archive, name="lpm-2025")
    assert installed.info.citation.endswith("10.1148/ryai.240833")
    assert [p.name for p in sorted(installed.folder.iterdir())] == ["fold_1.npz", "model.json"]
    content = json.loads((installed.folder / "model.json").read_text())
    assert content["card"]["orientation"] == "LPS"
    assert content["source"]["file"] == archive.name
    assert len(content["source"]["sha256"]) == 64


def test_the_published_name_says_how_to_get_the_model(store):
    for request in (lambda: store.install("lpm-2025"), lambda: load_predictor("lpm-2025")):
        with pytest.raises(ModelError) as caught:
            request()
        text = str(caught.value)
        assert "Download nnUNet_trained_models.zip from https://drive.google.com/" in text
        assert "install the file under the name 'lpm-2025' (name=NAME)" in text


def test_a_v2_zip_is_installed_under_the_files_name(store, tmp_path):
    folder = write_v2(tmp_path / "m", V2)
    archive = _zipped(folder, tmp_path / "My Model.zip", "Dataset515/trainer__plans__3d_fullres")
    assert store.install(archive).name == "my-model"


def test_a_model_outside_the_store_is_opened(v1, tmp_path, store):
    predictor = load_predictor(v1)
    converted = convert_model(v1, tmp_path / "converted")
    assert load_predictor(converted).info.sha256 == predictor.info.sha256
    installed = store.install(converted, name="again")
    assert installed.info.sha256 == predictor.info.sha256
    with pytest.raises(OutputError, match="not an empty folder"):
        convert_model(v1, converted)


def test_unknown_models_are_reported(store, v1, tmp_path):
    store.install(v1, name="mine")
    with pytest.raises(ModelError, match="available: embedded, mine"):
        load_predictor("other")
    with pytest.raises(ModelError, match="no such file or folder"):
        load_predictor(tmp_path / "nothing.zip")
    with pytest.raises(ModelError, match="no such file or folder"):
        store.install(tmp_path / "nothing.zip")


def test_remove(store, v1):
    store.install(v1, name="mine")
    store.remove("mine")
    assert store.list() == []
    assert list(store.folder.iterdir()) == []


def test_a_damaged_model_is_removed_and_the_embedded_one_is_not(store, v1):
    store.install(v1, name="mine")
    (store.folder / "mine" / "model.json").write_text("x")
    store.remove("mine")
    assert store.list() == []
    with pytest.raises(ModelError, match="part of the package"):
        store.remove("embedded")


@pytest.mark.parametrize("name", ["Mine", "../mine", "", "a b", ".hidden", "x" * 80])
def test_names_that_cannot_be_folders(store, v1, name):
    with pytest.raises(ModelError, match=r"not a valid model name.*name=NAME"):
        store.install(v1, name=name or " ")
    assert list(store.folder.iterdir()) == []


def _bad_sources(tmp_path: Path) -> dict[str, Path]:
    good = write_v1(tmp_path / "good", V1)
    truncated = shutil.copytree(good, tmp_path / "truncated")
    weights = truncated / "fold_0" / "model_final_checkpoint.model"
    weights.write_bytes(weights.read_bytes()[:2000])
    evil = shutil.copytree(good, tmp_path / "evil")
    (evil / "plans.pkl").write_bytes(pickle.dumps(RunsCode(os.system, "touch was_here")))
    escaping = tmp_path / "escaping.zip"
    with zipfile.ZipFile(escaping, "w") as archive:
        archive.writestr("../../../evil.pkl", "x")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("holiday.jpg", "x")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"\x08\x01nonsense")
    without_plans = shutil.copytree(good, tmp_path / "without_plans")
    (without_plans / "plans.pkl").unlink()
    weights_alone = tmp_path / "weights.zip"
    with zipfile.ZipFile(weights_alone, "w") as archive:
        archive.write(good / "fold_0" / "model_final_checkpoint.model", "fold_0/a.model")
    half = tmp_path / "half.zip"
    data = _zipped(good, tmp_path / "whole.zip", "x").read_bytes()
    half.write_bytes(data[: len(data) // 2])
    four = v1_plans((8, 16, 16), (4, 1, 1), ANISOTROPIC, base=2, modalities=4)
    regions = v2_dataset(labels={"background": 0, "all": [1, 2], "core": 2})
    return {
        r"truncated.*truncated or damaged": truncated,
        r"refused": evil,
        r"escaping\.zip: refused": escaping,
        r"other\.zip: the zip holds no model, only holiday\.jpg": other,
        r"weights\.zip: plans\.pkl is missing": weights_alone,
        r"half\.zip: is damaged": half,
        r"a \.txt file": text,
        r"a checkpoint without its plans": good / "fold_0" / "model_final_checkpoint.model",
        r"broken\.onnx": broken,
        r"plans\.pkl is missing": without_plans,
        r"4 input images.*Supported are": write_v1(tmp_path / "four", four),
        r"cascade.*Supported are": write_v1(
            tmp_path / "cascade", V1, trainer="nnUNetTrainerV2CascadeFullRes"
        ),
        r"region-based.*Supported are": write_v2(tmp_path / "regions", V2, dataset=regions),
    }


def test_a_refused_source_leaves_the_store_as_it_was(store, v1, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.install(v1, name="mine")
    before = _files(store)
    for message, source in _bad_sources(tmp_path).items():
        with pytest.raises(ModelError, match=message) as caught:
            store.install(source, name="mine", replace_existing=True)
        assert ".incoming" not in str(caught.value)
        assert _files(store) == before, message
        assert [p.name for p in store.folder.iterdir()] == ["mine"], message
    assert not (tmp_path / "was_here").exists()
    assert not list(tmp_path.rglob("evil.pkl"))


def test_a_full_disk_leaves_the_store_as_it_was(store, v1, tmp_path, monkeypatch):
    store.install(v1, name="mine")
    before = _files(store)

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="disk is full"):
        store.install(write_v1(tmp_path / "b", V1, seed=3), name="mine", replace_existing=True)
    assert _files(store) == before
    assert [p.name for p in store.folder.iterdir()] == ["mine"]


def test_a_store_that_cannot_be_written(tmp_path, v1):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="LPM_HOME"):
        ModelStore(tmp_path / "file").install(v1, name="mine")


def test_changed_weights_are_not_run(store, v1):
    installed = store.install(v1, name="mine")
    weights = installed.folder / "fold_0.npz"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        load_predictor("mine")


def test_a_damaged_description_is_reported(store, v1):
    folder = store.install(v1, name="mine").folder
    (folder / "model.json").write_text('{"format": "lpm-nnunet-1", "card": 3}')
    with pytest.raises(ModelError, match=r"damaged.*replace_existing=True"):
        store.get("mine")


def test_home_is_taken_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("LPM_HOME", str(tmp_path))
    assert default_home() == tmp_path
    assert ModelStore().folder == tmp_path / "models"
    monkeypatch.delenv("LPM_HOME")
    assert "lpm-segmentator" in str(default_home())


def test_a_model_is_installed_from_an_address(store, v1, tmp_path):
    data = _zipped(v1, tmp_path / "a.zip", "x").read_bytes()
    steps = []
    with serve(data) as url:
        installed = store.install(url, progress=lambda done, total: steps.append((done, total)))
    assert installed.name == "model"
    assert installed.source["url"] == url
    assert steps[-1] == (len(data), len(data))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"cut": 500}, "interrupted"), ({"kind": "text/html"}, "web page")],
)
def test_a_download_that_fails_leaves_the_store_as_it_was(store, v1, tmp_path, options, message):
    store.install(v1, name="model")
    before = _files(store)
    other = write_v1(tmp_path / "other", V1, seed=5)
    data = _zipped(other, tmp_path / "a.zip", "x").read_bytes()
    with serve(data, **options) as url, pytest.raises(ModelError, match=message):
        store.install(url, replace_existing=True)
    assert _files(store) == before
    assert [p.name for p in store.folder.iterdir()] == ["model"]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "https://drive.google.com/file/d/x/view"])
def test_an_address_that_cannot_be_downloaded_leaves_the_store_empty(store, url):
    with pytest.raises(ModelError):
        store.install(url)
    assert list(store.folder.iterdir()) == []
