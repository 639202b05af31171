"""The sources of models: files, folders, zips, addresses and published names."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.models.archive import extract_zip
from lpm_segmentator.models.fetch import fetch
from lpm_segmentator.models.registry import PUBLISHED, PublishedModel
from lpm_segmentator.segment.nnunet.bundle import NnUnetModel, file_sha256
from lpm_segmentator.segment.nnunet.source import is_model_file, read_model_folder

__all__ = ["locate", "origin_of", "read_nnunet"]

_ZIP_MAGIC = b"PK\x03\x04"
_CHECKPOINTS = (".pth", ".model", ".pt")
_SUPPORTED = (
    "Supported are folders and zips of nnU-Net v1 and v2 models, https addresses of such zips, "
    "models converted by this program, and its ONNX files"
)


def locate(
    source: str | Path,
    work: Path,
    published: PublishedModel | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[Path, dict[str, Any]]:
    """Return the file or folder to install; an address is downloaded.

    Parameters
    ----------
    source : str or Path
        A file, a folder, an address, or the name of the published model.
    work : Path
        Folder for the download.
    published : PublishedModel or None
        The published model that is installed, if any.
    progress : callable, optional
        Called with the number of bytes received and the number of all bytes.

    Returns
    -------
    path : Path
    origin : dict
        See `InstalledModel.source`.

    Raises
    ------
    ModelError
        If there is no such file, or it cannot be downloaded.
    """
    text = str(source)
    sha256 = ""
    if published is not None and text == published.name and not Path(text).exists():
        if not published.direct:
            raise ModelError(
                f"the download of {published.name!r} needs a browser",
                hint=published.how_to_install(),
                remedy=Remedy.NAME,
            )
        text, sha256 = published.direct, published.sha256
    if re.match(r"[a-z][a-z0-9+.-]+://", text, flags=re.IGNORECASE):
        path = fetch(text, work / "download", sha256=sha256, progress=progress)
        return path, {"url": text, **origin_of(path)}
    path = Path(text).expanduser()
    if not path.exists():
        names = ", ".join(PUBLISHED)
        raise ModelError(
            "no such file or folder",
            where=path,
            hint=f"{_SUPPORTED}. Published models: {names}",
        )
    return path, origin_of(path)


def origin_of(path: Path) -> dict[str, Any]:
    """Return the entries of `InstalledModel.source` for a file or folder."""
    return {"file": path.name, **({"sha256": file_sha256(path)} if path.is_file() else {})}


def read_nnunet(path: Path, work: Path, **choice: Any) -> NnUnetModel:
    """Read the nnU-Net model in a folder or zip.

    Parameters
    ----------
    path : Path
    work : Path
        Folder to extract a zip in.
    **choice
        ``folds`` and ``configuration`` of `read_model_folder`.

    Returns
    -------
    NnUnetModel

    Raises
    ------
    ModelError
        If it is not a supported model; the message names the file that the user gave.
    """
    folder = _unpacked(path, work)
    try:
        return read_model_folder(folder, **choice)
    except ModelError as error:
        if folder != path and error.where is not None:
            error.where = error.where.replace(str(folder), str(path))
        raise


def _unpacked(path: Path, work: Path) -> Path:
    """Return a folder: the path itself, or the extracted zip."""
    if path.is_dir():
        return path
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != _ZIP_MAGIC or suffix in (*_CHECKPOINTS, ".npz"):  # checkpoints are zips too
        raise ModelError(
            f"is not a model that can be installed ({_kind_of_file(suffix)})",
            where=path,
            hint=_SUPPORTED,
        )
    target = work / "unpacked"
    target.mkdir()
    if not extract_zip(path, target, wanted=is_model_file):
        with zipfile.ZipFile(path) as opened:
            names = ", ".join(opened.namelist()[:8]) or "nothing"
        raise ModelError(f"the zip holds no model, only {names}", where=path, hint=_SUPPORTED)
    return target


def _kind_of_file(suffix: str) -> str:
    if suffix in _CHECKPOINTS:
        return "a checkpoint without its plans"
    if suffix == ".onnx":
        return "ONNX files need no conversion"
    return f"a {suffix} file" if suffix else "a file of unknown type"
