"""What the command line offers for each remedy: the flag that resolves an error.

The command line and the report, which are read by people who use it, show flags; everything else
shows Python arguments.
"""

from __future__ import annotations

from lpm_segmentator.core.errors import Remedy

__all__ = ["FLAGS", "finding_text", "with_flags"]

FLAGS = {
    Remedy.ACCEPT_ORIGIN_MISMATCH: "--accept-origin-mismatch",
    Remedy.ACCEPT_FRAME_MISMATCH: "--accept-frame-mismatch",
    Remedy.ANCHOR: "--anchor DISC=SLICE",
    Remedy.CONFIGURATION: "--configuration NAME",
    Remedy.CONTRAST: "--contrast CONTRAST",
    Remedy.DATA: "--data FOLDER",
    Remedy.FEWER_WORKERS: "--workers 1",
    Remedy.FOLDS: "--folds NUMBER",
    Remedy.FORCE: "--force",
    Remedy.IGNORE_LABEL: "--ignore-label VALUE",
    Remedy.KEEP_LOW_CONFIDENCE: "--keep-low-confidence",
    Remedy.LABEL_SCHEME: "--label-scheme NAME|FILE",
    Remedy.LABELS: "--labels PATH",
    Remedy.LEAVE_ONE_OUT: "--leave-one-out",
    Remedy.LEVELS: "--levels PATH",
    Remedy.MODEL: "--model NAME",
    Remedy.NAME: "--name NAME",
    Remedy.NAME_PAIR: "--water PATH --fat PATH",
    Remedy.NO_UNIT_CHECK: "--no-unit-check",
    Remedy.NUMBERING: "--numbering NAME",
    Remedy.OUTPUT: "-o PATH",
    Remedy.PICK_SLICES: "--from-slice N --to-slice N",
    Remedy.REFERENCE: "--reference PATH",
    Remedy.REPLACE: "--replace",
    Remedy.RESAMPLE: "--resample",
    Remedy.ROLES: "--roles REF PRED",
    Remedy.SAGITTAL: "--sagittal PATH",
    Remedy.SERIES: "--series UID|NUMBER|TEXT",
    Remedy.SLICE_END: "--slice-end END",
    Remedy.SLICE_TABLE: "--slices TABLE",
    Remedy.SPACING: "--spacing I,J,K",
    Remedy.START: "--start PATH",
    Remedy.SUBJECT: "--subject COLUMN",
    Remedy.SUBJECT_PATTERN: "--subject-pattern REGEX",
    Remedy.TRUST: "--trust FORM",
}
"""The flag of each remedy."""


def with_flags(text: str) -> str:
    """Return a message with the Python arguments of remedies replaced by flags."""
    for remedy in sorted(FLAGS, key=lambda member: len(member.value), reverse=True):
        text = text.replace(remedy.value, FLAGS[remedy])
    return text


def finding_text(message: str, remedy: Remedy | None) -> str:
    """Return the message of a finding with the flag of its remedy."""
    text = with_flags(message)
    if remedy is None or FLAGS[remedy] in text:
        return text
    return f"{text} ({FLAGS[remedy]})"
