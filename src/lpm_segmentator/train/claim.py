"""Whether the folder and the name of a model are free for a training."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from lpm_segmentator.core import FileFormatError, InputError, Remedy
from lpm_segmentator.io import read_json, to_json
from lpm_segmentator.models import ModelStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["check_claim"]


def check_claim(
    path: Path,
    identity: Mapping[str, Any],
    name: str,
    *,
    what: str,
    inputs: str,
    replace_existing: bool,
) -> str:
    """Refuse a folder of another training, and a name that another model has.

    Parameters
    ----------
    path : Path
        The file in the folder that holds the identity of its training, if there is one.
    identity : mapping
        What identifies the training, as it is written to that file.
    name : str
        Of the model.
    what : str
        The training, for messages.
    inputs : str
        What must be the same to resume it, for messages.
    replace_existing : bool
        Whether another model of this name may be replaced.

    Returns
    -------
    str
        The key of the training: a hash of its identity.

    Raises
    ------
    InputError
        If the folder holds another training.
    ModelError
        If the name is not valid or taken.
    """
    stored = _stored(path) if path.exists() else identity
    different = [key for key in {**identity, **stored} if identity.get(key) != stored.get(key)]
    if different:
        raise InputError(
            f"the folder holds another {what}; its {' and '.join(different)} differ",
            where=path.parent,
            hint=f"Use another output folder ({Remedy.OUTPUT}), or the same {inputs} to resume it",
            remedy=Remedy.OUTPUT,
        )
    key = hashlib.sha256(to_json(identity).encode()).hexdigest()
    ModelStore().check_free(name, training=key, replace_existing=replace_existing)
    return key


def _stored(path: Path) -> dict[str, Any]:
    """Return the identity in a file; of a damaged one all differs."""
    try:
        return dict(read_json(path))
    except (FileFormatError, TypeError, ValueError):
        return {}
