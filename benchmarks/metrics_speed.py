"""Times the accuracy metrics of one case against medpy on the same masks.

Usage: ``python benchmarks/metrics_speed.py [--repeats 3] [--without-medpy]``

Reference is a phantom of 400 x 400 x 29 voxels with four labels; prediction is the same, shifted
by two voxels to the left and one to the back. Both tools compute Dice, Jaccard, HD95 and ASSD of
every label; this package adds NSD, volumes, areas and the slice-wise table.
"""

from __future__ import annotations

import json

import numpy as np

from common import argument_parser, best_of, environment
from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.samples.phantom import make_phantom


def by_medpy(reference: LabelMap, prediction: LabelMap) -> dict[str, float]:
    """Return the same metrics, computed by medpy."""
    from medpy.metric import binary

    row = {}
    for value in reference.scheme.values:
        one, other = prediction.array == value, reference.array == value
        row[f"dsc_{value}"] = binary.dc(one, other)
        row[f"jaccard_{value}"] = binary.jc(one, other)
        row[f"hd95_mm_{value}"] = binary.hd95(one, other, reference.spacing_mm)
        row[f"assd_mm_{value}"] = binary.assd(one, other, reference.spacing_mm)
    return row


def main() -> None:
    """Run the comparison and print it as JSON."""
    parser = argument_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-medpy", action="store_true")
    options = parser.parse_args()
    phantom = make_phantom(shape=(400, 400, 29))
    reference = LabelMap(phantom.labels, phantom.affine)
    prediction = reference.with_array(np.roll(phantom.labels, (2, 1), axis=(0, 1)))
    took, accuracy = best_of(lambda: compare_label_maps(reference, prediction), options.repeats)
    ours = accuracy.wide()
    result: dict[str, object] = {"environment": environment(), "seconds": round(took, 3)}
    if not options.without_medpy:
        medpy_took, theirs = best_of(lambda: by_medpy(reference, prediction))
        dices = [f"dsc_{v}" for v in reference.scheme.values]
        result |= {
            "medpy_seconds": round(medpy_took, 3),
            "times_faster": round(medpy_took / took, 1),
            "largest_dice_difference": max(abs(float(ours[d]) - theirs[d]) for d in dices),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
