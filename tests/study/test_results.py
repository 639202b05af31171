"""What a folder of results says as a whole, and what of it is ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lpm_segmentator import api, cohort
from lpm_segmentator.core import InputError, LpmError, RecordError
from lpm_segmentator.io import write_label_map
from lpm_segmentator.study.layout import StudyFolder
from lpm_segmentator.study.record import CaseState, RunRecord, write_record
from lpm_segmentator.study.results import earlier_runs
from phantoms import labels_of, phantom, write_pair


@pytest.fixture
def options(tiny_path: Path) -> api.RunOptions:
    return api.RunOptions(model=str(tiny_path), mode="fast", keep_low_confidence=True)


def test_files_of_the_users_stay_where_no_run_was_ever_done(tmp_path, options):
    write_pair(tmp_path, "A")
    (tmp_path / "A_fat.nii.gz").write_bytes(b"")
    own = [tmp_path / name for name in ("volumes.csv", "report.html")]
    for path in own:
        path.write_text("mine")
    for _ in range(2):
        with pytest.raises(LpmError, match="empty"):
            cohort.run_cohort(api.find_cases([tmp_path]), tmp_path, options)
    assert [path.read_text() for path in own] == ["mine", "mine"]


@pytest.mark.parametrize("again", [api.remeasure, api.write_results, api.read_records])
def test_a_folder_that_is_no_run_is_refused_and_left_as_it_was(tmp_path, again):
    own = [tmp_path / name for name in ("measures.csv", "report.html", "volumes.csv")]
    for path in own:
        path.write_text("mine")
    with pytest.raises(InputError, match="no finished case"):
        again(tmp_path)
    assert sorted(tmp_path.iterdir()) == own
    assert {path.read_text() for path in own} == {"mine"}


def test_results_of_an_earlier_run_are_removed_if_no_case_is_finished_now(tmp_path, options):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_pair(folder, "A")
    cohort.run_cohort(api.find_cases([folder]), out, options)
    assert (out / "measures.csv").exists()
    (folder / "A_fat.nii.gz").write_bytes(b"")
    with pytest.raises(LpmError, match="empty"):
        cohort.run_cohort(api.find_cases([folder]), out, options)
    assert not list(out.glob("*.csv"))
    assert not (out / "report.html").exists()
    with pytest.raises(InputError, match="no finished case"):
        api.write_results(out)


def test_a_muscle_that_the_reference_lacks_has_no_partner_in_the_paired_table(tmp_path, options):
    write_pair(tmp_path / "in", "A")
    labels = labels_of(phantom())
    array = np.where(labels.array == 2, 0, labels.array)  # no right multifidus
    write_label_map(labels.with_grid(array, labels.affine), tmp_path / "A_dseg.nii.gz")
    cases = api.find_cases([tmp_path / "in"], reference=tmp_path / "A_dseg.nii.gz")
    cohort.run_cohort(cases, tmp_path / "out", options)
    table = pd.read_csv(tmp_path / "out" / "paired_measures.csv")
    whole = table[(table["level"] == "all") & (table["source"] == "reference")]
    known = whole.set_index(["muscle", "side"])["volume_ml"].notna().to_dict()
    missing = {place for place, is_known in known.items() if not is_known}
    assert missing == {("MF", "R"), ("MF", "both"), ("ES+MF", "R"), ("ES+MF", "both")}
    assert known["MF", "L"]
    predicted = table[(table["level"] == "all") & (table["source"] == "prediction")]
    assert predicted["volume_ml"].notna().all()


def test_a_run_file_of_another_kind_is_refused(tmp_path):
    for content in ("[]", "{", '{"version": "0.1.0", "cases": {}}'):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(RecordError) as caught:
            api.read_records(tmp_path)
        assert "Run the cases again" in str(caught.value)
        assert not earlier_runs(tmp_path, []).has_results


@pytest.mark.parametrize(
    ("state", "finished"), [("pending", False), ("failed", False), ("empty", True), ("done", True)]
)
def test_a_run_that_finished_no_case_left_no_results(tmp_path, state, finished):
    run = RunRecord(
        version="1",
        python="3",
        platform="x",
        packages={},
        model={},
        options={},
        cases={"A": CaseState(state)},
    )
    write_record(run, tmp_path / "run.json")
    assert earlier_runs(tmp_path, ["A"]).has_results == finished
    folder = StudyFolder(tmp_path).case("A")
    folder.path.mkdir(parents=True)
    folder.record.touch()  # of a run before the one that was interrupted
    assert earlier_runs(tmp_path, ["A"]).has_results
