"""Image formats; docs/extending.md is followed for one more."""

from __future__ import annotations

import gzip
import re
import textwrap
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lpm_segmentator.io import case_id, formats, is_image, read_image
from lpm_segmentator.study.listing import list_images

EXTENDING = Path(__file__).parents[2] / "docs" / "extending.md"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.hdr", "a.hdr.gz"])
def test_images_are_known_by_their_ending(name):
    assert is_image(name)
    assert case_id(name) == name[0]


@pytest.mark.parametrize("name", ["a.img", "a.img.gz", "a.csv", "a.nrrd", "a"])
def test_other_files_are_no_images_of_their_own(name):
    assert not is_image(name)


@pytest.fixture
def nrrd(monkeypatch) -> None:
    """The format of docs/extending.md, added as the text says."""
    text = EXTENDING.read_text(encoding="utf-8").split("## An input format")[1]
    code, entry = (
        textwrap.dedent(block) for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:2]
    )
    module = ModuleType("nrrd")
    exec(compile(code, "extending.md", "exec"), module.__dict__)
    names = {"Format": formats.Format, "open_nrrd": module.open_nrrd}
    added = eval(entry.strip().rstrip(","), names)  # noqa: S307 - our own text
    monkeypatch.setattr(formats, "FORMATS", (*formats.FORMATS, added))


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
def test_the_format_that_the_documentation_adds_is_read(nrrd, tmp_path, encoding):
    array = np.random.default_rng(0).integers(0, 900, (7, 6, 5), dtype=np.int16)
    header = (
        "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 7 6 5\n"
        "space directions: (1.5,0,0) (0,1.5,0) (0,0,4)\nendian: little\n"
        f"encoding: {encoding}\nspace origin: (10,20,-30)\n\n"
    )
    data = array.astype("<i2").tobytes(order="F")
    path = tmp_path / "P1_t2.nrrd"
    path.write_bytes(header.encode() + (gzip.compress(data) if encoding == "gzip" else data))
    volume = read_image(path).volume
    np.testing.assert_array_equal(volume.array, array)
    expected = np.diag([-1.5, -1.5, 4, 1])
    expected[:3, 3] = (-10, -20, -30)
    np.testing.assert_allclose(volume.affine, expected)
    assert [item.case for item in list_images([tmp_path])] == ["P1_t2"]
