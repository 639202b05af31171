"""Where results go: they replace no input, and a folder is checked before anything is computed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from lpm_segmentator.core import OutputError, Remedy
from lpm_segmentator.io import is_image, remove_leftovers
from lpm_segmentator.study.listing import ImageFile

__all__ = ["output_paths", "prepare_output", "refuse_overwriting"]


def prepare_output(out: Path) -> None:
    """Make the output folder and make sure that it can be written to.

    Raises
    ------
    OutputError
        If it cannot.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(
            "this is a file, not a folder", where=out, hint="Name a folder", remedy=Remedy.OUTPUT
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OutputError(
            f"cannot be written ({error.strerror or error})",
            where=out,
            hint="Choose another folder, or free disk space and check permissions",
            remedy=Remedy.OUTPUT,
        ) from error
    remove_leftovers(out)


def output_paths(images: Sequence[ImageFile], out: Path, *, suffix: str = "") -> Mapping[str, Path]:
    """Return where the result of each image goes, by case.

    One image and an `out` that ends in ``.nii`` or ``.nii.gz`` gives that file; otherwise `out`
    is a folder that gets one ``<case><suffix>.nii.gz`` an image.

    Raises
    ------
    OutputError
        If `out` names a file and there are several images, or a result would replace an input.
    """
    if is_image(out):
        if len(images) != 1:
            raise OutputError(
                f"{len(images)} images cannot go into one file",
                where=out,
                hint="Name a folder",
                remedy=Remedy.OUTPUT,
            )
        targets = {images[0].case: out}
    else:
        targets = {image.case: out / f"{image.case}{suffix}.nii.gz" for image in images}
    inputs = {image.path.resolve() for image in images}
    for target in targets.values():
        if target.resolve() in inputs:
            raise _replaces_input(target)
    return targets


def refuse_overwriting(targets: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse results that would replace an input.

    Parameters
    ----------
    targets : iterable of Path or None
        The files to write.
    inputs : iterable of Path or None
        Files and folders that are read; of a folder its images, label maps and files of levels.

    Raises
    ------
    OutputError
        If one would.
    """
    given = [path for path in inputs if path is not None]
    for target in (path for path in targets if path is not None):
        if any(_replaces(target, path) for path in given):
            raise _replaces_input(target)


def _replaces_input(target: Path) -> OutputError:
    return OutputError(
        "the result would replace an input",
        where=target,
        hint="Choose another name or folder",
        remedy=Remedy.OUTPUT,
    )


def _replaces(target: Path, given: Path) -> bool:
    if not target.exists() or not given.exists():
        return False
    if target.samefile(given):
        return True
    held = given.is_dir() and given.resolve() in target.resolve().parents
    return held and (is_image(target) or target.suffix.lower() == ".json")
