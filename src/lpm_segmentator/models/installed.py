"""One installed model: its folder is written, described and opened."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.segment import (
    CompactPredictor,
    Mode,
    ModelInfo,
    Predictor,
    load_compact,
)
from lpm_segmentator.segment.nnunet.bundle import (
    FORMAT,
    NnUnetModel,
    read_bundle,
    read_model_json,
    write_bundle,
)

__all__ = [
    "InstalledModel",
    "checked_name",
    "describe",
    "is_name",
    "name_of",
    "named",
    "nnunet_predictor",
    "onnx_files",
    "open_folder",
    "open_onnx",
    "same_content",
    "write_nnunet",
    "write_onnx",
]

_ONNX_FORMAT = "lpm-onnx-1"
_FIRST, _SECOND = "model.onnx", "second.onnx"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_REINSTALL = f"Install the model again and replace this one ({Remedy.REPLACE})"


@dataclass(frozen=True)
class InstalledModel:
    """A model in the store.

    Attributes
    ----------
    folder : Path
        Its files.
    info : ModelInfo
        Its description.
    source : mapping of str to object
        Its origin: ``file`` and ``sha256`` of what was installed, and the ``url`` if downloaded.
    size_bytes : int
        Disk space.
    adaptation : mapping of str to object
        Of an adapted model: its base, what it was adapted to, and what that gained; else empty.
    """

    folder: Path
    info: ModelInfo
    source: Mapping[str, Any]
    size_bytes: int
    adaptation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which it is installed."""
        return self.info.name

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that JSON can hold."""
        return {
            **self.info.to_dict(),
            "folder": str(self.folder),
            "source": dict(self.source),
            "size_bytes": self.size_bytes,
            **({"adaptation": dict(self.adaptation)} if self.adaptation else {}),
        }


def is_name(text: str) -> bool:
    """Return whether a text can be the name of a model."""
    return bool(_NAME.fullmatch(text))


def checked_name(name: str) -> str:
    """Return a name that can be the name of a folder on every system.

    Raises
    ------
    ModelError
        If it cannot.
    """
    if not is_name(name):
        raise ModelError(
            f"{name!r} is not a valid model name",
            hint="Names consist of lower-case letters, digits, '.', '_' and '-'",
            remedy=Remedy.NAME,
        )
    return name


def name_of(model: NnUnetModel, path: Path) -> str:
    """Return the name of a model for which the user gave none: its card's, or the file's."""
    return str(model.card.get("name") or _slug(path.name))


def named(model: NnUnetModel, path: Path) -> NnUnetModel:
    """Return a model with its name in its card."""
    return replace(model, card={**model.card, "name": name_of(model, path)})


def _slug(text: str) -> str:
    """Return a file name as a model name."""
    stem = re.sub(r"\.(zip|onnx)$", "", text, flags=re.IGNORECASE).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")[:64] or "model"


def write_nnunet(
    model: NnUnetModel,
    target: Path,
    card: Mapping[str, Any],
    name: str,
    origin: Mapping[str, Any],
) -> str:
    """Write an nnU-Net model into an empty folder.

    Parameters
    ----------
    model : NnUnetModel
    target : Path
    card : mapping of str to object
        Entries that take precedence over the model's own card.
    name : str
    origin : mapping of str to object
        See `InstalledModel.source`.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ModelError
        If the name or the labels are not valid.
    """
    from lpm_segmentator.segment.nnunet.labels import checked_labels

    merged = {**model.card, **card, "name": checked_name(name)}
    labels = checked_labels(merged.get("labels"), model.spec)
    merged["labels"] = {str(k): v for k, v in labels.items()}
    write_bundle(replace(model, card=merged), target, extra={"source": dict(origin)})
    return name


def write_onnx(
    path: Path,
    target: Path,
    card: Mapping[str, Any],
    name: str | None,
    origin: Mapping[str, Any],
    *,
    second: Path | None = None,
) -> str:
    """Copy a compact model of one or two ONNX files into an empty folder; see `write_nnunet`."""
    info = _open_both(path, second).info  # refuses files that are not compact models
    chosen = checked_name(name or _slug(info.name or path.name))
    shutil.copyfile(path, target / _FIRST)
    if second is not None:
        shutil.copyfile(second, target / _SECOND)
    content = {
        "format": _ONNX_FORMAT,
        "card": {**info.to_dict(), **card, "name": chosen},
        "sha256": info.sha256,
        "source": dict(origin),
    }
    (target / "model.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return chosen


def same_content(one: Path, other: Path) -> bool:
    """Return whether two folders hold the same model."""
    try:
        first, second = read_model_json(one), read_model_json(other)
    except ModelError:
        return False
    return all(first.get(key) == second.get(key) for key in ("format", "sha256", "card", "spec"))


def describe(folder: Path) -> InstalledModel:
    """Return the description of the model in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    InstalledModel

    Raises
    ------
    ModelError
        If its ``model.json`` is missing or damaged.
    """
    content = read_model_json(folder)
    card, spec = (_entries(content, key) for key in ("card", "spec"))
    try:
        kind = str(card.get("kind", "onnx"))
        if content.get("format") == FORMAT:
            kind = f"nnunet-v{spec['generation']}-{spec['configuration']}"
        info = ModelInfo(
            name=folder.name,
            version=str(card.get("version", "")),
            kind=kind,
            sha256=str(content.get("sha256", "")),
            labels={int(k): int(v) for k, v in dict(card.get("labels") or {}).items()},
            input_channels=tuple(
                map(str, spec.get("channels") or card.get("input_channels") or ("MRI",))
            ),
            citation=str(card.get("citation", "")),
            licence=str(card.get("licence", "")),
            description=str(card.get("description", "")),
        )
        source = dict(content.get("source") or {})
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"its model.json is damaged ({error!r})",
            where=folder,
            hint=_REINSTALL,
            remedy=Remedy.REPLACE,
        ) from error
    size = sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
    return InstalledModel(folder, info, source, size, _entries(card, "adaptation"))


def _entries(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return dict(value) if isinstance(value, dict) else {}


def open_folder(folder: Path, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for the model in a folder; its files are checked against their hashes.

    Parameters
    ----------
    folder : Path
    mode : {'fast', 'exact'}, optional
        By default exact for ONNX models and fast for nnU-Net models.
    **options
        ``threads`` and ``progress``, which all predictors take.

    Returns
    -------
    Predictor

    Raises
    ------
    ModelError
        If a file is missing, damaged or not the one that was installed.
    """
    content = read_model_json(folder)
    if content.get("format") == _ONNX_FORMAT:
        path, second = onnx_files(folder)
        return _open_both(path, second, refine=mode != "fast", **options)
    model = read_bundle(folder)
    known = {"name": folder.name, "sha256": content.get("sha256")}
    return nnunet_predictor(replace(model, card={**model.card, **known}), mode=mode, **options)


def onnx_files(folder: Path) -> tuple[Path, Path | None]:
    """Return the ONNX files of the compact model in a folder, the second where it has one.

    Raises
    ------
    ModelError
        If it is another kind of model, or a file is not the one that was installed.
    """
    content = read_model_json(folder)
    if content.get("format") != _ONNX_FORMAT:
        raise ModelError("is not a compact model", where=folder)
    present = [path for name in (_FIRST, _SECOND) if (path := folder / name).is_file()]
    sha256 = hashlib.sha256(b"".join(path.read_bytes() for path in present)).hexdigest()
    if not present or sha256 != content.get("sha256"):
        raise ModelError(
            f"its {_FIRST} is missing or not the file that was installed",
            where=folder,
            hint=_REINSTALL,
            remedy=Remedy.REPLACE,
        )
    return folder / _FIRST, next(iter(present[1:]), None)


def _open_both(path: Path, second: Path | None, **options: Any) -> CompactPredictor:
    """Return a predictor for a compact model of one or two ONNX files."""
    return load_compact(path, second=None if second is None else second.read_bytes(), **options)


def open_onnx(path: Path, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for a compact ONNX model; parameters as in `open_folder`."""
    return load_compact(path, refine=mode != "fast", **options)


def nnunet_predictor(model: NnUnetModel, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for an nnU-Net model; parameters as in `open_folder`."""
    from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor

    return NnUnetPredictor(model, mode=mode or "fast", **options)
