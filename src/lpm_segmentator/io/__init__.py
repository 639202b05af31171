"""In and out: the only room that reads and writes data files."""

from __future__ import annotations

from lpm_segmentator.io.files import (
    atomic_path,
    file_sha256,
    file_stamp,
    read_json,
    remove_file,
    remove_leftovers,
    set_paths,
    to_json,
    write_json,
    write_text,
)
from lpm_segmentator.io.formats import is_dicom, is_image
from lpm_segmentator.io.image import Image, LabelImage
from lpm_segmentator.io.naming import (
    ParsedName,
    case_id,
    contrast_in_text,
    is_label_name,
    parse_name,
    subject_key,
)
from lpm_segmentator.io.nifti import Form, HeaderOptions, write_image, write_label_map
from lpm_segmentator.io.numbering import label_numbering
from lpm_segmentator.io.read import (
    IGNORED_VALUE,
    read_geometry,
    read_image,
    read_label_map,
    read_source,
    read_voxels,
)
from lpm_segmentator.io.row_spool import RowSpool
from lpm_segmentator.io.sidecar import (
    contrast_of,
    files_beside,
    read_sidecar,
    slice_thickness_mm,
    uids_of,
)
from lpm_segmentator.io.tables import (
    DiscTable,
    SliceEnd,
    SliceRange,
    lookup,
    no_row,
    read_disc_table,
    read_slice_table,
    read_table,
    write_table,
)

__all__ = [
    "IGNORED_VALUE",
    "DiscTable",
    "Form",
    "HeaderOptions",
    "Image",
    "LabelImage",
    "ParsedName",
    "RowSpool",
    "SliceEnd",
    "SliceRange",
    "atomic_path",
    "case_id",
    "contrast_in_text",
    "contrast_of",
    "file_sha256",
    "file_stamp",
    "files_beside",
    "is_dicom",
    "is_image",
    "is_label_name",
    "label_numbering",
    "lookup",
    "no_row",
    "parse_name",
    "read_disc_table",
    "read_geometry",
    "read_image",
    "read_json",
    "read_label_map",
    "read_sidecar",
    "read_slice_table",
    "read_source",
    "read_table",
    "read_voxels",
    "remove_file",
    "remove_leftovers",
    "set_paths",
    "slice_thickness_mm",
    "subject_key",
    "to_json",
    "uids_of",
    "write_image",
    "write_json",
    "write_label_map",
    "write_table",
    "write_text",
]
