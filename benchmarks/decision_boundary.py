"""The decision boundary for single images, against manual masks.

Prints the mean foreground Dice of the embedded model and the area of its masks relative to the
readers', on a folder of images `X_image.nii.gz` with `X_label.nii.gz`, for decision boundaries of
different threshold and smoothing. The last line gives the Dice of one half of the images with the
boundary that is best on the other half, and with the tight boundary, over 500 random halvings.

    python benchmarks/decision_boundary.py FOLDER
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common import argument_parser, dice, print_table
from lpm_segmentator.segment import DecisionBoundary, embedded_predictor, keep_largest
from lpm_segmentator.train.compact.evaluation import labelled_files

THRESHOLDS = (0.5, 0.45, 0.4, 0.36, 0.35)
BLUR_MM = (0.0, 1.0, 2.0, 2.5)


def measured(folder: Path, boundaries: list[DecisionBoundary]) -> npt.NDArray[np.float64]:
    """Return Dice and area ratio, of shape (boundaries, images, 2)."""
    model = embedded_predictor()
    by_image = []
    for file in labelled_files(folder):
        image, reference = file.read()
        compared = ~reference.ignored
        truth = (reference.array > 0) & compared
        row = []
        for boundary in boundaries:
            labels = keep_largest(model.predict(image, boundary=boundary).labels).labels
            mask = (labels.array > 0) & compared
            row.append((dice(mask, truth), mask.sum() / truth.sum()))
        by_image.append(row)
    return np.array(by_image).swapaxes(0, 1)


def halves(dices: npt.NDArray[np.float64], repeats: int = 500) -> npt.NDArray[np.float64]:
    """Return the Dice of one half with the other half's best boundary, and with the first.

    Parameters
    ----------
    dices : ndarray, shape (boundaries, images)
    repeats : int

    Returns
    -------
    ndarray, shape (repeats, 2)
    """
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(repeats):
        order = generator.permutation(dices.shape[1])
        one, other = np.array_split(order, 2)
        best = int(dices[:, one].mean(axis=1).argmax())
        rows.append((dices[best, other].mean(), dices[0, other].mean()))
    return np.array(rows)


def main() -> None:
    """Measure and print."""
    parser = argument_parser(__doc__)
    parser.add_argument("folder", type=Path)
    boundaries = [DecisionBoundary(*each) for each in product(THRESHOLDS, BLUR_MM)]
    values = measured(parser.parse_args().folder, boundaries)
    print_table(
        ["threshold", "blur mm", "foreground Dice", "lowest", "area relative to the readers'"],
        (
            [
                boundary.threshold,
                f"{boundary.blur_mm:g}",
                f"{dices.mean():.4f}",
                f"{dices.min():.3f}",
                f"{areas.mean():.3f}",
            ]
            for boundary, (dices, areas) in zip(boundaries, values.swapaxes(1, 2), strict=True)
        ),
    )
    chosen = halves(values[..., 0])
    print(
        f"chosen on one half: {chosen[:, 0].mean():.4f} on the other, {chosen[:, 1].mean():.4f} "
        f"with the tight boundary; better in {(chosen[:, 0] > chosen[:, 1]).mean():.0%} of the "
        "halvings"
    )


if __name__ == "__main__":
    main()
