"""One network of the compact model: an ONNX file that says what it wants to see."""

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
    """What a compact ONNX model says of itself in its metadata.

    Attributes
    ----------
    name, version : str
        Which model this is.
    spacing_mm : float
        In-plane spacing of its grid.
    context : int
        Neighbouring slices on either side.
    multiple : int
        Rows and columns must be a multiple of this.
    citation, licence, description : str
        For the report.
    pairs : bool
        Whether it knows water and fat images alike, so that both of a Dixon pair are looked at.
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
        """Read the metadata of an ONNX file.

        Raises
        ------
        ModelError
            If it is no compact model of this package.
        """
        try:
            values = json.loads(metadata[_METADATA_KEY])
            known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "the ONNX file is not a compact model of lpm-segmentator: its metadata lack "
                f"the entry {_METADATA_KEY!r} or it is incomplete ({error})",
                where=where,
                hint="Compact models come from 'lpm train compact'; of an nnU-Net model give the "
                "folder or zip",
            ) from error

    def check_same_input(self, other: CompactSpec, *, where: object) -> None:
        """Make sure that another network can be shown the same images.

        Raises
        ------
        ModelError
            If it cannot.
        """
        for part in ("spacing_mm", "context", "multiple"):
            one, another = getattr(self, part), getattr(other, part)
            if one != another:
                raise ModelError(
                    f"its two networks do not fit together ({part} {one} and {another})",
                    where=where,
                )


class Network:
    """Class probabilities ``(n, 5, h, w)`` of images ``(n, 2 * context + 1, h, w)``.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    name : str
        Where it came from, for messages.
    threads : int, optional
        Threads of onnxruntime; its own choice if not given.

    Raises
    ------
    ModelError
        If the file is no ONNX model or not one of this kind.
    """

    def __init__(self, model: bytes, *, name: str, threads: int | None) -> None:
        self._session = open_session(model, name=name, threads=threads)
        metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        self.spec = CompactSpec.from_metadata(metadata, name)

    def __call__(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the probabilities."""
        (found,) = self._session.run(None, {"image": images})
        probabilities: npt.NDArray[np.float32] = found
        return probabilities
