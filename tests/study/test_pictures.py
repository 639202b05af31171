"""Pictures and figures as files: whole, repeatable, or not there."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from lpm_segmentator.core import LabelMap, OutputError, Volume
from lpm_segmentator.report.style import new_figure
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.pictures import draw_slices, save_figure


def figure() -> Figure:
    made = new_figure(3, 2)
    made.add_subplot().set_xlabel("Automatic − reference")
    return made


def case(slices: int) -> tuple[Volume, LabelMap]:
    image = np.random.default_rng(0).integers(0, 100, (60, 50, slices))
    labels = np.zeros(image.shape, np.uint8)
    labels[10:20, 20:40], labels[40:50, 20:40] = 1, 4
    affine = np.diag([-1.0, -1.0, 4.0, 1.0])
    return Volume(image, affine), LabelMap(labels, affine)


def test_pictures_of_slices_are_repeatable_and_of_known_size(tmp_path):
    folder = StudyFolder(tmp_path).case("a")
    draw_slices(folder, *case(9), names={}, quality=None)
    paths = [folder.picture, folder.all_slices]
    before = [path.read_bytes() for path in paths]
    for path, kind, width in zip(paths, ("PNG", "JPEG"), (4 * 338, 6 * 170), strict=True):
        with Image.open(path) as picture:
            assert (picture.format, picture.width) == (kind, width)
    draw_slices(folder, *case(9), names={}, quality=None)
    assert [path.read_bytes() for path in paths] == before
    assert sorted(path.name for path in folder.picture.parent.iterdir()) == sorted(
        path.name for path in paths
    )
    draw_slices(folder, *case(8), names={}, quality=None)  # all of them are in the first
    assert not folder.all_slices.exists()


def test_the_layout_of_a_saved_figure_can_still_change(tmp_path):
    drawn = figure()
    engine = drawn.get_layout_engine()
    save_figure(drawn, tmp_path / "a", formats=("svg",))
    assert drawn.get_layout_engine() is engine


def test_saved_files_are_whole_repeatable_and_keep_text_as_text(tmp_path):
    first = save_figure(figure(), tmp_path / "new" / "ba.v1", dpi=60)
    assert [path.name for path in first] == ["ba.v1.pdf", "ba.v1.svg", "ba.v1.png"]
    before = [path.read_bytes() for path in first]
    again = save_figure(figure(), tmp_path / "new" / "ba.v1", dpi=60)
    assert [path.read_bytes() for path in again] == before
    assert before[0].startswith(b"%PDF")
    assert before[2].startswith(b"\x89PNG")
    assert "Automatic − reference" in before[1].decode()
    assert sorted(p.name for p in first[0].parent.iterdir()) == [
        "ba.v1.pdf",
        "ba.v1.png",
        "ba.v1.svg",
    ]


def test_a_failed_save_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="xyz"):
        save_figure(figure(), tmp_path / "a", formats=("xyz",))
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_cannot_be_written_is_an_error_of_the_output(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(figure(), tmp_path / "file" / "a", formats=("svg",))
    assert (tmp_path / "file").read_text() == "mine"
