"""Run a cohort: every case is done, skipped because it was done before, or failed with its error.

``run.json`` is written after each case, so that a killed run states what it did, and the tables and
the report are made at the end from what lies in the folder. Cases of earlier runs that are not
among the inputs any more stay in them and are named (state "earlier" in ``run.json``): a folder may
be filled in several runs, and a case is removed from it by removing its folder.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from lpm_segmentator import __version__, api
from lpm_segmentator.cohort.engines import Engine, Event, run_parallel, run_serial
from lpm_segmentator.core import CasesFailedError, LpmError, OutputError
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.lock import run_lock
from lpm_segmentator.study.outputs import prepare_output
from lpm_segmentator.study.record import CaseState, RunRecord, write_record
from lpm_segmentator.study.results import (
    clear_results,
    earlier_runs,
    write_results,
)
from lpm_segmentator.study.resume import done_record, other_options

if TYPE_CHECKING:
    from lpm_segmentator.segment import ModelInfo, Predictor
    from lpm_segmentator.study.cases import CaseFiles
    from lpm_segmentator.study.options import RunOptions

__all__ = ["CohortResult", "run_cohort"]

logger = logging.getLogger(__name__)

_RECORDED_PACKAGES = ("numpy", "scipy", "nibabel", "onnxruntime")
_NOT_MEASURED = ("failed", "empty")
_SHOWN_CASES = 5


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
        """Error of each failed case, and the reason of each that was left empty."""
        return {e.case: e.error for e in self.events if e.state in _NOT_MEASURED}

    def raise_failures(self) -> None:
        """Raise if any case failed or no muscle was segmented in it.

        Raises
        ------
        CasesFailedError
            Names the cases and their errors.
        """
        if self.failures:
            raise CasesFailedError(
                f"{len(self.failures)} of {len(self.events)} cases failed",
                where=self.out,
                hint="Their errors are in run.json. Fix the inputs and run the same command again; "
                "finished cases are skipped",
                failures=self.failures,
            )


@dataclass
class _Progress:
    """Events so far, and the file that lists them."""

    out: Path
    record: RunRecord
    order: tuple[str, ...]
    earlier: Mapping[str, CaseState]
    events: dict[str, Event] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    def add(self, event: Event) -> None:
        self.events[event.case] = event
        states = dict(self.earlier)
        for case in self.order:
            ended = self.events.get(case)
            states[case] = CaseState("pending") if ended is None else _state(ended)
        seconds = round(time.perf_counter() - self.began, 1)
        record = replace(self.record, cases=states, seconds=seconds)
        write_record(record, StudyFolder(self.out).run)


def _state(event: Event) -> CaseState:
    return CaseState(event.state, event.error or None, event.seconds)


def run_cohort(
    cases: Sequence[CaseFiles],
    out: Path,
    options: RunOptions,
    *,
    workers: int = 1,
    engine: Engine | None = None,
    on_event: Callable[[Event], None] | None = None,
    on_slice: Callable[[int, int], None] | None = None,
    command: Sequence[str] = (),
) -> CohortResult:
    """Run every case that is not done yet, then write tables and report.

    Parameters
    ----------
    cases : sequence of CaseFiles
    out : Path
    options : RunOptions
    workers : int
        Worker processes; 1 runs in this one.
    engine : {'serial', 'processes', 'dask'}, optional
        Execution backend; by default serial for one worker and processes for more.
    on_event : callable, optional
        Called when a case has ended.
    on_slice : callable, optional
        Called within a case with the slices done and the slices there are; serial only.
    command : sequence of str
        Arguments of the command line, for ``run.json``.

    Raises
    ------
    LpmError
        If the only case fails, or something is wrong that no case can escape: the output folder,
        the model, the slice table.
    """
    if options.slice_table is not None:
        options.slice_table.read()
    predictor = api.load_predictor(options.model, mode=options.mode, progress=on_slice)
    created = _missing_folders(out)
    prepare_output(out)
    with _removed_on_error(created if len(cases) == 1 else ()), run_lock(out):
        earlier = earlier_runs(out, [files.case for files in cases])
        progress = _started(cases, out, options, predictor.info, command, earlier=earlier.others)
        again = earlier.has_results
        todo = _skip_done(cases, progress, options, predictor.info, on_event)
        if len(cases) == 1 and todo:
            ended: Iterable[Event] = [
                _alone(todo[0], options, predictor, progress, created=created, again=again)
            ]
        elif (engine or ("serial" if workers == 1 else "processes")) == "serial":
            ended = run_serial(todo, out, options, predictor)
        else:
            ended = run_parallel(todo, out, options, workers=workers, engine=engine or "processes")
        for event in ended:
            _report(event, progress, on_event)
        return _finish(progress, again=again)


def _started(
    cases: Sequence[CaseFiles],
    out: Path,
    options: RunOptions,
    model: ModelInfo,
    command: Sequence[str],
    *,
    earlier: Mapping[str, CaseState],
) -> _Progress:
    order = tuple(files.case for files in cases)
    record = RunRecord(
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=tuple(command),
        processors=os.cpu_count() or 0,
        packages={name: version(name) for name in _RECORDED_PACKAGES},
        model=model.to_dict(),
        options=options.to_dict(),
    )
    return _Progress(out, record, order, earlier)


def _skip_done(
    cases: Sequence[CaseFiles],
    progress: _Progress,
    options: RunOptions,
    model: ModelInfo,
    on_event: Callable[[Event], None] | None,
) -> list[CaseFiles]:
    """Report the cases that are done, state which results will be replaced, return the others."""
    todo, changes = [], {}
    for files in cases:
        record = done_record(files, progress.out, options, model)
        if record is not None:
            before = Event.of(record)  # an empty case is reported each time
            is_skipped = before.state == "done"
            event = Event(files.case, "skipped") if is_skipped else replace(before, seconds=0.0)
            _report(event, progress, on_event)
        else:
            todo.append(files)
            changes[files.case] = other_options(files, progress.out, options, model)
    _warn_of_replacing({case: words for case, words in changes.items() if words})
    return todo


def _warn_of_replacing(changes: Mapping[str, Sequence[str]]) -> None:
    """State which cases were run with other options, and which options these are."""
    if not changes:
        return
    words = dict.fromkeys(word for listed in changes.values() for word in listed)
    names = ", ".join(list(changes)[:_SHOWN_CASES]) + (" …" if len(changes) > _SHOWN_CASES else "")
    logger.warning(
        "%s with other options (%s) and will be replaced: %s",
        "1 case was run" if len(changes) == 1 else f"{len(changes)} cases were run",
        ", ".join(words),
        names,
    )


def _alone(
    files: CaseFiles,
    options: RunOptions,
    predictor: Predictor,
    progress: _Progress,
    *,
    created: Sequence[Path],
    again: bool,
) -> Event:
    """Run the only case; its error is the run's, recorded in a folder that was there before."""
    try:
        record = api.process_case(files, progress.out, options, predictor=predictor)
    except BaseException as error:
        if isinstance(error, LpmError):
            error.where = error.where or files.case
        if not created and isinstance(error, Exception) and not isinstance(error, OutputError):
            progress.add(Event.of_error(files.case, error))
            _finish(progress, again=again)
        raise
    return Event.of(record)


@contextmanager
def _removed_on_error(created: Sequence[Path]) -> Iterator[None]:
    """Remove folders that were made for a run which then failed, unless they hold something."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for folder in created:
                StudyFolder(folder).lock.unlink(missing_ok=True)
                folder.rmdir()
        raise


def _missing_folders(out: Path) -> list[Path]:
    """Return the folders that will have to be made for `out`, innermost first."""
    return [folder for folder in (out, *out.parents) if not folder.exists()]


def _report(event: Event, progress: _Progress, on_event: Callable[[Event], None] | None) -> None:
    progress.add(event)
    if on_event is not None:
        on_event(event)


def _finish(progress: _Progress, *, again: bool) -> CohortResult:
    """Bring tables and report to the state of the folder; files of no run are left alone.

    Those that an earlier run left would pass for results of this one if no case is finished now.
    """
    events = tuple(progress.events[case] for case in progress.order)
    earlier = tuple(c for c, state in progress.earlier.items() if state.state == "earlier")
    report = None
    if earlier or any(event.state != "failed" for event in events):
        report = write_results(progress.out)
    elif again:
        clear_results(progress.out)
    return CohortResult(progress.out, report, events, earlier)
