"""Time nnU-Net models: this program against ``nnUNetv2_predict``, as whole processes.

Usage::

    python benchmarks/nnunet_speed.py IMAGE --nnunet ENV/bin/nnUNetv2_predict_from_modelfolder

Both run the same weights on the same image without mirroring, one after the other, on the same
cores. Without ``--model`` the weights are random, of the size that nnU-Net plans for the published
task (``3d_fullres``, tile 28 x 192 x 352, 30 million parameters). Seconds are wall-clock seconds
from the start of a process to its end, CPU seconds those of the process and its children on all
cores: on a busy machine only these can be compared. Memory is the largest sum over a process and
its children, shared pages counted once (read from /proc: Linux only).
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from common import argument_parser, dice, environment, print_table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nnunet_models import v2_plans, write_v2

FULL_POOLS = ((1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
# `lpm segment` without the largest-component step, which nnU-Net's command does not have.
SEGMENT = """
import sys
from lpm_segmentator.io import read_image, write_label_map
from lpm_segmentator.models import load_predictor
image = read_image(sys.argv[1])
labels = load_predictor("measured", mode=sys.argv[3]).predict(image.volume).labels
write_label_map(labels, sys.argv[2], like=image.header)
"""


def main() -> None:
    """Run all three and print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--nnunet", type=Path, help="nnUNetv2_predict_from_modelfolder")
    parser.add_argument("--model", type=Path, help="an nnU-Net v2 results folder with a fold 0")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        model = options.model or write_full_size_model(folder / "model", options.image)
        inputs = folder / "in"
        inputs.mkdir()
        shutil.copy(options.image, inputs / "case_0000.nii.gz")
        runs = {"lpm fast": lpm(folder, model, "fast"), "lpm exact": lpm(folder, model, "exact")}
        if options.nnunet:
            runs["nnUNetv2_predict"] = nnunet(folder, model, options.nnunet)
        report(folder, runs, options.repeats)


def write_full_size_model(folder: Path, image: Path) -> Path:
    """Write a model of the published task's size for the image's own spacing."""
    x, y, z = (float(s) for s in nib.load(image).header.get_zooms()[:3])
    plans = v2_plans((28, 192, 352), (z, y, x), FULL_POOLS, base=32)
    return write_v2(folder, plans, seed=1)


def lpm(folder: Path, model: Path, mode: str) -> tuple[list[str], dict[str, str], Path]:
    """Install the model; return the command, its environment and the path of its result."""
    home, out = folder / "home", folder / mode / "case.nii.gz"
    environment = {"LPM_HOME": str(home)}
    out.parent.mkdir()
    if not home.exists():
        program = [sys.executable, "-m", "lpm_segmentator", "models", "install", str(model)]
        command = [*program, "--name", "measured", "--quiet"]
        subprocess.run(command, check=True, env={**os.environ, **environment})
    case = folder / "in" / "case_0000.nii.gz"
    return [sys.executable, "-c", SEGMENT, str(case), str(out), mode], environment, out


def nnunet(folder: Path, model: Path, program: Path) -> tuple[list[str], dict[str, str], Path]:
    """Return nnU-Net's command, its environment and the path of its result."""
    out = folder / "nnunet"
    names = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
    command = [str(program), "-i", str(folder / "in"), "-o", str(out), "-m", str(model), "-f", "0"]
    environment = dict.fromkeys(names, str(folder))
    return [*command, "--disable_tta", "-device", "cpu"], environment, out / "case.nii.gz"


def cpu_seconds() -> float:
    """Return the CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float, float]:
    """Run a command; return its seconds, its CPU seconds and its largest memory in GB."""
    start, start_cpu = time.perf_counter(), cpu_seconds()
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        peak = [0]
        watcher = threading.Thread(target=watch, args=(process, peak))
        watcher.start()
        output, _ = process.communicate()
        took = time.perf_counter() - start
        watcher.join()
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{output.decode(errors='replace')[-3000:]}")
    return took, cpu_seconds() - start_cpu, peak[0] / 2**30


def watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Record the largest memory of a process and its descendants."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(resident, family(process.pid))))
        time.sleep(0.5)  # reading /proc takes time from the measured process


def family(root: int) -> set[int]:
    """Return a process and its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    members = {root}
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def resident(pid: int) -> int:
    """Return a process's memory in bytes, with its proportion of shared pages."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def report(
    folder: Path, runs: dict[str, tuple[list[str], dict[str, str], Path]], repeats: int
) -> None:
    """Run everything and print the table; of several runs the fastest counts."""
    print(f"{environment()}; {folder}")
    results = {}
    for name, (command, variables, out) in runs.items():
        times = [measure(command, variables) for _ in range(repeats)]
        labels = np.asanyarray(nib.load(out).dataobj)
        seconds, cpu, memory = zip(*times, strict=True)
        results[name] = min(seconds), min(cpu), max(memory), labels
    reference = results.get("nnUNetv2_predict", results["lpm exact"])
    exact = results["lpm exact"][3]
    print_table(
        [
            "",
            "seconds",
            "CPU seconds",
            "times as fast (CPU)",
            "memory GB",
            "same voxels %",
            "Dice against exact",
        ],
        (
            [
                name,
                f"{seconds:.1f}",
                f"{cpu:.1f}",
                f"{reference[0] / seconds:.2f} ({reference[1] / cpu:.2f})",
                f"{memory:.2f}",
                f"{100 * (labels == reference[3]).mean():.3f}",
                f"{dice(labels > 0, exact > 0):.4f}",
            ]
            for name, (seconds, cpu, memory, labels) in results.items()
        ),
    )
    print("labels:", np.bincount(exact.ravel(), minlength=5).tolist())
    each = [f"{dice(results['lpm fast'][3] == v, exact == v):.4f}" for v in range(1, 5)]
    print("Dice of each label, fast against exact:", ", ".join(each))


if __name__ == "__main__":
    main()
