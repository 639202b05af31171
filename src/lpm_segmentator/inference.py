"""Sessions of onnxruntime for the embedded networks; used by levels and segment."""

from __future__ import annotations

from typing import Any

from lpm_segmentator.core import ModelError

__all__ = ["open_session"]


def open_session(model: bytes, *, name: str, threads: int | None = None) -> Any:
    """Return an ``onnxruntime.InferenceSession`` that runs a model on the CPU.

    Parameters
    ----------
    model : bytes
        The ONNX file.
    name : str
        Its origin, for messages.
    threads : int, optional
        Number of threads; onnxruntime's choice if not given.

    Returns
    -------
    onnxruntime.InferenceSession

    Raises
    ------
    ModelError
        If it is not an ONNX model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised; on the terminal they would appear twice
    # Two networks run in turn: the threads of the idle one must not occupy the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(
            model,
            sess_options=options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # which would print to the terminal and try the same again
        )
    except Exception as error:
        raise ModelError(
            f"onnxruntime cannot load the model ({str(error).splitlines()[0]})",
            where=name,
            hint="The file is damaged or not an ONNX model",
        ) from error
