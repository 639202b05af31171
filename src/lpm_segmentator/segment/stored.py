"""One model in this program's own files: written, described, opened."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lpm_segmentator.core.errors import ModelError
from lpm_segmentator.segment.nnunet.bundle import (
    FORMAT,
    NnUnetModel,
    file_sha256,
    read_bundle,
    read_model_json,
    write_bundle,
)
from lpm_segmentator.segment.predictor import ModelInfo, Predictor

__all__ = [
    "NAME",
    "InstalledModel",
    "build_nnunet",
    "build_onnx",
    "describe",
    "name_of",
    "named",
    "nnunet_predictor",
    "open_folder",
    "open_onnx",
    "same_content",
]

_ONNX_FORMAT = "lpm-onnx-1"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""What a model may be called."""
Mode = Literal["fast", "exact"]


@dataclass(frozen=True)
class InstalledModel:
    """A model in the store.

    Attributes
    ----------
    folder
        Where it is.
    info
        What is known about it.
    source
        Where it came from: ``file`` and ``sha256`` of what was installed.
    size_bytes
        On the disk.
    """

    folder: Path
    info: ModelInfo
    source: Mapping[str, Any]
    size_bytes: int

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return self.info.name

    def to_dict(self) -> dict[str, Any]:
        """Return plain types that JSON can hold."""
        return {
            **self.info.to_dict(),
            "folder": str(self.folder),
            "source": dict(self.source),
            "size_bytes": self.size_bytes,
        }


def name_of(model: NnUnetModel, path: Path) -> str:
    """Return what a model is called where the user gave no name."""
    return str(model.card.get("name") or slug(path.name))


def slug(text: str) -> str:
    """Return a file's name as a model's name."""
    stem = re.sub(r"\.(zip|onnx)$", "", text, flags=re.IGNORECASE).lower()
    return re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")[:64] or "model"


def named(model: NnUnetModel, path: Path) -> NnUnetModel:
    """Return a model with its name in its card."""
    return replace(model, card={**model.card, "name": name_of(model, path)})


def build_nnunet(
    model: NnUnetModel,
    target: Path,
    card: Mapping[str, Any],
    name: str,
    origin: Mapping[str, Any],
) -> str:
    """Write an nnU-Net model into the target; return its checked name."""
    from lpm_segmentator.segment.nnunet.predictor import checked_labels

    merged = {**model.card, **card, "name": checked_name(name)}
    labels = checked_labels(merged.get("labels"), model.spec)
    merged["labels"] = {str(k): v for k, v in labels.items()}
    write_bundle(replace(model, card=merged), target, extra={"source": dict(origin)})
    return name


def build_onnx(
    path: Path,
    target: Path,
    card: Mapping[str, Any],
    name: str | None,
    origin: Mapping[str, Any],
) -> str:
    """Copy an ONNX model into the target; return its checked name."""
    info = open_onnx(path).info  # refuses what is not one of ours
    chosen = checked_name(name or slug(info.name or path.name))
    shutil.copyfile(path, target / "model.onnx")
    sha256 = file_sha256(target / "model.onnx")
    content = {
        "format": _ONNX_FORMAT,
        "card": {**info.to_dict(), **card, "name": chosen},
        "sha256": sha256,
        "source": dict(origin),
    }
    (target / "model.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return chosen


def checked_name(name: str) -> str:
    """Return a name that can be a folder's everywhere.

    Raises
    ------
    ModelError
        It cannot.
    """
    if not NAME.fullmatch(name):
        raise ModelError(
            f"{name!r} cannot be a model's name",
            hint="Use --name with small letters, digits, '.', '_' and '-'",
        )
    return name


def same_content(a: Path, b: Path) -> bool:
    """Return whether two folders hold the same model."""
    try:
        one, two = read_model_json(a), read_model_json(b)
    except ModelError:
        return False
    return all(one.get(key) == two.get(key) for key in ("format", "sha256", "card", "spec"))


def _entries(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return dict(value) if isinstance(value, dict) else {}


def describe(folder: Path) -> InstalledModel:
    """Return what a model's folder says about it.

    Raises
    ------
    ModelError
        Its ``model.json`` is missing or damaged.
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
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"its model.json is damaged ({error!r})",
            where=folder,
            hint="Install the model again with --replace",
        ) from error
    size = sum(p.stat().st_size for p in folder.iterdir() if p.is_file())
    return InstalledModel(folder, info, dict(content.get("source") or {}), size)


def open_folder(folder: Path, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for a model's folder, its files checked against their hashes.

    Parameters
    ----------
    folder
        Of the model.
    mode
        ``fast`` or ``exact``; by default exact for ONNX models, which take seconds, and fast for
        nnU-Net models, which take minutes.
    **options
        ``threads`` and ``progress``, which all predictors take.

    Raises
    ------
    ModelError
        A file is missing, damaged or not the one that was installed.
    """
    content = read_model_json(folder)
    if content.get("format") == _ONNX_FORMAT:
        path = folder / "model.onnx"
        if not path.is_file() or file_sha256(path) != content.get("sha256"):
            raise ModelError(
                "its model.onnx is missing or not the one that was installed",
                where=folder,
                hint="Install the model again with --replace",
            )
        return open_onnx(path, mode=mode, **options)
    model = read_bundle(folder)
    known = {"name": folder.name, "sha256": content.get("sha256")}
    return nnunet_predictor(replace(model, card={**model.card, **known}), mode=mode, **options)


def open_onnx(path: Path, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for one of this program's ONNX files."""
    from lpm_segmentator.segment.compact import load_compact

    return load_compact(path, mirror=mode != "fast", **options)


def nnunet_predictor(model: NnUnetModel, *, mode: Mode | None = None, **options: Any) -> Predictor:
    """Return a predictor for an nnU-Net model."""
    from lpm_segmentator.segment.nnunet.predictor import NnUnetPredictor

    return NnUnetPredictor(model, mode=mode or "fast", **options)
