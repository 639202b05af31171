from __future__ import annotations

import types

from lpm_segmentator import measure


def test_all_is_what_the_room_shows() -> None:
    shown = {
        name
        for name, value in vars(measure).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and name != "annotations"
    }
    assert len(measure.__all__) == len(set(measure.__all__))
    assert set(measure.__all__) == shown
