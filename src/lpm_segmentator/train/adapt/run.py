"""All steps of an adaptation: check, cross-validate by subject, judge, train, install."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io import (
    atomic_path,
    to_json,
    write_json,
    write_table,
    write_text,
)
from lpm_segmentator.models import EMBEDDED, ModelStore, compact_networks
from lpm_segmentator.train.adapt.card import Card
from lpm_segmentator.train.adapt.cases import check_cases
from lpm_segmentator.train.adapt.config import AdaptConfig
from lpm_segmentator.train.adapt.evaluation import (
    NOT_VALIDATED,
    CaseScore,
    score_case,
    summary,
    verdict,
)
from lpm_segmentator.train.adapt.trainings import opened, trainings
from lpm_segmentator.train.claim import check_claim
from lpm_segmentator.train.compact.warm_start import exported_widths
from lpm_segmentator.train.labelled import assign_folds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.train.adapt.cases import AdaptCase
    from lpm_segmentator.train.adapt.trainings import Trainings

__all__ = ["Adapted", "adapt"]

_IDENTITY = "adaptation.json"
_FILES = ("first.onnx", "second.onnx")
_ALL = "all"


@dataclass(frozen=True)
class Adapted:
    """The result of an adaptation.

    Attributes
    ----------
    model : str
        The name under which the model was installed; empty if it was not.
    scores : tuple of CaseScore
        Of the cross-validation; empty without one.
    """

    model: str
    scores: tuple[CaseScore, ...]

    @property
    def table(self) -> str:
        """The scores in Markdown."""
        return summary(self.scores)

    @property
    def concerns(self) -> str:
        """Why the adaptation is useless, or was not cross-validated; empty if it is of use."""
        return verdict(self.scores)


def adapt(
    cases: Sequence[AdaptCase],
    name: str,
    out: Path,
    *,
    base: str | Path = EMBEDDED,
    config: AdaptConfig | None = None,
    force: bool = False,
    replace_existing: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Adapted:
    """Adapt a compact model to corrected cases, and install the result if it is of use.

    An interrupted adaptation is resumed by the same call.

    Parameters
    ----------
    cases : sequence of AdaptCase
    name : str
        Name of the model.
    out : Path
        Where the adaptation is kept: checkpoints, models, ``evaluation.csv`` and
        ``evaluation.md``.
    base : str or Path
        The model to adapt: ``"embedded"``, an installed compact model or an ONNX file.
    config : AdaptConfig, optional
    force : bool
        Whether the model is installed even if the adaptation is useless or cannot be
        cross-validated.
    replace_existing : bool
        Whether another model of this name may be replaced.
    progress : callable, optional
        Called with the number of steps done and of all steps.

    Raises
    ------
    LpmError
        If the cases, the base, the name or the folder do not permit it; all before anything is
        trained.
    """
    config = config or AdaptConfig()
    check_cases(cases)
    folds = _folds(cases, config.folds, force=force)
    key, files = _claim(cases, name, out, base, config, replace_existing=replace_existing)
    work = trainings(
        cases, files, out, config, key=key, parts=len(set(folds.values())) + 1, progress=progress
    )
    scores = _cross_validate(work, cases, folds, Card(name, key, work.base.info, cases, ()))
    _write(scores, out)
    if verdict(scores) and not force:
        return Adapted("", scores)
    card = Card(name, key, work.base.info, cases, scores)
    _install(work.train(_ALL, range(len(cases)), card), card)
    return Adapted(name, scores)


def _folds(cases: Sequence[AdaptCase], most: int, *, force: bool) -> dict[str, int]:
    """Return the fold of each subject; a single subject is an error, or has none by force."""
    subjects = [case.subject for case in cases]
    different = len(set(subjects))
    if different > 1:
        return assign_folds(subjects, min(most, different))
    if not force:
        raise InputError(
            NOT_VALIDATED,
            hint=f"Add cases of other subjects, or install the model nevertheless ({Remedy.FORCE})",
            remedy=Remedy.FORCE,
        )
    return {}


def _install(files: Sequence[Path], card: Card) -> None:
    first, *others = files
    ModelStore().install(
        first,
        name=card.name,
        second=others[0] if others else None,
        card=card.entries(),
        replace_existing=True,  # an earlier result of this adaptation, or checked before
    )


def _claim(
    cases: Sequence[AdaptCase],
    name: str,
    out: Path,
    base: str | Path,
    config: AdaptConfig,
    *,
    replace_existing: bool,
) -> tuple[str, list[Path]]:
    """Check that base, folder and name are fit for this adaptation.

    Returns
    -------
    key : str
        Identity of the adaptation.
    files : list of Path
        The networks of the base, copied to the folder.
    """
    networks = compact_networks(base)
    identity = {
        "base": [hashlib.sha256(network).hexdigest() for network in networks],
        "cases": [
            {"case": case.case, "subject": case.subject, "sha256": case.sha256} for case in cases
        ],
        "config": json.loads(to_json(config.to_dict())),
    }
    key = check_claim(
        out / _IDENTITY,
        identity,
        name,
        what="adaptation",
        inputs="images, masks and base",
        replace_existing=replace_existing,
    )
    files = []
    for file, network in zip(_FILES, networks, strict=False):
        with atomic_path(out / "base" / file) as temporary:
            temporary.write_bytes(network)
        files.append(out / "base" / file)
        exported_widths(files[-1])  # refuses networks that cannot be trained further
    write_json(identity, out / _IDENTITY)
    return key, files


def _write(scores: Sequence[CaseScore], out: Path) -> None:
    """Write ``evaluation.csv``, if there are scores, and ``evaluation.md``."""
    if scores:
        write_table([score.to_row() for score in scores], out / "evaluation.csv")
    concerns = verdict(scores)
    parts = [summary(scores), f"Not recommended: {concerns}." if concerns else ""]
    write_text("\n\n".join(part for part in parts if part) + "\n", out / "evaluation.md")


def _cross_validate(
    work: Trainings, cases: Sequence[AdaptCase], folds: dict[str, int], card: Card
) -> tuple[CaseScore, ...]:
    """Train without each fold, and score base and adapted model on its cases."""
    scores = []
    for fold in sorted(set(folds.values())):
        held_out = [case for case in cases if folds[case.subject] == fold]
        kept = [i for i, case in enumerate(cases) if folds[case.subject] != fold]
        adapted = opened(work.train(f"without-fold-{fold}", kept, card))
        scores += [
            CaseScore(
                case.case,
                case.subject,
                case.contrast,
                fold,
                before=score_case(work.base, case),
                after=score_case(adapted, case),
            )
            for case in held_out
        ]
    return tuple(scores)
