"""What the base is kept in practice with: the packaged sample, phantoms and negative examples."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lpm_segmentator.samples.real import real_sample
from lpm_segmentator.train.compact.data import SubjectImages, read_subject
from lpm_segmentator.train.compact.recipe import SubjectFiles
from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.synthesis.config import SynthesisConfig
from lpm_segmentator.train.synthesis.subjects import mixed, phantom_subjects
from lpm_segmentator.train.synthesis.synthesiser import Synthesiser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lpm_segmentator.segment.compact import CompactSpec
    from lpm_segmentator.train.adapt.config import AdaptConfig

__all__ = ["Rehearsal", "packaged_subject", "rehearsal"]


def packaged_subject() -> SubjectImages:
    """Return the labelled Dixon pair that comes with the package."""
    with tempfile.TemporaryDirectory(prefix="lpm-") as work:
        sample = real_sample(Path(work))
        files = SubjectFiles("TUM01", sample.water.name, sample.fat.name, sample.reference.name)
        return read_subject(files, [Path(work)])


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """Images of the kind that a base was trained on, drawn once for all trainings.

    Attributes
    ----------
    near, whole : torch.Tensor
        ``(n, 2 * context + 1, h, w)``, of the two sizes of a sample.
    """

    near: torch.Tensor
    whole: torch.Tensor

    def draw(self, draw: Draw, patch: tuple[int, int], count: int) -> list[torch.Tensor]:
        """Return some random images of a size.

        Parameters
        ----------
        draw : Draw
        patch : tuple of int
            Rows and columns: those of either.
        count : int
        """
        images = self.near if patch == self.near.shape[2:] else self.whole
        return [images[draw.integer(len(images))] for _ in range(count)]


def rehearsal(
    labelled: Sequence[SubjectImages], spec: CompactSpec, config: AdaptConfig
) -> Rehearsal:
    """Draw the rehearsal images.

    Parameters
    ----------
    labelled : sequence of SubjectImages
        Labelled pairs that the base was trained on.
    spec : CompactSpec
        Of the network.
    config : AdaptConfig
    """
    phantoms = phantom_subjects(config.phantoms, seed=config.seed)
    subjects = mixed([each.to_training() for each in labelled], (phantoms, config.phantom_share))
    source = Synthesiser(
        subjects, SynthesisConfig(spacing_mm=spec.spacing_mm, context=spec.context)
    )

    def drawn(patch: tuple[int, int], count: int, first: int) -> torch.Tensor:
        seeds = range(config.seed * 1_009 + first, config.seed * 1_009 + first + count)
        return torch.stack([source.sample(Draw(seed), patch)[0] for seed in seeds])

    near = round(config.near_share * config.rehearsal_images)
    return Rehearsal(
        drawn(config.near_patch, max(1, near), 0),
        drawn(config.patch, max(1, config.rehearsal_images - near), near),
    )
