"""One installed model: its folder is written, described and opened."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.segment import Mode, ModelInfo, Predictor, load_compact
from lpm_segmentator.segment.nnunet.bundle import (
    FORMAT,
    NnUnetModel,
    file_sha256,
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
    "open_folder",
    "open_onnx",
    "same_content",
    "write_nnunet",
    "write_onnx",
]

_ONNX_FORMAT = "lpm-onnx-1"
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
    """

    folder: Path
    info: ModelInfo
    source: Mapping[str, Any]
    size_bytes: int

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
) -> str:
    """Copy a compact ONNX model into an empty folder; otherwise as `write_nnunet`."""
    info = open_onnx(path).info  # refuses files that are not compact models
    chosen = checked_name(name or _slug(info.name or path.name))
    shutil.copyfile(path, target / "model.onnx")
    content = {
        "format": _ONNX_FORMAT,
        "card": {**info.to_dict(), **card, "name": chosen},
        "sha256": file_sha256(target / "model.onnx"),
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
    return InstalledModel(folder, info, source, size)


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
        path = folder / "model.onnx"
        if not path.is_file() or file_sha256(path) != content.get("sha256"):
            raise ModelError(
                "its model.onnx is missing or not the file that was installed",
                where=folder,
                hint=_REINSTALL,
                remedy=Remedy.REPLACE,
            )
        return open_onnx(path, mode=mode, **options)
    model = read_bundle(folder)
    known = {"name": folder.name, "sha256": content.get("sha256")}
    return nnunet_predictor(replace(model, card={**model.card, **known}), mode=mode, **options)


def open_onnx(path: Path, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for a compact ONNX model; parameters as in `open_folder`."""
    return load_compact(path, refine=mode != "fast", **options)


def nnunet_predictor(model: NnUnetModel, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for an nnU-Net model; parameters as in `open_folder`."""
    from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor

    return NnUnetPredictor(model, mode=mode or "fast", **options)
