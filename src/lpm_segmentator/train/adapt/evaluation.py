"""What an adaptation gains: Dice before and after, cross-validated by subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lpm_segmentator.core import LPM_SCHEME, LabelMap
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.segment import keep_largest
from lpm_segmentator.train.scores import markdown_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.segment import Predictor
    from lpm_segmentator.train.adapt.cases import AdaptCase

__all__ = [
    "FOREGROUND",
    "LEAST_GAIN",
    "MOST_LOSS",
    "NOT_VALIDATED",
    "CaseScore",
    "means",
    "score_case",
    "summary",
    "verdict",
]

LEAST_GAIN = 0.005
"""Mean gain of foreground Dice below which an adaptation is useless."""
MOST_LOSS = 0.01
"""Fall of the mean Dice of any muscle above which an adaptation is harmful."""

FOREGROUND = "foreground"
"""All muscles taken as one."""
NOT_VALIDATED = (
    "all cases are of one subject, so that the adaptation cannot be cross-validated: whether it is "
    "of use for other subjects is not known"
)
"""What is to say of an adaptation without scores."""

_NAMES = (FOREGROUND, *(structure.key for structure in LPM_SCHEME))


@dataclass(frozen=True)
class CaseScore:
    """The Dice of a case before and after an adaptation that did not see its subject.

    Attributes
    ----------
    case, subject, contrast : str
    fold : int
    before, after : dict of str to float
        Dice by ``foreground`` and muscle (``ES_R`` …); nan where undefined.
    """

    case: str
    subject: str
    contrast: str
    fold: int
    before: dict[str, float]
    after: dict[str, float]

    def to_row(self) -> dict[str, Any]:
        """Return a row of the table."""
        row: dict[str, Any] = {
            "case": self.case,
            "subject": self.subject,
            "contrast": self.contrast,
            "fold": self.fold,
        }
        for name in _NAMES:
            row[f"{name}_before"] = self.before[name]
            row[f"{name}_after"] = self.after[name]
        return row


def score_case(predictor: Predictor, case: AdaptCase) -> dict[str, float]:
    """Segment a case as users do, and return the Dice of all muscles together and of each.

    Slices of the case without any muscle in its mask are left out, and ignored voxels.

    Parameters
    ----------
    predictor : Predictor
    case : AdaptCase
    """
    labels = keep_largest(predictor.predict(case.image).labels).labels
    axis = case.labels.slice_axis
    other = tuple(i for i in range(3) if i != axis)
    labelled = case.labels.foreground.any(axis=other, keepdims=True)
    kept = labelled & ~case.labels.ignored
    truth, mask = (
        LabelMap(np.where(kept, array, 0), case.labels.affine)
        for array in (case.labels.array, labels.array)
    )
    accuracy = compare_label_maps(truth, mask, case=case.case, surfaces=False)
    rows = {row.label: row for row in accuracy.rows if row.level_kind == "all"}
    values = (0, *LPM_SCHEME.values)
    return {name: rows[value]["dice"] for name, value in zip(_NAMES, values, strict=True)}


def means(scores: Sequence[CaseScore], name: str = FOREGROUND) -> tuple[float, float]:
    """Return the mean Dice before and after.

    Parameters
    ----------
    scores : sequence of CaseScore
        At least one.
    name : str
        ``foreground`` or a muscle.
    """
    before = float(np.mean([score.before[name] for score in scores]))
    return before, float(np.mean([score.after[name] for score in scores]))


def verdict(scores: Sequence[CaseScore]) -> str:
    """Return why an adaptation is useless, or was not cross-validated; empty if it is of use.

    Parameters
    ----------
    scores : sequence of CaseScore
        Of the cross-validation; none without one.
    """
    if not scores:
        return NOT_VALIDATED
    gain = {}
    for name in _NAMES:
        before, after = means(scores, name)
        gain[name] = after - before
    reasons = []
    if gain[FOREGROUND] < LEAST_GAIN:
        reasons.append(
            f"the foreground Dice of held-out subjects changes by {_signed(gain[FOREGROUND])} on "
            f"average, less than {LEAST_GAIN:g}"
        )
    reasons += [
        f"the Dice of {name} falls by {-value:.3f}, more than {MOST_LOSS:g}"
        for name, value in gain.items()
        if name != FOREGROUND and value < -MOST_LOSS
    ]
    return "; ".join(reasons)


def summary(scores: Sequence[CaseScore]) -> str:
    """Return a Markdown table: a row for each contrast and muscle, and for all contrasts.

    Parameters
    ----------
    scores : sequence of CaseScore
        Of the cross-validation; without one there is no table.
    """
    if not scores:
        return ""
    contrasts = sorted({score.contrast for score in scores})
    groups = {name: [s for s in scores if s.contrast == name] for name in contrasts}
    if len(groups) > 1:
        groups["all"] = list(scores)
    rows = [
        [contrast, name, len(members), *_row(*means(members, name))]
        for contrast, members in groups.items()
        for name in _NAMES
    ]
    return markdown_table(("contrast", "muscle", "cases", "before", "after", "gain"), rows)


def _row(before: float, after: float) -> list[str]:
    return [f"{before:.3f}", f"{after:.3f}", _signed(after - before)]


def _signed(value: float) -> str:
    """Return a difference with its sign; 0 is positive."""
    return f"{round(value, 3) + 0.0:+.3f}"
