"""Peak memory of ``lpm report`` and size of its pages in a study of many cases.

Usage: ``python benchmarks/index_size.py OUT [--cases 3000]``

OUT is the folder of a run. The record of its largest case is copied under other names, with
its mask and no picture: pictures are read one case at a time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from common import argument_parser, environment, print_table
from run_case import run


def main() -> None:
    """Print the table."""
    parser = argument_parser(__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=3000)
    given = parser.parse_args()
    print(environment())
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder)
        source = write_study(given.out, study, given.cases)
        seconds, memory, code = run(["report", str(study), "--quiet"])
        tables = sum(path.stat().st_size for path in study.glob("*.csv"))
        index = (study / "report.html").stat().st_size
        print_table(
            [
                "cases",
                "record kB",
                "seconds",
                "peak memory MB",
                "index MB",
                "tables MB",
                "exit code",
            ],
            [
                [
                    given.cases,
                    f"{source.stat().st_size / 1e3:.0f}",
                    f"{seconds:.0f}",
                    f"{memory:.0f}",
                    f"{index / 1e6:.1f}",
                    f"{tables / 1e6:.0f}",
                    code,
                ]
            ],
        )


def write_study(out: Path, study: Path, cases: int) -> Path:
    """Write a study of many cases; return the record that they are copies of."""
    from lpm_segmentator.study.layout import StudyFolder
    from lpm_segmentator.study.record import read_run_record

    source = max(StudyFolder(out).done(), key=lambda folder: folder.record.stat().st_size)
    record = json.loads(source.record.read_text(encoding="utf-8"))
    record["mask"]["file"] = record["mask"]["file"].replace(source.case, "{case}")
    text = json.dumps(record).replace(json.dumps(source.case), '"{case}"')
    names = [f"subject{number:05d}_water" for number in range(cases)]
    for name in names:
        folder = StudyFolder(study).case(name)
        folder.path.mkdir(parents=True)
        folder.record.write_text(text.replace("{case}", name), encoding="utf-8")
        shutil.copyfile(source.mask, folder.mask)
    run_record = read_run_record(StudyFolder(out).run)
    assert run_record is not None
    states = {name: {"state": "done", "error": None, "seconds": 10.0} for name in names}
    values = {**run_record.to_dict(), "cases": states}
    StudyFolder(study).run.write_text(json.dumps(values), encoding="utf-8")
    return source.record


if __name__ == "__main__":
    main()
