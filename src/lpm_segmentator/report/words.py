"""Names in figures and tables: muscles, sides, measures with their units."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lpm_segmentator.agreement import PairAgreement, unit_of
from lpm_segmentator.core.errors import LabelError, TableError
from lpm_segmentator.core.labels import LPM_SCHEME, Structure
from lpm_segmentator.measure.catalogue import ACCURACY_COLUMNS, CATALOGUE
from lpm_segmentator.report.cells import SIDES

__all__ = [
    "NoValuesError",
    "figure_stem",
    "lower_first",
    "pair_label",
    "pair_quantity",
    "place_label",
    "quantity_label",
    "split_structure",
]

_UNIT = re.compile(r"_(ml|mm2|mm3|cm2|cm3|mm|percent|pct)$")
#: measure without unit and structure → its label; names of the published tables beside our own
_QUANTITIES = {
    **{_UNIT.sub("", n): ACCURACY_COLUMNS[n].label for n in ("dsc", "hd95_mm", "assd_mm")},
    **{
        _UNIT.sub("", quantity.name): quantity.label
        for quantity in (*CATALOGUE.profile, *CATALOGUE.measures)
    },
    "ratio": CATALOGUE["fat_ratio"].label,
    "nsd": "NSD",
}
#: strata that stand side by side in one figure
_SIDE_BY_SIDE = ("structure", "muscle", "side")


class NoValuesError(TableError):
    """A table is well formed, but what is to be drawn is undefined in every row."""


def split_structure(measure: str) -> tuple[str, Structure | None]:
    """Split the label value of a structure from a measure's name.

    Parameters
    ----------
    measure : str

    Returns
    -------
    str
        The measure without the label value.
    Structure or None
        None if the name does not end in the value of a structure.

    Examples
    --------
    >>> split_structure("volume2")[0], split_structure("csa_mean_mm2")
    ('volume', ('csa_mean_mm2', None))
    """
    match = re.fullmatch(r"(.*[A-Za-z])_?(\d)", measure)
    if match is None or _UNIT.search(measure.lower()):
        return measure, None
    try:
        return match[1], LPM_SCHEME.by_value(int(match[2]))
    except LabelError:
        return measure, None


def place_label(strata: Mapping[str, str]) -> str:
    """Name muscle, side and level in words.

    Parameters
    ----------
    strata : mapping of str to str

    Returns
    -------
    str
        The whole stack has no name.

    Examples
    --------
    >>> place_label({"muscle": "ES", "side": "R", "level": "all"})
    'ES right'
    >>> place_label({"muscle": "MF", "side": "both", "level": "L4-L5"})
    'MF both sides, L4-L5'
    """
    parts = {name.lower(): value for name, value in strata.items() if value}
    level = parts.pop("level", "all")
    parts["side"] = SIDES.get(parts.get("side", ""), parts.get("side", ""))
    place = " ".join(value for value in parts.values() if value)
    return ", ".join(part for part in (place, "" if level == "all" else level) if part)


def pair_label(pair: PairAgreement) -> str:
    """Name the place of a pair in words: ``volume1`` is that of the volume of "ES right".

    Parameters
    ----------
    pair : PairAgreement

    Returns
    -------
    str
        The name of the pair if that states no place.
    """
    if pair.strata:
        label = place_label(dict(pair.strata)) or pair.name
    else:
        _, structure = split_structure(pair.name)
        label = f"{structure.muscle} {structure.side.full_name}" if structure else pair.name
    return f"{label} ({pair.by} {pair.subgroup})" if pair.by else label


def pair_quantity(measure: str, strata: Mapping[str, str]) -> str:
    """Name what is compared without its muscle and side: the pairs of one figure share it.

    Parameters
    ----------
    measure : str
    strata : mapping of str to str

    Returns
    -------
    str

    Examples
    --------
    >>> pair_quantity("volume1", {})
    'volume'
    >>> pair_quantity("csa_mean_mm2", {"muscle": "ES", "side": "R", "level": "L4-L5"})
    'csa_mean_mm2 L4-L5'
    """
    quantity, _ = (measure, None) if strata else split_structure(measure)
    others = (v for name, v in strata.items() if name.lower() not in _SIDE_BY_SIDE)
    return " ".join([quantity, *(value for value in others if value not in ("", "all"))])


def figure_stem(kind: str, measure: str, strata: Mapping[str, str]) -> str:
    """Return the name of the file of a figure, without ending.

    Parameters
    ----------
    kind : str
        Such as ``"bland_altman"``.
    measure : str
    strata : mapping of str to str

    Returns
    -------
    str

    Examples
    --------
    >>> figure_stem("scatter", "csa_mean_mm2", {"muscle": "ES", "side": "R", "level": "L4-L5"})
    'scatter_csa_mean_mm2_L4-L5'
    """
    name = re.sub(r"[^\w.-]+", "_", pair_quantity(measure, strata))
    return f"{kind}_{name}"


def quantity_label(measure: str, unit: str | None = None) -> str:
    """Name a measure with its unit in words.

    Parameters
    ----------
    measure : str
        Name of its column.
    unit : str, optional
        Taken from the name by default; "" for none.

    Returns
    -------
    str

    Examples
    --------
    >>> quantity_label("csa_mm2")
    'Cross-sectional area (mm²)'
    """
    unit = unit_of(measure) if unit is None else unit
    stem = _UNIT.sub("", split_structure(measure)[0].lower())
    words = _QUANTITIES.get(stem, stem.replace("_", " ").capitalize())
    return f"{words} ({unit})" if unit else words


def lower_first(text: str) -> str:
    """Return a text with a lower-case first letter; an abbreviation stays as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    return text if text[:2].isupper() else text[:1].lower() + text[1:]
