"""Draw cases, run them under limits, judge the answers, and reduce what was found."""

from __future__ import annotations

import base64
import json
import logging
import math
import re
import shutil
import signal
import sys
import traceback
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from fuzz.mutate import Contract, Mutation, Rng, pick
from fuzz.reduce import reduced
from fuzz.targets import Answer, Files, Target, WrongAnswerError
from lpm_segmentator.core import LpmError

SECONDS = 10.0
#: address space that a case may take beyond what the process already has
MEMORY_BYTES = 3 * 2**30
_RELATIVE, _ABSOLUTE = 1e-6, 1e-9
_SOURCE = "lpm_segmentator"


class CaseTimeoutError(BaseException):
    """A case took too long; no handler of ordinary errors may catch it."""


@dataclass(frozen=True)
class Case:
    """The damaged files of a target.

    Attributes
    ----------
    target : str
    damage : tuple of str
        The mutations, by name.
    contract : Contract
    files : mapping of str to bytes
        Files that differ from the undamaged ones.
    removed : tuple of str
        Files that are not there.
    """

    target: str
    damage: tuple[str, ...]
    contract: Contract
    files: Files
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of a case: answered, refused, or a fault with a signature."""

    kind: str
    signature: str = ""
    details: str = ""


def draw_case(rng: Rng, targets: Sequence[Target]) -> Case:
    """Return a case: one to three mutations of one file, of which only the last is damage."""
    weights = np.array([target.weight for target in targets])
    target = targets[int(rng.choice(len(targets), p=weights / weights.sum()))]
    name = pick(rng, sorted(target.mutations))
    choices = target.mutations[name]
    whole = [m for m in choices if m.whole]
    plan = [pick(rng, whole) for _ in range(int(pick(rng, (0, 0, 1, 2))))] if whole else []
    contract = pick(rng, list(Contract))
    fitting = [m for m in choices if m.contract is contract]
    plan.append(pick(rng, fitting or choices))
    return _applied(rng, target, name, plan)


def _applied(rng: Rng, target: Target, name: str, plan: Sequence[Mutation]) -> Case:
    files: dict[str, bytes] = {name: target.files()[name]}
    contract, done = Contract.SAME, []
    for mutation in plan:
        (path,) = list(files)[:1]
        if len(files) > 1:  # a pair of files is not damaged further
            break
        changed = mutation.change(rng, path, files[path])
        if changed is None:
            continue
        files = dict(changed)
        done.append(mutation.name)
        contract = max(contract, mutation.contract)
    removed = () if name in files else (name,)
    return Case(target.name, (name, *done), contract, files, removed)


class Bench:
    """The undamaged files of the targets on disk, and their answers.

    Parameters
    ----------
    folder : Path
        An empty folder.
    """

    def __init__(self, folder: Path, targets: Sequence[Target]) -> None:
        self._folder = folder
        self.targets = {target.name: target for target in targets}
        self._truths: dict[str, Answer] = {}

    def truth(self, name: str) -> Answer:
        """Return the answer of the undamaged files."""
        if name not in self._truths:
            with _strict_warnings():
                self._truths[name] = self._answer(Case(name, (), Contract.SAME, {}))
        return self._truths[name]

    def _answer(self, case: Case) -> Answer:
        target = self.targets[case.target]
        folder = self._folder / re.sub(r"\W", "_", case.target)
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in {**target.files(), **case.files}.items():
            if path not in case.removed:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
        return target.run(folder)

    def judge(self, case: Case, seconds: float = SECONDS) -> Verdict:
        """Run a case and compare what comes of it with its contract."""
        truth = self.truth(case.target)
        try:
            with _strict_warnings(), _without_remarks(), limits(seconds):
                answer = self._answer(case)
        except LpmError as error:
            if case.contract is Contract.SAME:
                return Verdict("fault", f"refused: {case.target}", str(error))
            return _checked_message(error)
        except CaseTimeoutError:
            return Verdict("fault", f"timeout: {case.target}", traceback.format_exc())
        except WrongAnswerError as error:
            return Verdict("fault", f"wrong: {error} ({_what(case)})")
        except Exception as error:  # noqa: BLE001 - any other exception is what is searched for
            return Verdict("fault", _place(error), traceback.format_exc())
        return self._compared(case, answer, truth)

    def _compared(self, case: Case, answer: Answer, truth: Answer) -> Verdict:
        if case.contract is Contract.ANY:
            infinite = [k for k, v in answer.items() if _has_infinity(v)]
            if infinite:
                return Verdict("fault", f"infinite: {case.target}", ", ".join(infinite[:5]))
            return Verdict("answered")
        different = [k for k in {*answer, *truth} if not _same(answer.get(k), truth.get(k))]
        if different:
            shown = [f"{k}: {answer.get(k)} not {truth.get(k)}" for k in sorted(different)[:5]]
            return Verdict("fault", f"other answer: {_what(case)}", "\n".join(shown))
        return Verdict("answered")

    def minimised(self, case: Case, signature: str) -> Case:
        """Return a case of fewer changes that still has a fault, if its contract allows less."""
        names = list(case.files)
        original = self.targets[case.target].files().get(names[0])
        if case.contract is not Contract.ANY or len(names) > 1 or original is None:
            return case
        if signature.startswith("timeout"):  # each trial may take as long
            return case

        def fails(data: bytes) -> bool:
            found = self.judge(replace(case, files={names[0]: data}))
            return found.kind == "fault" and found.signature == signature

        return replace(case, files={names[0]: reduced(original, case.files[names[0]], fails)})


def _what(case: Case) -> str:
    return ", ".join((case.target, *case.damage[-1:]))


def _checked_message(error: LpmError) -> Verdict:
    """Refuse messages that say nothing."""
    text = str(error)
    if not error.what.strip() or not text.encode(errors="replace"):
        return Verdict("fault", f"message: {type(error).__name__}", repr(error))
    return Verdict("refused")


def _place(error: BaseException) -> str:
    """Return the kind of an exception and the innermost function of the package that it passed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _SOURCE in f.filename]
    where = f"{Path(frames[-1].filename).stem}.{frames[-1].name}" if frames else "outside"
    return f"{type(error).__name__}: {where}"


def _has_infinity(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_infinity, value))
    return isinstance(value, float) and math.isinf(value)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if not numbers:
        return bool(one == other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


@contextmanager
def _strict_warnings() -> Iterator[None]:
    """Turn warnings into errors, as the tests do: they would reach the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        yield


class RemarkError(AssertionError):
    """A message of another package on the terminal."""


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Turn what nibabel logs into an error: it would reach the user."""

    class Refuse(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RemarkError(record.getMessage())

    handler = Refuse(logging.WARNING)
    logger = nib.imageglobals.logger
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def limits(seconds: float, memory_bytes: int = MEMORY_BYTES) -> Iterator[None]:
    """Interrupt what takes too long, and deny memory beyond a limit; the latter on Linux only."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise CaseTimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with _less_memory(memory_bytes) if sys.platform == "linux" else nullcontext():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _less_memory(memory_bytes: int) -> Iterator[None]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


# kept cases


def to_json(case: Case, verdict: Verdict, origin: Mapping[str, Any]) -> str:
    """Return a case as it is kept, with the files themselves."""
    content = {
        "target": case.target,
        "fault": verdict.signature,
        "damage": list(case.damage),
        "contract": case.contract.name,
        "origin": dict(origin),
        "removed": list(case.removed),
        "files": {
            name: base64.b64encode(zlib.compress(data, 9)).decode()
            for name, data in case.files.items()
        },
    }
    return json.dumps(content, indent=1) + "\n"


def from_json(text: str) -> Case:
    """Read what `to_json` gave."""
    content = json.loads(text)
    files = {
        name: zlib.decompress(base64.b64decode(data)) for name, data in content["files"].items()
    }
    return Case(
        content["target"],
        tuple(content["damage"]),
        Contract[content["contract"]],
        files,
        tuple(content["removed"]),
    )
