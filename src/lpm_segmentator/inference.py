"""How the embedded networks are run: by onnxruntime, on the processor."""

from __future__ import annotations

from typing import Any

from lpm_segmentator.core import ModelError

__all__ = ["open_session"]


def open_session(model: bytes, *, name: str, threads: int | None = None) -> Any:
    """Return an ``onnxruntime.InferenceSession`` for a model.

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
        If it is no ONNX model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Networks take turns: the threads of one that waits must not keep the processors busy.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(
            model, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ModelError(
            f"onnxruntime cannot load the model ({str(error).splitlines()[0]})",
            where=name,
            hint="The file is damaged or not an ONNX model",
        ) from error
