"""In and out: the only room that reads and writes data files."""

from __future__ import annotations

from lpm_segmentator.io.cases import (
    DixonCase,
    DixonName,
    ImageCase,
    case_id,
    dixon_name,
    find_images,
    is_dixon_name,
    is_label_name,
    pair_dixon,
    subject_key,
)
from lpm_segmentator.io.dixon import (
    ORIGIN_FLAG,
    DixonImage,
    differ_by_lost_origin,
    has_lost_origin,
    pair_volumes,
    read_dixon,
    repair_origin,
)
from lpm_segmentator.io.files import (
    atomic_path,
    remove_file,
    remove_leftovers,
    to_json,
    write_json,
    write_text,
)
from lpm_segmentator.io.nifti import (
    Image,
    is_nifti,
    read_geometry,
    read_header,
    read_image,
    read_label_map,
    write_image,
    write_label_map,
)
from lpm_segmentator.io.sidecar import read_sidecar
from lpm_segmentator.io.tables import (
    SliceEnd,
    SliceRange,
    lookup,
    read_slice_table,
    read_table,
    write_table,
)

__all__ = [
    "ORIGIN_FLAG",
    "DixonCase",
    "DixonImage",
    "DixonName",
    "Image",
    "ImageCase",
    "SliceEnd",
    "SliceRange",
    "atomic_path",
    "case_id",
    "differ_by_lost_origin",
    "dixon_name",
    "find_images",
    "has_lost_origin",
    "is_dixon_name",
    "is_label_name",
    "is_nifti",
    "lookup",
    "pair_dixon",
    "pair_volumes",
    "read_dixon",
    "read_geometry",
    "read_header",
    "read_image",
    "read_label_map",
    "read_sidecar",
    "read_slice_table",
    "read_table",
    "remove_file",
    "remove_leftovers",
    "repair_origin",
    "subject_key",
    "to_json",
    "write_image",
    "write_json",
    "write_label_map",
    "write_table",
    "write_text",
]
