"""Time nnU-Net models: this program against ``nnUNetv2_predict``, as whole processes.

Usage::

    python benchmarks/nnunet_speed.py IMAGE --nnunet ENV/bin/nnUNetv2_predict_from_modelfolder

Both run the same weights on the same image without mirroring, one after the other, on the same
cores. Without ``--model`` the weights are random, of the size that nnU-Net plans for the published
task (``3d_fullres``, tile 28 x 192 x 352, 30 million parameters). Seconds are wall-clock seconds
from the start of a process to its end; memory is the largest sum over a process and its children,
pages they share counted once (read from /proc, so Linux only).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nibabel as nib
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from nnunet_models import v2_plans, write_v2

FULL_POOLS = ((1, 2, 2), (2, 2, 2), (2, 2, 2), (1, 2, 2), (1, 2, 2))
# What `lpm segment` does, without the cleaning that nnU-Net's command has no counterpart of.
SEGMENT = """
import sys
from lpm_segmentator.io import read_image, write_label_map
from lpm_segmentator.segment.store import open_model
image = read_image(sys.argv[1])
labels = open_model("measured", mode=sys.argv[3]).predict(image.volume).labels
write_label_map(labels, sys.argv[2], like=image.header)
"""


def main() -> None:
    """Run all three and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
    """Install the model; return the command, its environment and where its answer will be."""
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
    """Return nnU-Net's command, its environment and where its answer will be."""
    out = folder / "nnunet"
    names = ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results")
    command = [str(program), "-i", str(folder / "in"), "-o", str(out), "-m", str(model), "-f", "0"]
    environment = dict.fromkeys(names, str(folder))
    return [*command, "--disable_tta", "-device", "cpu"], environment, out / "case.nii.gz"


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Run a command; return its seconds and its largest memory in GB."""
    start = time.perf_counter()
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
    return took, peak[0] / 2**30


def watch(process: subprocess.Popen[bytes], peak: list[int]) -> None:
    """Keep the largest memory of a process and its descendants."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(resident, family(process.pid))))
        time.sleep(0.5)  # looking costs the watched process time


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
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def resident(pid: int) -> int:
    """Return a process's memory in bytes, its share of what several processes share."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def report(
    folder: Path, runs: dict[str, tuple[list[str], dict[str, str], Path]], repeats: int
) -> None:
    """Run everything and print the table; of several runs the quickest counts."""
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load before the start {load:.1f}; {folder}")
    results = {}
    for name, (command, environment, out) in runs.items():
        times = [measure(command, environment) for _ in range(repeats)]
        labels = np.asanyarray(nib.load(out).dataobj)
        results[name] = min(t for t, _ in times), max(m for _, m in times), labels
    reference = results.get("nnUNetv2_predict", results["lpm exact"])
    exact = results["lpm exact"][2]
    print("| | seconds | times as fast | memory GB | same voxels % | Dice against exact |")
    print("|---|---|---|---|---|---|")
    for name, (seconds, memory, labels) in results.items():
        same = 100 * (labels == reference[2]).mean()
        print(
            f"| {name} | {seconds:.1f} | {reference[0] / seconds:.2f} | {memory:.2f} "
            f"| {same:.3f} | {dice(labels > 0, exact > 0):.4f} |"
        )
    print("labels:", np.bincount(exact.ravel(), minlength=5).tolist())
    each = [f"{dice(results['lpm fast'][2] == v, exact == v):.4f}" for v in range(1, 5)]
    print("Dice of each label, fast against exact:", ", ".join(each))


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice coefficient of two masks; nan where both are empty."""
    total = one.sum() + other.sum()
    return 2 * (one & other).sum() / total if total else float("nan")


if __name__ == "__main__":
    main()
