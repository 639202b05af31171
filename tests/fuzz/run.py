"""Run the fuzzing campaign: ``python tests/fuzz/run.py -n 10000 --seed 0``."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fuzz.campaign import Bench, Case, Verdict, draw_case, from_json, to_json
from fuzz.targets import TARGETS

KEPT = Path(__file__).parent / "kept"


def main() -> int:
    """Run the cases, print a table of what became of them, and keep what failed."""
    options = _options()
    targets = [t for t in TARGETS if not options.target or t.name in options.target]
    began = time.perf_counter()
    counts: Counter[tuple[str, str]] = Counter()
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as work:
        bench = Bench(Path(work), targets)
        for number in range(options.start, options.start + options.number):
            case = draw_case(np.random.default_rng([options.seed, number]), targets)
            _mark(options.last, case, number)
            verdict = bench.judge(case)
            counts[case.target, verdict.kind] += 1
            if verdict.kind != "fault":
                continue
            if verdict.signature not in found:
                _report(case, verdict, number)
                if options.keep:
                    small = bench.minimised(case, verdict.signature)
                    _keep(Path(options.keep), small, verdict, options.seed, number)
            found[verdict.signature] = found.get(verdict.signature, 0) + 1
    _summary(counts, found, time.perf_counter() - began)
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", "--number", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="number of the first case")
    parser.add_argument("--target", action="append", help="only this target; can be repeated")
    parser.add_argument("--keep", help="folder for minimised cases of what failed")
    parser.add_argument("--last", help="file that names the case that is running")
    return parser.parse_args()


def _mark(last: str | None, case: Case, number: int) -> None:
    """Leave a trace for the event that a library ends the process."""
    if last:
        Path(last).parent.mkdir(parents=True, exist_ok=True)
        Path(last).write_text(f"{number} {case.target} {case.damage}\n", encoding="utf-8")


def _report(case: Case, verdict: Verdict, number: int) -> None:
    _print(f"--- {number} {case.target} {case.damage} {case.contract.name}")
    _print(verdict.signature)
    _print("\n".join(verdict.details.splitlines()[-12:]))


def _keep(folder: Path, case: Case, verdict: Verdict, seed: int, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"\W+", "-", f"{case.target}-{verdict.signature}")[:100].strip("-")
    path = folder / f"{name}.json"
    text = to_json(case, verdict, {"seed": seed, "number": number})
    path.write_text(text, encoding="utf-8")
    assert from_json(path.read_text(encoding="utf-8")) == case, json.loads(text)["damage"]


def _summary(counts: Counter[tuple[str, str]], found: dict[str, int], seconds: float) -> None:
    _print(f"\n{'target':15}{'answered':>10}{'refused':>10}{'fault':>10}")
    for target in sorted({name for name, _ in counts}):
        row = "".join(f"{counts[target, k]:>10}" for k in ("answered", "refused", "fault"))
        _print(f"{target:15}{row}")
    total = sum(counts.values())
    _print(f"\n{total} cases in {seconds:.0f} s; {len(found)} kinds of faults")
    for signature, times in sorted(found.items(), key=lambda item: -item[1]):
        _print(f"{times:6} {signature}")


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
