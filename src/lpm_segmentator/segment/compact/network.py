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
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "the ONNX file is not a compact model of lpm-segmentator: the metadata entry "
                f"{_METADATA_KEY!r} is missing or incomplete ({error})",
                where=where,
                hint="'lpm train compact' writes compact models; an nnU-Net model is given as a "
                "folder or zip",
            ) from error

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
        metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.spec = CompactSpec.from_metadata(metadata, name)

    def __call__(self, stacks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return class probabilities.

        Parameters
        ----------
        stacks : ndarray of float32, shape (n, 2 * context + 1, rows, columns)

        Returns
        -------
        ndarray of float32, shape (n, 5, rows, columns)
        """
        (output,) = self._session.run(None, {"image": stacks})
        probabilities: npt.NDArray[np.float32] = output
        return probabilities
