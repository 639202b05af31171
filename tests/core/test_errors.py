from __future__ import annotations

import pickle

import pytest

from lpm_segmentator.core import errors
from lpm_segmentator.core.errors import (
    CasesFailedError,
    InputError,
    LpmError,
    MissingExtraError,
    OutputError,
    Remedy,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (InputError("it is empty"), "it is empty."),
        (InputError("it is empty.", where="a.nii"), "a.nii: it is empty."),
        (
            InputError("it is empty", where="a.nii", hint="Export it again"),
            "a.nii: it is empty. Export it again.",
        ),
        (
            MissingExtraError("training", extra="train"),
            "training needs an optional package. "
            "Install it with: pip install 'lpm-segmentator[train]'.",
        ),
    ],
)
def test_message_says_where_what_and_what_to_do(error, text):
    assert str(error) == text


def test_all_names_every_error_and_all_have_one_root():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert set(errors.__all__) == found | {"Remedy"}
    assert all(issubclass(getattr(errors, name), LpmError) for name in found)


def test_the_remedy_is_said_once():
    said = InputError("x", hint=f"Pass {Remedy.RESAMPLE}", remedy=Remedy.RESAMPLE)
    unsaid = InputError("x", hint="Bring one to the other's grid.", remedy=Remedy.RESAMPLE)
    assert str(said) == "x. Pass resample=True."
    assert str(unsaid) == "x. Bring one to the other's grid (resample=True)."
    assert str(InputError("x", remedy=[Remedy.RESAMPLE])) == "x. Use resample=True."
    assert said.remedies == unsaid.remedies == (Remedy.RESAMPLE,)


def test_exit_codes():
    assert InputError("x").exit_code == OutputError("x").exit_code == 2
    assert CasesFailedError("x").exit_code == 1


@pytest.mark.parametrize(
    "error",
    [
        InputError("what", where="here", hint="do"),
        MissingExtraError("training", extra="train"),
        CasesFailedError("1 of 2 failed", failures={"a": "empty"}),
    ],
)
def test_errors_come_back_whole_from_another_process(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
