"""Find and read an nnU-Net model in a folder, as either version leaves it on the disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from lpm_segmentator.core.errors import ModelError
from lpm_segmentator.segment.nnunet import plans_v1, plans_v2
from lpm_segmentator.segment.nnunet.bundle import FORMAT, Fold, NnUnetModel, read_bundle
from lpm_segmentator.segment.nnunet.checkpoint import Weights, load_checkpoint, weights_of
from lpm_segmentator.segment.nnunet.shapes import check_weights
from lpm_segmentator.segment.nnunet.spec import ModelSpec
from lpm_segmentator.segment.nnunet.unpickle import load_plain_pickle

__all__ = ["is_model_file", "read_model_folder"]

_V1_CHECKPOINTS = ("model_final_checkpoint", "model_best")
_V2_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
_CONFIGURATIONS = ("2d", "3d_lowres", "3d_fullres", "3d_cascade_fullres")
_LAYOUTS = (
    "Expected is a folder with plans.pkl and fold_*/model_final_checkpoint.model(.pkl) "
    "(nnU-Net v1), or with plans.json, dataset.json and fold_*/checkpoint_final.pth (nnU-Net v2)"
)
_WANTED_NAMES = {"plans.pkl", "plans.json", "dataset.json", "postprocessing.json", "card.json"}
_WANTED_SUFFIXES = (".model", ".model.pkl", ".pth", ".npz", ".onnx")
_MAX_JSON_BYTES = 64 * 2**20
_STAGE_ARGUMENT = 5  # of v1's trainers: plans, fold, output, dataset, batch Dice, stage, …


def is_model_file(path: PurePosixPath) -> bool:
    """Return whether an archive's entry is needed; results folders hold much that is not."""
    return (
        path.name in _WANTED_NAMES
        or path.name == "model.json"
        or path.name.endswith(_WANTED_SUFFIXES)
    )


@dataclass(frozen=True)
class _Found:
    version: int | Literal["bundle"]
    folder: Path


def read_model_folder(
    root: Path, *, folds: Sequence[str] | None = None, configuration: str | None = None
) -> NnUnetModel:
    """Read the model in a folder or anywhere below it.

    Parameters
    ----------
    root
        The folder.
    folds
        Names of the folds to take (``"0"`` … ``"4"``, ``"all"``); default all that are there.
    configuration
        Which one, where the folder holds several (``2d``, ``3d_fullres``, …).

    Raises
    ------
    ModelError
        There is no model, more than one, or one that cannot be run here.
    """
    found = _choose(root, configuration)
    if found.version == "bundle":
        return _select(read_bundle(found.folder), folds, found.folder)
    read = _read_v1 if found.version == 1 else _read_v2
    model = read(found.folder, folds)
    return replace(model, card=_card(found.folder, root))


def _choose(root: Path, configuration: str | None) -> _Found:
    everything = _find(root)
    matching = [
        f
        for f in everything
        if configuration is None or configuration in _configuration_names(f.folder)
    ]
    if len(matching) == 1:
        return matching[0]
    if not everything:
        names = sorted(p.name for p in root.iterdir())[:8] if root.is_dir() else []
        raise ModelError(
            f"there is no nnU-Net model; found {', '.join(names) or 'nothing'}",
            where=root,
            hint=_LAYOUTS,
        )
    listed = ", ".join(str(f.folder.relative_to(root)) for f in everything)
    raise ModelError(
        f"{len(matching)} of its models fit; there are: {listed}",
        where=root,
        hint="Choose one with --configuration, or give its folder",
    )


def _configuration_names(folder: Path) -> set[str]:
    return {part for p in folder.parts for part in (p, p.rpartition("__")[2])}


def _find(root: Path) -> list[_Found]:
    if not root.is_dir():
        raise ModelError("the folder does not exist", where=root)
    complete: list[_Found] = []
    partial: list[_Found] = []  # only read to say what is missing
    for folder in [root, *sorted(p for p in root.rglob("*") if p.is_dir())]:
        if _is_bundle(folder):
            complete.append(_Found("bundle", folder))
            continue
        for version, plans, checkpoint in ((1, "plans.pkl", "*.model"), (2, "plans.json", "*.pth")):
            has_plans, has_weights = (folder / plans).is_file(), _has(folder, checkpoint)
            if has_plans and has_weights:
                complete.append(_Found(version, folder))
            elif has_plans or has_weights:
                partial.append(_Found(version, folder))
    return complete or partial


def _is_bundle(folder: Path) -> bool:
    path = folder / "model.json"
    return path.is_file() and FORMAT in path.read_bytes()[:200].decode("latin1")


def _has(folder: Path, pattern: str) -> bool:
    """Return whether a fold's folder below holds a checkpoint."""
    return any(folder.glob(f"fold_*/{pattern}")) or any(folder.glob(f"all/{pattern}"))


def _select(model: NnUnetModel, folds: Sequence[str] | None, where: Path) -> NnUnetModel:
    names = [fold.name for fold in model.folds]
    chosen = _checked_folds(names, folds, where)
    return replace(model, folds=tuple(f for f in model.folds if f.name in chosen))


def _checked_folds(present: Iterable[str], wanted: Sequence[str] | None, where: Path) -> list[str]:
    names = sorted(present)
    if not names:
        raise ModelError("there is no fold with a checkpoint", where=where, hint=_LAYOUTS)
    if wanted is None:
        # nnU-Net averages the numbered folds; "all" is a model of its own.
        return [n for n in names if n != "all"] or names
    missing = [w for w in wanted if w not in names]
    if missing:
        raise ModelError(
            f"there is no fold {', '.join(missing)}; there are {', '.join(names)}", where=where
        )
    return list(wanted)


def _fold_folders(folder: Path, checkpoints: Sequence[str]) -> dict[str, tuple[Path, str]]:
    """Return each fold's folder and its best kind of checkpoint, by the fold's name."""
    found: dict[str, tuple[Path, str]] = {}
    for path in sorted(folder.iterdir()):
        if not path.is_dir() or not (path.name.startswith("fold_") or path.name == "all"):
            continue
        for checkpoint in checkpoints:
            if (path / checkpoint).is_file():
                found[path.name.removeprefix("fold_")] = (path, checkpoint)
                break
    return found


def _read_v1(folder: Path, folds: Sequence[str] | None) -> NnUnetModel:
    plans_path = folder / "plans.pkl"
    if not plans_path.is_file():
        raise ModelError(
            f"plans.pkl is missing; found {_listing(folder)}", where=folder, hint=_LAYOUTS
        )
    # Read although the checkpoints have their own copy: an unsafe file is refused wherever it is.
    plans = load_plain_pickle(plans_path)
    present = _fold_folders(folder, [f"{name}.model" for name in _V1_CHECKPOINTS])
    chosen = _checked_folds(present, folds, folder)
    spec: ModelSpec | None = None
    read: list[Fold] = []
    for name in chosen:
        path = present[name][0] / present[name][1]
        if spec is None:
            spec = _spec_v1(plans, path.with_name(path.name + ".pkl"), folder)
        weights = weights_of(load_checkpoint(path), "state_dict", where=path)
        weights = plans_v1.rename_weights(weights, spec.network)
        if "decoder.head.bias" in weights:  # a trainer variant has it
            spec = replace(spec, network=replace(spec.network, head_bias=True))
        check_weights(weights, spec.network, where=path)
        read.append(Fold(name, weights))
    if spec is None:
        raise ModelError("there is no fold with a checkpoint", where=folder, hint=_LAYOUTS)
    return NnUnetModel(spec=spec, folds=tuple(read))


def _spec_v1(plans: Any, description: Path, folder: Path) -> ModelSpec:
    if not description.is_file():
        raise ModelError("is missing", where=description, hint=_LAYOUTS)
    info = load_plain_pickle(description)
    if not isinstance(info, Mapping) or not isinstance(plans, Mapping):
        raise ModelError("is not what nnU-Net v1 writes", where=description)
    arguments = info.get("init") or ()
    stage = arguments[_STAGE_ARGUMENT] if len(arguments) > _STAGE_ARGUMENT else None
    configuration = next((c for c in reversed(folder.parts) if c in _CONFIGURATIONS), "")
    # v1 itself runs by the copy of the plans beside the weights.
    spec = plans_v1.spec_from_plans(
        info.get("plans", plans),
        trainer=str(info.get("name", "")),
        stage=stage,
        configuration=configuration,
        where=description if "plans" in info else folder / "plans.pkl",
    )
    return replace(
        spec, postprocessing=plans_v1.read_postprocessing(folder / "postprocessing.json")
    )


def _read_v2(folder: Path, folds: Sequence[str] | None) -> NnUnetModel:
    missing = [n for n in ("plans.json", "dataset.json") if not (folder / n).is_file()]
    if missing:
        raise ModelError(
            f"{' and '.join(missing)} missing; found {_listing(folder)}",
            where=folder,
            hint=_LAYOUTS,
        )
    plans, dataset = (_load_json(folder / name) for name in ("plans.json", "dataset.json"))
    present = _fold_folders(folder, _V2_CHECKPOINTS)
    chosen = _checked_folds(present, folds, folder)
    spec: ModelSpec | None = None
    read: list[Fold] = []
    for name in chosen:
        path = present[name][0] / present[name][1]
        checkpoint = load_checkpoint(path)
        if spec is None:
            spec = _spec_v2(plans, dataset, checkpoint, folder)
        weights: Weights = plans_v2.rename_weights(
            weights_of(checkpoint, "network_weights", where=path), spec.network
        )
        check_weights(weights, spec.network, where=path)
        read.append(Fold(name, weights))
    if spec is None:
        raise ModelError("there is no fold with a checkpoint", where=folder, hint=_LAYOUTS)
    return NnUnetModel(spec=spec, folds=tuple(read))


def _spec_v2(plans: Any, dataset: Any, checkpoint: Mapping[str, Any], folder: Path) -> ModelSpec:
    arguments = checkpoint.get("init_args")
    configuration = arguments.get("configuration") if isinstance(arguments, Mapping) else None
    return plans_v2.spec_from_plans(
        plans,
        dataset,
        configuration=str(configuration or folder.name.rpartition("__")[2]),
        trainer=str(checkpoint.get("trainer_name", "unknown")),
        where=folder,
    )


def _card(folder: Path, root: Path) -> dict[str, Any]:
    """Return what ``card.json`` beside the model, or at the top of the archive, says about it."""
    for place in (folder, root):
        if (place / "card.json").is_file():
            card = _load_json(place / "card.json")
            if not isinstance(card, dict):
                raise ModelError("is not a JSON object", where=place / "card.json")
            return card
    return {}


def _load_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise ModelError("is too large for a description", where=path)
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read ({error})", where=path) from error


def _listing(folder: Path) -> str:
    return ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
