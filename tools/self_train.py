"""Continue the embedded model on images without labels, which it labels itself.

    python tools/self_train.py IMAGES --data FOLDER -o OUT

IMAGES holds axial T1w and T2w images `X_image.nii.gz`; FOLDER the labelled Dixon pairs of
`recipes/compact.yaml`. Both networks together label each image; a mask with a score below 0.92, or
without all four muscles, is left out. Each network is then trained further on the masks and
images, deformed, mirrored and degraded, and on images synthesised from the labelled pairs, for
which it keeps its output (`lpm_segmentator.train.adapt`). An interrupted run is resumed by the same
command. OUT/first/model.onnx and OUT/second/model.onnx are the networks in single precision, the
files `log.jsonl` beside them show the progress; `tools/quantise.py` makes the networks of 8 bits.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lpm_segmentator.io import file_sha256, read_image
from lpm_segmentator.segment import CompactPredictor, assess, keep_largest, load_compact
from lpm_segmentator.train.adapt.cases import AdaptCase
from lpm_segmentator.train.adapt.config import AdaptConfig
from lpm_segmentator.train.adapt.rehearsal import rehearsal
from lpm_segmentator.train.adapt.samples import slices_of
from lpm_segmentator.train.adapt.training import Sources, adapt_network
from lpm_segmentator.train.compact.data import read_subject
from lpm_segmentator.train.compact.recipe import load_recipe
from lpm_segmentator.train.export import Softmax, export_onnx, read_description

WEIGHTS = Path("src/lpm_segmentator/segment/compact/weights")
RECIPE = Path("recipes/compact.yaml")
#: the networks of the embedded model, and the versions that they become
NETWORKS = {"first": ("compact.onnx", "7"), "second": ("compact-second.onnx", "8")}
#: smallest score of a mask that is learnt from
LEAST_SCORE = 0.92
CONFIG = AdaptConfig(
    steps=600,
    case_samples=6,
    learning_rate=8e-4,
    ema_decay=0.99,
    rehearsal_images=240,
    seed=20262,
)
CITATION = (
    "T1w and T2w slices without labels of the Lumbar Spine MRI Dataset (Sudirman et al., Mendeley "
    "Data k57fr854j2, CC BY 4.0)"
)


def labelled_by(teacher: CompactPredictor, folder: Path) -> list[AdaptCase]:
    """Return the images of a folder with the masks of a model, where its score is high."""
    cases = []
    for path in sorted(folder.glob("*_image.nii.gz")):
        image = read_image(path).volume
        prediction = teacher.predict(image)
        labels = keep_largest(prediction.labels).labels
        complete = np.isin(labels.scheme.values, labels.array).all()
        if complete and assess(labels, prediction).score >= LEAST_SCORE:
            cases.append(AdaptCase(path.name, path.name, image, labels))
    return cases


def metadata(source: Path, version: str, images: Sequence[str]) -> dict[str, Any]:
    """Return the description of a continued network."""
    base = read_description(source)
    return {
        **base,
        "version": version,
        "citation": f"{base['citation']}; {CITATION}",
        "started_from": file_sha256(source),
        "self_trained_on": list(images),
        "config": CONFIG.to_dict(),
    }


def main() -> None:
    """Label, train and export."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--network", choices=tuple(NETWORKS), action="append")
    given = parser.parse_args()
    files = [given.weights / name for name, _ in NETWORKS.values()]
    teacher = load_compact(files[0], second=files[1].read_bytes())
    cases = labelled_by(teacher, given.images)
    pairs = [read_subject(each, [given.data]) for each in load_recipe(RECIPE).subjects]
    sources = Sources(
        [slices_of(case, teacher.spec) for case in cases],
        rehearsal(pairs, teacher.spec, CONFIG),
        teacher.spec,
    )
    for name in given.network or NETWORKS:
        source, version = given.weights / NETWORKS[name][0], NETWORKS[name][1]
        described = metadata(source, version, [case.case for case in cases])
        network = adapt_network(
            source,
            sources,
            CONFIG,
            given.output / name,
            identity=json.dumps(described, sort_keys=True),
        )
        export_onnx(
            Softmax(network),
            given.output / name / "model.onnx",
            channels=2 * teacher.spec.context + 1,
            multiple=network.multiple,
            outputs=("probability",),
            metadata=described,
        )


if __name__ == "__main__":
    main()
