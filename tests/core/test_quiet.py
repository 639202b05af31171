from __future__ import annotations

import logging
import warnings

import pytest

from lpm_segmentator.core.quiet import quiet, quiet_log


def test_a_logger_is_quiet_within_and_as_before_afterwards(caplog):
    logger = logging.getLogger("other.package")
    logger.setLevel(logging.INFO)

    def fail():
        with quiet_log("other.package", logging.ERROR):
            logger.warning("a remark")
            logger.error("a fault")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert caplog.messages == ["a fault"]
    assert logger.level == logging.INFO


def test_warnings_are_left_out_as_well():
    with quiet("other.package"):
        warnings.warn("a remark", stacklevel=1)
    with pytest.warns(UserWarning, match="again"), quiet_log("other.package"):
        warnings.warn("again", stacklevel=1)
