"""Names of cases that do not identify a patient."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from lpm_segmentator.core import FileFormatError, InputError
from lpm_segmentator.io import write_text
from lpm_segmentator.io.dicom import Frame, read_identity
from lpm_segmentator.study.dicom.choose import Candidate
from lpm_segmentator.study.dicom.examinations import Examination
from lpm_segmentator.study.layout import StudyFolder

__all__ = ["CaseFrom", "Pseudonyms", "case_names", "label_of"]

CaseFrom = Literal["pseudonym", "PatientID", "AccessionNumber", "folder"]
"""What cases are named by."""

#: 40 bits: of 50,000 patients two get one name with a probability of 0.001
_SUBJECT_DIGITS = 8
#: 20 bits, within a patient
_SESSION_DIGITS = 4
_SALT_BYTES = 16
_UNSAFE = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True)
class Pseudonyms:
    """Names drawn from hashes with a secret: equal in one study, unrelated between studies.

    Attributes
    ----------
    salt : str
        The secret; whoever has it can check a guess of a patient's identity.
    """

    salt: str

    @classmethod
    def of_study(cls, out: Path, *, keep: bool) -> Pseudonyms:
        """Return the pseudonyms of a study; the secret is drawn at its first run.

        Parameters
        ----------
        out : Path
            The output folder, which keeps the secret.
        keep : bool
            Whether a new secret is written.

        Raises
        ------
        InputError
            If its file is empty.
        OutputError
            If it cannot be written.
        """
        path = StudyFolder(out).salt
        if path.is_file():
            known = path.read_text(encoding="utf-8").strip()
            if not known:
                raise InputError(
                    "it holds no secret for pseudonyms any more",
                    where=path,
                    hint="Restore the file, or remove it and all cases of the folder",
                )
            return cls(known)
        salt = secrets.token_hex(_SALT_BYTES)
        if keep:
            write_text(f"{salt}\n", path)
            path.chmod(0o600)
        return cls(salt)

    def subject(self, examination: Examination) -> str:
        """Return the name of a patient; without any identity, of the examination's."""
        return self._hash(examination.patient or examination.study)[:_SUBJECT_DIGITS]

    def session(self, examination: Examination) -> str:
        """Return the name of an examination."""
        return self._hash(examination.study)[:_SESSION_DIGITS]

    def examination(self, examination: Examination) -> str:
        """Return the name of an examination with that of its patient."""
        return f"sub-{self.subject(examination)}_ses-{self.session(examination)}"

    def _hash(self, text: str) -> str:
        digest = hmac.new(self.salt.encode(), text.encode(), hashlib.sha256).digest()
        return base64.b32encode(digest).decode().lower()


def case_names(
    examinations: Sequence[Examination],
    pseudonyms: Pseudonyms,
    case_from: CaseFrom = "pseudonym",
    inputs: Sequence[Path] = (),
) -> list[list[str]]:
    """Name the chosen candidates of each examination.

    Pseudonyms give ``sub-mfrggzdf_ses-k3ya_acq-dixon7`` or ``…_acq-5_T2w``, with the number of the
    series. A given name is used as it is where an examination has one case;
    an examination that has none keeps its pseudonym.

    Parameters
    ----------
    examinations : sequence of Examination
    pseudonyms : Pseudonyms
    case_from : CaseFrom
    inputs : sequence of Path
        The inputs, where folders name the cases.

    Raises
    ------
    FileFormatError
        If a file cannot be read any more.
    """
    labels = [_labels(examination.choice.chosen) for examination in examinations]
    given = [
        _given(e, case_from, inputs) if own and case_from != "pseudonym" else ""
        for e, own in zip(examinations, labels, strict=True)
    ]
    count = Counter(name.casefold() for name in given)
    names = []
    for examination, name, own in zip(examinations, given, labels, strict=True):
        if not name:
            names.append([f"{pseudonyms.examination(examination)}_{label}" for label in own])
            continue
        several = f"_ses-{pseudonyms.session(examination)}" if count[name.casefold()] > 1 else ""
        base = f"{name}{several}"
        names.append([base] if len(own) == 1 else [f"{base}_{label}" for label in own])
    return names


def label_of(candidate: Candidate) -> str:
    """Return what distinguishes a case from others of its examination, such as ``acq-5_T2w``."""
    number = candidate.image.tags.number
    shown = "" if number is None else str(number)
    if candidate.fat is not None:
        return f"acq-dixon{shown}"
    kind = _UNSAFE.sub("", str(candidate.image.contrast))
    return f"acq-{shown}_{kind}" if shown else kind


def _labels(candidates: Sequence[Candidate]) -> list[str]:
    """Return the labels of the cases of one examination; several stacks of a series are counted."""
    labels = [label_of(candidate) for candidate in candidates]
    return [
        label if labels.count(label) == 1 else f"chunk-{labels[: k + 1].count(label)}_{label}"
        for k, label in enumerate(labels)
    ]


def _given(examination: Examination, case_from: CaseFrom, inputs: Sequence[Path]) -> str:
    """Return what an examination is to be named by; empty where its header does not state it."""
    frame = examination.choice.chosen[0].image.stack.frames[0]
    if case_from == "folder":
        value = _folder(frame, inputs)
    else:
        try:
            identity = read_identity(frame)
        except FileFormatError:  # importing the image will report it
            return ""
        is_patient = case_from == "PatientID"
        value = identity.patient_id if is_patient else identity.accession_number
    return _UNSAFE.sub("-", value).strip("-")


def _folder(frame: Frame, inputs: Sequence[Path]) -> str:
    """Return the first folder below the input on the way to a file."""
    path = Path(frame.path).resolve()
    for given in (entry.resolve() for entry in inputs):
        root = given if given.is_dir() else given.parent
        if not path.is_relative_to(root):
            continue
        below = path.relative_to(root).parts[:-1]
        if below:
            return below[0]
        if frame.member:  # an archive stands for a folder
            parts = PurePosixPath(frame.member).parts[:-1]
            return parts[0] if parts and path == given else path.stem
        return root.name
    raise FileFormatError("the file lies in none of the inputs", where=path)
