"""Times the accuracy metrics of one case against medpy on the same masks.

Usage: ``python benchmarks/metrics_speed.py [--repeats 3] [--without-medpy]``

The pair is a phantom of 400 x 400 x 29 voxels with four labels and the same labels shifted by two
voxels to the left and one to the back. Both tools answer Dice, Jaccard, HD95 and ASSD for every
label; this package adds NSD, volumes, areas, and the slice-wise table.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np

from lpm_segmentator.core.volume import LabelMap
from lpm_segmentator.measure import compare_label_maps
from lpm_segmentator.train.phantom import make_phantom


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the shortest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def by_medpy(reference: LabelMap, prediction: LabelMap) -> dict[str, float]:
    """Return the same metrics by medpy."""
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-medpy", action="store_true")
    options = parser.parse_args()
    phantom = make_phantom(shape=(400, 400, 29))
    reference = LabelMap(phantom.labels, phantom.affine)
    prediction = reference.with_array(np.roll(phantom.labels, (2, 1), axis=(0, 1)))
    ours = compare_label_maps(reference, prediction).wide()
    took = seconds(lambda: compare_label_maps(reference, prediction), options.repeats)
    result: dict[str, object] = {"seconds": round(took, 3)}
    if not options.without_medpy:
        theirs = by_medpy(reference, prediction)
        medpy_took = seconds(lambda: by_medpy(reference, prediction), 1)
        dices = [f"dsc_{v}" for v in reference.scheme.values]
        result |= {
            "medpy_seconds": round(medpy_took, 3),
            "times_faster": round(medpy_took / took, 1),
            "largest_dice_difference": max(abs(float(ours[d]) - theirs[d]) for d in dices),
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
