"""What goes wrong with DICOM files, and encodings that are rare: for tests."""

from __future__ import annotations

import base64
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from dicom_parts import copy, save

JPIP = "1.2.840.10008.1.2.4.94"


def rewrite(path: Path, change: Callable[[Dataset], None]) -> Path:
    """Change the data set of a file."""
    data = dcmread(path)
    change(data)
    data.save_as(path, enforce_file_format=True)
    return path


def truncate(path: Path, size: int = -100) -> Path:
    """Keep the first bytes of a file; a negative size leaves out the last ones."""
    path.write_bytes(path.read_bytes()[:size])
    return path


def strip_pixels(path: Path) -> Path:
    return rewrite(path, lambda data: delattr(data, "PixelData"))


def encrypt(path: Path) -> Path:
    """Replace the pixels by encrypted content, as PS3.15 does (nothing is encrypted here)."""

    def change(data: Dataset) -> None:
        del data.PixelData
        item = Dataset()
        item.EncryptedContentTransferSyntaxUID = ExplicitVRLittleEndian
        item.EncryptedContent = b"\1\2\3\4"
        data.EncryptedAttributesSequence = [item]

    return rewrite(path, change)


def jpip(path: Path) -> Path:
    """Replace the pixels by the address of a server."""

    def change(data: Dataset) -> None:
        del data.PixelData
        data.PixelDataProviderURL = "https://pacs.example/jpip"
        data.file_meta.TransferSyntaxUID = JPIP

    return rewrite(path, change)


def encode(path: Path, syntax: str) -> Path:
    """Write a file in another uncompressed encoding."""
    data = copy(dcmread(path))
    if syntax == ExplicitVRBigEndian:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    return save(data, path, syntax)


def deflated(path: Path) -> Path:
    return encode(path, DeflatedExplicitVRLittleEndian)


def big_endian(path: Path) -> Path:
    return encode(path, ExplicitVRBigEndian)


def implicit(path: Path) -> Path:
    return encode(path, ImplicitVRLittleEndian)


def no_preamble(path: Path) -> Path:
    """Leave out all that comes before the data set, as files of the last century."""
    content = path.read_bytes()
    (length,) = struct.unpack_from("<I", content, 140)
    path.write_bytes(content[144 + length :])
    return path


def undefined_lengths(path: Path) -> Path:
    """Write sequences, which are put in where there are none, with undefined lengths."""

    def change(data: Dataset) -> None:
        inner = Dataset()
        inner.CodeValue, inner.CodeMeaning = "T-11503", "lumbar spine"
        outer = Dataset()
        outer.PurposeOfReferenceCodeSequence = [inner, Dataset()]
        data.ReferencedImageSequence = [outer]
        for sequence in (data["ReferencedImageSequence"], outer["PurposeOfReferenceCodeSequence"]):
            sequence.is_undefined_length = True
            for item in sequence.value:
                item.is_undefined_length_sequence_item = True

    return rewrite(path, change)


def mislabelled(path: Path) -> Path:
    """Let an implicit file state that it is explicit."""
    content = implicit(path).read_bytes()
    stated = f"{ExplicitVRLittleEndian}\0".encode()
    old = b"UI" + struct.pack("<H", 18) + f"{ImplicitVRLittleEndian}\0".encode()
    new = b"UI" + struct.pack("<H", len(stated)) + stated
    (length,) = struct.unpack_from("<I", content, 140)
    content = content.replace(old, new, 1)
    content = content[:140] + struct.pack("<I", length + len(new) - len(old)) + content[144:]
    path.write_bytes(content)
    return path


def rle(path: Path) -> Path:
    """Compress the pixels of a file by run lengths."""

    def change(data: Dataset) -> None:
        data.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)

    return rewrite(path, change)


def jpeg_2000(path: Path) -> Path:
    """Compress the pixels of a file without loss."""
    from openjpeg.utils import encode_array

    def change(data: Dataset) -> None:
        frames = data.pixel_array.reshape(-1, data.Rows, data.Columns)
        encoded = [encode_array(frame, bits_stored=data.BitsStored) for frame in frames]
        data.PixelData = encapsulate(encoded)
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEG2000Lossless

    return rewrite(path, change)


def jpeg_lossless(path: Path) -> Path:
    """Compress the pixels of a file as most archives do."""
    return _by_gdcm(path, "JPEGLosslessProcess14_1")


def jpeg_ls(path: Path) -> Path:
    return _by_gdcm(path, "JPEGLSLossless")


def _by_gdcm(path: Path, syntax: str) -> Path:
    import gdcm

    reader, writer = gdcm.ImageReader(), gdcm.ImageWriter()
    change = gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    assert reader.Read()
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetFileName(str(path))  # not before: it empties the file
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path


#: 32 × 32 pixels that are ten times the sum of row and column, in high-throughput JPEG 2000; no
#: encoder of it is among the dependencies
HIGH_THROUGHPUT = base64.b64decode(
    "/0//UQApQAAAAAAgAAAAIAAAAAAAAAAAAAAAIAAAACAAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
    "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAKwAAf+TwAAmj/4FB3QA"
    "wAASwAASgGwBh3QAbAGHdADAABNAABMANtsBAnQAtrYAQ1QAwAAVEAAFUJqmaapwgnUAWk3T/sAQgey2AMAAFbAABaCM"
    "McYYY+fKenpwAngALGOMMcb+/YAAe/YAAey6AMAALVgABbAiIiIiIiIiIvn/AKenp6enp6fCfQBSRERERERERP7/eGcn"
    "v3ye/fJ798nsvwD/2Q=="
)


def high_throughput(path: Path) -> Path:
    """Replace the pixels of a slice of 32 × 32 by high-throughput JPEG 2000."""

    def change(data: Dataset) -> None:
        data.PixelData = encapsulate([HIGH_THROUGHPUT])
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = HTJ2KLossless

    return rewrite(path, change)


def spoil_jpeg(path: Path) -> Path:
    """Change a byte in the header of lossless JPEG on which GDCM ends its process."""
    content = bytearray(path.read_bytes())
    content[content.find(b"\xff\xd8\xff\xc3") + 15] ^= 0xFF
    path.write_bytes(content)
    return path


def zip_files(archive: Path, files: Mapping[str, Path | bytes] | Iterable[Path]) -> Path:
    """Write an archive of files, by their names in it or under their own names."""
    named = files if isinstance(files, Mapping) else {path.name: path for path in files}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, file in named.items():
            packed.writestr(name, file if isinstance(file, bytes) else file.read_bytes())
    return archive


def mark_encrypted(archive: Path) -> Path:
    """Set the bit that states that members are encrypted."""
    content = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(magic)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(magic, at + 4)
    archive.write_bytes(content)
    return archive


def zip_bomb(archive: Path, *, size: int = 2**28) -> Path:
    """Write an archive with a member that grows a thousandfold."""
    with (
        zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
        packed.open("bomb.dcm", "w") as member,
    ):
        for _ in range(size // 2**22):
            member.write(bytes(2**22))
    return archive


def zip_slip(archive: Path, file: Path) -> Path:
    """Write an archive whose members lead out of it."""
    names = ("../outside.dcm", "/absolute.dcm", "C:\\windows.dcm", "in/../../outside.dcm")
    return zip_files(archive, dict.fromkeys(names, file))
