"""A web server on this computer that serves one file, to test downloads with."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def serve(
    data: bytes,
    *,
    kind: str = "application/zip",
    cut: int | None = None,
    status: int = 200,
    chunked: bool = False,
    pause_s: float = 0.0,
    location: str = "",
    seen: list[Mapping[str, str]] | None = None,
) -> Iterator[str]:
    """Yield an address that returns a file.

    The file may be truncated (`cut`), refused (`status`), redirected (`location`), sent in chunks
    without a length, or interrupted by a pause. The headers of each request are added to `seen`.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if seen is not None:
                seen.append(dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Connection", "close")
            if location:
                self.send_header("Location", location)
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            else:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if chunked:
                for start in range(0, len(data), 100):
                    part = data[start : start + 100]
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(data[:cut])
                self.wfile.flush()
                time.sleep(pause_s)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/model.zip"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
