from __future__ import annotations

import hashlib
import os

import pytest

from lpm_segmentator import __version__
from lpm_segmentator.core import ModelError, Remedy
from lpm_segmentator.models import fetch as module
from lpm_segmentator.models.fetch import fetch
from model_server import serve

DATA = os.urandom(3 * 2**20 + 17)
SHA256 = hashlib.sha256(DATA).hexdigest()


def test_a_file_is_downloaded_with_progress(tmp_path):
    steps, seen = [], []
    with serve(DATA, seen=seen) as url:
        path = fetch(url, tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert path == tmp_path / "model.zip"
    assert path.read_bytes() == DATA
    assert steps[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert seen[0]["User-Agent"] == f"lpm-segmentator/{__version__}"


def test_the_hash_is_checked(tmp_path):
    with serve(DATA) as url:
        assert fetch(url, tmp_path / "a", sha256=SHA256.upper()).read_bytes() == DATA
        with pytest.raises(ModelError, match=rf"not the expected one.*{SHA256}"):
            fetch(url, tmp_path / "b", sha256="0" * 64)
    assert not list((tmp_path / "b").iterdir())


def test_a_file_of_unknown_length_is_downloaded(tmp_path):
    steps = []
    with serve(DATA[:5000], chunked=True) as url:
        path = fetch(url, tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert path.read_bytes() == DATA[:5000]
    assert steps[-1] == (5000, 0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("file:///etc/passwd", "'file' are not supported"),
        ("ftp://example.org/a.zip", "'ftp' are not supported"),
        ("https://drive.google.com/file/d/x/view", r"browsers only.*name=NAME"),
        ("http://127.0.0.1:1/a.zip", r"cannot be reached \(Connection refused\)"),
    ],
)
def test_addresses_that_cannot_be_downloaded(tmp_path, url, message):
    with pytest.raises(ModelError, match=message) as caught:
        fetch(url, tmp_path)
    assert str(caught.value).startswith(url)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cut": 500_000}, "interrupted"),
        ({"kind": "text/html; charset=utf-8"}, r"returns a web page.*browser"),
        ({"status": 404}, r"refused the request \(404 Client Error: Not Found\)"),
        ({"status": 503, "kind": "text/html"}, "503 Server Error"),
        ({"status": 302, "location": "file:///etc/passwd"}, "cannot be reached"),
        ({"status": 302, "location": "http://127.0.0.1:1/"}, "cannot be reached"),
    ],
)
def test_a_download_that_fails_leaves_no_file(tmp_path, options, message):
    with serve(DATA, **options) as url, pytest.raises(ModelError, match=message) as caught:
        fetch(url, tmp_path)
    assert str(caught.value).startswith(url)
    assert not list(tmp_path.iterdir())


def test_a_server_that_stops_sending_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT_S", 0.2)
    options = {"cut": 1000, "pause_s": 1.0}
    with serve(DATA, **options) as url, pytest.raises(ModelError, match="interrupted"):
        fetch(url, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_MAX_BYTES", 2**20)
    with serve(DATA) as url, pytest.raises(ModelError, match="the limit for models"):
        fetch(url, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["", "/", "/..", "/%2e%2e", "/a%2F..%2F.."])
def test_an_address_without_a_file_name_stays_in_the_folder(tmp_path, path):
    folder = tmp_path / "inner"
    with serve(b"data") as url:
        saved = fetch(url.removesuffix("/model.zip") + path, folder)
    assert saved == folder / "download"


def test_the_hint_names_the_remedy(tmp_path):
    with pytest.raises(ModelError) as caught:
        fetch("https://drive.google.com/x", tmp_path)
    assert str(Remedy.NAME) in str(caught.value)
    assert "--" not in str(caught.value)
