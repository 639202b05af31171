"""Draw the slices with the lowest Dice of models that were trained without the subject.

Takes the models that `lpm train compact … --leave-one-out -o RUN` left in RUN, segments the water
and the fat image of each held-out subject, prints the Dice of the worst slices, and draws them
with the contours of model (colours) and reader (dotted white).

    python benchmarks/worst_slices.py RUN DATA PICTURE.png [--count 5]
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import argument_parser
from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.report.overlay import Layout, SliceNotes, overlay_montage
from lpm_segmentator.segment import keep_largest, load_compact
from lpm_segmentator.train.compact.data import SubjectImages, read_subject
from lpm_segmentator.train.compact.recipe import load_recipe

Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice, both masks, and their Dice."""

    dice: float
    title: str
    image: Array
    prediction: Array
    reference: Array


def slices_of(subject: SubjectImages, model: Path) -> list[Slice]:
    """Return the slices of both images of a subject that contain muscle."""
    predictor, slices = load_compact(model), []
    for sequence, volume in (("water", subject.water), ("fat", subject.fat)):
        labels = keep_largest(predictor.predict(volume).labels).labels
        bright = np.percentile(volume.array, 99.5)
        for row in compare_label_maps(subject.labels, labels, surfaces=False).slices:
            if row.label != 0 or not np.isfinite(row["dice"]):
                continue
            title = f"{subject.name}, {sequence}, slice {row.level}: {row['dice']:.2f}"
            whole = volume.array / bright, labels.array, subject.labels.array
            slices.append(Slice(row["dice"], title, *(part[..., int(row.level)] for part in whole)))
    return slices


def main() -> None:
    """Print and draw."""
    parser = argument_parser(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact.yaml"))
    parser.add_argument("--count", type=int, default=5)
    given = parser.parse_args()
    slices: list[Slice] = []
    for files in load_recipe(given.recipe).subjects:
        subject = read_subject(files, [given.data])
        slices += slices_of(subject, given.run / f"without-{files.name}" / "compact.onnx")
    worst = sorted(slices, key=lambda s: s.dice)[: given.count]
    print("\n".join(s.title for s in worst))
    # One stack of the slices with the worst last: the picture starts at the top of the stack.
    affine = subject.labels.affine
    image, prediction, reference = (
        np.stack([getattr(s, part) for s in reversed(worst)], axis=2)
        for part in ("image", "prediction", "reference")
    )
    picture = overlay_montage(
        Volume(image, affine),
        LabelMap(prediction, affine),
        reference=LabelMap(reference, affine),
        notes=SliceNotes({number: s.title for number, s in enumerate(reversed(worst))}),
        layout=Layout(given.count),
    )
    picture.save(given.picture)


if __name__ == "__main__":
    main()
