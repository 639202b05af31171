"""Do one step for each file, with a progress bar; name what failed at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lpm_segmentator.cli.common import print_json, progress_bar

if TYPE_CHECKING:
    from lpm_segmentator.study.listing import ImageFile

__all__ = ["Tables", "each_file", "into_tables"]

Tables = Mapping[Path, Sequence[Mapping[str, Any]]]
"""Rows by the table that they belong to."""


def each_file(
    items: Sequence[ImageFile],
    targets: Mapping[str, Path],
    work: Callable[[ImageFile, Path], None],
    *,
    title: str,
    quiet: bool,
    as_json: bool,
) -> None:
    """Do one step for each file and print what was written.

    Raises
    ------
    LpmError
        If the only file fails, or any result cannot be written.
    CasesFailedError
        If some files failed.
    """
    by_case = {item.case: item for item in items}
    failed = _for_each(
        list(targets), lambda case: work(by_case[case], targets[case]), title=title, quiet=quiet
    )
    written = {case: str(path) for case, path in targets.items() if case not in failed}
    if as_json:
        print_json({"written": written, "failed": failed})
    elif not quiet:
        for path in written.values():
            click.echo(path)
    _raise_failed(failed, len(items))


def into_tables(
    cases: Sequence[str],
    rows_of: Callable[[str], Tables],
    out: Path,
    *,
    title: str,
    quiet: bool,
    as_json: bool,
    show: Callable[[Sequence[Mapping[str, Any]]], None] | None = None,
    exact: bool = False,
) -> None:
    """Write the rows of each case to one table or more.

    `show`, if given, prints the rows of `out` to the terminal; `exact` writes all digits of its
    numbers, as of a table of the published method.

    Raises
    ------
    LpmError
        If the only case fails, or a table cannot be written.
    CasesFailedError
        If some cases failed.
    """
    from lpm_segmentator.io import write_table

    tables: dict[Path, list[Mapping[str, Any]]] = {}

    def work(case: str) -> None:
        for path, rows in rows_of(case).items():
            tables.setdefault(path, []).extend(rows)

    failed = _for_each(cases, work, title=title, quiet=quiet)
    for path, rows in tables.items():
        write_table(rows, path, digits=None if exact and path == out else 6)
    if as_json:
        print_json(tables.get(out, []))
    elif not quiet:
        if show is not None and out in tables:
            show(tables[out])
        for path in tables:
            click.echo(path)
    _raise_failed(failed, len(cases))


def _for_each(
    cases: Sequence[str], work: Callable[[str], None], *, title: str, quiet: bool
) -> dict[str, str]:
    """Do the work for each case; a lone case's error is raised, those of several are returned."""
    from lpm_segmentator.core import LpmError, OutputError

    failed = {}
    with progress_bar(title, quiet=quiet) as show:
        for done, case in enumerate(cases, start=1):
            try:
                work(case)
            except OutputError:
                raise  # a full disk will not become emptier with the next case
            except LpmError as error:
                if len(cases) == 1:
                    error.where = error.where or case
                    raise
                failed[case] = str(error)
            show(done, len(cases))
    return failed


def _raise_failed(failed: Mapping[str, str], count: int) -> None:
    from lpm_segmentator.core import CasesFailedError

    if failed:
        raise CasesFailedError(f"{len(failed)} of {count} failed", failures=failed)
