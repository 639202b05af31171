"""Convert an nnU-Net model to this package's own files."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from lpm_segmentator.core import OutputError, Remedy
from lpm_segmentator.models.disk import disk_errors
from lpm_segmentator.models.installed import named
from lpm_segmentator.models.source import origin_of, read_nnunet
from lpm_segmentator.segment.nnunet.bundle import write_bundle

__all__ = ["convert_model"]


def convert_model(
    source: Path,
    target: Path,
    *,
    folds: Sequence[str] | None = None,
    configuration: str | None = None,
) -> Path:
    """Write an nnU-Net model as JSON and plain arrays, outside the store.

    Parameters
    ----------
    source : Path
        A folder or zip.
    target : Path
        The folder to create; it must not exist, or be empty.
    folds : sequence of str, optional
        The folds to convert; by default all numbered ones.
    configuration : str, optional
        The configuration to convert, where the source holds several.

    Returns
    -------
    Path
        The target.

    Raises
    ------
    ModelError
        If the source is not a supported model.
    OutputError
        If the target cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(
            "exists and is not an empty folder",
            where=target,
            hint="Choose another folder",
            remedy=Remedy.OUTPUT,
        )
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lpm-", dir=target.parent) as work:
            model = read_nnunet(source, Path(work), folds=folds, configuration=configuration)
            built = Path(work) / "model"
            built.mkdir()
            write_bundle(named(model, source), built, extra={"source": origin_of(source)})
            if target.exists():
                target.rmdir()
            built.rename(target)
    return target
