"""How fast the headers of a large export are read, and in how much memory.

Writes files with headers as of Siemens (about 200 elements, 60 KB of private header) and tiny
pixels, and scans them twice, without and with the cache. Processor time is of this process alone,
so that other work on the machine does not count.

    python benchmarks/dicom_scan.py --files 100000
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from lpm_segmentator.io.dicom import scan, stacks_of

#: slices of a series, and what differs between files: as long as in the first one
SLICES = 100
SOP, SERIES, INSTANCE, POSITION = "1.2.3.1{:010d}", "1.2.3.2{:010d}", "7{:05d}", "{:07.1f} "
#: the goals for 100,000 files
MOST_SECONDS, MOST_MB = 60, 300


def header(n_elements: int = 200, private_bytes: int = 60_000) -> bytes:
    """Return a file whose values are replaced in copies of it."""
    data = Dataset()
    data.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM", "DIS2D"]
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", SOP.format(0)
    data.StudyDate, data.SeriesTime, data.AcquisitionTime = "20240312", "101500", "101501.5"
    data.Modality, data.Manufacturer, data.ManufacturerModelName = "MR", "SIEMENS", "Skyra"
    data.SeriesDescription, data.ProtocolName = "t2_tse_tra", "t2_tse_tra"
    data.PatientName, data.PatientID, data.PatientBirthDate = "Doe^Jane", "4711", "19610317"
    data.RepetitionTime, data.EchoTime, data.SliceThickness = "4000", "80", "4"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.3", SERIES.format(0)
    data.SeriesNumber, data.InstanceNumber = 5, INSTANCE.format(0)
    data.ImagePositionPatient = ["-1", "-2", POSITION.format(0)]
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Rows = data.Columns = 2
    data.PixelSpacing = ["1", "1"]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    for number in range(n_elements - len(data)):
        data.add_new(0x00191000 + number, "LO", f"value {number}")
    for number in range(4):
        data.add_new(0x00291010 + number, "OB", bytes(private_bytes // 4))
    data.PixelData = bytes(8)
    data["PixelData"].VR = "OW"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def write(folder: Path, n_files: int) -> None:
    """Write the files, as many to a folder as a series has."""
    content = header()
    places = []
    for pattern in (SOP, SERIES, INSTANCE, POSITION):
        value = pattern.format(0).encode()
        # The meta elements repeat the first; the values of others are unique.
        places.append((pattern, [i for i in range(len(content)) if content.startswith(value, i)]))
    for n in range(n_files):
        copy = bytearray(content)
        series, k = divmod(n, SLICES)
        for (pattern, found), number in zip(places, (n, series, k, 4.0 * k), strict=True):
            value = pattern.format(number).encode()
            for at in found:
                copy[at : at + len(value)] = value
        path = folder / f"{series:05d}" / f"IM{k:04d}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(copy)


def measure(title: str, folder: Path, n_files: int, **options: Path) -> None:
    """Scan a folder and print what it took."""
    start = time.process_time()
    frames = scan([folder], **options).frames
    seconds = time.process_time() - start
    unit = 1024 if sys.platform != "darwin" else 1024**2
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    stacks = stacks_of(frames[:SLICES])
    assert len(frames) == n_files
    assert len(stacks) == 1
    assert not stacks[0].problem
    print(
        f"{title:<14} {seconds:7.1f} s  {n_files / seconds:8.0f} files/s  "
        f"{seconds / n_files * 1e5:6.1f} s for 100,000 (goal {MOST_SECONDS})  "
        f"peak {peak_mb:4.0f} MB (goal {MOST_MB})"
    )


def main() -> None:
    """Write, scan twice, remove."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        (root / "in").mkdir()
        write(root / "in", arguments.files)
        print(f"{arguments.files} files of {len(header()) / 1000:.0f} kB")
        for title in ("first scan", "from the cache"):
            measure(title, root / "in", arguments.files, cache=root / "cache")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
