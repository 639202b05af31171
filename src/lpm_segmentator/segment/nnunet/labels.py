"""The meaning of a model's labels: from its card, from their names, or one to one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn

from lpm_segmentator.core import LPM_SCHEME, ModelError
from lpm_segmentator.core.numbering import structure_named
from lpm_segmentator.segment.nnunet.spec import ModelSpec

__all__ = ["background_note", "checked_labels"]

# Names that only count. "L1" and "C1" are not among them: they may be vertebrae.
_COUNTING = re.compile(
    r"(?:(?:label|class|structure|roi|region|muscle|mask|seg)[ _.#-]*)?(\d+)", re.IGNORECASE
)
# Names of a part of the muscle, or of it together with another one.
_OTHER = re.compile(r"fat(?![a-z])|fatty|imat|adipos|fascia|tendon|psoas|quadratus", re.IGNORECASE)


def checked_labels(given: Any, spec: ModelSpec) -> dict[int, int]:
    """Return the mapping from the model's label values to the package's.

    It is the card's, if the card has one; else that of the labels' names, if all of them mean a
    muscle and side (`structure_named`), or if the four muscles are among them; else one to one,
    if there are four labels whose names only count.

    Parameters
    ----------
    given : object
        The ``labels`` of the card; None where it has none.
    spec : ModelSpec

    Returns
    -------
    dict of int to int
        Labels without an entry become background.

    Raises
    ------
    ModelError
        If none of these apply, or the mapping contains values that do not exist.
    """
    if given is not None:
        return _checked_card(given, spec)
    names = {value: spec.label_names.get(value, "") for value in _values(spec)}
    structures = {v: structure_named(n) for v, n in names.items() if not _OTHER.search(n)}
    known = {value: s.value for value, s in structures.items() if s is not None}
    repeated = [own for own, count in Counter(known.values()).items() if count > 1]
    if repeated:
        keys = ", ".join(LPM_SCHEME.by_value(own).key for own in repeated)
        _refuse(names, known, f"more than one of them is named {keys}")
    if known and (len(known) == len(names) or set(known.values()) == set(LPM_SCHEME.values)):
        return known
    if known:
        others = _listed({v: n for v, n in names.items() if v not in known})
        _refuse(names, known, f"the meaning of {others} is not known")
    if not _only_count(names):
        _refuse(names, known, "their names do not mean an erector spinae or multifidus")
    if set(names) != set(LPM_SCHEME.values):
        _refuse(names, known, f"there are {len(names)} of them, and their names only count")
    return {value: value for value in names}


def background_note(mapping: Mapping[int, int], spec: ModelSpec) -> tuple[str, ...]:
    """Return a note on the labels of a model that become background, if there are any.

    Parameters
    ----------
    mapping : mapping of int to int
        See `checked_labels`.
    spec : ModelSpec

    Returns
    -------
    tuple of str
    """
    others = {v: spec.label_names.get(v, "") for v in _values(spec) if v not in mapping}
    if not others:
        return ()
    return (f"labels of the model that count as background: {_listed(others)}",)


def _values(spec: ModelSpec) -> range:
    return range(1, spec.network.classes)


def _checked_card(given: Any, spec: ModelSpec) -> dict[int, int]:
    own = {s.key: s.value for s in LPM_SCHEME}
    try:
        mapping = {int(k): own.get(str(v)) or int(v) for k, v in dict(given).items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"the label mapping {given!r} cannot be read ({error})") from error
    values = _values(spec)
    if not set(mapping) <= set(values) or not set(mapping.values()) <= set(LPM_SCHEME.values):
        raise ModelError(
            f"the label mapping {mapping} contains values that do not exist; the model has "
            f"{list(values)}, this program {sorted(LPM_SCHEME.values)}"
        )
    return mapping


def _only_count(names: Mapping[int, str]) -> bool:
    """Return whether names are missing, or are numbers in the order of the values."""
    stated = [names[value].strip() for value in sorted(names)]
    matches = [_COUNTING.fullmatch(name) for name in stated if name]
    numbers = [int(match[1]) for match in matches if match]
    return len(numbers) == len(matches) and numbers == sorted(set(numbers))


def _refuse(names: Mapping[int, str], known: Mapping[int, int], why: str) -> NoReturn:
    own = ", ".join(f"{s.value} {s.key}" for s in LPM_SCHEME)
    example = {str(v): LPM_SCHEME.by_value(s).key for v, s in known.items()} or {"1": "ES_R"}
    raise ModelError(
        f"the model's labels ({_listed(names)}) cannot be assigned to this program's ({own}): "
        f"{why}",
        hint="Write their mapping in a file card.json beside the model's plans or at the top of "
        f'its zip, for instance {{"labels": {json.dumps(example)}}}. Labels that are not listed '
        "become background",
    )


def _listed(names: Mapping[int, str]) -> str:
    return ", ".join(f"{value} {name}".strip() for value, name in sorted(names.items()))
