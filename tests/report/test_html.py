from __future__ import annotations

import copy
import gc
import itertools
import math
import re
import shutil
import weakref
from html.parser import HTMLParser

import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.core import Remedy
from lpm_segmentator.report.html import Pictures, render_case, render_report
from lpm_segmentator.report.views import verdicts_of
from lpm_segmentator.study import results
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import read_run_record
from phantoms import write_pair, write_reference


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_path):
    """Records, run and pictures of two cases, one of them with a name full of markup."""
    folder = tmp_path_factory.mktemp("study")
    for seed, case in enumerate(("A", "B")):
        write_pair(folder, case, seed)
        write_reference(folder, case, seed)
    options = api.RunOptions(model=str(tiny_path), mode="fast")
    out = folder / "out"
    cohort.run_cohort(api.find_cases([folder], reference=folder), out, options)
    return out


@pytest.fixture
def records(made):
    return [copy.deepcopy(record.to_dict()) for record in api.read_records(made)]


def rendered(records, made, **more):
    run = {**read_run_record(StudyFolder(made).run).to_dict(), **more}
    return render_report(records, run=run, pictures={r["case"]: Pictures(b"png") for r in records})


class Page(HTMLParser):
    """Collects text, tags, tables and what the page would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.words: list[str] = []
        #: rows of every table, each a list of the texts of its cells
        self.tables: list[list[list[str]]] = []
        self._cell: int | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = len(self.tables[-1][-1])
            self.tables[-1][-1] += [""] * int(values.get("colspan", 1))
        for name in ("src", "href", "data", "action"):
            if values.get(name):
                self.loaded.append(values[name])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = None

    def handle_data(self, data):
        self.words.append(data)
        if self._cell is not None:
            self.tables[-1][-1][self._cell] += data.strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def table(self, *headings: str) -> list[dict[str, str]]:
        """The rows of the first table with these headings, by the heading of the column."""
        for rows in self.tables:
            for number, row in enumerate(rows):
                if all(heading in row for heading in headings):
                    return [dict(zip(row, cells, strict=True)) for cells in rows[number + 1 :]]
        raise AssertionError(f"no table has the headings {headings}")

    def measures(self, group: str, muscle: str) -> dict[str, str]:
        """The values of a quantity of a muscle in the whole stack, by side."""
        for groups, sides, *rows in (table for table in self.tables if len(table) > 2):
            start = next((n for n, text in enumerate(groups) if text.startswith(group)), None)
            if start is not None:
                (row,) = (row for row in rows if muscle in row)
                return dict(zip(sides[start : start + 3], row[start : start + 3], strict=True))
        raise AssertionError(f"no table has {group}")


def test_the_page_needs_no_other_file(made):
    html = (made / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.loaded
    own = ("data:image/png;base64,", "data:image/jpeg;base64,", "#", "cases/")
    assert all(url.startswith(own) for url in page.loaded)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not re.search(r"url\(|@import", html)


def test_tables_and_headings_can_be_read_aloud(made, records):
    """Every heading of a table has a scope and a text, and no level of headings is left out."""
    records[0]["intensity"] = [
        {"method": m, "threshold": 5.0, "means": [1, 9], "weights": [0.5, 0.5], "reason": ""}
        for m in ("gmm2", "gmm3", "otsu")
    ]
    run = read_run_record(StudyFolder(made).run).to_dict()
    pages = [
        rendered(records, made),
        rendered(records[:1], made),
        render_case(records[0], Pictures(b"png"), run=run, index="report.html"),
    ]
    for html in pages:
        headings = re.findall(r"<th\b([^>]*)>(.*?)</th>", html, re.DOTALL)
        assert headings
        for attributes, content in headings:
            assert re.search(r'scope="(col|row|colgroup)"', attributes)
            assert re.sub(r"<[^>]+>", "", content).strip()
        levels = [int(level) for level in re.findall(r"<h([1-6])\b", html)]
        assert levels[0] == 1
        assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
        labels = re.findall(r'role="group" aria-label="([^"]*)"', html)
        assert len(set(labels)) == len(labels) == html.count('role="group"')
        assert len(re.findall(r"<img [^>]*alt=\"[^\"]+\"", html)) == html.count("<img")


def test_every_case_is_shown_with_its_measures(made, records):
    for number, record in enumerate(records):
        for measure, value in (("volume_ml", 10.0), ("csa_mean_mm2", 200.0), ("fat_ratio", 0.1)):
            for row in record["measures"]:
                place = ("ES", "MF", "ES+MF").index(row["muscle"]), "RL".find(row["side"])
                row[measure] = value * (1 + number + 0.1 * place[0] + 0.03 * place[1])
        page = Page(rendered([record], made))
        assert record["case"] in page.words
        for muscle, name in (("ES", "Erector spinae"), ("MF", "Multifidus")):
            sides = {
                r["side"]: r
                for r in record["measures"]
                if (r["muscle"], r["level"]) == (muscle, "all")
            }
            for heading, measure, factor in (
                ("Volume", "volume_ml", 1.0),
                ("Mean cross-sectional area", "csa_mean_mm2", 0.01),
                ("Fat ratio", "fat_ratio", 100.0),
            ):
                shown = page.measures(heading, name)
                for side, word in (("R", "right"), ("L", "left"), ("both", "both")):
                    assert shown[word] == f"{factor * sides[side][measure]:.1f}"
    page = Page(rendered(records, made))
    for words in ("Multifidus", "Erector spinae", "right", "left", "mL", "cm²", "not a medical"):
        assert words in page.text


def test_the_agreement_with_the_reference_is_shown(made, records):
    accuracy = records[0]["accuracy"]
    for number, key in enumerate(("global", "1", "2", "3", "4")):
        accuracy[f"dsc_{key}"] = 0.9 + 0.01 * number
        accuracy[f"hd95_mm_{key}"] = 1.0 + number
        accuracy[f"volume_difference_ml_{key}"] = -5.0 - number
        accuracy[f"fat_ratio_difference_{key}"] = 0.02 + 0.01 * number
    page = Page(rendered(records[:1], made))
    assert [list(row.values()) for row in page.table("Structure")] == [
        ["All muscles", "0.900", "1.0", "−5.0", "2.0"],
        ["Erector spinae, right", "0.910", "2.0", "−6.0", "3.0"],
        ["Multifidus, right", "0.920", "3.0", "−7.0", "4.0"],
        ["Multifidus, left", "0.930", "4.0", "−8.0", "5.0"],
        ["Erector spinae, left", "0.940", "5.0", "−9.0", "6.0"],
    ]
    assert list(page.table("Structure")[0]) == [
        "Structure",
        "Dice0–1",
        "HD95mm",
        "Volume differencemask − reference, mL",
        "Fat ratio differencemask − reference, percentage points",
    ]
    for record in records:
        record["accuracy"] = None
    assert "HD95" not in Page(rendered(records, made)).text


def test_versions_and_model_are_shown(made, records):
    page = Page(rendered(records, made))
    run = read_run_record(StudyFolder(made).run).to_dict()
    assert f"Python {run['python']}" in page.text
    assert f"onnxruntime {run['packages']['onnxruntime']}" in page.text
    assert "tiny 1" in page.text
    assert run["model"]["sha256"][:12] in page.text


def test_names_and_messages_are_escaped(made, records):
    evil = "<script>alert('x')</script>"
    records[0]["case"] = evil
    records[0]["findings"] = [
        finding("input", "check", f"odd {evil}"),
        finding("fat", "note", evil),
    ]
    failed = {"cases": {f"C{evil}": {"state": "failed", "error": evil, "seconds": 0}}}
    html = rendered(records, made, **failed)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_undefined_is_a_dash_with_a_reason(made, records):
    row = next(r for r in records[0]["measures"] if r["level"] == "all")
    for value in (None, math.nan):
        row["fat_ratio"], row["note"] = value, "no voxels"
        page = Page(rendered(records[:1], made))
        assert "No voxels." in page.text  # as a footnote, which is printed too
        assert "nan" not in page.text.lower().split()
        assert "None" not in page.text


def finding(area, severity, message, remedy=None):
    return {"area": area, "severity": severity, "code": "x", "message": message, "remedy": remedy}


def test_messages_name_flags_and_no_python_arguments(made, records):
    remedies = [str(remedy) for remedy in (Remedy.ANCHOR, Remedy.ACCEPT_ORIGIN_MISMATCH)]
    records[0]["findings"] = [
        finding("levels", "check", f"the count is a guess: pass {remedies[0]}"),
        finding("levels", "check", "none was named", remedies[0]),
        finding("input", "note", f"the origin was repaired: {remedies[1]}"),
    ]
    failed = {"cases": {"C": {"state": "failed", "error": f"pass {remedies[1]}", "seconds": 0}}}
    text = Page(rendered(records, made, **failed)).text
    assert not any(remedy in text for remedy in remedies)
    assert "The count is a guess: pass --anchor DISC=SLICE" in text
    assert "None was named (--anchor DISC=SLICE)" in text
    assert text.count("--accept-origin-mismatch") == 2


def test_every_area_has_a_verdict_with_its_reasons(made, records):
    records[0]["findings"] = [
        finding("segmentation", "fail", "the mask is odd"),
        finding("fat", "check", "the water is dark"),
        finding("input", "note", "the origin was repaired"),
    ]
    verdicts = {v.area: (v.word, v.reasons) for v in verdicts_of(records[0])}
    assert verdicts == {
        "segmentation": ("fail", ("the mask is odd",)),
        "levels": ("none", ()),
        "fat": ("check", ("the water is dark",)),
        "input": ("pass", ()),
    }
    page = Page(rendered(records[:1], made))
    for words in ("The mask is odd", "The water is dark", "The origin was repaired", "not judged"):
        assert words in page.text


def test_levels_that_were_requested_and_not_located_are_not_called_not_requested(made, records):
    record = records[0]
    assert "Levels not requested" in Page(rendered([record], made)).text
    record["levels"] = {"source": "A.nii.gz", "discs": [], "named": False}
    record["findings"] = [finding("levels", "note", "no levels are known: no spine detected")]
    verdict = verdicts_of(record)[1]
    assert (verdict.word, verdict.reasons) == ("missing", (record["findings"][0]["message"],))
    text = Page(rendered([record], made)).text
    assert "Levels not located" in text
    assert "not requested" not in text
    assert text.count("No levels are known") == 1


def test_findings_of_levels_and_fat_count_where_nothing_was_measured(made, records):
    record = records[0]
    record["fat_ratios"], record["intensity"] = None, []
    record["findings"] = [
        finding("levels", "check", "the sagittal series was not used"),
        finding("fat", "check", "its dark end was cut off"),
    ]
    verdicts = {v.area: (v.word, v.reasons) for v in verdicts_of(record)}
    assert verdicts["levels"] == ("check", ("the sagittal series was not used",))
    assert verdicts["fat"] == ("check", ("its dark end was cut off",))
    text = Page(rendered([record], made)).text
    assert "The sagittal series was not used" in text
    assert "Its dark end was cut off" in text


@pytest.mark.parametrize(
    ("sources", "anchors", "words"),
    [
        (["model", "model"], [], "named by the model"),
        (["model", "user"], [], "named by the model and the user"),
        (["table", "table"], [], "named by a table"),
        (
            ["model", "model"],
            [["L5-S1", 3]],
            "located by the model, named from the disc that the user stated",
        ),
    ],
)
def test_the_levels_picture_names_the_source_of_the_names(made, records, sources, anchors, words):
    record = records[0]
    discs = [
        {"name": name, "slice": n, "confidence": 1.0, "source": source}
        for n, (name, source) in enumerate(zip(("L4-L5", "L5-S1"), sources, strict=True))
    ]
    record["levels"] = {"source": "A_sag.nii.gz", "discs": discs, "warnings": [], "named": True}
    record["options"]["levels"] = {"anchors": anchors}
    run = read_run_record(StudyFolder(made).run).to_dict()
    shown = {record["case"]: Pictures(b"png", levels=b"png")}
    text = Page(render_report([record], run=run, pictures=shown)).text
    assert f"Yellow: the discs, {words} (A_sag.nii.gz). Blue:" in text
    assert f"L4-L5, L5-S1 ({words})" in text
    assert "question mark" not in text
    record["levels"]["named"] = False
    text = Page(render_report([record], run=run, pictures=shown)).text
    assert "A question mark marks an uncertain name" in text


def test_dice_of_the_cases_is_computed_from_numbers(made, records):
    """Both values are shown as 0.901, so that of the texts the SD would be 0.000; one has none."""
    records = [{**copy.deepcopy(records[0]), "case": f"C{n}"} for n in range(3)]
    for record, value in zip(records, (0.9006, 0.9014, None), strict=True):
        record["accuracy"]["dsc_global"] = value
    text = Page(rendered(records, made)).text
    assert "Dice of 2 cases with a reference: 0.901 ± 0.001 (mean ± SD)." in text


def test_masks_that_no_model_drew_are_not_called_automatic(made, records):
    records[0]["mask"]["kind"] = "imported"
    text = Page(rendered(records, made)).text
    assert "were segmented automatically on each axial slice; 1 mask was given." in text
    records[1]["mask"]["kind"] = "edited"
    text = Page(rendered(records, made)).text
    assert "automatically" not in text
    assert "were measured: 1 mask was corrected manually, 1 mask was given." in text


def test_an_imported_mask_is_listed_with_its_path(made, records):
    records[0]["inputs"]["mask"] = "/masks/A_mask.nii.gz"
    records[0]["mask"]["kind"] = "imported"
    text = Page(rendered(records[:1], made)).text
    assert "mask /masks/A_mask.nii.gz" in text
    assert "measured mask A_dseg.nii.gz (imported)" in text


def test_the_worst_case_comes_first(made, records):
    for record in records:
        record["findings"] = []
    records[1]["findings"] = [finding("segmentation", "check", "the mask is odd")]
    page = Page(rendered(records, made))
    assert page.words.index("B") < page.words.index("A")
    records[1]["findings"] = [finding("fat", "fail", "fat says nothing about the mask")]
    records[0]["quality"]["score"] = 0.1
    page = Page(rendered(records, made))
    assert page.words.index("A") < page.words.index("B")


def test_sizes_that_are_not_valid_are_not_shown_as_numbers(made, records):
    rows = [r for r in records[0]["measures"] if (r["muscle"], r["side"]) == ("ES", "R")]
    for row in rows:
        row["valid"], row["note"] = False, "cut off by the edge"
    page = Page(rendered(records[:1], made))
    assert f"{rows[0]['volume_ml']:.1f}" not in page.text
    assert "not valid" in page.text
    assert "Cut off by the edge." in page.text


def test_many_cases_get_an_overview_and_a_page_each(made, monkeypatch, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(made, out)
    monkeypatch.setattr(results, "MOST_CASES_A_PAGE", 1)
    report = api.write_results(out)
    page = Page(report.read_text(encoding="utf-8"))
    links = [url for url in page.loaded if url.endswith(".html")]
    assert links == ["cases/A/A_report.html", "cases/B/B_report.html"]
    assert "<img" not in report.read_text(encoding="utf-8")
    for link in links:
        case = Page((out / link).read_text(encoding="utf-8"))
        assert "Multifidus" in case.text
        assert "onnxruntime" in case.text
        assert "model tiny 1" in case.text
        assert any(url.startswith("data:image/png") for url in case.loaded)
        assert "../../report.html" in case.loaded
    monkeypatch.setattr(results, "MOST_CASES_A_PAGE", 50)
    api.write_results(out)
    assert not list(out.rglob("*_report.html"))


def test_records_of_many_cases_are_read_once_and_not_kept(made, monkeypatch, tmp_path):
    """Thousands of records would not fit into memory."""
    out = tmp_path / "out"
    shutil.copytree(made, out)
    for name in ("C", "D"):
        shutil.copytree(out / "cases" / "B", out / "cases" / name)
        path = out / "cases" / name / "case.json"
        path.write_text(path.read_text("utf-8").replace('"case": "B"', f'"case": "{name}"'))
    monkeypatch.setattr(results, "MOST_CASES_A_PAGE", 1)
    real, read, alive = results.read_case_record, [], []

    def counted(path):
        gc.collect()
        alive.append(sum(record() is not None for record in read))
        record = real(path)
        read.append(weakref.ref(record))
        return record

    monkeypatch.setattr(results, "read_case_record", counted)
    api.write_results(out)
    assert len(read) == 4
    assert max(alive) <= 1
    assert len(list(out.rglob("*_report.html"))) == 4
    measures = (out / "measures.csv").read_text(encoding="utf-8")
    assert [measures.count(f"\n{case},") for case in "ABCD"] == [9] * 4


def test_failed_cases_are_listed_first(made, records):
    failed = {"cases": {"X": {"state": "failed", "error": "the file is empty", "seconds": 0}}}
    page = Page(rendered(records, made, **failed))
    assert "1 case without results" in page.text
    assert page.text.index("the file is empty") < page.text.index("Multifidus")


def test_without_a_dixon_pair_there_is_no_fat(made, records):
    record = records[0]
    record["fat_ratios"] = None
    for row in record["measures"]:
        row["fat_ratio"] = row["fat_fraction_mean"] = row["lean_csa_mean_mm2"] = None
    page = Page(rendered([record], made))
    assert "It is measured from a Dixon pair" in page.text


def test_a_case_without_picture_is_still_shown(made, records):
    html = render_report(records, run={}, pictures={})
    assert "<img" not in html
    assert "Multifidus" in html


def test_intensities_without_fat_are_a_sentence_not_a_table_of_dashes(records, made):
    refused = {
        "method": "gmm3",
        "threshold": math.nan,
        "means": [],
        "weights": [],
        "reason": "its dark end was cut off",
    }
    records[0]["fat_ratios"] = None
    records[0]["intensity"] = [{**refused, "method": m} for m in ("gmm2", "gmm3", "otsu")]
    html = rendered(records[:1], made)
    assert html.lower().count("its dark end was cut off") >= 1
    assert "3 Gaussians" not in html
    records[0]["intensity"][0] = {
        **refused, "method": "gmm2", "threshold": 5.0, "means": [1.0, 9.0], "weights": [0.5, 0.5],
        "reason": "",
    }  # fmt: skip
    assert "3 Gaussians" in rendered(records[:1], made)
