"""Whether a case is done, and what differs if not."""

from __future__ import annotations

import dataclasses

from lpm_segmentator.study import resume
from lpm_segmentator.study.options import RunOptions


def test_every_option_has_words():
    assert list(resume._WORDS) == [field.name for field in dataclasses.fields(RunOptions)]
