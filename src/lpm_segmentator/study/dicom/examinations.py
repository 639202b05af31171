"""From the slices of an export to examinations, and what is done with the series of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpm_segmentator.core import InputError, Remedy
from lpm_segmentator.io.dicom import Frame, Scan, SeriesTags, stacks_of
from lpm_segmentator.study.dicom.choose import Choice, Selector, choose
from lpm_segmentator.study.dicom.describe import Described, describe

__all__ = ["Examination", "examinations"]


@dataclass(frozen=True, eq=False)
class Examination:
    """One study of one patient.

    Attributes
    ----------
    patient : str
        Hash of the patient's identity; empty where the header holds none.
    study : str
        Study instance UID.
    images : tuple of Described
        Its stacks, ordered by series number.
    choice : Choice
    """

    patient: str
    study: str
    images: tuple[Described, ...]
    choice: Choice

    @property
    def tags(self) -> SeriesTags:
        """The header of one of its images: of what is segmented, if anything is."""
        chosen = self.choice.chosen
        return chosen[0].image.tags if chosen else self.images[0].tags


def examinations(scan: Scan, series: Sequence[str] = ()) -> list[Examination]:
    """Sort the images of an export by patient and study, and choose what is segmented.

    Parameters
    ----------
    scan : Scan
    series : sequence of str
        Series that the user named; see `Selector`.

    Raises
    ------
    InputError
        If there is no image, or no examination has a series that was named.
    """
    if not scan.frames:
        damaged = [f"{Path(s.paths[0]).name}: {s.reason}" for s in scan.skipped[:5]]
        raise InputError(
            f"no DICOM image was found ({'; '.join(damaged) or 'there is no file'})",
            hint="Give the folder or archive of an export",
        )
    selectors = [Selector(text) for text in series]
    studies: defaultdict[tuple[str, str], defaultdict[str, list[Frame]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for frame in scan.frames:
        tags = frame.tags
        studies[tags.patient, tags.study][tags.series].append(frame)
    found = []
    for (patient, study), by_series in studies.items():
        images = [describe(stack) for frames in by_series.values() for stack in stacks_of(frames)]
        images.sort(key=lambda image: (image.tags.number or 0, image.tags.series))
        found.append(Examination(patient, study, tuple(images), choose(images, selectors)))
    for selector in selectors:
        if not any(selector.matches(image) for exam in found for image in exam.images):
            shown = sorted({_shown(image) for exam in found for image in exam.images})
            raise InputError(
                f"no series is called {selector.text!r}; there are {', '.join(shown[:12])}"
                f"{' and more' if shown[12:] else ''}",
                hint="Name a series by its UID, its number or a part of its description",
                remedy=Remedy.SERIES,
            )
    return found


def _shown(image: Described) -> str:
    return f"{image.tags.number} ({image.tags.description})"
