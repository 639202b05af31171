"""Paths in, files out: what people import."""

from __future__ import annotations

from lpm_segmentator.api.cases import CaseFiles, SliceTable, find_cases, load_case
from lpm_segmentator.api.compare import ComparisonFiles, compare_file
from lpm_segmentator.api.evaluating import (
    EvaluateOptions,
    LabelPairs,
    evaluate_files,
    pair_label_maps,
)
from lpm_segmentator.api.figures import draw_study
from lpm_segmentator.api.levels import LevelOptions
from lpm_segmentator.api.measuring import (
    Measured,
    MeasureOptions,
    find_measurable,
    measure_files,
    measure_rows,
)
from lpm_segmentator.api.models import (
    EMBEDDED,
    Mode,
    ModelStore,
    convert_model,
    describe_model,
    list_models,
    load_predictor,
)
from lpm_segmentator.api.results import (
    earlier_cases,
    has_results,
    read_records,
    read_run,
    write_report,
    write_results,
    write_tables,
)
from lpm_segmentator.api.run import RunOptions, is_done, prepare_output, process_case
from lpm_segmentator.api.sagittal import with_sagittal
from lpm_segmentator.api.steps import (
    Failure,
    clean_file,
    crop_file,
    find_label_maps,
    find_volumes,
    for_each,
    output_paths,
    refuse_overwriting,
    segment_files,
)
from lpm_segmentator.io import ImageCase, find_images, write_table

__all__ = [
    "EMBEDDED",
    "CaseFiles",
    "ComparisonFiles",
    "EvaluateOptions",
    "Failure",
    "ImageCase",
    "LabelPairs",
    "LevelOptions",
    "MeasureOptions",
    "Measured",
    "Mode",
    "ModelStore",
    "RunOptions",
    "SliceTable",
    "clean_file",
    "compare_file",
    "convert_model",
    "crop_file",
    "describe_model",
    "draw_study",
    "earlier_cases",
    "evaluate_files",
    "find_cases",
    "find_images",
    "find_label_maps",
    "find_measurable",
    "find_volumes",
    "for_each",
    "has_results",
    "is_done",
    "list_models",
    "load_case",
    "load_predictor",
    "measure_files",
    "measure_rows",
    "output_paths",
    "pair_label_maps",
    "prepare_output",
    "process_case",
    "read_records",
    "read_run",
    "refuse_overwriting",
    "segment_files",
    "with_sagittal",
    "write_report",
    "write_results",
    "write_table",
    "write_tables",
]
