"""Draw the slices on which models that have not seen a subject do worst.

Takes the models that `lpm train compact … --leave-one-out -o RUN` left in RUN, segments the water
and the fat image of the subject that each has not seen, prints the Dice of the slices with the
lowest, and draws them with the outlines of model (colours) and reader (dotted white).

    python benchmarks/worst_slices.py RUN DATA PICTURE.png [--count 5]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from lpm_segmentator.core import LabelMap, Volume
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.report.overlay import overlay_montage
from lpm_segmentator.segment import keep_largest, load_compact
from lpm_segmentator.train.recipe import load_recipe, read_subject


def main() -> None:
    """Print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/compact.yaml"))
    parser.add_argument("--count", type=int, default=5)
    given = parser.parse_args()
    found = []
    for files in load_recipe(given.recipe).subjects:
        model = given.run / f"without-{files.name}" / "compact.onnx"
        if not model.exists():
            print(f"{model} is not there: {files.name} is left out")
            continue
        predictor, subject = load_compact(model), read_subject(files, [given.data])
        for sequence, image in (("water", subject.water), ("fat", subject.fat)):
            labels = keep_largest(predictor.predict(image).labels).labels
            rows = compare_label_maps(subject.labels, labels, surfaces=False).slices
            worst = [(row.dice, int(row.level)) for row in rows if row.label == 0]
            shown = image.array / np.percentile(image.array, 99.5)
            found += [
                (dice, f"{files.name}, {sequence}", k, shown, labels, subject.labels)
                for dice, k in worst
                if np.isfinite(dice)
            ]
    found = sorted(found, key=lambda entry: entry[0])[: given.count]
    titles = [f"{name}, slice {k}: {dice:.2f}" for dice, name, k, *_ in found]
    print("\n".join(titles))
    # One stack of the slices, the worst on top: it is drawn first.
    stack, affine = found[::-1], found[0][5].affine
    masks = [
        LabelMap(np.stack([entry[part].array[..., entry[2]] for entry in stack], axis=2), affine)
        for part in (4, 5)
    ]
    figure = overlay_montage(
        Volume(np.stack([shown[..., k] for _, _, k, shown, *_ in stack], axis=2), affine),
        masks[0],
        reference=masks[1],
        count=given.count,
    )
    for axis, title in zip(figure.axes, titles, strict=False):
        axis.set_title(title, color="white", fontsize=8, pad=2)
    figure.savefig(given.picture, dpi=100)


if __name__ == "__main__":
    main()
