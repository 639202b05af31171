"""The process in which nnU-Net plans, preprocesses and trains.

`job.run_job` starts it as ``python -m lpm_segmentator.train.nnunet.worker JOB.json``. nnU-Net reads
its folders from the environment, changes global settings and writes to the terminal; in a separate
process this does not affect the program. Events are written to standard output as one JSON object
per line; all output of nnU-Net goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any
from unittest.mock import patch

__all__ = ["main"]

Emit = Callable[..., None]
_WORKERS = "nnUNet_n_proc_DA"


class _Threads:
    """The part of `multiprocessing` that nnU-Net uses, with threads instead of processes.

    Pools of processes need semaphores, which restricted containers forbid, start the program again
    for each worker, and never return if a worker dies.
    """

    @staticmethod
    def get_context(_: str) -> type[_Threads]:
        return _Threads

    @staticmethod
    def Pool(count: int) -> ThreadPool:  # noqa: N802 - multiprocessing's name
        return ThreadPool(count)


def main() -> None:
    """Run the job that is described in the file given as argument."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def emit(step: str, **values: Any) -> None:
        channel.write(json.dumps({"step": step, **values}) + "\n")

    prepare(job, emit)
    for fold in job["folds"]:
        train_fold(job, fold, emit)


def _folder(kind: str, job: dict[str, Any]) -> Path:
    return Path(os.environ[f"nnUNet_{kind}"], job["dataset"])


def prepare(job: dict[str, Any], emit: Emit) -> None:
    """Plan and preprocess, unless already done.

    Parameters
    ----------
    job : dict
        Written by `job.run_job`.
    emit : callable
        Reports an event: its step, and values by keyword.
    """
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor
    from nnunetv2.experiment_planning.experiment_planners import default_experiment_planner
    from nnunetv2.preprocessing.preprocessors import default_preprocessor

    folder = _folder("preprocessed", job)
    done = folder / "prepared.json"
    if done.is_file():
        return
    os.environ[_WORKERS] = "1"  # the planner requires a number
    with (
        patch.object(fingerprint_extractor, "multiprocessing", _Threads),
        patch.object(default_preprocessor, "multiprocessing", _Threads),
    ):
        emit("fingerprint")
        extractor = fingerprint_extractor.DatasetFingerprintExtractor(job["dataset"], 1)
        extractor.run(overwrite_existing=True)
        emit("plan")
        planner = default_experiment_planner.ExperimentPlanner(
            job["dataset"], job["memory_gb"], plans_name=job["plans"]
        )
        planner.UNet_base_num_features = job["features"]
        planner.plan_experiment()
        emit("preprocess")
        default_preprocessor.DefaultPreprocessor(verbose=False).run(
            job["dataset"], job["configuration"], job["plans"], num_processes=job["threads"]
        )
    (folder / "splits_final.json").write_text(json.dumps(job["splits"]), encoding="utf-8")
    done.write_text("{}", encoding="utf-8")


def train_fold(job: dict[str, Any], fold: int, emit: Emit) -> None:
    """Train one fold, from its last checkpoint if there is one.

    Parameters
    ----------
    job : dict
        Written by `job.run_job`.
    fold : int
    emit : callable
        Reports an event: its step, and values by keyword.
    """
    import torch

    torch.set_num_threads(job["threads"])
    os.environ[_WORKERS] = str(job["workers"])
    folder = _folder("preprocessed", job)
    plans, dataset = (
        json.loads((folder / name).read_text(encoding="utf-8"))
        for name in (f"{job['plans']}.json", "dataset.json")
    )
    if job["configuration"] not in plans["configurations"]:
        planned = ", ".join(plans["configurations"])
        emit(
            "refused",
            what=f"nnU-Net did not plan the configuration {job['configuration']} for these images, "
            f"only {planned}",
        )
        sys.exit(1)
    results = _folder("results", job) / job["results"] / f"fold_{fold}"
    if (results / "checkpoint_final.pth").is_file():
        return
    checkpoints = [results / f"checkpoint_{which}.pth" for which in ("latest", "best")]
    checkpoints = [path for path in checkpoints if path.is_file()]
    device = job["device"]
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = _trainer_class(job, fold, emit)(
        plans={**plans, "continue_training": bool(checkpoints)},
        configuration=job["configuration"],
        fold=fold,
        dataset_json=dataset,
        device=torch.device(device),
    )
    if checkpoints:
        trainer.load_checkpoint(str(checkpoints[0]))
    trainer.run_training()


def _trainer_class(job: dict[str, Any], fold: int, emit: Emit) -> Any:
    """Return nnU-Net's trainer with the job's length, progress events, and atomic checkpoints."""
    base: Any = _named_trainer(job["trainer"], emit)

    class Trainer(base):  # type: ignore[misc]
        def __init__(
            self, plans: Any, configuration: str, fold: int, dataset_json: Any, device: Any
        ) -> None:
            super().__init__(plans, configuration, fold, dataset_json, device)
            self.num_epochs = job["epochs"]
            self.num_iterations_per_epoch = job["iterations"]
            self.num_val_iterations_per_epoch = max(1, job["iterations"] // 5)
            self.save_every = job["save_every"]
            self.iteration = 0

        def on_train_epoch_start(self) -> None:
            self.iteration = 0
            super().on_train_epoch_start()

        def train_step(self, batch: Any) -> Any:
            result = super().train_step(batch)
            self.iteration += 1
            emit("train", fold=fold, done=self.current_epoch * job["iterations"] + self.iteration)
            return result

        def save_checkpoint(self, filename: str) -> None:
            path = Path(filename)
            temporary = path.with_name(f"part-{path.name}")
            super().save_checkpoint(str(temporary))
            temporary.replace(path)

    # Keep the trainer's name, so that nnU-Net can load the model.
    Trainer.__name__ = base.__name__
    return Trainer


def _named_trainer(name: str, emit: Emit) -> Any:
    """Return one of nnU-Net's trainers.

    nnU-Net's own search imports all of them, including packages that need a GPU.
    """
    package = import_module("nnunetv2.training.nnUNetTrainer")
    root = Path(package.__path__[0])
    for path in sorted(root.rglob("*.py")):
        if f"\nclass {name}(" in path.read_text(encoding="utf-8"):
            parts = path.relative_to(root).with_suffix("").parts
            return getattr(import_module(".".join([package.__name__, *parts])), name)
    emit("refused", what=f"nnU-Net has no trainer named {name!r}")
    sys.exit(1)


if __name__ == "__main__":
    main()
