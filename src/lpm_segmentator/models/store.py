"""The store of installed models.

A model is a folder ``LPM_HOME/models/<name>`` with a ``model.json`` and its weights. It is built in
a temporary folder on the same disk and renamed when complete, so that the store is unchanged
whatever fails.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.models.disk import disk_errors
from lpm_segmentator.models.installed import (
    InstalledModel,
    checked_name,
    describe,
    is_name,
    name_of,
    same_content,
    write_nnunet,
    write_onnx,
)
from lpm_segmentator.models.registry import PUBLISHED
from lpm_segmentator.models.source import locate, read_nnunet
from lpm_segmentator.segment.nnunet.bundle import read_model_json

__all__ = ["EMBEDDED", "ModelStore", "default_home"]

EMBEDDED = "embedded"
"""The name of the model that comes with the package."""


def default_home() -> Path:
    """Return ``LPM_HOME``, or the platform's folder for user data."""
    given = os.environ.get("LPM_HOME")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("lpm-segmentator", appauthor=False))


class ModelStore:
    """The models in one folder.

    Parameters
    ----------
    home : Path, optional
        Models are kept in its subfolder ``models``; by default `default_home`.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.folder = (home or default_home()) / "models"

    def __contains__(self, name: str) -> bool:
        return is_name(name) and (self.folder / name / "model.json").is_file()

    def list(self) -> list[InstalledModel]:
        """Return the installed models by name; folders that hold no model are ignored."""
        if not self.folder.is_dir():
            return []
        return [describe(folder) for folder in sorted(self.folder.iterdir()) if folder.name in self]

    def get(self, name: str) -> InstalledModel:
        """Return an installed model.

        Parameters
        ----------
        name : str

        Returns
        -------
        InstalledModel

        Raises
        ------
        ModelError
            If there is none of this name; the message lists the models, and for a published one
            says how to get it.
        """
        if name in self:
            return describe(self.folder / name)
        if name in PUBLISHED:
            raise ModelError(
                f"the published model {name!r} is not installed",
                hint=PUBLISHED[name].how_to_install(),
                remedy=Remedy.NAME,
            )
        names = ", ".join([EMBEDDED, *(model.name for model in self.list())])
        raise ModelError(
            f"no model {name!r}; available: {names}",
            where=self.folder,
            hint="'lpm models list' lists the models, 'lpm models install' installs one",
        )

    def install(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        folds: Sequence[str] | None = None,
        configuration: str | None = None,
        card: Mapping[str, Any] | None = None,
        second: Path | None = None,
        replace_existing: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> InstalledModel:
        """Install a model.

        Parameters
        ----------
        source : str or Path
            A folder, a zip, an ONNX file, an https address, or a published model's name.
        name : str, optional
            By default the published name, else the card's, else the file's.
        folds, configuration
            What to take from an nnU-Net model, see `read_model_folder`.
        card : mapping of str to object, optional
            Entries that take precedence over the source's own: ``labels`` (model value → package
            value), ``orientation``, ``citation``, ``licence``, ``description``, ``version``.
        second : Path, optional
            The ONNX file of the second network, of a compact model that has two.
        replace_existing : bool
            Whether a different model of the same name may be replaced.
        progress : callable, optional
            Called with the number of bytes downloaded and the number of all bytes.

        Returns
        -------
        InstalledModel

        Raises
        ------
        ModelError
            If the source is not a model, unsafe or not supported, or the name is taken.
        OutputError
            If the store cannot be written. It is unchanged in every case.
        """
        published = PUBLISHED.get(str(source)) or PUBLISHED.get(name or "")
        with disk_errors(self.folder), self._incoming() as work:
            path, origin = locate(source, work, published, progress)
            built = work / "model"
            built.mkdir()
            entries = {
                **(published.card if published else {}),
                **{k: v for k, v in (card or {}).items() if v is not None},
            }
            chosen = name or (published.name if published else None)
            if path.suffix.lower() == ".onnx":
                final = write_onnx(path, built, entries, chosen, origin, second=second)
            else:
                folds = folds or (published.folds if published else None) or None
                model = read_nnunet(path, work, folds=folds, configuration=configuration)
                final = write_nnunet(model, built, entries, chosen or name_of(model, path), origin)
            return self._admit(built, final, replace_existing=replace_existing)

    def check_free(self, name: str, *, training: str, replace_existing: bool) -> None:
        """Refuse a name that another model has, before a training that may take long.

        Parameters
        ----------
        name : str
        training : str
            Identity of the training. A model with the same ``training`` in its card is an earlier
            result of it.
        replace_existing : bool
            Whether another model may be replaced.

        Raises
        ------
        ModelError
            If the name is not valid or taken.
        """
        checked_name(name)
        if name == EMBEDDED:
            raise ModelError(
                f"{EMBEDDED!r} is the name of the model that comes with the package",
                hint=f"Choose another name ({Remedy.NAME})",
                remedy=Remedy.NAME,
            )
        if name not in self or replace_existing:
            return
        card = read_model_json(self.folder / name).get("card") or {}
        if dict(card).get("training") != training:
            raise self._taken(name)

    def remove(self, name: str) -> None:
        """Remove an installed model, even a damaged one.

        Parameters
        ----------
        name : str

        Raises
        ------
        ModelError
            If there is none of this name, or it is the embedded one.
        OutputError
            If its files cannot be removed.
        """
        if name == EMBEDDED:
            raise ModelError("the embedded model is part of the package and cannot be removed")
        folder = self.folder / name if name in self else self.get(name).folder
        with disk_errors(self.folder), self._incoming() as work:
            folder.rename(work / "removed")

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """Create a temporary folder on the store's disk, and remove it in every case."""
        self.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.folder))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _admit(self, built: Path, name: str, *, replace_existing: bool) -> InstalledModel:
        """Move a complete model into its place."""
        final = self.folder / name
        if final.exists():
            if same_content(built, final):
                return describe(final)
            if not replace_existing:
                raise self._taken(name)
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

    def _taken(self, name: str) -> ModelError:
        return ModelError(
            f"another model is named {name!r}",
            where=self.folder / name,
            hint=f"Choose another name ({Remedy.NAME}) or replace it ({Remedy.REPLACE})",
            remedy=(Remedy.NAME, Remedy.REPLACE),
        )
