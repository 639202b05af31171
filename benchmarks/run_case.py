"""Time and memory of the commands as whole processes.

Usage: ``python benchmarks/run_case.py WATER.nii.gz FAT.nii.gz``
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from common import argument_parser, environment, print_table


def run(arguments: list[str]) -> tuple[float, float, int]:
    """Run a command; return seconds, peak memory in MB and exit code."""
    started = time.perf_counter()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "lpm_segmentator", *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(child, 0)
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return time.perf_counter() - started, usage.ru_maxrss / unit, os.waitstatus_to_exitcode(status)


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("water", type=Path)
    parser.add_argument("fat", type=Path)
    given = parser.parse_args()
    pair = [str(given.water), str(given.fat)]
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "lpm --help": ["--help"],
            "lpm run (pair)": [
                "run", *pair, "-o", f"{folder}/run", "--accept-origin-mismatch", "--quiet",
            ],
            "lpm run --mode fast": [
                "run", *pair, "-o", f"{folder}/fast", "--accept-origin-mismatch", "--quiet",
                "--mode", "fast",
            ],
            "lpm segment": ["segment", pair[0], "-o", f"{folder}/mask.nii.gz", "--quiet"],
        }  # fmt: skip
        print(environment())
        results = ((name, run(arguments)) for name, arguments in commands.items())
        print_table(
            ["command", "seconds", "peak memory MB", "exit code"],
            (
                [name, f"{seconds:.2f}", f"{memory:.0f}", code]
                for name, (seconds, memory, code) in results
            ),
        )


if __name__ == "__main__":
    main()
