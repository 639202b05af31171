"""Continue the embedded model on images without labels, which it labels itself.

    python tools/self_train.py IMAGES --data FOLDER -o OUT

IMAGES holds axial T1w and T2w images `X_image.nii.gz`; FOLDER the labelled Dixon pairs of
`recipes/compact.yaml`, or of the recipe that `--recipe` names. Both networks together label each
image; a mask with a score below 0.92, or without all four muscles, is left out. Each network is
then trained further on the masks and images, deformed, mirrored and degraded, and on images for
which it keeps its output: synthesised from the labelled pairs, and the images turned by 90° or cut
through the muscles, of which it must not become certain (`lpm_segmentator.train.adapt`). An
interrupted run is resumed by the same command. OUT/first/model.onnx and OUT/second/model.onnx are
the networks in single precision, the files `log.jsonl` beside them show the progress;
`tools/quantise.py` makes the networks of 8 bits.

Versions 7 and 8 were made from versions 4 and 6, which are the weights at commit 89be8ca;
`--weights` names the folder that holds the start.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lpm_segmentator import __version__
from lpm_segmentator.io import file_sha256, read_image
from lpm_segmentator.segment import CompactPredictor, assess, keep_largest, load_compact
from lpm_segmentator.segment.compact import CompactSpec
from lpm_segmentator.train.adapt.cases import AdaptCase
from lpm_segmentator.train.adapt.config import AdaptConfig
from lpm_segmentator.train.adapt.rehearsal import Rehearsal, rehearsal
from lpm_segmentator.train.adapt.samples import CaseSlices, slices_of
from lpm_segmentator.train.adapt.training import Sources, adapt_network
from lpm_segmentator.train.compact.data import SubjectImages, read_subject
from lpm_segmentator.train.compact.recipe import load_recipe
from lpm_segmentator.train.draw import Draw
from lpm_segmentator.train.export import export_segmentation, read_description, source_commit
from lpm_segmentator.train.labelled import IGNORED
from lpm_segmentator.train.synthesis.acquisition import acquired

WEIGHTS = Path("src/lpm_segmentator/segment/compact/weights")
RECIPE = Path("recipes/compact.yaml")
#: the networks of the embedded model, and the versions that they become
NETWORKS = {"first": ("compact.onnx", "7"), "second": ("compact-second.onnx", "8")}
#: smallest score of a mask that is learnt from
LEAST_SCORE = 0.92
CONFIG = AdaptConfig(
    steps=400,
    case_samples=6,
    learning_rate=5e-4,
    ema_decay=0.99,
    rehearsal_images=240,
    narrow_field=0.0,
    seed=20262,
)
#: damaged images for each synthesised one
DAMAGED = 0.5
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


def window(
    image: torch.Tensor, centre: tuple[float, float], patch: tuple[int, int]
) -> torch.Tensor:
    """Return the part of an image ``(h, w)`` around a pixel, with zeros beyond its border."""
    height, width = patch
    padded = functional.pad(image, (width, width, height, height))
    top, left = round(centre[0] + height / 2), round(centre[1] + width / 2)
    return padded[top : top + height, left : left + width]


def damaged(
    cases: Sequence[CaseSlices], patch: tuple[int, int], count: int, context: int
) -> torch.Tensor:
    """Return random images, turned by 90° or cut through the muscles.

    Returns
    -------
    torch.Tensor
        ``(count, 2 * context + 1, h, w)``, normalised.
    """
    images = []
    for index in range(count):
        draw = Draw(CONFIG.seed * 1_009 + index)
        case = cases[draw.integer(len(cases))]
        middle = case.labelled[draw.integer(len(case.labelled))]
        image = case.images[0][middle]
        rows, columns = torch.nonzero(case.labels[middle] % IGNORED, as_tuple=True)
        if draw.chance(0.5):
            image = torch.rot90(image, 1 + 2 * draw.integer(2))
            centre = (image.shape[0] / 2, image.shape[1] / 2)
        else:
            image = image.clone()
            row, column = (int(at[draw.integer(len(at))]) for at in (rows, columns))
            part = (np.s_[:row], np.s_[:, :column], np.s_[:, column:])[draw.integer(3)]
            image[part] = 0
            centre = (float(rows.float().mean()), float(columns.float().mean()))
        shown = window(image, centre, patch)[None]
        visible = torch.ones(patch, dtype=torch.bool)
        shown = acquired(shown, visible, draw, degraded=draw.chance(0.5))
        images.append(shown.expand(2 * context + 1, -1, -1))
    return torch.stack(images)


def kept(
    cases: Sequence[CaseSlices], pairs: Sequence[SubjectImages], spec: CompactSpec
) -> Rehearsal:
    """Return the images for which a network keeps its output."""
    synthesised = rehearsal(pairs, spec, CONFIG)
    return Rehearsal(
        *(
            torch.cat([images, damaged(cases, patch, round(DAMAGED * len(images)), spec.context)])
            for images, patch in (
                (synthesised.near, CONFIG.near_patch),
                (synthesised.whole, CONFIG.patch),
            )
        )
    )


def metadata(source: Path, version: str, images: Sequence[str]) -> dict[str, Any]:
    """Return the description of a continued network."""
    base = read_description(source)
    return {
        **base,
        "version": version,
        "citation": f"{base['citation']}; {CITATION}",
        "description": base["description"].replace(
            " Research use only.",
            " Continued on clinical T1w and T2w slices that the versions before labelled. Research "
            "use only.",
        ),
        "made_with": f"lpm-segmentator {__version__}",
        "commit": source_commit(),
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
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    given = parser.parse_args()
    files = [given.weights / name for name, _ in NETWORKS.values()]
    teacher = load_compact(files[0], second=files[1].read_bytes())
    cases = labelled_by(teacher, given.images)
    pairs = [read_subject(each, [given.data]) for each in load_recipe(given.recipe).subjects]
    slices = [slices_of(case, teacher.spec) for case in cases]
    sources = Sources(slices, kept(slices, pairs, teacher.spec), teacher.spec)
    for (name, (_, version)), source in zip(NETWORKS.items(), files, strict=True):
        described = metadata(source, version, [case.case for case in cases])
        network = adapt_network(
            source,
            sources,
            CONFIG,
            given.output / name,
            identity=json.dumps(described, sort_keys=True),
        )
        export_segmentation(network, given.output / name / "model.onnx", described)


if __name__ == "__main__":
    main()
