"""``lpm train adapt``: from folders of images and masks to a model that runs."""

from __future__ import annotations

import json
import sys

import nibabel as nib
import numpy as np
import pytest

from lpm_segmentator.cli.main import main
from lpm_segmentator.models import ModelStore
from phantoms import write_pair, write_reference

pytest.importorskip("torch", reason="needs torch (the extra train)")
pytest.importorskip("onnx", reason="needs onnx (the extra train)")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LPM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def study(tmp_path):
    """Two Dixon pairs with corrected masks."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for seed, case in enumerate(("A", "B")):
        write_pair(tmp_path / "images", case, seed)
        write_reference(tmp_path / "masks", case, seed)
    return tmp_path


@pytest.fixture
def base(tmp_path):
    from adaptation import tiny_base

    return tiny_base(tmp_path / "tiny.onnx")


@pytest.fixture
def quick(monkeypatch):
    """Train a few small steps only."""
    from adaptation import QUICK

    monkeypatch.setattr("lpm_segmentator.train.adapt.run.AdaptConfig", lambda: QUICK)


def adapt(study, *more):
    images, masks = study / "images", study / "masks"
    arguments = ["train", "adapt", "--images", images, "--masks", masks, "--name", "mine", *more]
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    return left.value.code


def test_a_model_is_installed_listed_and_run(study, base, quick, capsys):
    assert adapt(study, "--base", base, "--force", "--json") == 0
    done = json.loads(capsys.readouterr().out)
    assert done["model"] == "mine"
    assert [(row["case"], row["contrast"]) for row in done["scores"]] == [
        ("A", "Dixon"),
        ("B", "Dixon"),
    ]
    assert (study / "adapt-mine" / "evaluation.csv").is_file()
    with pytest.raises(SystemExit):
        main(["models", "info", "mine"])
    text = capsys.readouterr().out
    assert "  cases: 2\n" in text
    assert "  cross_validation:\n| contrast |" in text
    arguments = ["segment", study / "images", "--model", "mine", "-o", study / "out"]
    with pytest.raises(SystemExit) as left:
        main([*map(str, arguments), "--keep-low-confidence", "--quiet"])
    assert left.value.code == 0
    assert len(list((study / "out").glob("*_dseg.nii.gz"))) == 4


def test_a_useless_adaptation_is_said_to_be_one(study, base, quick, capsys, monkeypatch):
    monkeypatch.setattr("lpm_segmentator.train.adapt.evaluation.LEAST_GAIN", 1)
    assert adapt(study, "--base", base) == 0
    text = capsys.readouterr().out
    assert "| Dixon | foreground | 2 |" in text
    assert "not recommended: the foreground Dice of held-out subjects changes by" in text
    assert "not installed; add cases, or install it nevertheless (--force)" in text
    assert "mine" not in ModelStore()


def _edit(study, change):
    path = study / "masks" / "A_dseg.nii.gz"
    image = nib.load(path)
    array, affine = change(np.asarray(image.dataobj).copy(), image.affine.copy())
    nib.Nifti1Image(array, affine).to_filename(path)


def test_masks_with_unknown_labels_are_named(study, base, capsys):
    _edit(study, lambda array, affine: (np.where(array == 2, 7, array).astype(np.uint8), affine))
    assert adapt(study, "--base", base) == 2
    text = capsys.readouterr().err
    assert "1 of 2 cases cannot be used" in text
    assert "unknown label values [7]" in text
    assert not (study / "adapt-mine").exists()


def test_masks_on_other_grids_are_named(study, base, capsys):
    def moved(array, affine):
        affine[0, 3] += 7.3
        return array, affine

    _edit(study, moved)
    assert adapt(study, "--base", base) == 2
    assert "1 of 2 cases cannot be used" in capsys.readouterr().err


def test_an_ignored_label_is_accepted(study, base, quick, capsys):
    def marked(array, affine):
        array[0, 0] = 9
        return array, affine

    _edit(study, marked)
    assert adapt(study, "--base", base, "--ignore-label", "9", "--force", "--quiet") == 0


def test_another_contrast_of_the_same_files_is_another_adaptation(study, base, quick, capsys):
    for case in ("A", "B"):
        (study / "images" / f"{case}_fat.nii.gz").unlink()
        (study / "images" / f"{case}_water.nii.gz").rename(study / "images" / f"{case}.nii.gz")
    assert adapt(study, "--base", base, "--contrast", "T1w", "--force", "--quiet") == 0
    assert adapt(study, "--base", base, "--contrast", "water", "--force", "--quiet") == 2
    assert "another adaptation; its cases differ" in capsys.readouterr().err


def test_one_subject_needs_force(study, base, capsys):
    assert adapt(study, "--base", base, "--subject-pattern", "^(?=.)") == 2
    text = capsys.readouterr().err
    assert "cannot be cross-validated" in text
    assert "--force" in text


def test_without_masks_there_is_nothing_to_do(study, base, capsys):
    for path in (study / "masks").iterdir():
        path.rename(path.with_name(f"other{path.name}"))
    assert adapt(study, "--base", base) == 2
    assert "belongs to any of the" in capsys.readouterr().err


def test_a_missing_torch_is_named(study, capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "lpm_segmentator.train.adapt.run", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("lpm_segmentator.train.")]:
        monkeypatch.delitem(sys.modules, name)
    assert adapt(study) == 2
    assert "lpm-segmentator[train]" in capsys.readouterr().err
