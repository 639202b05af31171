"""One network of the compact model: an ONNX file with its metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lpm_segmentator.core import ModelError
from lpm_segmentator.inference import open_session

__all__ = ["CompactSpec", "Network"]

_METADATA_KEY = "lpm"
_LARGEST = 1024
_FINEST_MM = 0.1
_CLASSES = 5
_DAMAGED = "The file is damaged or not a compact model of lpm-segmentator"


@dataclass(frozen=True)
class CompactSpec:
    """The metadata of a compact ONNX model.

    Attributes
    ----------
    name, version : str
        Identify the model.
    spacing_mm : float
        In-plane spacing of its grid.
    context : int
        Number of neighbouring slices on each side.
    multiple : int
        Rows and columns must be a multiple of this number.
    citation, licence, description : str
        For the report.
    pairs : bool
        Whether it was trained on water and fat images alike, so that both images of a Dixon pair
        are used.
    """

    name: str
    version: str
    spacing_mm: float
    context: int
    multiple: int
    citation: str = ""
    licence: str = ""
    description: str = ""
    pairs: bool = False

    @classmethod
    def from_metadata(cls, metadata: dict[str, str], where: object) -> CompactSpec:
        """Read the metadata of an ONNX file; unknown entries are ignored.

        Parameters
        ----------
        metadata : dict
            The custom metadata map of the file.
        where : object
            The file, for messages.

        Returns
        -------
        CompactSpec

        Raises
        ------
        ModelError
            If it is not a compact model of this package.
        """
        try:
            values = json.loads(metadata[_METADATA_KEY])
            known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
            spec = cls(**known)
            spec._check()
            return spec
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ModelError(
                "the ONNX file is not a compact model of lpm-segmentator: the metadata entry "
                f"{_METADATA_KEY!r} is missing or incomplete ({error})",
                where=where,
                hint="'lpm train compact' writes compact models; an nnU-Net model is given as a "
                "folder or zip",
            ) from error

    def _check(self) -> None:
        """Raise a `ValueError` for an entry that no network can have."""
        texts = (self.name, self.version, self.citation, self.licence, self.description)
        numbers = {"context": (self.context, 0), "multiple": (self.multiple, 1)}
        wrong = [
            f"{name} is {value!r}"
            for name, (value, least) in numbers.items()
            if type(value) is not int or not least <= value <= _LARGEST
        ]
        if (
            type(self.spacing_mm) not in (int, float)
            or not _FINEST_MM <= self.spacing_mm <= _LARGEST
        ):
            wrong.append(f"spacing_mm is {self.spacing_mm!r}")
        if not all(isinstance(text, str) for text in texts) or type(self.pairs) is not bool:
            wrong.append("an entry has another type")
        if wrong:
            raise ValueError("; ".join(wrong))

    def check_same_input(self, other: CompactSpec, *, where: object) -> None:
        """Check that another network takes the same input.

        Raises
        ------
        ModelError
            If it does not.
        """
        for part in ("spacing_mm", "context", "multiple"):
            one, another = getattr(self, part), getattr(other, part)
            if one != another:
                raise ModelError(
                    f"its two networks take different input ({part} {one} and {another})",
                    where=where,
                )


class Network:
    """Run one compact network.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    name : str
        Its origin, for messages.
    threads : int, optional
        Number of threads; onnxruntime's choice if not given.

    Raises
    ------
    ModelError
        If the file is not a compact ONNX model.
    """

    def __init__(self, model: bytes, *, name: str, threads: int | None) -> None:
        self._session = open_session(model, name=name, threads=threads)
        self._name = name
        try:
            metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        except UnicodeDecodeError as error:
            raise ModelError(f"its metadata are no text ({error})", where=name) from error
        self.spec = CompactSpec.from_metadata(metadata, name)

    def __call__(self, stacks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return class probabilities.

        Parameters
        ----------
        stacks : ndarray of float32, shape (n, 2 * context + 1, rows, columns)

        Returns
        -------
        ndarray of float32, shape (n, 5, rows, columns)

        Raises
        ------
        ModelError
            If the network cannot be run or does not return probabilities.
        """
        try:
            outputs = self._session.run(None, {"image": stacks})
        except Exception as error:  # onnxruntime raises its own kinds
            raise ModelError(
                f"the network cannot be run ({str(error).splitlines()[0]})",
                where=self._name,
                hint=_DAMAGED,
            ) from error
        probabilities: npt.NDArray[np.float32] = outputs[0]
        expected = (len(stacks), _CLASSES, *stacks.shape[2:])
        if len(outputs) != 1 or np.shape(probabilities) != expected:
            raise ModelError(
                f"the network returns an array of shape {np.shape(probabilities)}, not {expected}",
                where=self._name,
                hint=_DAMAGED,
            )
        if probabilities.dtype != np.float32 or not np.isfinite(probabilities).all():
            raise ModelError(
                "the network returns values that are no probabilities",
                where=self._name,
                hint=_DAMAGED,
            )
        return probabilities
