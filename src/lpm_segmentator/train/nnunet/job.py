"""The options of a training, and the process that runs it."""

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

from lpm_segmentator.core import InputError, LpmError, MissingExtraError, OutputError, Remedy
from lpm_segmentator.io import write_json
from lpm_segmentator.train.nnunet.cases import silent

__all__ = ["Configuration", "TrainingOptions", "check_nnunet", "results_folder", "run_job"]

Configuration = Literal["2d", "3d_fullres"]
Progress = Callable[[str, int, int], None]
_LAST_LINES = 5
_FOLDERS = ("raw", "preprocessed", "results")


@dataclass(frozen=True)
class TrainingOptions:
    """Everything that determines a training, except the data.

    Attributes
    ----------
    name : str
        Name of the model.
    configuration : {'3d_fullres', '2d'}
        nnU-Net's configuration.
    folds : int
        Number of folds that the subjects are divided into.
    trainer : str
        nnU-Net's trainer. The default does not mirror images, since mirroring swaps left and right.
    epochs, iterations : int, optional
        Length of a training; by default nnU-Net's 1000 epochs of 250 iterations.
    quick : bool
        A quarter of the features, a small tile, and 5 epochs of 20 iterations: a quick end-to-end
        check on a CPU, not a usable model.
    dataset, results : str
        nnU-Net's names of the dataset and of the results folder.
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
        """Return the options as the worker reads them."""
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
            # An interrupted training loses at most a twentieth of its epochs, and at most five.
            "save_every": max(1, min(5, epochs // 20)),
            "features": 8 if self.quick else 32,
            "memory_gb": 0.3 if self.quick else 8,
        }


def results_folder(out: Path, options: TrainingOptions) -> Path:
    """Return the folder of the trained model."""
    return out / "nnunet" / "results" / options.dataset / options.results


def check_nnunet() -> None:
    """Check that nnU-Net is installed.

    Raises
    ------
    MissingExtraError
        If it is not.
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
    """Plan, preprocess and train in a separate process; completed steps are not repeated.

    Parameters
    ----------
    out : Path
        Folder of the training; nnU-Net's own three folders are in ``out/nnunet``.
    options : TrainingOptions
    folds : sequence of int
        The folds to train.
    splits : sequence of dict
        Training cases and held-out cases of each fold.
    device : str
        ``"auto"``, ``"cpu"`` or ``"cuda"``.
    workers : int
        Processes that load and augment images; with 0 the training process does it.
    threads : int, optional
        By default ``OMP_NUM_THREADS``, else the number of cores.
    progress : callable
        Called with the name of the step, and iterations done and in total.

    Raises
    ------
    LpmError
        If the training fails; the message has the last line of the log and its path.
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
    _run_worker(job, base, out / "training.log", progress)


def _run_worker(job: dict[str, Any], base: Path, log: Path, progress: Progress) -> None:
    """Run the worker on ``base/job.json`` until it ends; raise its failure."""
    command = [sys.executable, "-m", __name__.replace(".job", ".worker"), str(base / "job.json")]
    with (
        log.open("ab") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, env=_environment(base)
        ) as worker,
    ):
        try:
            refusal = _follow(worker, job, progress)
        except BaseException:
            worker.kill()
            worker.wait()  # Popen itself waits only briefly after a KeyboardInterrupt
            raise
    if worker.returncode:
        raise _failure(worker.returncode, refusal, log)


def _environment(base: Path) -> dict[str, str]:
    return {
        **os.environ,
        **{f"nnUNet_{name}": str(base / name) for name in _FOLDERS},
        "MPLBACKEND": "Agg",
        # By default glibc returns large arrays to the system at once; allocating them again took
        # half of the time of a step.
        "MALLOC_TRIM_THRESHOLD_": str(2**34),
        "MALLOC_TOP_PAD_": str(2**28),
    }


def _follow(worker: subprocess.Popen[bytes], job: dict[str, Any], progress: Progress) -> str:
    """Report the worker's events as progress; return the reason if it refused, else ''."""
    per_fold = job["epochs"] * job["iterations"]
    total = per_fold * len(job["folds"])
    refusal = ""
    for line in worker.stdout or ():
        event = json.loads(line)
        if event["step"] == "refused":
            refusal = event["what"]
        elif event["step"] == "train":
            before = job["folds"].index(event["fold"]) * per_fold
            progress(f"fold {event['fold']}", before + event["done"], total)
        else:
            progress(event["step"], 0, total)
    return refusal


def _failure(code: int, refusal: str, log: Path) -> LpmError:
    """Return the error of a worker that ended with an exit code."""
    if refusal:
        return InputError(
            refusal,
            hint=f"Choose one that nnU-Net offers ({Remedy.CONFIGURATION})",
            remedy=Remedy.CONFIGURATION,
        )
    with log.open(encoding="utf-8", errors="replace") as file:
        last = [line.strip() for line in deque(file, maxlen=_LAST_LINES) if line.strip()]
    if "No space left" in "".join(last):
        return OutputError(
            "the disk is full", where=log.parent, hint="Free some space and run the command again"
        )
    text = last[-1] if last else "no output"
    if code < 0:
        text = f"the system ended it with signal {-code}, most often because memory ran out"
    return LpmError(
        f"the training failed: {text}",
        where=log,
        hint="The same command resumes it. If a GPU ran out of memory, close other programs; "
        f"without a GPU, use the 2d configuration ({Remedy.CONFIGURATION})",
        remedy=Remedy.CONFIGURATION,
    )
