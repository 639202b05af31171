"""Run two versions of the package on the same images and print what differs.

    git worktree add ../other 6ed0d2a
    python benchmarks/compare_versions.py ../other --data ../shared/data

Masks are compared voxel for voxel, numbers of the tables by column and row (those columns that
both versions write, within the six significant digits of the tables). The exit code is 1 if
anything differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parents[1]
#: half a unit of the last of six significant digits, at worst
TOLERANCE = 5e-6
KEYS = ("case", "muscle", "side", "level", "level_kind", "slice", "structure", "source")
#: runs by name: folder below the data, options
RUNS = {
    "Dixon pairs": ("myosegmentum", ["--accept-origin-mismatch"]),
    "T2w slices": ("axial_t2_check", ["--ignore-label", "255"]),
    "T1w stack": ("t1w_musclemap", []),
}


def main() -> int:
    """Run both versions and compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("other", type=Path, help="checkout of the other version, or its results")
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    parser.add_argument("--out", type=Path, help="keep the results here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = arguments.out or Path(temporary)
        differences = []
        for name, (folder, options) in RUNS.items():
            one, two = out / "this" / folder, out / "other" / folder
            run(HERE, arguments.data / folder, one, options)
            if (arguments.other / "src").is_dir():
                run(arguments.other, arguments.data / folder, two, options)
            else:
                two = arguments.other / folder
            lines = [*masks(one, two), *tables(one, two)]
            print(f"{name}: {len(lines)} differences")
            differences += lines
    for line in differences:
        print(f"  {line}")
    return bool(differences)


def run(checkout: Path, data: Path, out: Path, options: list[str]) -> None:
    """Run ``lpm run`` of a checkout on a folder, with its masks as reference."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, "-m", "lpm_segmentator", "run", str(data), "--reference", str(data)]
    subprocess.run([*command, "-o", str(out), "--quiet", *options], check=True, env=environment)


def masks(one: Path, two: Path) -> Iterator[str]:
    """Compare the masks of two runs."""
    ours, theirs = ({p.name: p for p in out.glob("cases/*/*_dseg.nii.gz")} for out in (one, two))
    for name in sorted(ours.keys() ^ theirs.keys()):
        yield f"{name}: written by one version only"
    for name in sorted(ours.keys() & theirs.keys()):
        a, b = (np.asanyarray(nib.load(found[name]).dataobj) for found in (ours, theirs))
        if a.shape != b.shape or (a != b).any():
            count = "" if a.shape != b.shape else f" ({int((a != b).sum())} voxels)"
            yield f"{name}: the masks differ{count}"


def tables(one: Path, two: Path) -> Iterator[str]:
    """Compare the numbers of two runs in the columns that both write."""
    for path in sorted(one.glob("*.csv")):
        if not (two / path.name).exists():
            yield f"{path.name}: written by this version only"
            continue
        a, b = (pd.read_csv(out / path.name, dtype={"case": str}) for out in (one, two))
        keys = [key for key in KEYS if key in a and key in b]
        a, b = (table.set_index(keys).sort_index() for table in (a, b))
        if not a.index.equals(b.index):
            yield f"{path.name}: the rows differ ({len(a)} and {len(b)})"
            continue
        for column in a.columns.intersection(b.columns):
            if pd.api.types.is_numeric_dtype(a[column]) and pd.api.types.is_numeric_dtype(
                b[column]
            ):
                x, y = a[column].to_numpy(float), b[column].to_numpy(float)
                off = ~np.isclose(x, y, rtol=TOLERANCE, atol=1e-9, equal_nan=True)
                if off.any():
                    worst = np.nanmax(np.abs(x - y)) if np.isfinite(x - y).any() else np.nan
                    yield f"{path.name}, {column}: {off.sum()} values differ, by up to {worst:.3g}"
        gone = [c for c in b.columns if c not in a.columns]
        if gone:
            yield f"{path.name}: no longer written: {', '.join(gone)}"


if __name__ == "__main__":
    sys.exit(main())
