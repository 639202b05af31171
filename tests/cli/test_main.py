from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata

import click
import pytest

from lpm_segmentator.cli.main import _COMMANDS, cli, main
from phantoms import write_pair, write_reference

HEAVY = (
    "numpy", "scipy", "nibabel", "pandas", "matplotlib", "onnxruntime", "torch", "rich", "jinja2",
    "pooch", "PIL", "contourpy",
)  # fmt: skip


def test_help_imports_nothing_heavy():
    script = (
        "import sys\n"
        "from lpm_segmentator.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_needs_neither_matplotlib_nor_torch(tmp_path, tiny_path):
    """They are extras; the pictures of a case are drawn all the same."""
    write_pair(tmp_path / "in", "a")
    write_reference(tmp_path / "in", "a")
    command = ["run", tmp_path / "in", "-o", tmp_path / "out", "--reference", tmp_path / "in"]
    command += ["--model", tiny_path, "--keep-low-confidence", "--levels", "auto"]
    command += ["--anchor", "L5-S1=1", "--anchor", "L4-L5=3"]
    script = (
        "import sys\n"
        "from lpm_segmentator.cli.main import main\n"
        f"try:\n    main({[str(part) for part in command]!r})\nexcept SystemExit as end:\n"
        "    print(end.code)\n"
        "print([name for name in ('matplotlib', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-2:] == ["0", "[]"], done.stderr
    for ending in ("_qc.png", "_levels.png"):
        assert (tmp_path / "out" / "cases" / "a" / f"a{ending}").stat().st_size > 0


def test_help_takes_less_than_half_a_second_of_the_processor(lpm):
    if not hasattr(os, "wait4"):
        pytest.skip("this system does not tell a process's times")
    before = os.times()
    assert lpm("--help").returncode == 0
    after = os.times()
    used = after.children_user + after.children_system
    assert used - before.children_user - before.children_system < 0.5


def test_help_lists_every_command(lpm):
    done = lpm("--help")
    assert done.returncode == 0
    for name, (_, text) in _COMMANDS.items():
        assert name in done.stdout
        assert text.split(":")[0][:30] in done.stdout


@pytest.mark.parametrize("name", list(_COMMANDS))
def test_every_command_exists_and_explains_itself(name):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=f"lpm {name}"))
    assert "Usage" in text
    if not isinstance(command, click.Group):
        for option in ("--quiet", "--json", "--debug"):
            assert option in text


def test_the_script_is_installed():
    (script,) = metadata.entry_points(group="console_scripts", name="lpm")
    assert script.load() is main


def test_version(lpm):
    done = lpm("--version")
    assert done.returncode == 0
    assert metadata.version("lpm-segmentator") in done.stdout


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["run"], ["run", "x.nii"], ["clean", "a", "-o", "b", "--wrong"]]
)
def test_wrong_usage_is_told_with_code_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "Usage" in capsys.readouterr().err


def test_a_fault_of_the_program_is_told_without_traceback(monkeypatch, capsys):
    def broken(*args, **options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("lpm_segmentator.study.listing.list_label_maps", broken)
    with pytest.raises(SystemExit) as ended:
        main(["clean", "a.nii", "-o", "b.nii"])
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "unexpected ZeroDivisionError: oops" in told
    assert "--debug" in told
    assert "Traceback" not in told
    with pytest.raises(ZeroDivisionError):
        main(["clean", "a.nii", "-o", "b.nii", "--debug"])


def test_interrupting_is_told_with_code_130(monkeypatch, capsys):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("lpm_segmentator.study.listing.list_label_maps", interrupted)
    with pytest.raises(SystemExit) as ended:
        main(["clean", "a.nii", "-o", "b.nii"])
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().err


def test_running_out_of_memory_is_told(monkeypatch, capsys):
    def starved(*args, **options):
        raise MemoryError

    monkeypatch.setattr("lpm_segmentator.study.listing.list_label_maps", starved)
    with pytest.raises(SystemExit) as ended:
        main(["clean", "a.nii", "-o", "b.nii"])
    assert ended.value.code == 1
    assert "out of memory" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_cannot_be_shown_do_not_end_a_command(lpm, tmp_path, encoding):
    table = tmp_path / "t.csv"
    table.write_text("case,größe→1_gd,größe→1_ai\na,1,2\nb,3,4\nc,5,7\n", encoding="utf-8")
    arguments = ("compare", table, "-o", tmp_path / "out", "--no-plots")
    env = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = lpm(*arguments, env=env, raw=True)
    assert done.returncode == 0, done.stderr
    assert b"ICC(A,1)" in done.stdout
    printed = lpm(*arguments, "--json", env=env, raw=True)
    pairs = json.loads(printed.stdout.decode(encoding))["pairs"]
    assert any("größe→1" in str(value) for pair in pairs for value in pair.values())


@pytest.mark.skipif(os.name == "nt", reason="the current folder cannot be removed")
@pytest.mark.parametrize(
    "arguments",
    [["run", "{i}", "-o", "out"], ["segment", "{i}", "-o", "x.nii.gz"], ["clean", "a", "-o", "b"]],
)
def test_a_current_folder_that_was_removed_is_named(tmp_path, capsys, monkeypatch, arguments):
    write_pair(tmp_path, "A")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(SystemExit) as ended:
        main([argument.format(i=tmp_path / "A_water.nii.gz") for argument in arguments])
    assert ended.value.code == 2
    assert "the current folder was removed" in capsys.readouterr().err
