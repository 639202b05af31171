"""NIfTI-1 and NIfTI-2: single files and ``.hdr``/``.img`` pairs, compressed or not."""

from __future__ import annotations

from lpm_segmentator.io.nifti.header import Form, HeaderOptions
from lpm_segmentator.io.nifti.write import write_image, write_label_map

__all__ = [
    "Form",
    "HeaderOptions",
    "write_image",
    "write_label_map",
]
