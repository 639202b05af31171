"""Colours of pictures and figures, safe for the common colour-vision deficiencies."""

from __future__ import annotations

__all__ = ["OKABE_ITO"]

#: Okabe & Ito (2008)
OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermillion": "#D55E00",
}
