"""The trainings of an adaptation, on parts of the cases, and the export of their networks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lpm_segmentator.io import file_sha256
from lpm_segmentator.segment import load_compact
from lpm_segmentator.train.adapt.rehearsal import packaged_subject, rehearsal
from lpm_segmentator.train.adapt.samples import slices_of
from lpm_segmentator.train.adapt.training import CHECKPOINT, Sources, adapt_network
from lpm_segmentator.train.export import export_segmentation, read_description, write_description

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lpm_segmentator.segment import CompactPredictor
    from lpm_segmentator.train.adapt.card import Card
    from lpm_segmentator.train.adapt.cases import AdaptCase
    from lpm_segmentator.train.adapt.config import AdaptConfig
    from lpm_segmentator.train.adapt.rehearsal import Rehearsal
    from lpm_segmentator.train.adapt.samples import CaseSlices

__all__ = ["Trainings", "opened", "trainings"]


def opened(files: Sequence[Path]) -> CompactPredictor:
    """Return the model of one ONNX file, or of two of which the second refines.

    Parameters
    ----------
    files : sequence of Path
    """
    first, *others = files
    return load_compact(first, second=others[0].read_bytes() if others else None)


@dataclass
class Trainings:
    """Trains and exports the networks of an adaptation on parts of its cases.

    Attributes
    ----------
    base : CompactPredictor
    files : sequence of Path
        Its networks.
    slices : sequence of CaseSlices
        Of all cases.
    rehearsal : Rehearsal
    out : Path
    config : AdaptConfig
    key : str
        Identity of the adaptation.
    total : int
        Steps of all trainings.
    progress : callable or None
        Called with the number of steps done and of all steps.
    done : int
        Steps of the completed trainings.
    """

    base: CompactPredictor
    files: Sequence[Path]
    slices: Sequence[CaseSlices]
    rehearsal: Rehearsal
    out: Path
    config: AdaptConfig
    key: str
    total: int
    progress: Callable[[int, int], None] | None
    done: int = field(default=0, init=False)

    def train(self, name: str, which: Sequence[int], card: Card) -> list[Path]:
        """Return the exported networks, trained on some of the cases.

        Those that were made before are kept, under the name of the card.

        Parameters
        ----------
        name : str
            Of the folder.
        which : sequence of int
            Indices of the cases.
        card : Card
        """
        sources = Sources([self.slices[i] for i in which], self.rehearsal, self.base.spec)
        models = []
        for file in self.files:
            folder = self.out / name / file.stem
            models.append(folder / "model.onnx")
            if not models[-1].exists():
                self._train(file, sources, folder, card)
            stated = read_description(models[-1])
            if stated["name"] != card.name:
                write_description(models[-1], {**stated, "name": card.name})
            self._report(self.config.steps)
            self.done += self.config.steps
        return models

    def _train(self, file: Path, sources: Sources, folder: Path, card: Card) -> None:
        network = adapt_network(
            file,
            sources,
            self.config,
            folder,
            identity=json.dumps([self.key, folder.parent.name, file.stem]),
            progress=lambda step, _: self._report(step),
        )
        spec = load_compact(file).spec
        export_segmentation(
            network,
            folder / "model.onnx",
            card.metadata(spec, file_sha256(file), self.config.to_dict()),
        )
        (folder / CHECKPOINT).unlink(missing_ok=True)  # the model takes its place

    def _report(self, step: int) -> None:
        if self.progress is not None:
            self.progress(self.done + step, self.total)


def trainings(
    cases: Sequence[AdaptCase],
    files: Sequence[Path],
    out: Path,
    config: AdaptConfig,
    *,
    key: str,
    parts: int,
    progress: Callable[[int, int], None] | None,
) -> Trainings:
    """Prepare the trainings: cases on the networks' grid, and rehearsal images.

    Parameters
    ----------
    cases : sequence of AdaptCase
    files : sequence of Path
        The networks of the base.
    out : Path
    config : AdaptConfig
    key : str
        Identity of the adaptation.
    parts : int
        Number of parts of the cases that are trained on.
    progress : callable or None
        See `Trainings`.
    """
    base = opened(files)
    return Trainings(
        base=base,
        files=files,
        slices=[slices_of(case, base.spec) for case in cases],
        rehearsal=rehearsal([packaged_subject()], base.spec, config),
        out=out,
        config=config,
        key=key,
        total=parts * len(files) * config.steps,
        progress=progress,
    )
