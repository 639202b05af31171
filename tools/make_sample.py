"""Make the real sample of the package from the published files of subject TUM01.

    python tools/make_sample.py FOLDER [-o src/lpm_segmentator/samples/data]

FOLDER holds the three files named in `PUBLISHED`, from the repository johnnydfci/LPM_Segmentator
(folders ``nnUNet_test_data/test_img_in_nii_raw`` and ``nnUNet_train_data_raw`` below
``nnUNet_raw_data_base``). The images are cropped in plane to the back, all slices are kept, and the
water image, which lost its origin in the published file, gets the grid of the fat image. The same
input gives the same arrays, headers and levels; NOTICE beside the files is written manually.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np

#: published name and SHA-256 of each file
PUBLISHED = {
    "water": (
        "TUM01_water_img_img_L2-L5.nii.gz",
        "3f26c7e6d400a16290c1530bd3e89a53b57bb0891fae60a42ec23440ff897d4f",
    ),
    "fat": (
        "TUM01_fat_img_img_L2-L5.nii.gz",
        "4f54bc9385c493d39d8a405aff737946abeb5228a030473150a15b1147f1ced7",
    ),
    "dseg": (
        "TUM01_fat_manual_label_segmentation_L2-L5.nii.gz",
        "d285e40cc3d9253c842e16da2ccfbfbb4e7c71c20bfce930c4a9407cf23f8dd5",
    ),
}
#: voxels kept: from the front of the vertebral bodies to 7 mm behind the skin, 305 mm wide
CROP = (slice(50, 350), slice(132, 282))
#: middle (RAS+ mm) and normal of each disc in the stack; NOTICE says how they were found
DISCS = {
    "L1-L2": ((3.9, -38.1, 303.6), (-0.023, -0.264, 0.964)),
    "L2-L3": ((3.4, -26.9, 271.2), (0.0, -0.188, 0.982)),
    "L3-L4": ((3.6, -19.4, 236.7), (0.0, -0.048, 0.999)),
    "L4-L5": ((4.1, -18.0, 201.0), (0.0, 0.162, 0.987)),
}
LEVELS_SOURCE = (
    "Names: vertebral labels of the sagittal water volume of the same subject (MyoSegmenTUM "
    "spine). L5-S1 lies below the stack. See NOTICE."
)


def read(folder: Path, role: str) -> nib.Nifti1Image:
    """Return a published image; exit if its content differs from the known one."""
    name, sha256 = PUBLISHED[role]
    content = (folder / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit(f"{folder / name} is not the published file (its SHA-256 differs)")
    return nib.Nifti1Image.from_bytes(gzip.decompress(content))


def cropped(image: nib.Nifti1Image, grid: nib.Nifti1Image) -> nib.Nifti1Image:
    """Return the crop of an image in its own data type, placed on another image's grid."""
    part = grid.slicer[CROP]
    header = image.header.copy()
    header.set_data_shape(part.shape)
    header["descrip"] = b"TUM01, cropped; see NOTICE"
    result = nib.Nifti1Image(np.asarray(image.dataobj)[CROP], part.affine, header)
    result.set_qform(part.affine, code="scanner")
    result.set_sform(part.affine, code="scanner")
    return result


def write(image: nib.Nifti1Image, path: Path) -> None:
    """Write a NIfTI file compressed at level 9, without time stamp and name."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=9, fileobj=raw, mtime=0) as out,
    ):
        out.write(image.to_bytes())


def levels(image: nib.Nifti1Image, name: str) -> dict[str, object]:
    """Return the levels of the crop in the format of ``lpm levels``."""
    to_voxel = np.linalg.inv(image.affine)
    return {
        "case": "TUM01",
        "image": name,
        "grid": {"shape": list(image.shape), "affine": image.affine.tolist()},
        "discs": [
            {
                "name": disc,
                "center_mm": list(centre),
                "normal": list(normal),
                "slice": round(float((to_voxel @ (*centre, 1.0))[2])),
                "confidence": 1.0,
            }
            for disc, (centre, normal) in DISCS.items()
        ],
        "warnings": [],
        "source": LEVELS_SOURCE,
    }


def main() -> None:
    """Crop and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the published files")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("src/lpm_segmentator/samples/data")
    )
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    images = {role: read(given.folder, role) for role in PUBLISHED}
    for role, image in images.items():
        crop = cropped(image, images["fat"])
        write(crop, given.output / f"TUM01_{role}.nii.gz")
    text = json.dumps(levels(crop, "TUM01_water.nii.gz"), indent=2)
    (given.output / "TUM01_levels.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
