"""What is stated about an adapted model: in its files, in the store, and for the user."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpm_segmentator import __version__
from lpm_segmentator.train.adapt.evaluation import means, summary, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from lpm_segmentator.segment import ModelInfo
    from lpm_segmentator.segment.compact import CompactSpec
    from lpm_segmentator.train.adapt.cases import AdaptCase
    from lpm_segmentator.train.adapt.evaluation import CaseScore

__all__ = ["Card"]


@dataclass(frozen=True)
class Card:
    """The description of an adapted model; it names no case and no subject.

    Attributes
    ----------
    name : str
    key : str
        Identity of the adaptation.
    base : ModelInfo
    cases : sequence of AdaptCase
    scores : sequence of CaseScore
        Of the cross-validation; empty without one.
    """

    name: str
    key: str
    base: ModelInfo
    cases: Sequence[AdaptCase]
    scores: Sequence[CaseScore]

    @property
    def description(self) -> str:
        """The model in some sentences."""
        subjects = {case.subject for case in self.cases}
        contrasts = Counter(case.contrast for case in self.cases)
        listed = ", ".join(f"{count} {name}" for name, count in sorted(contrasts.items()))
        text = (
            f"{self.base.name} {self.base.version}, adapted to "
            f"{_counted(self.cases, 'corrected case')} ({listed}) of "
            f"{_counted(subjects, 'subject')}."
        )
        if self.scores:
            before, after = means(self.scores)
            text += (
                f" Foreground Dice of held-out subjects: {before:.3f} before, {after:.3f} after."
            )
        return f"{text} Research use only."

    @property
    def licence(self) -> str:
        """The licence of the base, and whose the rest is."""
        return (
            f"base: {self.base.licence or 'not stated'}; the images and masks of the adaptation "
            "keep the licence and the conditions of their owner"
        )

    def metadata(
        self, spec: CompactSpec, started_from: str, config: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the description that is stored in an ONNX file.

        Parameters
        ----------
        spec : CompactSpec
            Of the network that the training started from.
        started_from : str
            SHA-256 of its file.
        config : dict
            The settings.
        """
        return {
            "name": self.name,
            "version": f"{spec.version}.{self.key[:8]}",
            "citation": spec.citation,
            "licence": self.licence,
            "description": self.description,
            "made_with": f"lpm-segmentator {__version__}",
            "spacing_mm": spec.spacing_mm,
            "context": spec.context,
            "multiple": spec.multiple,
            "pairs": spec.pairs,
            "started_from": started_from,
            "config": config,
        }

    def entries(self) -> dict[str, Any]:
        """Return the entries of the card in the store."""
        return {
            "training": self.key,
            "licence": self.licence,
            "description": self.description,
            "adaptation": {
                "base": f"{self.base.name} {self.base.version}",
                "base_sha256": self.base.sha256,
                "cases": len(self.cases),
                "subjects": len({case.subject for case in self.cases}),
                "contrasts": dict(sorted(Counter(case.contrast for case in self.cases).items())),
                "date": dt.date.today().isoformat(),
                "concerns": verdict(self.scores),
                "cross_validation": summary(self.scores),
            },
        }


def _counted(items: Sized, noun: str) -> str:
    """Return a number of items with their noun, in the plural where there are several."""
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"
