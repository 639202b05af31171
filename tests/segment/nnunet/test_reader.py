"""nnU-Net v2's image readers: the axes that the model sees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lpm_segmentator.core import ModelError
from lpm_segmentator.core.transform import reorient
from lpm_segmentator.core.volume import Volume
from lpm_segmentator.models.convert import convert_model
from lpm_segmentator.segment.nnunet.bundle import read_bundle, write_bundle
from lpm_segmentator.segment.nnunet.plans_v2 import spec_from_plans
from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor
from lpm_segmentator.segment.nnunet.reader import READERS, Turn, turn_of
from lpm_segmentator.segment.nnunet.source import read_model_folder
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from nnunet_cases import image
from nnunet_models import ANISOTROPIC, v2_dataset, v2_plans, write_v2

PLANS = v2_plans((8, 32, 32), (4.0, 1.0, 1.0), ANISOTROPIC)
TURNING = ["NibabelIOWithReorient", "SimpleITKIOWithReorient"]
ORIENTATIONS = [
    "".join(codes) for axes in permutations(("RL", "AP", "SI")) for codes in product(*axes)
]


def _spec(reader: object = None, **dataset: object) -> ModelSpec:
    plans = {k: v for k, v in PLANS.items() if k != "image_reader_writer"}
    if reader is not None:
        plans["image_reader_writer"] = reader
    return spec_from_plans(
        plans,
        v2_dataset(**dataset),
        configuration="3d_fullres",
        trainer="nnUNetTrainer",
        where=Path("model"),
    )


def _affine(
    codes: str, spacing: Sequence[float], angles: Sequence[float] = (0, 0, 0)
) -> np.ndarray:
    """An affine whose axes grow to the directions of the codes, then rotated by the angles."""
    affine = np.eye(4)
    steps = np.zeros((3, 3))
    for axis, (code, step) in enumerate(zip(codes, spacing, strict=True)):
        row = next(r for r, pair in enumerate(("RL", "AP", "SI")) if code in pair)
        steps[row, axis] = step if code in "RAS" else -step
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ steps
    affine[:3, 3] = 10, -20, 30
    return affine


@given(st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()), st.data())
def test_a_turn_can_be_undone(order, flips, data):
    shape = data.draw(st.tuples(*(st.integers(1, 4),) * 3))
    array = np.arange(np.prod(shape)).reshape(shape)
    turn = Turn(tuple(order), flips)
    np.testing.assert_array_equal(turn.undo(turn.apply(array)), array)


@pytest.mark.parametrize("codes", ORIENTATIONS)
@pytest.mark.parametrize("reader", TURNING)
def test_every_orientation_is_turned_to_right_anterior_superior(reader, codes):
    array = np.arange(60.0).reshape(3, 4, 5)
    affine = _affine(codes, (0.8, 0.9, 4.0), (5, -8, 12))
    expected = reorient(Volume(array, affine), "RAS").array
    np.testing.assert_array_equal(turn_of(reader, affine).apply(array), expected)


@pytest.mark.parametrize("reader", ["SimpleITKIO", "NibabelIO"])
def test_other_readers_use_the_axes_as_stored(reader):
    assert turn_of(reader, _affine("SPL", (1, 1, 4))) == Turn()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("codes", ["LPS", "RAS", "PSR", "ILA"])
def test_the_axes_are_those_of_nnunets_own_reader(reader, codes, tmp_path):
    """Also where the axes of an oblique image are nearly as close to one direction as another."""
    registry = pytest.importorskip("nnunetv2.imageio.reader_writer_registry")
    read = registry.recursive_find_reader_writer_by_name(reader)().read_images
    rng = np.random.default_rng(0)
    array = rng.integers(0, 999, (3, 4, 5)).astype(np.int16)
    for angles in [(0, 0, 0), (44, 3, 2), (46, -3, 2), *rng.uniform(-90, 90, (12, 3))]:
        path = tmp_path / "case_0000.nii.gz"
        nib.save(nib.Nifti1Image(array, _affine(codes, (0.8, 0.9, 4.0), angles)), path)
        theirs, properties = read((str(path),))
        turn = turn_of(reader, nib.load(path).affine)
        np.testing.assert_array_equal(turn.apply(array).transpose(2, 1, 0), theirs[0])
        spacing = [(0.8, 0.9, 4.0)[turn.order[axis]] for axis in (2, 1, 0)]
        np.testing.assert_allclose(spacing, properties["spacing"], rtol=1e-5)


def test_the_plans_take_precedence_over_the_dataset():
    turning, other = "NibabelIOWithReorient", "NibabelIO"
    assert _spec(turning).reader == turning
    assert _spec(other, overwrite_image_reader_writer=turning).reader == other
    assert _spec(None, overwrite_image_reader_writer=turning).reader == turning
    assert _spec(None, overwrite_image_reader_writer="None").reader == "SimpleITKIO"
    assert _spec(None).reader == "SimpleITKIO"


@pytest.mark.parametrize("reader", ["Tiff3DIO", "NaturalImage2DIO", "MyReader", 3])
def test_other_readers_are_refused_by_name(reader):
    with pytest.raises(ModelError, match=rf"reader {reader} .*NibabelIOWithReorient") as caught:
        _spec(reader)
    assert "SimpleITKIO," in str(caught.value)


def _model(folder: Path, reader: str) -> Path:
    pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
    return write_v2(folder, {**PLANS, "image_reader_writer": reader}, seed=3)


def test_bundles_keep_the_reader(tmp_path):
    model = read_model_folder(_model(tmp_path / "model", "NibabelIOWithReorient"))
    (tmp_path / "bundle").mkdir()
    content = write_bundle(model, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").spec.reader == "NibabelIOWithReorient"
    convert_model(tmp_path / "model", tmp_path / "converted")
    assert read_model_folder(tmp_path / "converted").spec == model.spec
    # as written before the reader was stored
    del content["spec"]["reader"]
    (tmp_path / "bundle" / "model.json").write_text(json.dumps(content))
    assert read_bundle(tmp_path / "bundle").spec.reader == "SimpleITKIO"
    content["spec"]["reader"] = "MyReader"
    (tmp_path / "bundle" / "model.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match="damaged"):
        read_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("reader", TURNING)
def test_the_mask_does_not_depend_on_how_the_image_is_stored(reader, tmp_path):
    pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")
    predictor = NnUnetPredictor(read_model_folder(_model(tmp_path / "m", reader)), mode="exact")
    spec = replace(predictor.model.spec, reader="SimpleITKIO")
    plain = NnUnetPredictor(replace(predictor.model, spec=spec), mode="exact")
    volume = Volume(image((30, 34, 9), seed=1), _affine("RAS", (0.8, 0.9, 3.5), (4, 5, -6)))
    expected = plain.predict(volume).labels
    assert len(np.unique(expected.array)) > 2
    for codes in ("RAS", "LPS", "SLA"):
        stored = reorient(volume, codes)
        prediction = predictor.predict(stored)
        assert prediction.labels.geometry == stored.geometry
        assert prediction.warnings == ()
        back = reorient(prediction.labels, "RAS").array
        np.testing.assert_array_equal(back, expected.array)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("codes", ["LPS", "SLA"])
def test_exact_mode_gives_nnunets_own_labels(reader, codes, tmp_path):
    pytest.importorskip("nnunetv2", reason="needs nnunetv2 (the extra train)")
    pytest.importorskip("openvino", reason="needs openvino (the extra nnunet)")
    from nnunet_golden import predict_v2

    folder = _model(tmp_path / "model", reader)
    path = tmp_path / "case_0000.nii.gz"
    shape, spacing = (
        ((14, 44, 52), (3.5, 0.8, 0.9)) if codes == "SLA" else ((44, 52, 13), (0.8,) * 3)
    )
    nib.save(nib.Nifti1Image(image(shape, seed=1), _affine(codes, spacing, (20, 11, -30))), path)
    expected = predict_v2(folder, path, ("0",))
    predictor = NnUnetPredictor(read_model_folder(folder), mode="exact")
    stored = nib.load(path)
    labels = predictor.predict(Volume(np.asanyarray(stored.dataobj), stored.affine)).labels
    assert (labels.array == expected).mean() >= 0.999
