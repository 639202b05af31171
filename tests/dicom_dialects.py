"""How scanners of each vendor label the images of a Dixon scan in DICOM.

Siemens and Philips follow documentation and the real headers in ``../shared/data/dicom``. Of GE no
public lumbar example is known; its tags are those that users quote. Of Canon, United Imaging and
Hitachi only the names of the series are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: the images of a Dixon scan, by `Contrast`
DIXON = ("water", "fat", "in-phase", "opposed-phase")


@dataclass(frozen=True)
class Scaling:
    """How values are stored: rescale slope and intercept, and the scale slope of Philips.

    With a scale slope the value is ``(stored + intercept / slope) / scale_slope``, otherwise
    ``stored * slope + intercept``.
    """

    slope: float = 1.0
    intercept: float = 0.0
    scale_slope: float = 0.0

    @property
    def gain(self) -> float:
        """By how much a value grows from one stored number to the next."""
        return 1 / self.scale_slope if self.scale_slope else self.slope

    @property
    def zero(self) -> float:
        """The value that is stored as 0."""
        return self.intercept / self.slope * self.gain


@dataclass(frozen=True)
class Dialect:
    """One vendor's way to write a Dixon scan.

    ``image_type`` holds value 3 and what follows, by contrast; ``description`` a pattern for the
    name of the protocol. ``frame_type`` and ``private_type`` are those of enhanced frames.
    """

    name: str
    manufacturer: str
    model: str
    image_type: Mapping[str, tuple[str, ...]]
    description: Mapping[str, str]
    one_series: bool = False
    enhanced: bool = False
    implicit: bool = False
    signed: bool = False
    origin: str = "DERIVED"
    plain_type: tuple[str, ...] = ("M", "ND")
    scaling: Mapping[str, Scaling] = field(default_factory=dict)
    echo_ms: Mapping[str, float] = field(default_factory=dict)
    #: value 3 and what follows of the classic type that XA keeps in (0021,1175)
    private_type: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def type_of(self, kind: str) -> tuple[str, ...]:
        """Return ImageType of an image; of frames in enhanced files the frame type."""
        if kind in self.image_type:
            return (self.origin, "PRIMARY", *self.image_type[kind])
        return ("ORIGINAL", "PRIMARY", *self.plain_type)

    def __str__(self) -> str:
        return self.name


def _each(pattern: str, *values: str) -> dict[str, str]:
    return {kind: pattern.format(value) for kind, value in zip(DIXON, values, strict=True)}


def _types(before: tuple[str, ...], after: tuple[str, ...], *values: str) -> dict[str, tuple]:
    return {k: (*before, value, *after) for k, value in zip(DIXON, values, strict=True)}


_SIEMENS_NAMES = {
    "water": "{}_W", "fat": "{}_F", "in-phase": "{}_in", "opposed-phase": "{}_opp"}  # fmt: skip
_PHILIPS_SCALING = {
    "water": Scaling(1.27985347985347, 0, 2.0),
    "fat": Scaling(0.95897435897436, 0, 2.0),
    "in-phase": Scaling(1.63345543345543, 0, 1.0),
    "opposed-phase": Scaling(1.25, 0, 4.0),
    "fat-fraction": Scaling(0.05, -20.0, 20.0),
}

SIEMENS_CLASSIC = Dialect(
    "siemens-classic", "SIEMENS", "Skyra",
    _types(("M",), ("NORM", "DIS2D"), "WATER", "FAT", "IN_PHASE", "OPP_PHASE"),
    _SIEMENS_NAMES,
    echo_ms={"water": 2.46, "fat": 2.46, "in-phase": 2.46, "opposed-phase": 1.23},
)  # fmt: skip
SIEMENS_SHORT = Dialect(
    "siemens-short", "SIEMENS", "Aera", _types(("M",), ("NORM",), "W", "F", "IP", "OP"),
    _SIEMENS_NAMES, origin="ORIGINAL",
)  # fmt: skip
SIEMENS_XA_ENHANCED = Dialect(
    "siemens-xa-enhanced", "Siemens Healthineers", "MAGNETOM Vida",
    _types(("DIXON",), (), "WATER", "FAT", "IN_PHASE", "OPP_PHASE"),
    _SIEMENS_NAMES, enhanced=True,
    private_type=_types(("M",), ("NORM", "DIS2D"), "WATER", "FAT", "IN_PHASE", "OPP_PHASE"),
)  # fmt: skip
PHILIPS_CLASSIC = Dialect(
    "philips-classic", "Philips Medical Systems", "Ingenia",
    _types((), (), "W", "F", "IP", "OP") | {"fat-fraction": ("FF",)},
    dict.fromkeys((*DIXON, "fat-fraction"), "{}"),
    one_series=True, implicit=True, origin="DERIVED", plain_type=("M_SE", "M", "SE"),
    scaling=_PHILIPS_SCALING,
)  # fmt: skip
PHILIPS_ENHANCED = Dialect(
    "philips-enhanced", "Philips Medical Systems", "Achieva dStream",
    _types(("DIXON",), (), "WATER", "FAT", "IN_PHASE", "OUT_PHASE")
    | {"fat-fraction": ("DIXON", "FAT_FRACTION")},
    dict.fromkeys((*DIXON, "fat-fraction"), "{}"),
    one_series=True, enhanced=True, origin="ORIGINAL", plain_type=("T1", "M"),
    scaling=_PHILIPS_SCALING,
)  # fmt: skip
GE_IDEAL_ONE_SERIES = Dialect(
    "ge-ideal-one-series", "GE MEDICAL SYSTEMS", "DISCOVERY MR750",
    _types(("DIXON",), (), "WATER", "FAT", "IN_PHASE", "OUT_PHASE"),
    dict.fromkeys(DIXON, "{} IDEAL"),
    one_series=True, signed=True, plain_type=("OTHER",),
)  # fmt: skip
GE_LAVA_FLEX_SERIES = Dialect(
    "ge-lava-flex-series", "GE MEDICAL SYSTEMS", "SIGNA Artist",
    _types(("DIXON",), (), "WATER", "FAT", "IN_PHASE", "OUT_PHASE"),
    {"water": "WATER: {}", "fat": "FAT: {}", "in-phase": "InPhase: {}",
     "opposed-phase": "OutPhase: {}"},
    signed=True, plain_type=("OTHER",),
)  # fmt: skip
CANON = Dialect(
    "canon", "CANON_MEC", "Vantage Orian", {}, _each("{{}} WFS {}", "Water", "Fat", "IP", "OP"),
    plain_type=("OTHER",),
)  # fmt: skip
UIH = Dialect(
    "uih", "UIH", "uMR 780", {}, _each("{{}}_wfi_{}", "water", "fat", "ip", "op"),
    plain_type=("OTHER",),
)  # fmt: skip
HITACHI = Dialect(
    "hitachi", "Hitachi Medical Corporation", "ECHELON", {},
    _each("{{}} FatSep {}", "Water", "Fat", "In", "Out"), implicit=True, plain_type=("OTHER",),
)  # fmt: skip

DIALECTS = (
    SIEMENS_CLASSIC, SIEMENS_SHORT, SIEMENS_XA_ENHANCED, PHILIPS_CLASSIC, PHILIPS_ENHANCED,
    GE_IDEAL_ONE_SERIES, GE_LAVA_FLEX_SERIES, CANON, UIH, HITACHI,
)  # fmt: skip
