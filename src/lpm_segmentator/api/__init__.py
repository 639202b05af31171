"""Paths in, files out: the verbs that people import, and their types."""

from __future__ import annotations

from lpm_segmentator.api.compare import compare_file
from lpm_segmentator.api.evaluating import EvaluateOptions, evaluate_files
from lpm_segmentator.api.figures import draw_study
from lpm_segmentator.api.measuring import MeasureOptions, measure_file
from lpm_segmentator.api.remeasuring import remeasure
from lpm_segmentator.api.results import write_results
from lpm_segmentator.api.run import process_case
from lpm_segmentator.api.steps import crop_file, find_levels, postprocess_file, segment_file
from lpm_segmentator.models import load_predictor
from lpm_segmentator.study.cases import CaseFiles
from lpm_segmentator.study.discovery import find_cases
from lpm_segmentator.study.options import LevelOptions, RunOptions
from lpm_segmentator.study.record import CaseRecord
from lpm_segmentator.study.results import read_records

__all__ = [
    "CaseFiles",
    "CaseRecord",
    "EvaluateOptions",
    "LevelOptions",
    "MeasureOptions",
    "RunOptions",
    "compare_file",
    "crop_file",
    "draw_study",
    "evaluate_files",
    "find_cases",
    "find_levels",
    "load_predictor",
    "measure_file",
    "postprocess_file",
    "process_case",
    "read_records",
    "remeasure",
    "segment_file",
    "write_results",
]
