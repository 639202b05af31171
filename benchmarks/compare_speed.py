"""Time of the agreement statistics of a large study.

Usage: ``python benchmarks/compare_speed.py [CASES]``

Makes a wide table of 1,302 cases, as in the published study: volumes and fat ratios of four
muscles, every second pair with skewed differences, for which the bootstrap is used. All pairs are
compared with 10,000 resamples and without figures.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from common import argument_parser, best_of, environment
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
    parser = argument_parser(__doc__)
    parser.add_argument("cases", type=int, nargs="?", default=1302)
    cases = parser.parse_args().cases
    table = study(cases)
    seconds, result = best_of(lambda: compare_table(table, n_resamples=10_000))
    methods = [pair.tost.method for pair in result.pairs]
    print(environment())
    print(
        f"{cases} cases, {len(methods)} pairs, {methods.count('bootstrap')} by bootstrap: "
        f"{seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
