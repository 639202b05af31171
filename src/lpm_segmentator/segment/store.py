"""The models on this computer: install, list, describe, convert, open.

A model is a folder ``LPM_HOME/models/<name>`` with a ``model.json`` and its weights. It is built in
a temporary folder beside the others and renamed when complete, so that whatever goes wrong, the
store holds the models it held before.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lpm_segmentator.core.errors import LpmError, ModelError, OutputError
from lpm_segmentator.segment.archive import extract_zip
from lpm_segmentator.segment.download import download
from lpm_segmentator.segment.nnunet.bundle import NnUnetModel, file_sha256, write_bundle
from lpm_segmentator.segment.nnunet.source import is_model_file, read_model_folder
from lpm_segmentator.segment.predictor import Predictor
from lpm_segmentator.segment.registry import PUBLISHED, PublishedModel
from lpm_segmentator.segment.stored import (
    NAME,
    InstalledModel,
    Mode,
    build_nnunet,
    build_onnx,
    describe,
    name_of,
    named,
    nnunet_predictor,
    open_folder,
    open_onnx,
    same_content,
)

__all__ = ["InstalledModel", "ModelStore", "convert", "default_home", "open_model"]

_ZIP_MAGIC = b"PK\x03\x04"
_KINDS = (
    "Supported are folders and zips of nnU-Net v1 and v2 models, https addresses of such zips, "
    "models this program wrote, and its ONNX files"
)
Progress = Callable[[int, int], None]


def default_home() -> Path:
    """Return ``LPM_HOME``, or the platform's folder for a user's data."""
    given = os.environ.get("LPM_HOME")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("lpm-segmentator", appauthor=False))


class ModelStore:
    """The models under one folder.

    Parameters
    ----------
    home
        Default: `default_home`.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.folder = (home or default_home()) / "models"

    def install(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        folds: Sequence[str] | None = None,
        configuration: str | None = None,
        card: Mapping[str, Any] | None = None,
        replace_existing: bool = False,
        progress: Progress | None = None,
    ) -> InstalledModel:
        """Install a model.

        Parameters
        ----------
        source
            A folder, a zip, an ONNX file, an https address, or a published model's name.
        name
            What to call it; default: the published name, else the card's, else the file's.
        folds, configuration
            What to take from an nnU-Net model, see `read_model_folder`.
        card
            Entries that go before the source's own: ``labels`` (model value → package value),
            ``orientation``, ``citation``, ``licence``, ``description``, ``version``.
        replace_existing
            Whether a model of that name may be replaced by a different one.
        progress
            Called with the bytes fetched so far and in all.

        Raises
        ------
        ModelError
            The source is no model, unsafe or unsupported, or the name is taken.
        OutputError
            The store cannot be written. In every case it stays as it was.
        """
        published = PUBLISHED.get(str(source)) or PUBLISHED.get(name or "")
        with _writing(self.folder), self._incoming() as work:
            path, origin = _fetch(source, work, published, progress)
            target = work / "model"
            target.mkdir()
            wanted = {
                **(published.card if published else {}),
                **{k: v for k, v in (card or {}).items() if v is not None},
            }
            chosen_name = name or (published.name if published else None)
            chosen_folds = folds or (published.folds if published else None) or None
            if path.suffix.lower() == ".onnx":
                final = build_onnx(path, target, wanted, chosen_name, origin)
            else:
                model = _read(path, work, folds=chosen_folds, configuration=configuration)
                final = build_nnunet(
                    model, target, wanted, chosen_name or name_of(model, path), origin
                )
            return self._admit(target, final, replace_existing=replace_existing)

    def list(self) -> list[InstalledModel]:
        """Return the installed models by name; folders that are no models are left out."""
        if not self.folder.is_dir():
            return []
        return [describe(folder) for folder in sorted(self.folder.iterdir()) if folder.name in self]

    def __contains__(self, name: str) -> bool:
        return bool(NAME.fullmatch(name)) and (self.folder / name / "model.json").is_file()

    def get(self, name: str) -> InstalledModel:
        """Return one installed model.

        Raises
        ------
        ModelError
            There is none of that name; the message says what there is, and for a published model
            how to get it.
        """
        folder = self.folder / name
        if name in self:
            return describe(folder)
        if name in PUBLISHED:
            raise ModelError(
                f"the published model {name!r} is not installed",
                hint=PUBLISHED[name].how_to_install(),
            )
        names = ", ".join(["embedded", *(model.name for model in self.list())])
        raise ModelError(
            f"there is no model {name!r}; there are: {names}",
            where=self.folder,
            hint="See 'lpm models list', or install one: lpm models install SOURCE",
        )

    def remove(self, name: str) -> None:
        """Remove an installed model, though it may be damaged.

        Raises
        ------
        ModelError
            If there is none of this name, or it is the embedded one.
        OutputError
            If the system refuses.
        """
        if name == "embedded":
            raise ModelError("the embedded model comes with the package and cannot be removed")
        folder = self.folder / name if name in self else self.get(name).folder
        with _writing(self.folder), self._incoming() as work:
            folder.rename(work / "removed")

    def open(self, name: str, *, mode: Mode | None = None, **options: Any) -> Predictor:
        """Return a predictor for an installed model; see `stored.open_folder`."""
        return open_folder(self.get(name).folder, mode=mode, **options)

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """Make a folder on the store's own disk, and remove it whatever happens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.folder))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _admit(self, built: Path, name: str, *, replace_existing: bool) -> InstalledModel:
        final = self.folder / name
        if final.exists():
            if same_content(built, final):
                return describe(final)
            if not replace_existing:
                raise ModelError(
                    f"there is another model named {name!r}",
                    where=final,
                    hint="Give another --name, or --replace it",
                )
            old = built.with_name("old")
            final.rename(old)
            try:
                built.rename(final)
            except OSError:
                old.rename(final)
                raise
        else:
            built.rename(final)
        return describe(final)


def open_model(
    name_or_path: str | Path,
    *,
    mode: Mode | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    store: ModelStore | None = None,
) -> Predictor:
    """Return a predictor for an installed model's name, or a model's folder, zip or ONNX file.

    Parameters
    ----------
    name_or_path
        Which model.
    mode
        ``fast`` or ``exact``; by default exact for ONNX models and fast for nnU-Net models.
    threads
        How many to compute with; the runtime's own choice by default.
    progress
        Called with the number of steps done and of all while a volume is segmented.
    store
        Where installed models are; default the user's.

    Raises
    ------
    ModelError
        There is no such model, or it cannot be run.
    """
    options: dict[str, Any] = {"threads": threads, "progress": progress}
    path = Path(name_or_path)
    looks_like_path = path.exists() and (path.is_absolute() or len(path.parts) > 1 or path.suffix)
    store = store or ModelStore()
    name = str(name_or_path)
    if not looks_like_path and NAME.fullmatch(name) and (name in store or not path.exists()):
        return store.open(name, mode=mode, **options)
    if not path.exists():
        raise ModelError("there is no such file or folder, nor a model of that name", where=path)
    if path.suffix.lower() == ".onnx":
        return open_onnx(path, mode=mode, **options)
    with (
        _writing(Path(tempfile.gettempdir())),
        tempfile.TemporaryDirectory(prefix="lpm-") as work,
    ):
        model = _read(path, Path(work))
    return nnunet_predictor(named(model, path), mode=mode, **options)


def convert(
    source: Path,
    target: Path,
    *,
    folds: Sequence[str] | None = None,
    configuration: str | None = None,
) -> Path:
    """Write an nnU-Net model in this program's own files, outside the store.

    Parameters
    ----------
    source
        A folder or zip.
    target
        The folder to make; it must not exist, or be empty.
    folds, configuration
        See `read_model_folder`.

    Raises
    ------
    ModelError
        The source is no model.
    OutputError
        The target cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError("exists already and is not an empty folder", where=target)
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lpm-", dir=target.parent) as work:
            read = _read(source, Path(work), folds=folds, configuration=configuration)
            model = named(read, source)
            built = Path(work) / "model"
            built.mkdir()
            write_bundle(model, built, extra={"source": _origin(source)})
            if target.exists():
                target.rmdir()
            built.rename(target)
    return target


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about a disk into an error for the user."""
    try:
        yield
    except LpmError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what = "the disk is full"
        else:
            what = f"cannot be read or written ({error.strerror or error})"
        raise OutputError(
            what,
            where=error.filename if error.errno not in (errno.ENOSPC, errno.EDQUOT) else folder,
            hint="Nothing was changed; set LPM_HOME to a folder with space that you may write to",
        ) from error


def _fetch(
    source: str | Path, work: Path, published: PublishedModel | None, progress: Progress | None
) -> tuple[Path, dict[str, Any]]:
    """Return the file or folder to install, and a note on where it came from."""
    text = str(source)
    sha256 = ""
    if published is not None and text == published.name and not Path(text).exists():
        if not published.direct:
            raise ModelError(
                f"the download of {published.name!r} needs a browser",
                hint=published.how_to_install(),
            )
        text, sha256 = published.direct, published.sha256
    if re.match(r"[a-z][a-z0-9+.-]+://", text, flags=re.IGNORECASE):
        fetched = work / "download"
        fetched.mkdir()
        path = download(text, fetched, sha256=sha256, progress=progress)
        return path, {"url": text, **_origin(path)}
    path = Path(text).expanduser()
    if not path.exists():
        names = ", ".join(PUBLISHED)
        raise ModelError(
            "there is no such file or folder",
            where=path,
            hint=f"{_KINDS}. Published models: {names}",
        )
    return path, _origin(path)


def _origin(path: Path) -> dict[str, Any]:
    return {"file": path.name, **({"sha256": file_sha256(path)} if path.is_file() else {})}


def _read(path: Path, work: Path, **choice: Any) -> NnUnetModel:
    """Read the model in a folder or zip; errors name the file that the user gave."""
    folder = _unpacked(path, work)
    try:
        return read_model_folder(folder, **choice)
    except ModelError as error:
        if folder != path and error.where is not None:
            error.where = error.where.replace(str(folder), str(path))
        raise


def _unpacked(path: Path, work: Path) -> Path:
    """Return a folder: the path itself, or what a zip holds."""
    if path.is_dir():
        return path
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != _ZIP_MAGIC or path.suffix.lower() in (".pth", ".model", ".pt", ".npz"):
        raise ModelError(
            f"is no model that can be installed ({_guess(path)})", where=path, hint=_KINDS
        )
    target = work / "unpacked"
    target.mkdir()
    if not extract_zip(path, target, wanted=is_model_file):
        with zipfile.ZipFile(path) as opened:
            names = ", ".join(opened.namelist()[:8]) or "nothing"
        raise ModelError(f"the zip holds no model, but {names}", where=path, hint=_KINDS)
    return target


def _guess(path: Path) -> str:
    if path.suffix.lower() in (".pth", ".model", ".pt"):
        return "a checkpoint alone; its plans are missing"
    if path.suffix.lower() == ".onnx":
        return "an ONNX file needs no conversion: name it with --model"
    return f"a {path.suffix} file" if path.suffix else "a file of unknown kind"
