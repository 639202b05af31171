from __future__ import annotations

import pytest

from lpm_segmentator.core import InputError, about


def test_an_error_is_told_what_it_is_about_unless_it_knows() -> None:
    with pytest.raises(InputError, match=r"^a\.json: is odd"), about("a.json"):
        raise InputError("is odd")
    with pytest.raises(InputError, match=r"^b\.json: is odd"), about("a.json"):
        raise InputError("is odd", where="b.json")


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ValueError, match=r"^odd$"), about("a.json"):
        raise ValueError("odd")
