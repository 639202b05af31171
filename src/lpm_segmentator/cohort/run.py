"""Run a cohort: every case is done, skipped because it was done before, or failed with its error.

``run.json`` is written after each case, so that a killed run tells what it did, and the tables and
the report are made at the end from what lies in the folder. Cases of earlier runs that are not
among the inputs any more stay in them and are named (state "earlier" in ``run.json``): a folder may
be filled bit by bit, and whoever wants one out of it removes its folder.
"""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lpm_segmentator import __version__, api
from lpm_segmentator.core import CasesFailedError, LpmError, MissingExtraError, OutputError
from lpm_segmentator.io import write_json

if TYPE_CHECKING:
    from concurrent.futures import Future

    from lpm_segmentator.api import CaseFiles, Mode, RunOptions
    from lpm_segmentator.segment import Predictor

__all__ = ["CohortResult", "Engine", "Event", "run_cohort"]

logger = logging.getLogger(__name__)

Engine = Literal["local", "dask"]
State = Literal["done", "failed", "skipped"]

_RECORDED_PACKAGES = ("numpy", "scipy", "nibabel", "onnxruntime", "connected-components-3d")


@dataclass(frozen=True)
class Event:
    """One case has ended.

    Attributes
    ----------
    case : str
    state : {'done', 'failed', 'skipped'}
    error : str
        Empty unless it failed.
    seconds : float
        Time of the case; 0 unless it was done now.
    """

    case: str
    state: State
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class CohortResult:
    """What became of a cohort.

    Attributes
    ----------
    out : Path
        The output folder.
    report : Path or None
        The report; None if the folder holds no finished case.
    events : tuple of Event
        One a case, in the order of the cases.
    earlier : tuple of str
        Finished cases of earlier runs in the folder, which are in tables and report too.
    """

    out: Path
    report: Path | None
    events: tuple[Event, ...]
    earlier: tuple[str, ...] = ()

    @property
    def failures(self) -> dict[str, str]:
        """Error of each failed case."""
        return {event.case: event.error for event in self.events if event.state == "failed"}

    def raise_failures(self) -> None:
        """Raise if any case failed.

        Raises
        ------
        CasesFailedError
            Names the cases and their errors.
        """
        if self.failures:
            raise CasesFailedError(
                f"{len(self.failures)} of {len(self.events)} cases failed",
                where=self.out,
                hint="Their errors are in run.json; mend the input and run the same command again, "
                "finished cases are skipped",
                failures=self.failures,
            )


@dataclass
class _Progress:
    """Events so far, and the file that tells them."""

    out: Path
    header: dict[str, Any]
    order: tuple[str, ...]
    earlier: dict[str, dict[str, Any]]
    events: dict[str, Event] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        self.events[event.case] = event
        cases = {**self.earlier}
        for case in self.order:
            done = self.events.get(case)
            cases[case] = (
                {"state": "pending"}
                if done is None
                else {"state": done.state, "error": done.error or None, "seconds": done.seconds}
            )
        write_json({**self.header, "cases": cases}, self.out / "run.json")


def run_cohort(
    cases: Sequence[CaseFiles],
    out: Path,
    options: RunOptions,
    *,
    workers: int = 1,
    engine: Engine = "local",
    on_event: Callable[[Event], None] | None = None,
    on_slice: Callable[[int, int], None] | None = None,
) -> CohortResult:
    """Run every case that is not done yet, then write tables and report.

    Parameters
    ----------
    cases : sequence of CaseFiles
    out : Path
    options : RunOptions
    workers : int
        Processes; 1 runs in this one.
    engine : {'local', 'dask'}
        Who runs the workers.
    on_event : callable, optional
        Called when a case has ended.
    on_slice : callable, optional
        Called within a case with the slices done and the slices there are; with one worker only.

    Raises
    ------
    LpmError
        If the only case fails, or something is wrong that no case can escape: the output folder,
        the model, the slice table.
    """
    if options.slices is not None:
        options.slices.read()
    predictor = api.load_predictor(options.model, mode=options.mode, progress=on_slice)
    created = _missing_folders(out)
    api.prepare_output(out)
    order = tuple(files.case for files in cases)
    again = api.has_results(out)
    progress = _Progress(
        out, _header(options, predictor.info.to_dict()), order, api.earlier_cases(out, order)
    )
    todo = []
    for files in cases:
        if not files.problem and api.is_done(files, out, options, predictor.info):
            _tell(Event(files.case, "skipped"), progress, on_event)
        else:
            todo.append(files)
    if len(cases) == 1 and todo:
        ended: Iterator[Event] = iter(
            [_alone(todo[0], options, predictor, progress, created=created, again=again)]
        )
    elif workers == 1 and engine == "local":
        ended = (
            _event(files, lambda f: api.process_case(f, out, options, predictor=predictor))
            for files in todo
        )
    else:
        ended = _parallel(todo, out, options, workers=workers, engine=engine)
    for event in ended:
        _tell(event, progress, on_event)
    return _finish(progress, again=again)


def _alone(
    files: CaseFiles,
    options: RunOptions,
    predictor: Predictor,
    progress: _Progress,
    *,
    created: Sequence[Path],
    again: bool,
) -> Event:
    """Do the only case; if it fails its error is the run's.

    No folder is left behind that was made for it; one that was there tells of the failure.
    """
    try:
        record = api.process_case(files, progress.out, options, predictor=predictor)
    except BaseException as error:
        with suppress(OSError):  # one that is not empty stays
            for folder in created:
                folder.rmdir()
        if isinstance(error, LpmError):
            error.where = error.where or files.case
        if not created and isinstance(error, Exception) and not isinstance(error, OutputError):
            progress.add(Event(files.case, "failed", str(error) or type(error).__name__))
            _finish(progress, again=again)
        raise
    return Event(files.case, "done", seconds=float(record["seconds"]["total"]))


def _missing_folders(out: Path) -> list[Path]:
    """Return the folders that will have to be made for `out`, innermost first."""
    return [folder for folder in (out, *out.parents) if not folder.exists()]


def _tell(event: Event, progress: _Progress, on_event: Callable[[Event], None] | None) -> None:
    progress.add(event)
    if on_event is not None:
        on_event(event)


def _finish(progress: _Progress, *, again: bool) -> CohortResult:
    """Bring tables and report to the state of the folder; files of no run are left alone."""
    events = tuple(progress.events[case] for case in progress.order)
    earlier = tuple(c for c, told in progress.earlier.items() if told["state"] == "earlier")
    report = None
    if again or earlier or any(event.state != "failed" for event in events):
        report = api.write_results(progress.out)
    return CohortResult(progress.out, report, events, earlier)


def _header(options: RunOptions, model: dict[str, Any]) -> dict[str, Any]:
    versions = {name: version(name) for name in _RECORDED_PACKAGES}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "model": model,
        "options": options.to_dict(),
    }


def _event(files: CaseFiles, work: Callable[[CaseFiles], dict[str, Any]]) -> Event:
    """Do a case and turn what happens into an event; only a full disk ends the run."""
    try:
        record = work(files)
    except OutputError:
        raise
    except LpmError as error:
        return Event(files.case, "failed", str(error))
    except MemoryError:
        return Event(files.case, "failed", "out of memory; run with fewer --workers")
    except Exception as error:
        # One odd file must not take the other cases down; the log keeps the traceback.
        logger.exception("case %s", files.case)
        return Event(files.case, "failed", f"unexpected {type(error).__name__}: {error}")
    return Event(files.case, "done", seconds=float(record["seconds"]["total"]))


def _parallel(
    todo: Sequence[CaseFiles], out: Path, options: RunOptions, *, workers: int, engine: Engine
) -> Iterator[Event]:
    submit = _dask(workers) if engine == "dask" else _processes(workers)
    threads = max(1, (os.cpu_count() or 1) // workers)  # the workers share the machine
    yield from submit([_Task(files, out, options, threads) for files in todo])


@dataclass(frozen=True)
class _Task:
    """A case for a worker process."""

    files: CaseFiles
    out: Path
    options: RunOptions
    threads: int

    def run(self) -> Event:
        # What there is to say about a case goes into its record, not to the terminal.
        logging.getLogger("lpm_segmentator").addHandler(logging.NullHandler())

        def work(files: CaseFiles) -> dict[str, Any]:
            predictor = _predictor(self.options.model, self.options.mode, self.threads)
            return api.process_case(files, self.out, self.options, predictor=predictor)

        return _event(self.files, work)


@cache
def _predictor(model: str, mode: Mode | None, threads: int) -> Predictor:
    """Load a model once a process."""
    return api.load_predictor(model, mode=mode, threads=threads)


def _processes(workers: int) -> Callable[[Sequence[_Task]], Iterator[Event]]:
    def submit(tasks: Sequence[_Task]) -> Iterator[Event]:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor, as_completed

        # Spawned workers are alike on every system and inherit no threads or locks.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures: dict[Future[Event], str] = {
                pool.submit(_Task.run, task): task.files.case for task in tasks
            }
            for future in as_completed(futures):
                try:
                    yield future.result()
                except (LpmError, OSError) as error:
                    pool.shutdown(cancel_futures=True)
                    raise error from None
                except RuntimeError as error:
                    yield Event(futures[future], "failed", f"its worker died: {error}")

    return submit


def _dask(workers: int) -> Callable[[Sequence[_Task]], Iterator[Event]]:
    def submit(tasks: Sequence[_Task]) -> Iterator[Event]:
        try:
            from distributed import Client, as_completed
        except ImportError as error:
            raise MissingExtraError("--engine dask", extra="dask") from error
        with Client(n_workers=workers, threads_per_worker=1, dashboard_address=None) as client:
            for _, event in as_completed(client.map(_Task.run, tasks), with_results=True):
                yield event

    return submit
