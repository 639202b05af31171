"""Options of earlier versions."""

from __future__ import annotations

import click
import pytest

from lpm_segmentator.cli.former import with_current_names


@pytest.mark.parametrize(
    ("former", "current", "note"),
    [
        (["--keep-doubtful"], ["--keep-low-confidence"], "called --keep-low-confidence"),
        (["--no-brightness-fat"], ["--no-intensity-fat"], "called --no-intensity-fat"),
        (["--engine", "local"], [], "--engine local is now called serial or processes"),
        (["--engine=local"], [], "is now called serial or processes"),
    ],
)
def test_former_names_still_work_with_a_note(former, current, note, capsys):
    arguments = ["run", "local", *former, "-o", "out"]
    assert with_current_names(arguments, quiet=False) == ["run", "local", *current, "-o", "out"]
    told = capsys.readouterr()
    assert note in told.err
    assert told.out == ""
    with_current_names(arguments, quiet=True)
    assert capsys.readouterr().err == ""


def test_current_arguments_stay_as_they_are(capsys):
    arguments = ["run", "--engine", "serial", "local", "--from-slice", "1"]
    assert with_current_names(arguments, quiet=False) == arguments
    assert with_current_names([], quiet=False) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("given", [["--from-slice", "1"], ["--to-slice=3"]])
def test_an_option_that_is_gone_states_what_to_use(given):
    with pytest.raises(click.UsageError, match="--anchor L1-L2=SLICE"):
        with_current_names(["levels", "image.nii.gz", *given], quiet=True)


def test_the_command_line_takes_former_names_and_is_quiet(lpm, tmp_path):
    run = ["run", tmp_path / "none", "-o", tmp_path / "out", "--engine", "local"]
    refused = lpm(*run)
    assert refused.returncode == 2
    assert "--engine local is now called" in refused.stderr
    assert "local" not in lpm(*run, "--quiet").stderr
    refused = lpm("levels", tmp_path / "x.nii.gz", "--from-slice", 1, "-o", tmp_path / "x.json")
    assert refused.returncode == 2
    assert "--anchor L5-S1=SLICE" in refused.stderr
