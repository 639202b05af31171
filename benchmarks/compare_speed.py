"""Time of the agreement of a large study.

Usage: ``python benchmarks/compare_speed.py [CASES]``

Makes a wide table of 1,302 cases, as the published method's: volumes and fat ratios of four
muscles, in one of two pairs with skewed differences, so that the bootstrap is taken. Compares all
of it with 10,000 resamples, figures left out, and prints the seconds.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from lpm_segmentator.agreement import compare_table


def study(cases: int) -> pd.DataFrame:
    """Return a table of paired columns with known small errors."""
    rng = np.random.default_rng(0)
    columns = {"case": [f"case{n:05d}" for n in range(cases)]}
    for name, mean in (("volume", 150.0), ("ratio", 0.25)):
        for number in range(1, 5):
            truth = mean * rng.lognormal(0, 0.25, cases)
            error = rng.standard_exponential(cases) - 1 if number % 2 else rng.normal(size=cases)
            columns[f"{name}{number}_gd"] = truth
            columns[f"{name}{number}_ai"] = truth + 0.03 * mean * error
    return pd.DataFrame(columns)


def main() -> None:
    """Compare and print."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else 1302
    table = study(cases)
    started = time.perf_counter()
    result = compare_table(table, n_resamples=10_000)
    seconds = time.perf_counter() - started
    taken = [pair.tost.method for pair in result.pairs]
    print(f"{cases} cases, {len(taken)} pairs, {taken.count('bootstrap')} by bootstrap: "
          f"{seconds:.1f} s")  # fmt: skip


if __name__ == "__main__":
    main()
