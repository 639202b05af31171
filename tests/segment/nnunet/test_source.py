"""Models that are read, and the messages for those that are not."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from lpm_segmentator.core.errors import InputError, ModelError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import Volume
from lpm_segmentator.segment.nnunet.bundle import read_bundle, write_bundle
from lpm_segmentator.segment.nnunet.labels import checked_labels
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.shapes import expected_shapes
from lpm_segmentator.segment.nnunet.source import read_model_folder
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from nnunet_cases import CASES, write_case
from nnunet_models import (
    ANISOTROPIC,
    v1_plans,
    v2_dataset,
    v2_plans,
    write_v1,
    write_v2,
)

pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")

PATCH, SPACING = (8, 16, 16), (4.0, 1.0, 1.0)
V1 = v1_plans(PATCH, SPACING, ANISOTROPIC, base=2)
V2 = v2_plans(PATCH, SPACING, ANISOTROPIC, base=2)


@pytest.fixture
def v1(tmp_path) -> Path:
    return write_v1(tmp_path / "v1", V1, folds=("0", "1", "all"))


@pytest.fixture
def v2(tmp_path) -> Path:
    return write_v2(tmp_path / "v2", V2, folds=("0", "1"))


def test_the_published_layout_is_found(tmp_path):
    inner = "nnUNet/3d_fullres/Task515_x/nnUNetTrainerV2_noMirroring__nnUNetPlansv2.1"
    write_v1(tmp_path / inner, V1, folds=("1",))
    model = read_model_folder(tmp_path)
    assert model.spec.configuration == "3d_fullres"
    assert [f.name for f in model.folds] == ["1"]


def test_numbered_folds_are_taken_unless_others_are_asked_for(v1):
    assert [f.name for f in read_model_folder(v1).folds] == ["0", "1"]
    assert [f.name for f in read_model_folder(v1, folds=["all"]).folds] == ["all"]
    with pytest.raises(ModelError, match=r"no fold 4; there are 0, 1, all"):
        read_model_folder(v1, folds=["4"])


def test_a_bundle_holds_the_same_model(v2, tmp_path):
    model = read_model_folder(v2)
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_bundle(model, folder)
    again = read_bundle(folder)
    assert again.spec == model.spec
    assert again.sha256 == model.sha256
    assert ModelSpec.from_dict(json.loads(json.dumps(model.spec.to_dict()))) == model.spec


def test_a_changed_bundle_is_refused(v2, tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_bundle(read_model_folder(v2), folder)
    weights = folder / "fold_1.npz"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("plans.pkl", "plans.pkl is missing"),
        ("fold_0/model_final_checkpoint.model.pkl", "model.pkl: the file is missing"),
    ],
)
def test_missing_parts_of_v1_are_named(v1, missing, message):
    (v1 / missing).unlink()
    with pytest.raises(ModelError, match=message):
        read_model_folder(v1)


@pytest.mark.parametrize("missing", ["plans.json", "dataset.json"])
def test_missing_parts_of_v2_are_named(v2, missing):
    (v2 / missing).unlink()
    with pytest.raises(ModelError, match=f"{missing} is missing"):
        read_model_folder(v2)


def test_plans_without_weights(v2):
    shutil.rmtree(v2 / "fold_0")
    shutil.rmtree(v2 / "fold_1")
    with pytest.raises(ModelError, match="no fold with a checkpoint"):
        read_model_folder(v2)


def test_a_folder_of_something_else(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"no nnU-Net model found; the folder holds holiday.jpg"):
        read_model_folder(tmp_path)


def test_two_models_need_a_choice(tmp_path):
    write_v2(tmp_path / "a__3d_fullres", V2)
    write_v2(tmp_path / "b__2d", v2_plans((16, 16), (1.0, 1.0), [(2, 2)], base=2))
    with pytest.raises(ModelError, match=r"2 models match.*configuration=NAME"):
        read_model_folder(tmp_path)
    assert read_model_folder(tmp_path, configuration="2d").spec.network.dimensions == 2


@pytest.mark.parametrize(
    ("trainer", "message"),
    [
        ("nnUNetTrainerV2CascadeFullRes", "cascade"),
        ("nnUNetTrainerV2BraTSRegions_DA4", "region-based"),
        ("nnUNetTrainerV2_ResencUNet", "residual"),
        ("nnUNetTrainerV2_ReLU", "other activations"),
        ("nnUNetTrainerV2_GN", "other activations"),
    ],
)
def test_v1_models_that_cannot_be_run(tmp_path, trainer, message):
    folder = write_v1(tmp_path / "m", V1, trainer=trainer)
    with pytest.raises(ModelError, match=message) as caught:
        read_model_folder(folder)
    assert "Supported are" in str(caught.value)


def test_four_channels_in_v1(tmp_path):
    plans = v1_plans(PATCH, SPACING, ANISOTROPIC, base=2, modalities=4)
    with pytest.raises(ModelError, match=r"4 input images \(MRI, T1, T2, FLAIR\)"):
        read_model_folder(write_v1(tmp_path / "m", plans))


def test_weights_of_a_cascade_under_plans_of_a_single_model(tmp_path):
    """v1's plans do not say whether a model is a cascade's second stage; its weights do."""
    four = v1_plans(PATCH, SPACING, ANISOTROPIC, base=2, modalities=4)
    folder = write_v1(tmp_path / "m", four)
    (folder / "plans.pkl").write_bytes(pickle.dumps(V1))
    description = folder / "fold_0" / "model_final_checkpoint.model.pkl"
    info = pickle.loads(description.read_bytes())
    info["plans"] = V1
    description.write_bytes(pickle.dumps(info))
    with pytest.raises(ModelError, match=r"take 4 input channels.*cascade"):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("plans", "dataset", "message"),
    [
        ({"previous_stage": "3d_lowres"}, {}, "cascade"),
        ({}, {"labels": {"background": 0, "all": [1, 2], "core": 2}}, "region-based"),
        ({}, {"regions_class_order": [1, 2]}, "region-based"),
        ({}, {"channel_names": {"0": "T1", "1": "T2"}}, r"2 input images \(T1, T2\)"),
        ({"normalization_schemes": ["RGBTo01Normalization"]}, {}, "RGBTo01Normalization"),
        ({"resampling_fn_data": "mine"}, {}, "resampling mine"),
        ({"preprocessor_name": "Mine"}, {}, "preprocessor Mine"),
    ],
)
def test_v2_models_that_cannot_be_run(tmp_path, plans, dataset, message):
    changed = v2_plans(PATCH, SPACING, ANISOTROPIC, base=2, **plans)
    folder = write_v2(tmp_path / "m", changed, dataset=v2_dataset(**dataset))
    with pytest.raises(ModelError, match=message):
        read_model_folder(folder)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("norm_op", "torch.nn.BatchNorm3d", "BatchNorm3d"),
        ("nonlin", "torch.nn.GELU", "GELU"),
        ("nonlin_first", True, "before the normalisation"),
        ("n_stages", 9, "incomplete"),
    ],
)
def test_v2_networks_that_cannot_be_built(tmp_path, entry, value, message):
    folder = write_v2(tmp_path / "m", V2)
    plans = json.loads((folder / "plans.json").read_text())
    plans["configurations"]["3d_fullres"]["architecture"]["arch_kwargs"][entry] = value
    (folder / "plans.json").write_text(json.dumps(plans))
    with pytest.raises(ModelError, match=message):
        read_model_folder(folder)


def test_another_architecture(tmp_path):
    folder = write_v2(tmp_path / "m", V2)
    text = (folder / "plans.json").read_text().replace("PlainConvUNet", "Primus")
    (folder / "plans.json").write_text(text)
    with pytest.raises(ModelError, match="architecture Primus"):
        read_model_folder(folder)


def test_weights_of_another_network(tmp_path):
    folder = write_v2(tmp_path / "m", V2)
    (folder / "plans.json").write_text(json.dumps(v2_plans(PATCH, SPACING, ANISOTROPIC, base=3)))
    with pytest.raises(ModelError, match="another size"):
        read_model_folder(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", '{"configurations": 3}'])
def test_damaged_plans(tmp_path, content):
    folder = write_v2(tmp_path / "m", V2)
    (folder / "plans.json").write_text(content)
    with pytest.raises(ModelError):
        read_model_folder(folder)


def test_damaged_v1_plans(v1):
    (v1 / "plans.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ModelError, match="not a file of nnU-Net v1"):
        read_model_folder(v1)


def test_labels_are_mapped_by_name_number_or_card(tmp_path):
    named = v2_dataset(labels={"background": 0, "MF_L": 1, "MF_R": 2, "ES_L": 3, "ES_R": 4})
    spec = read_model_folder(write_v2(tmp_path / "a", V2, dataset=named)).spec
    assert checked_labels(None, spec) == {1: 3, 2: 2, 3: 4, 4: 1}
    assert checked_labels({"1": "ES_R", 2: 4}, spec) == {1: 1, 2: 4}
    plain = read_model_folder(write_v1(tmp_path / "b", V1)).spec
    assert checked_labels(None, plain) == {1: 1, 2: 2, 3: 3, 4: 4}
    for wrong in ({9: 1}, {1: 9}, {"x": 1}, 3):
        with pytest.raises(ModelError, match="label mapping"):
            checked_labels(wrong, plain)


def test_other_labels_need_a_mapping(tmp_path):
    other = v2_dataset(labels={"background": 0, "psoas": 1, "ES": 2, "MF": 3, "QL": 4, "fat": 5})
    with pytest.raises(ModelError, match="weights"):
        read_model_folder(write_v2(tmp_path / "a", V2, dataset=other))
    spec = read_model_folder(write_v2(tmp_path / "b", V2)).spec
    network = spec.network
    six = ModelSpec.from_dict(
        {**spec.to_dict(), "network": {**network.__dict__, "classes": 6}, "label_names": {}}
    )
    with pytest.raises(ModelError, match=r"card\.json"):
        checked_labels(None, six)


def test_the_card_beside_the_model_is_read_and_orients_the_image(v2):

    card = {"name": "mine", "labels": {"1": 4, "2": 3}, "orientation": "LPS", "citation": "Me"}
    (v2 / "card.json").write_text(json.dumps(card))
    predictor = NnUnetPredictor(read_model_folder(v2), mode="exact")
    assert predictor.info.citation == "Me"
    volume = Volume(
        np.random.default_rng(0).normal(size=(20, 18, 9)), np.diag([-1.0, -1.0, 4.0, 1.0])
    )
    expected = predictor.predict(volume).labels
    assert set(np.unique(expected.array)) <= {0, 3, 4}
    turned = predictor.predict(reorient(volume, ("S", "R", "A"))).labels
    assert turned.geometry.axis_codes == ("S", "R", "A")
    np.testing.assert_array_equal(reorient(turned, ("L", "P", "S")).array, expected.array)


def test_an_invalid_orientation_is_refused(v2):
    (v2 / "card.json").write_text(json.dumps({"orientation": "LLS"}))
    with pytest.raises(ModelError, match="orientation"):
        NnUnetPredictor(read_model_folder(v2))


def test_an_empty_image_is_refused(v2):

    with pytest.raises(InputError, match="zero everywhere"):
        NnUnetPredictor(read_model_folder(v2)).predict(Volume(np.zeros((9, 9, 9)), np.eye(4)))


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("patch_size", [10**5, 10**5, 10**5]),
        ("patch_size", [16, 16]),
        ("spacing_mm", [4.0, 0.0, 1.0]),
        ("transpose_forward", [0, 0, 1]),
        ("data_resampling", {"order": 99}),
        ("normalization", []),
        ("network", {}),
        ("network", 3),
    ],
)
def test_a_bundle_with_an_unusable_description_is_refused(v2, tmp_path, entry, value):
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_bundle(read_model_folder(v2), folder)
    content = json.loads((folder / "model.json").read_text())
    content["spec"][entry] = value
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="damaged"):
        read_bundle(folder)


def test_a_bundle_whose_weights_are_of_another_network_is_refused(v2, tmp_path):
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_bundle(read_model_folder(v2), folder)
    content = json.loads((folder / "model.json").read_text())
    content["spec"]["network"]["classes"] = 9
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="another size"):
        read_bundle(folder)


@pytest.mark.parametrize("name", CASES)
def test_the_expected_weights_are_the_networks(name, tmp_path):
    from nnunet_network import UNet

    spec = read_model_folder(write_case(name, tmp_path / "m")).spec.network
    state = UNet(spec).state_dict()
    assert expected_shapes(spec) == {k: tuple(v.shape) for k, v in state.items()}


def test_an_image_stored_otherwise_is_warned_about_where_the_card_names_no_orientation(v2):
    predictor = NnUnetPredictor(read_model_folder(v2))
    array = np.random.default_rng(0).normal(size=(20, 18, 9))
    usual = predictor.predict(Volume(array, np.diag([-1.0, -1.0, 4.0, 1.0])))
    assert usual.warnings == ()
    (warning,) = predictor.predict(Volume(array, np.diag([1.0, 1.0, 4.0, 1.0]))).warnings
    assert "RAS" in warning


def test_v1_plans_that_hold_only_the_number_of_poolings(tmp_path):
    """As before nnU-Net v1.2: an axis with fewer poolings starts later."""
    pools = ((1, 2, 2), (1, 2, 2), (2, 2, 2))
    plans = v1_plans((16, 32, 32), SPACING, pools, base=2)
    (stage,) = plans["plans_per_stage"].values()
    stage["conv_kernel_sizes"] = [[3, 3, 3]] * 4
    expected = read_model_folder(write_v1(tmp_path / "new", plans)).spec
    old = copy.deepcopy(plans)
    (stage,) = old["plans_per_stage"].values()
    del stage["pool_op_kernel_sizes"], stage["conv_kernel_sizes"]
    folder = write_v1(tmp_path / "old", plans)
    (folder / "plans.pkl").write_bytes(pickle.dumps(old))
    description = folder / "fold_0" / "model_final_checkpoint.model.pkl"
    info = pickle.loads(description.read_bytes())
    description.write_bytes(pickle.dumps({**info, "plans": old}))
    assert read_model_folder(folder).spec == expected


@pytest.mark.parametrize("kind", ["PlainConvUNet", "ResidualEncoderUNet"])
def test_v2_plans_without_an_architecture(tmp_path, kind):
    """As before nnU-Net v2.5: the entries of the network belong to the configuration."""
    plans = v2_plans(PATCH, SPACING, ANISOTROPIC, base=2, kind=kind)
    expected = read_model_folder(write_v2(tmp_path / "new", plans)).spec
    folder = write_v2(tmp_path / "old", plans)
    old = copy.deepcopy(plans)
    (configuration,) = old["configurations"].values()
    kwargs = configuration.pop("architecture")["arch_kwargs"]
    blocks = "n_conv_per_stage" if kind == "PlainConvUNet" else "n_blocks_per_stage"
    configuration |= {
        "UNet_class_name": kind,
        "UNet_base_num_features": 2,
        "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": kwargs[blocks],
        "n_conv_per_stage_decoder": kwargs["n_conv_per_stage_decoder"],
        "conv_kernel_sizes": kwargs["kernel_sizes"],
        "pool_op_kernel_sizes": kwargs["strides"],
    }
    (folder / "plans.json").write_text(json.dumps(old))
    assert read_model_folder(folder).spec == expected
