from __future__ import annotations

from types import ModuleType

from lpm_segmentator import api, cohort, pipeline, segment


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
