"""Compute the masks that the tests compare with, with nnU-Net itself.

Run it in an environment that has ``nnunet==1.7.1`` (for the version 1 cases) or ``nnunetv2``::

    python benchmarks/nnunet_golden.py tests/segment/nnunet/golden.npz --version 2

Masks of the other version in the file are kept. Version 1's code predates current numpy, scipy and
torch: names that it imports and that no longer exist are provided here, and its own preprocessing,
network, sliding window and export are run in one process.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import types
from pathlib import Path

import nibabel as nib
import numpy as np

from common import argument_parser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nnunet_cases import CASES, affine, image, write_case


def main() -> None:
    """Write the masks of one version into the file."""
    parser = argument_parser(__doc__)
    parser.add_argument("golden", type=Path)
    parser.add_argument("--version", type=int, choices=(1, 2), required=True)
    arguments = parser.parse_args()
    for name in ("raw_data_base", "preprocessed", "raw", "results"):
        os.environ.setdefault(f"nnUNet_{name}", tempfile.gettempdir())
    os.environ.setdefault("RESULTS_FOLDER", tempfile.gettempdir())
    masks = dict(np.load(arguments.golden)) if arguments.golden.exists() else {}
    predict = predict_v1 if arguments.version == 1 else predict_v2
    for name, case in CASES.items():
        if case["version"] != arguments.version:
            continue
        with tempfile.TemporaryDirectory() as work:
            model = write_case(name, Path(work) / "model")
            path = Path(work) / "case_0000.nii.gz"
            nib.save(nib.Nifti1Image(image(case["shape"]), affine(case["spacing"])), path)
            with contextlib.redirect_stdout(io.StringIO()):
                mask = predict(model, path, case.get("folds", ("0",)))
        masks[name] = mask.astype(np.uint8)
        print(f"{name:24} {mask.shape} {np.bincount(mask.ravel(), minlength=5)}")
    np.savez_compressed(arguments.golden, **masks)


def predict_v2(model: Path, path: Path, folds: tuple[str, ...]) -> np.ndarray:
    """Return nnU-Net v2's labels of an image."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=False, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), tuple(int(f) for f in folds))
    out = path.with_name("mask")
    predictor.predict_from_files_sequential([[str(path)]], [str(out)])
    return np.asanyarray(nib.load(f"{out}.nii.gz").dataobj)


def predict_v1(model: Path, path: Path, folds: tuple[str, ...]) -> np.ndarray:
    """Return nnU-Net v1's labels of an image."""
    provide_old_names()
    import torch
    from batchgenerators.utilities.file_and_folder_operations import load_pickle
    from nnunet.inference.segmentation_export import save_segmentation_nifti_from_softmax
    from nnunet.training.network_training.nnUNetTrainerV2 import nnUNetTrainerV2

    trainer = probabilities = None
    for fold in folds:
        checkpoint = model / f"fold_{fold}" / "model_final_checkpoint.model"
        info = load_pickle(f"{checkpoint}.pkl")
        if trainer is None:
            trainer = nnUNetTrainerV2(*info["init"])
            trainer.print_to_log_file = lambda *_, **__: None
            trainer.process_plans(info["plans"])
            trainer.initialize_network()
            trainer.regions_class_order = None
            data, _, properties = trainer.preprocess_patient([str(path)])
        state = torch.load(checkpoint, weights_only=False)["state_dict"]
        trainer.network.load_state_dict(state)
        each = trainer.predict_preprocessed_data_return_seg_and_softmax(
            data, do_mirroring=False, mirror_axes=(), mixed_precision=False, verbose=False
        )[1]
        probabilities = each if probabilities is None else probabilities + each
    probabilities /= len(folds)
    backward = trainer.plans["transpose_backward"]
    export = trainer.plans.get("segmentation_export_params") or {}
    out = path.with_name("mask.nii.gz")
    save_segmentation_nifti_from_softmax(
        probabilities.transpose([0, *(a + 1 for a in backward)]),
        str(out),
        properties,
        export.get("interpolation_order", 1),
        force_separate_z=export.get("force_separate_z"),
        interpolation_order_z=export.get("interpolation_order_z", 0),
    )
    return np.asanyarray(nib.load(out).dataobj)


class _Anything(types.ModuleType):
    """A module in which every name is a class: for imports that version 1 does not use here."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda *_, **__: None})


class _Finder:
    unused = (
        "nnunet.evaluation.",
        "nnunet.training.data_augmentation",
        "nnunet.training.dataloading",
        "nnunet.training.loss_functions",
        "medpy",
    )

    def find_spec(self, name: str, *_: object) -> object:
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self, is_package=True) if name.startswith(self.unused) else None

    def create_module(self, spec: types.SimpleNamespace) -> types.ModuleType:
        return _Anything(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def provide_old_names() -> None:
    """Make nnU-Net v1 importable with current packages."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    import scipy.ndimage
    import torch

    sys.meta_path.insert(0, _Finder())
    for old in ("interpolation", "filters"):
        sys.modules[f"scipy.ndimage.{old}"] = scipy.ndimage
    scheduler = torch.optim.lr_scheduler
    scheduler._LRScheduler = scheduler.LRScheduler


if __name__ == "__main__":
    main()
