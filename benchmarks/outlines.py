"""How tightly the masks of single images should lie around the muscles.

Prints the mean foreground Dice of the embedded model, and the area of its masks by the readers',
on a folder of images `X_image.nii.gz` with `X_label.nii.gz`, for outlines drawn from less probable
muscle on (`least`) and smoothed more (`blur_mm`). Last come the Dice of one half of the images by
the outline that is best on the other half, and by the tight outline: 500 ways to halve them.

    python benchmarks/outlines.py FOLDER
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lpm_segmentator.io import read_image, read_label_map
from lpm_segmentator.segment import Outline, embedded_predictor, keep_largest

LEAST = (0.5, 0.45, 0.4, 0.35)
BLUR_MM = (0.0, 1.0, 2.0, 2.5)


def measured(folder: Path, outlines: list[Outline]) -> npt.NDArray[np.float64]:
    """Return Dice and area ratio, of shape (outlines, images, 2)."""
    model = embedded_predictor()
    found = []
    for path in sorted(folder.glob("*_image.nii.gz")):
        image = read_image(path).volume
        reference = read_label_map(
            path.with_name(path.name.replace("_image.", "_label.")), ignore=[255]
        )
        seen = ~reference.ignored
        truth = (reference.array > 0) & seen
        row = []
        for outline in outlines:
            labels = keep_largest(model.predict(image, outline=outline).labels).labels
            mask = (labels.array > 0) & seen
            row.append(
                (2 * (mask & truth).sum() / (mask.sum() + truth.sum()), mask.sum() / truth.sum())
            )
        found.append(row)
    return np.array(found).swapaxes(0, 1)


def halves(dice: npt.NDArray[np.float64], ways: int = 500) -> npt.NDArray[np.float64]:
    """Return the Dice of a half by the other half's best outline and by the first, one row a way.

    Parameters
    ----------
    dice : ndarray, shape (outlines, images)
    """
    draw = np.random.default_rng(0)
    rows = []
    for _ in range(ways):
        order = draw.permutation(dice.shape[1])
        one, other = np.array_split(order, 2)
        best = int(dice[:, one].mean(axis=1).argmax())
        rows.append((dice[best, other].mean(), dice[0, other].mean()))
    return np.array(rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    outlines = [Outline(*each) for each in product(LEAST, BLUR_MM)]
    values = measured(parser.parse_args().folder, outlines)
    print("| least | blur mm | foreground Dice | lowest | area by the readers' |")
    print("|---|---|---|---|---|")
    for outline, (dice, area) in zip(outlines, values.swapaxes(1, 2), strict=True):
        print(
            f"| {outline.least} | {outline.blur_mm:g} | {dice.mean():.4f} | {dice.min():.3f} "
            f"| {area.mean():.3f} |"
        )
    chosen = halves(values[..., 0])
    print(
        f"chosen on one half: {chosen[:, 0].mean():.4f} on the other, {chosen[:, 1].mean():.4f} by "
        f"the tight outline; better in {(chosen[:, 0] > chosen[:, 1]).mean():.0%} of the halvings"
    )


if __name__ == "__main__":
    main()
