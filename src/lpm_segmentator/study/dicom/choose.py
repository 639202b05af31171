"""Which series of an examination are segmented, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lpm_segmentator.core import Contrast
from lpm_segmentator.study.cases import stack_role
from lpm_segmentator.study.dicom.describe import Described, same_frame
from lpm_segmentator.study.dicom.pairs import DixonScan, dixon_scans
from lpm_segmentator.study.dicom.slabs import stacks_of_one_scan

__all__ = ["Candidate", "Choice", "Selector", "choose"]

#: kinds of images from the best to the worst
_KINDS = ("Dixon pair", "T2w", "T1w")
_SAGITTAL = (Contrast.T2W, Contrast.T1W, Contrast.WATER, Contrast.IN_PHASE, Contrast.UNKNOWN)


@dataclass(frozen=True)
class Selector:
    """What a user named a series by.

    Attributes
    ----------
    text : str
        A series instance UID, a series number, or a part of a description.
    """

    text: str

    def matches(self, image: Described) -> bool:
        """Whether a stack is of a series that is named so."""
        tags = image.tags
        if self.text == tags.series:
            return True
        if self.text.isdecimal():
            return tags.number == int(self.text)
        return self.text.casefold() in tags.description.casefold()


@dataclass(frozen=True, eq=False)
class Candidate:
    """What could be segmented as one case.

    Attributes
    ----------
    image : Described
        The image that masks are drawn on: of a Dixon pair the water image, of several stacks the
        lowest.
    fat : Described or None
    stacks : tuple of Described
        All stacks of an examination in several, from foot to head; empty for a single image.
    reasons : tuple of str
        What speaks for and against it.
    rank : int
        0 for the best kind of image; equal ranks are a tie.
    """

    image: Described
    fat: Described | None
    stacks: tuple[Described, ...]
    reasons: tuple[str, ...]
    rank: int

    @property
    def roles(self) -> dict[str, Described]:
        """Its images by their role in the case."""
        if self.fat is not None:
            return {"water": self.image, "fat": self.fat}
        if self.stacks:
            return {stack_role(n): image for n, image in enumerate(self.stacks, start=1)}
        return {"image": self.image}

    @property
    def images(self) -> tuple[Described, ...]:
        """Its images."""
        return tuple(self.roles.values())


@dataclass(frozen=True, eq=False)
class Choice:
    """What is done with the series of an examination.

    Attributes
    ----------
    chosen : tuple of Candidate
        To be segmented, each as a case; several where nothing distinguishes them.
    sagittal : Described or None
        The series that the levels are located in.
    others : tuple of (Described, str)
        All other stacks with the reason why they are not used.
    """

    chosen: tuple[Candidate, ...]
    sagittal: Described | None
    others: tuple[tuple[Described, str], ...]


def choose(images: Sequence[Described], selectors: Sequence[Selector] = ()) -> Choice:
    """Choose what is segmented.

    Parameters
    ----------
    images : sequence of Described
        All stacks of one examination.
    selectors : sequence of Selector
        The series that the user named; then these are segmented whatever they show, as far as they
        form axial images.

    Notes
    -----
    Dixon pairs come before T2w, T2w before T1w; images as they were acquired before those that
    were derived from others; series whose header names the lumbar spine before those that name no
    part of the body. Everything of the best rank is chosen.
    """
    scans, unpaired = dixon_scans(images)
    halves = {id(half) for scan in scans for half in (scan.water, scan.fat)}
    reasons = {id(image): reason for image in images if (reason := _unused(image))}
    reasons |= {key: text for key, text in unpaired.items() if key not in reasons}
    for scan in scans:
        for half, other in ((scan.water, scan.fat), (scan.fat, scan.water)):
            if id(other) in reasons and id(half) not in reasons:
                reasons[id(half)] = "the other image of its Dixon scan cannot be used"
    reasons |= _phases_alone(images)
    candidates = [
        _candidate(scan.water, scan.fat, scan.evidence)
        for scan in scans
        if not {id(scan.water), id(scan.fat)} & set(reasons)
    ]
    singles = [i for i in images if id(i) not in halves and id(i) not in reasons]
    candidates += [_of_stacks(group) for group in stacks_of_one_scan(singles)]
    if selectors:
        chosen = _selected(images, candidates, scans, selectors)
    else:
        best = min((candidate.rank for candidate in candidates), default=0)
        chosen = [candidate for candidate in candidates if candidate.rank == best]
    sagittal = _sagittal(images, chosen)
    used = {id(i) for c in chosen for i in c.images} | {id(sagittal)}
    others = tuple(
        (image, _why_not(image, reasons, chosen, selected=bool(selectors)))
        for image in images
        if id(image) not in used
    )
    return Choice(tuple(chosen), sagittal, others)


def _phases_alone(images: Sequence[Described]) -> dict[int, str]:
    """Return why in-phase and opposed-phase images without water and fat images give no pair.

    Of magnitudes the sum and difference are the larger and the smaller of water and fat, but not
    which is which.
    """
    axial = [image for image in images if image.plane == "axial" and not image.unsuitable]
    if any(image.contrast.is_dixon for image in axial):
        return {}
    kinds = {image.contrast for image in axial}
    if not kinds >= {Contrast.IN_PHASE, Contrast.OPPOSED_PHASE}:
        return {}
    reason = (
        "there are in-phase and opposed-phase images, and no water and fat images: the two do not "
        "tell whether water or fat predominates, so that a fat ratio above 50 % would read as one "
        "below; export the water and fat images of the scan"
    )
    return {
        id(image): reason
        for image in axial
        if image.contrast in (Contrast.IN_PHASE, Contrast.OPPOSED_PHASE)
    }


def _unused(image: Described) -> str:
    """Return why an image is not segmented by itself; empty if it may be."""
    checks = {
        image.unsuitable: bool(image.unsuitable),
        f"{image.plane}, not axial": image.plane != "axial",
        f"another part of the body ({image.body_part})": (
            image.body_part not in ("", "lumbar")
        ),
        f"{image.contrast} image of a Dixon scan": image.contrast
        in (Contrast.IN_PHASE, Contrast.OPPOSED_PHASE, Contrast.FAT_FRACTION),
        "fat-suppressed, on which the model was not trained": image.fat_suppressed,
        "contrast not known": image.contrast is Contrast.UNKNOWN,
    }  # fmt: skip
    return next((text for text, is_so in checks.items() if is_so), "")


def _candidate(image: Described, fat: Described | None, evidence: str) -> Candidate:
    kind = "Dixon pair" if fat is not None else str(image.contrast)
    is_named = image.body_part == "lumbar"
    reasons = [f"axial {kind}", evidence or f"by {image.evidence}"]
    if is_named:
        reasons.append("lumbar by header")
    if image.is_secondary:
        reasons.append("derived from other images")
    place = _KINDS.index(kind) if kind in _KINDS else len(_KINDS)
    rank = 4 * place + 2 * image.is_secondary + (not is_named)
    return Candidate(image, fat, (), tuple(reasons), rank)


def _of_stacks(images: Sequence[Described]) -> Candidate:
    """Return the candidate of a single image, or of several stacks of one scan."""
    if len(images) == 1:
        return _candidate(images[0], None, "")
    ordered = sorted(images, key=_height_mm)
    alone = _candidate(ordered[0], None, "")
    kind, *others = alone.reasons
    reasons = (f"{kind} in {len(images)} stacks", *others)
    return replace(alone, stacks=tuple(ordered), reasons=reasons)


def _height_mm(image: Described) -> float:
    geometry = image.stack.geometry
    return 0.0 if geometry is None else float(geometry.centre_mm[2])


def _selected(
    images: Sequence[Described],
    candidates: Sequence[Candidate],
    scans: Sequence[DixonScan],
    selectors: Sequence[Selector],
) -> list[Candidate]:
    """Return what the user named: of a Dixon scan the pair, whichever image was named."""

    def named(image: Described) -> bool:
        return any(selector.matches(image) for selector in selectors)

    reason = ("named by the user",)
    chosen = [c for c in candidates if any(map(named, c.images))]
    taken = {id(image) for candidate in chosen for image in candidate.images}
    usable = {id(i) for i in images if i.plane == "axial" and not i.stack.problem}
    for scan in scans:
        halves = {id(scan.water), id(scan.fat)}
        if halves <= usable - taken and (named(scan.water) or named(scan.fat)):
            chosen.append(Candidate(scan.water, scan.fat, (), reason, 0))
            taken |= halves
    single = [image for image in images if id(image) in usable - taken and named(image)]
    forced = [_of_stacks(group) for group in stacks_of_one_scan(single)]
    return [*chosen, *(replace(candidate, reasons=reason, rank=0) for candidate in forced)]


def _sagittal(images: Sequence[Described], chosen: Sequence[Candidate]) -> Described | None:
    """Return the sagittal series that the levels are located in.

    Series without fat suppression go first, then T2w before T1w, then those that show the most of
    the images' height.
    """
    if not chosen:
        return None
    fitting = [
        image
        for image in images
        if image.plane == "sagittal"
        and not image.unsuitable
        and image.contrast in _SAGITTAL
        and same_frame(image, chosen[0].image)
        and _shown_mm(chosen[0], image) > 0
    ]

    def preference(image: Described) -> tuple[float, ...]:
        return (
            image.fat_suppressed,
            _SAGITTAL.index(image.contrast),
            -round(_shown_mm(chosen[0], image)),
            -image.extent_mm,
            image.tags.number or 0,
        )

    return min(fitting, key=preference, default=None)


def _shown_mm(candidate: Candidate, series: Described) -> float:
    """Return the height of a candidate's images that a series shows, in mm."""
    places = [image.stack.geometry for image in candidate.images]
    shown = [
        place.overlap_mm(series.stack.geometry)
        for place in places
        if place is not None and series.stack.geometry is not None
    ]
    return sum(overlap[2] for overlap in shown if min(overlap) > 0)


def _why_not(
    image: Described, reasons: dict[int, str], chosen: Sequence[Candidate], *, selected: bool
) -> str:
    if id(image) in reasons:
        return reasons[id(image)]
    if selected:
        return "another series was named"
    best = chosen[0]
    better = "Dixon pair" if best.fat is not None else str(best.image.contrast)
    why = ""
    if best.image.body_part == "lumbar" and image.body_part != "lumbar":
        why = " whose header names the lumbar spine"
    if image.is_secondary and not best.image.is_secondary:
        why = " that was not derived from other images"
    return f"the {better} series of the examination{why} is preferred"
