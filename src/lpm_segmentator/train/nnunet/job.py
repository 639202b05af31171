"""The options of a training, and the process that does it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lpm_segmentator.core import InputError, LpmError, MissingExtraError, OutputError
from lpm_segmentator.io import write_json
from lpm_segmentator.train.nnunet.cases import silent

__all__ = ["Configuration", "TrainingOptions", "check_nnunet", "results_folder", "run_job"]

Configuration = Literal["2d", "3d_fullres"]
Progress = Callable[[str, int, int], None]
_LAST_LINES = 5
_FOLDERS = ("raw", "preprocessed", "results")


@dataclass(frozen=True)
class TrainingOptions:
    """What decides a training, beside the data.

    Attributes
    ----------
    name
        Of the model.
    configuration
        nnU-Net's ``2d`` or ``3d_fullres``.
    folds
        Into how many parts the subjects are divided.
    trainer
        nnU-Net's trainer. The default does not mirror: a mirrored back would teach that left is
        right.
    epochs, iterations
        Length of a training; by default nnU-Net's 1000 epochs of 250 iterations.
    quick
        A network of a quarter of the features and a small tile, 5 epochs of 20 iterations: to see
        the whole way work on a CPU, not for use.
    """

    name: str
    configuration: Configuration = "3d_fullres"
    folds: int = 5
    trainer: str = "nnUNetTrainerNoMirroring"
    epochs: int | None = None
    iterations: int | None = None
    quick: bool = False
    dataset: str = field(init=False)
    results: str = field(init=False)

    def __post_init__(self) -> None:
        plans = "lpmQuickPlans" if self.quick else "nnUNetPlans"
        object.__setattr__(self, "dataset", f"Dataset515_{self.name}")
        object.__setattr__(self, "results", f"{self.trainer}__{plans}__{self.configuration}")

    def job(self) -> dict[str, Any]:
        """Return what the worker needs to know of the options."""
        epochs, iterations = (5, 20) if self.quick else (1000, 250)
        epochs = self.epochs or epochs
        return {
            "dataset": self.dataset,
            "results": self.results,
            "plans": self.results.split("__")[1],
            "configuration": self.configuration,
            "trainer": self.trainer,
            "epochs": epochs,
            "iterations": self.iterations or iterations,
            # An interrupted training loses a twentieth at most, and no more than five epochs.
            "save_every": max(1, min(5, epochs // 20)),
            "features": 8 if self.quick else 32,
            "memory_gb": 0.3 if self.quick else 8,
        }


def results_folder(out: Path, options: TrainingOptions) -> Path:
    """Return the folder that nnU-Net leaves the trained model in."""
    return out / "nnunet" / "results" / options.dataset / options.results


def check_nnunet() -> None:
    """Check that nnU-Net is installed.

    Raises
    ------
    MissingExtraError
        It is not.
    """
    if importlib.util.find_spec("nnunetv2") is None or importlib.util.find_spec("torch") is None:
        raise MissingExtraError("training an nnU-Net", extra="train")


def run_job(
    out: Path,
    options: TrainingOptions,
    *,
    folds: Sequence[int],
    splits: Sequence[dict[str, list[str]]],
    device: str = "auto",
    workers: int = 0,
    threads: int | None = None,
    progress: Progress = silent,
) -> None:
    """Plan, preprocess and train in a process of its own; what was done before is not done again.

    Parameters
    ----------
    out
        Folder of the training; nnU-Net's own three folders are below ``out/nnunet``.
    options
        The options.
    folds
        Which to train.
    splits
        Cases to train on and to hold out of each fold.
    device
        ``auto``, ``cpu`` or ``cuda``.
    workers
        Processes that draw and augment; 0 does it in between, in the training process.
    threads
        Default: what OMP_NUM_THREADS says, else one per core.
    progress
        Called with the name of the step, iterations done and in all.

    Raises
    ------
    LpmError
        The training ended with an error; the message has its last words and the log's name.
    """
    check_nnunet()
    job = {
        **options.job(),
        "folds": list(folds),
        "splits": list(splits),
        "device": device,
        "workers": workers,
        "threads": threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
    }
    base = out / "nnunet"
    for name in _FOLDERS:
        (base / name).mkdir(parents=True, exist_ok=True)
    write_json(job, base / "job.json")
    command = [sys.executable, "-m", __name__.replace(".job", ".worker"), str(base / "job.json")]
    log = out / "training.log"
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=_environment(base)
        ) as worker,
    ):
        try:
            refused = _follow(worker, job, progress)
        except BaseException:
            worker.kill()
            raise
    if worker.returncode:
        _fail(worker.returncode, refused, log)


def _environment(base: Path) -> dict[str, str]:
    return {
        **os.environ,
        **{f"nnUNet_{name}": str(base / name) for name in _FOLDERS},
        "MPLBACKEND": "Agg",
        # glibc gives large arrays back at once; fetching them again took half of a step's time.
        "MALLOC_TRIM_THRESHOLD_": str(2**34),
        "MALLOC_TOP_PAD_": str(2**28),
    }


def _follow(worker: subprocess.Popen[bytes], job: dict[str, Any], progress: Progress) -> str:
    """Turn the worker's events into progress until it ends; return why it refused, if it did."""
    per_fold = job["epochs"] * job["iterations"]
    total = per_fold * len(job["folds"])
    refused = ""
    for line in worker.stdout or ():
        event = json.loads(line)
        if event["step"] == "refused":
            refused = event["what"]
        elif event["step"] == "train":
            before = job["folds"].index(event["fold"]) * per_fold
            progress(f"fold {event['fold']}", before + event["done"], total)
        else:
            progress(event["step"], 0, total)
    return refused


def _fail(code: int, refused: str, log: Path) -> None:
    if refused:
        raise InputError(refused, hint="See lpm train nnunet --help")
    with log.open(encoding="utf-8", errors="replace") as file:
        last = [line.strip() for line in deque(file, maxlen=_LAST_LINES) if line.strip()]
    text = last[-1] if last else "it said nothing"
    if "No space left" in "".join(last):
        raise OutputError("the disk is full", where=log.parent, hint="Make room and run again")
    if code < 0:
        text = f"the system ended it with signal {-code}; most often that means out of memory"
    raise LpmError(
        f"the training ended with an error: {text}",
        where=log,
        hint="The same command goes on where it was. On a GPU that ran out of memory close other "
        "programs, on a machine without one choose --configuration 2d",
    )
