from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from lpm_segmentator.report.charts import asymmetry_bar, profile_chart


def rows(values, **more):
    return [
        {"muscle": "ES", "side": "R", "position_mm": 4.0 * n, "level": "", "csa_mm2": v,
         "valid": True, **more}
        for n, v in enumerate(values)
    ]  # fmt: skip


def drawn(values, **more):
    return ET.fromstring(
        profile_chart(rows(values, **more), "csa_mm2", factor=0.01, title="Area (cm²)")
    )


def path_of(svg):
    (path,) = svg.iter("path")
    return re.findall(r"([ML])([\d.]+) ([\d.]+)", path.get("d"))


def test_the_head_is_on_the_left_and_large_values_are_high():
    points = path_of(drawn([100.0, 200.0, 400.0]))
    across = [float(x) for _, x, _ in points]
    upward = [float(y) for _, _, y in points]
    assert across == sorted(across)
    assert upward == sorted(upward)  # the highest slice has the largest area: the smallest y


def test_a_missing_slice_breaks_the_line():
    kinds = "".join(kind for kind, _, _ in path_of(drawn([100.0, 200.0, None, 300.0, 400.0])))
    assert kinds == "MLML"


def test_sizes_that_are_not_valid_are_not_drawn():
    assert profile_chart(rows([1.0, 2.0], valid=False), "csa_mm2", factor=1, title="A") == ""


def test_one_slice_makes_no_curve():
    assert profile_chart(rows([100.0]), "csa_mm2", factor=1, title="A") == ""


@pytest.mark.parametrize("most", [0.0, 0.02, 3.0, 17.0, 480.0, 25_000.0])
def test_axes_have_a_few_round_values(most):
    texts = [
        float(t.text)
        for t in drawn([0.0, most * 100]).iter("text")
        if "." in t.text or t.text.isdigit()
    ]
    assert 2 <= len(texts) <= 8
    assert max(texts) >= most


def test_discs_are_named_and_names_escaped():
    svg = drawn([1.0, 2.0], level="<L4-L5>")
    assert "<L4-L5>" in [text.text for text in svg.iter("text")]


@pytest.mark.parametrize(("percent", "start", "width"), [(10, 25, 25), (-10, 50, 25), (90, 0, 50)])
def test_the_bar_points_to_the_larger_side(percent, start, width):
    (bar,) = ET.fromstring(asymmetry_bar(percent)).iter("rect")
    assert (float(bar.get("x")), float(bar.get("width"))) == (start, width)
