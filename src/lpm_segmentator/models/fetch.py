"""Download a model's file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from lpm_segmentator import __version__
from lpm_segmentator.core import ModelError, Remedy

if TYPE_CHECKING:
    import requests

__all__ = ["fetch"]

_CHUNK = 2**20
_TIMEOUT_S = 60
_MAX_BYTES = 20 * 2**30
_BROWSER_HOSTS = ("drive.google.com", "docs.google.com", "pan.baidu.com", "onedrive.live.com")
_USE_A_BROWSER = (
    f"Download the file with a browser, then install the file ({Remedy.NAME} names the model)"
)


def fetch(
    url: str,
    folder: Path,
    *,
    sha256: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Download a file.

    Parameters
    ----------
    url : str
        ``https://…`` or ``http://…``.
    folder : Path
        Where to put the file.
    sha256 : str
        Its hash in hex, where known.
    progress : callable, optional
        Called with the number of bytes received and the number of all bytes (0 where unknown).

    Returns
    -------
    Path
        The file, named as in the address. If anything fails, no file is left.

    Raises
    ------
    ModelError
        If the address cannot be reached or returns a web page, or if the file is incomplete, too
        large, or not the expected one.
    """
    name = _file_name(url)
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # pooch prints its log
    download = _Download(url, progress)
    try:
        path = pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256.lower()}" if sha256 else None,
            fname=name,
            path=folder,
            downloader=download,
        )
    except requests.HTTPError as error:
        status = str(error).partition(" for url")[0]
        raise ModelError(f"the server refused the request ({status})", where=url) from error
    except requests.RequestException as error:
        raise _connection_error(url, error, started=download.started) from error
    except ValueError as error:
        raise ModelError(
            f"the file is not the expected one: {str(error).partition('. ')[0]}",
            where=url,
            hint="Try again. If the error persists, the published file has changed",
        ) from error
    return Path(path)


def _file_name(url: str) -> str:
    """Return the name of the file at an address.

    Raises
    ------
    ModelError
        If the address cannot be downloaded by a program.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https"):
        raise ModelError(
            f"addresses of the kind {parts.scheme!r} are not supported",
            where=url,
            hint="Give an https address, a file or a folder",
        )
    if parts.hostname in _BROWSER_HOSTS:
        raise ModelError(
            "this site serves its files to browsers only", where=url, hint=_USE_A_BROWSER
        )
    name = Path(unquote(parts.path)).name
    return name if name.strip(".") else "download"


def _connection_error(url: str, error: BaseException, *, started: bool) -> ModelError:
    cause = error
    while cause.__context__ is not None:
        cause = cause.__context__
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    if started:
        return ModelError(f"the download was interrupted ({reason})", where=url, hint="Try again")
    return ModelError(
        f"cannot be reached ({reason})", where=url, hint="Check the address and the connection"
    )


class _Download:
    """A downloader for pooch that checks the response and reports progress.

    Attributes
    ----------
    started : bool
        Whether the server has begun to send the file.
    """

    def __init__(self, url: str, progress: Callable[[int, int], None] | None) -> None:
        self._url = url
        self._progress = progress
        self._expected = 0
        self._responses: list[requests.Response] = []
        self.started = False

    def __call__(self, url: str, output_file: str, _pooch: object) -> None:
        """Download to a file, as pooch asks for it."""
        import pooch

        download = pooch.HTTPDownloader(
            chunk_size=_CHUNK,
            timeout=_TIMEOUT_S,
            hooks={"response": self._check_response},
            # Content-Length is then the size of the file.
            headers={"User-Agent": f"lpm-segmentator/{__version__}", "Accept-Encoding": "identity"},
        )
        with Path(output_file).open("wb") as file:
            sink = _Sink(file, self._check_size)
            try:
                download(url, sink, None)
            finally:  # pooch leaves a response open that it does not read to its end
                for response in self._responses:
                    response.close()
        if self._expected and sink.received != self._expected:
            raise ModelError(
                f"the download was interrupted after {sink.received} of {self._expected} bytes",
                where=self._url,
                hint="Try again",
            )

    def _check_response(self, response: requests.Response, **_: Any) -> None:
        self._responses.append(response)
        if response.is_redirect or not response.ok:
            return
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind == "text/html":
            raise ModelError(
                "the address returns a web page, not a file", where=self._url, hint=_USE_A_BROWSER
            )
        length = response.headers.get("Content-Length", "")
        if length.isdigit() and "Content-Encoding" not in response.headers:
            self._expected = int(length)
        self.started = True

    def _check_size(self, received: int) -> None:
        if received > _MAX_BYTES:
            raise ModelError(
                f"the file is larger than {_MAX_BYTES / 2**30:.3g} GB, the limit for models",
                where=self._url,
            )
        if self._progress is not None:
            self._progress(received, self._expected)


class _Sink:
    """A file that counts the bytes written to it."""

    def __init__(self, file: BinaryIO, on_write: Callable[[int], None]) -> None:
        self._file = file
        self._on_write = on_write
        self.received = 0

    def write(self, chunk: bytes) -> int:
        self.received += len(chunk)
        self._on_write(self.received)
        return self._file.write(chunk)

    def flush(self) -> None:
        self._file.flush()
