"""Execution backends: the cases in this process, in worker processes, or on dask workers."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lpm_segmentator import api
from lpm_segmentator.core import LpmError, MissingExtraError, OutputError, Remedy
from lpm_segmentator.study.record import CaseRecord

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lpm_segmentator.models import Mode
    from lpm_segmentator.segment import Predictor
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["Engine", "Event", "run_parallel", "run_serial"]

logger = logging.getLogger(__name__)

Engine = Literal["serial", "processes", "dask"]
"""Execution backend."""

EventState = Literal["done", "empty", "failed", "skipped"]


@dataclass(frozen=True)
class Event:
    """A case has ended.

    Attributes
    ----------
    case : str
    state : {'done', 'empty', 'failed', 'skipped'}
        A case is empty if no muscle was segmented.
    error : str
        Why it failed or no muscle was segmented; empty for others.
    seconds : float
        Time of the case; 0 unless it was done now.
    """

    case: str
    state: EventState
    error: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, record: CaseRecord) -> Event:
        """Return the event of a case that was done."""
        seconds = float(record.seconds["total"])
        if not record.is_empty:
            return cls(record.case, "done", seconds=seconds)
        failed = [finding for finding in record.findings if finding.severity == "fail"]
        reason = failed[0].message if failed else "no erector spinae or multifidus was segmented"
        return cls(record.case, "empty", reason, seconds)

    @classmethod
    def of_error(cls, case: str, error: Exception) -> Event:
        """Return the event of a case that failed."""
        if isinstance(error, LpmError):
            return cls(case, "failed", str(error))
        return cls(case, "failed", f"unexpected {type(error).__name__}: {error}")


def run_serial(
    todo: Sequence[CaseFiles], out: Path, options: RunOptions, predictor: Predictor
) -> Iterator[Event]:
    """Run the cases one after the other in this process.

    Raises
    ------
    OutputError
        If a result cannot be written.
    """
    for files in todo:
        yield _event(
            files,
            lambda files: api.process_case(files, out, options, predictor=predictor),
        )


def run_parallel(
    todo: Sequence[CaseFiles], out: Path, options: RunOptions, *, workers: int, engine: Engine
) -> Iterator[Event]:
    """Run the cases in worker processes, in the order in which they end.

    Raises
    ------
    MissingExtraError
        If the backend is not installed.
    OutputError
        If a result cannot be written.
    """
    submit = _dask(workers) if engine == "dask" else _processes(workers)
    threads = max(1, (os.cpu_count() or 1) // workers)  # the workers share the machine
    yield from submit([_Task(files, out, options, threads) for files in todo])


def _event(files: CaseFiles, work: Callable[[CaseFiles], CaseRecord]) -> Event:
    """Run a case and turn what happens into an event; only a full disk ends the run."""
    try:
        return Event.of(work(files))
    except OutputError:
        raise
    except LpmError as error:
        return Event.of_error(files.case, error)
    except MemoryError:
        hint = f"out of memory; run with fewer workers ({Remedy.FEWER_WORKERS})"
        return Event(files.case, "failed", hint)
    except Exception as error:
        # One odd file must not take the other cases down; the log keeps the traceback.
        logger.exception("case %s", files.case)
        return Event.of_error(files.case, error)


@dataclass(frozen=True)
class _Task:
    """A case for a worker process."""

    files: CaseFiles
    out: Path
    options: RunOptions
    threads: int

    def run(self) -> Event:
        # Remarks about a case go into its record, not to the terminal.
        logging.getLogger("lpm_segmentator").addHandler(logging.NullHandler())

        def work(files: CaseFiles) -> CaseRecord:
            predictor = _predictor(self.options.model, self.options.mode, self.threads)
            return api.process_case(files, self.out, self.options, predictor=predictor)

        return _event(self.files, work)


@cache
def _predictor(model: str, mode: Mode | None, threads: int) -> Predictor:
    """Load a model once a process."""
    return api.load_predictor(model, mode=mode, threads=threads)


def _processes(workers: int) -> Callable[[Sequence[_Task]], Iterator[Event]]:
    def submit(tasks: Sequence[_Task]) -> Iterator[Event]:
        waiting = iter(tasks)
        # If a process ends, its pool cannot be used any more, and which of the running cases ended
        # it is unknown: each is run again alone, before a new pool runs the others.
        while lost := (yield from _in_pool(waiting, workers)):
            for task in lost:
                for each in (yield from _in_pool(iter([task]), 1)):
                    yield _lost(each.files.case)

    return submit


def _in_pool(waiting: Iterator[_Task], workers: int) -> Generator[Event, None, list[_Task]]:
    """Run tasks until none waits, or a process ends; return those that ran in that moment."""
    import multiprocessing
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    # Spawned workers are alike on every system and inherit no threads or locks.
    context = multiprocessing.get_context("spawn")
    running: dict[Future[Event], _Task] = {}
    lost: list[_Task] = []
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        while True:
            while not lost and len(running) < workers and (task := next(waiting, None)):
                try:
                    running[pool.submit(task.run)] = task
                except BrokenProcessPool:
                    lost.append(task)
            if not running:
                return lost
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                task = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    lost.append(task)
                except (LpmError, OSError) as error:
                    pool.shutdown(cancel_futures=True)
                    raise error from None


def _dask(workers: int) -> Callable[[Sequence[_Task]], Iterator[Event]]:
    def submit(tasks: Sequence[_Task]) -> Iterator[Event]:
        try:
            from distributed import Client, KilledWorker, as_completed
        except ImportError as error:
            raise MissingExtraError("running on dask workers", extra="dask") from error
        with Client(n_workers=workers, threads_per_worker=1, dashboard_address=None) as client:
            waiting, running, ended = iter(tasks), {}, as_completed()

            def start_next() -> None:
                task = next(waiting, None)
                if task is not None:
                    future = client.submit(task.run, pure=False)
                    running[future] = task.files.case
                    ended.add(future)

            # One case a worker: dask blames all that wait at a worker when it ends.
            for _ in range(workers):
                start_next()
            for future in ended:
                case = running.pop(future)
                try:
                    event: Event = future.result()
                except (KilledWorker, RuntimeError):
                    event = _lost(case)
                start_next()
                yield event

    return submit


def _lost(case: str) -> Event:
    """Return the event of a case whose worker process ended with it."""
    error = (
        "its worker process ended before the case was done, perhaps for lack of memory; run with "
        f"fewer workers ({Remedy.FEWER_WORKERS})"
    )
    return Event(case, "failed", error)
