"""Fetch a model's file from the web."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lpm_segmentator import __version__
from lpm_segmentator.core.errors import ModelError

__all__ = ["download"]

_CHUNK = 2**20
_TIMEOUT_S = 60
_MAX_BYTES = 20 * 2**30
_BROWSER_HOSTS = ("drive.google.com", "docs.google.com", "pan.baidu.com", "onedrive.live.com")
_BY_HAND = "Download it with a browser, then run: lpm models install FILE --name NAME"


def download(
    url: str,
    folder: Path,
    *,
    sha256: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Fetch a file.

    Parameters
    ----------
    url
        ``https://…`` or ``http://…``.
    folder
        Where to put it. The caller removes the folder when this function raises.
    sha256
        The file's hash in hex, where known.
    progress
        Called with the bytes so far and in all (0 where not known).

    Raises
    ------
    ModelError
        The address cannot be reached, answers with a web page, or the file is incomplete or not
        the expected one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise ModelError(
            f"addresses of the kind {parts.scheme!r} are not followed",
            where=url,
            hint="Give an https address, a file or a folder",
        )
    if parts.hostname in _BROWSER_HOSTS:
        raise ModelError(
            "this site hands out its files only to a browser", where=url, hint=_BY_HAND
        )
    target = folder / (Path(unquote(parts.path)).name or "download")
    request = urllib.request.Request(url, headers={"User-Agent": f"lpm-segmentator/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            digest = _save(answer, target, url, progress)
    except urllib.error.HTTPError as error:
        raise ModelError(f"the server answered {error.code} {error.reason}", where=url) from error
    except urllib.error.URLError as error:
        raise ModelError(f"cannot be reached ({error.reason})", where=url) from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise ModelError(
            f"the download was interrupted ({error})", where=url, hint="Try again"
        ) from error
    if sha256 and digest != sha256.lower():
        raise ModelError(
            f"the file is not the expected one: its SHA-256 is {digest}, expected {sha256}",
            where=url,
            hint="Try again; if it stays so, the file was changed where it is published",
        )
    return target


def _save(
    answer: http.client.HTTPResponse,
    target: Path,
    url: str,
    progress: Callable[[int, int], None] | None,
) -> str:
    """Write the answer's body; return its SHA-256."""
    if answer.headers.get_content_type() == "text/html":
        raise ModelError(
            "the address answers with a web page, not a file", where=url, hint=_BY_HAND
        )
    length = answer.headers.get("Content-Length", "")
    expected = int(length) if length.isdigit() else 0
    digest, received = hashlib.sha256(), 0
    with target.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            received += len(chunk)
            if received > _MAX_BYTES:
                raise ModelError("the file is larger than any model", where=url)
            digest.update(chunk)
            file.write(chunk)
            if progress is not None:
                progress(received, expected)
    if expected and received != expected:
        raise ModelError(
            f"the download was interrupted after {received} of {expected} bytes",
            where=url,
            hint="Try again",
        )
    return digest.hexdigest()
