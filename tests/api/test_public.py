from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from lpm_segmentator import api, cohort, pipeline, segment
from lpm_segmentator.samples import real_sample

PYTHON = Path(__file__).parents[2] / "docs" / "python.md"


def test_what_is_named_is_there():
    for module in (api, cohort, pipeline, segment):
        assert all(hasattr(module, name) for name in module.__all__)


def test_the_rooms_show_what_they_name():
    assert len(api.__all__) <= 20
    for module in (api, segment):
        public = {
            name
            for name, value in vars(module).items()
            if not name.startswith("_") and not isinstance(value, ModuleType)
        } - {"annotations"}
        assert public == set(module.__all__)


@pytest.mark.slow
def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    real_sample(tmp_path / "study")
    (code, _) = re.findall(r"```python\n(.*?)```", PYTHON.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "python.md", "exec"), names)
    (record,) = names["records"]  # type: ignore[misc]
    assert record.accuracy["dsc_global"] > 0.9
    printed = capsys.readouterr().out
    assert "volume_ml" in printed
    assert "report.html" in printed
