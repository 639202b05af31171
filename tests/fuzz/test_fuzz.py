"""A part of the fuzzing campaign, and every case in which it ever found a fault."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fuzz.campaign import Bench, Case, CaseTimeoutError, draw_case, from_json, limits
from fuzz.mutate import Contract, Mutation
from fuzz.reduce import reduced
from fuzz.targets import TARGETS, Target

pytest.importorskip("torch", reason="needs torch (the extra nnunet)")
pytest.importorskip("onnx", reason="needs onnx (the extra test)")

CASES = 500
#: drawn once, not the seed of the campaign
SEED = 20261129
CHUNK = 50
KEPT = sorted((Path(__file__).parent / "kept").glob("*.json"))
assert KEPT  # without cases pytest would skip the test of them


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("fuzz"), TARGETS)


@pytest.mark.parametrize("start", range(0, CASES, CHUNK))
def test_damaged_files_are_answered_alike_or_refused(bench: Bench, start: int):
    for number in range(start, start + CHUNK):
        case = draw_case(np.random.default_rng([SEED, number]), TARGETS)
        verdict = bench.judge(case)
        assert verdict.kind != "fault", (number, case.target, case.damage, verdict)


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_was_found_once_is_not_found_again(bench: Bench, path: Path):
    verdict = bench.judge(from_json(path.read_text(encoding="utf-8")))
    assert verdict.kind != "fault", verdict


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_undamaged_files_are_answered(bench: Bench, target: Target):
    assert bench.truth(target.name)
    assert bench.judge(Case(target.name, (), Contract.SAME, {})).kind == "answered"


def test_a_case_that_hangs_is_interrupted_and_no_handler_of_errors_prevents_it():
    def hang() -> None:
        try:
            while True:
                pass
        except Exception:  # noqa: BLE001 - what a library may do
            pytest.fail("the interruption was taken for an error")

    with pytest.raises(CaseTimeoutError), limits(0.05):
        hang()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_memory_beyond_the_limit_is_denied():
    with pytest.raises(MemoryError), limits(5, memory_bytes=2**28):
        np.empty(2**27)  # 1 GiB, of which nothing is used if the limit fails


def _target(answers: Iterator[dict[str, float]]) -> Target:
    return Target("made up", 1, lambda: {"a": b"b"}, {}, lambda _folder: next(answers))


@pytest.mark.parametrize(
    ("answer", "contract", "kind"),
    [
        (2.0, Contract.SAME, "fault"),
        (2.0, Contract.SAME_OR_REFUSED, "fault"),
        (2.0, Contract.ANY, "answered"),
        (1.0 + 1e-9, Contract.SAME, "answered"),
        (float("inf"), Contract.ANY, "fault"),
    ],
)
def test_an_answer_is_judged_by_the_contract(tmp_path, answer, contract, kind):
    bench = Bench(tmp_path, [_target(iter([{"x": 1.0}, {"x": answer}]))])
    assert bench.judge(Case("made up", ("a", "m"), contract, {"a": b"c"})).kind == kind


def test_another_answer_to_undamaged_files_is_a_fault(tmp_path):
    bench = Bench(tmp_path, [_target(iter([{"x": 1.0}, {"x": 2.0}]))])
    verdict = bench.judge(Case("made up", (), Contract.SAME, {}))
    assert (verdict.kind, verdict.signature) == ("fault", "other answer: made up")


def test_other_exceptions_are_faults(tmp_path):
    def fails(folder: Path) -> dict[str, float]:
        return {"x": 1 / ((folder / "a").read_bytes() == b"b")}

    bench = Bench(tmp_path, [Target("made up", 1, lambda: {"a": b"b"}, {}, fails)])
    verdict = bench.judge(Case("made up", ("a", "m"), Contract.ANY, {"a": b"c"}))
    assert (verdict.kind, verdict.signature) == ("fault", "ZeroDivisionError: outside")


@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_reduced_to_what_matters(packed):
    original = bytes(range(200))
    damaged = bytes(b if b % 3 else 255 for b in original)
    write = gzip.compress if packed else bytes
    read = gzip.decompress if packed else bytes
    small = read(reduced(write(original), write(damaged), lambda data: read(data)[90] == 255))
    assert [i for i in range(200) if small[i] != original[i]] == [90]


def test_what_was_inserted_is_shortened():
    original, damaged = b"ab", b"a" + b"x" * 60 + b"!" + b"x" * 60 + b"b"
    assert reduced(original, damaged, lambda data: b"!" in data) == b"a!b"


def test_cases_are_drawn_the_same_for_the_same_number_and_cover_all_targets():
    drawn = [draw_case(np.random.default_rng([1, n]), TARGETS) for n in range(1500)]
    again = draw_case(np.random.default_rng([1, 1499]), TARGETS)
    assert again == drawn[1499]
    assert {case.target for case in drawn} == {target.name for target in TARGETS}


def test_every_mutation_has_its_own_name_in_a_target():
    for target in TARGETS:
        for mutations in target.mutations.values():
            kinds: dict[str, Mutation] = {}
            for mutation in mutations:
                assert kinds.setdefault(mutation.name, mutation).contract is mutation.contract
