"""How a comparison is computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How a comparison is computed; kept with its results.

    Attributes
    ----------
    margin_percent : float
        Equivalence margin in per cent of the reference mean, used if ``margin`` is None.
    margin : float or None
        The margin in the measures' unit.
    tost : str
        "auto", "parametric" or "bootstrap".
    alpha : float
        Level of the tests.
    confidence : float
        Level of the intervals.
    limits : float
        Share of the differences expected within the limits of agreement.
    deming_ratio : float
        Ratio of the error variances (prediction over reference) of Deming's line.
    n_resamples, seed : int
        Of the bootstraps. The same table, settings and seed give the same numbers.
    """

    margin_percent: float = 5.0
    margin: float | None = None
    tost: str = "auto"
    alpha: float = 0.05
    confidence: float = 0.95
    limits: float = 0.95
    deming_ratio: float = 1.0
    n_resamples: int = 10_000
    seed: int = 0
