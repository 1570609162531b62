"""A way to a server on which things go wrong: it is slow, busy, or leads nowhere for a while."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

BUSY = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>later</Message></Error>"


class Faults(ThreadingHTTPServer):
    """Forwards requests; a test says what befalls the next ones.

    Attributes:
        delay: Seconds that each request takes longer.
        lost: How many of the next requests get no answer; the server never sees them.
        unanswered: How many of the next answers are lost; the server did what it was asked.
        throttled: How many of the next requests are told to come back later.
        seen: Requests so far.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.to = urlsplit(url).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.delay = 0.0
        self.lost = self.unanswered = self.throttled = self.seen = 0
        self._lock = threading.Lock()

    def fate(self) -> str:
        """What befalls a request that comes now."""
        with self._lock:
            self.seen += 1
            for name in ("lost", "unanswered", "throttled"):
                if (left := getattr(self, name)) > 0:
                    setattr(self, name, left - 1)
                    return name
        return ""

    def handle_error(self, request: object, client_address: object) -> None:
        """Who asked gave up."""


class _Request(BaseHTTPRequestHandler):
    # Or bodies that wait for leave to be sent would wait for ever.
    protocol_version = "HTTP/1.1"
    server: Faults

    def _forward(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.server.fate()
        if fate == "lost":
            return
        if fate == "throttled":
            self._answer(503, "Slow Down", [("Content-Length", str(len(BUSY)))], BUSY)
            return
        time.sleep(self.server.delay)
        to = http.client.HTTPConnection(self.server.to, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name != "Expect"}
            to.request(self.command, self.path, body, headers)
            found = to.getresponse()
            data = found.read()
        finally:
            to.close()
        if fate != "unanswered":
            self._answer(found.status, found.reason, found.getheaders(), data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward

    def _answer(
        self, status: int, reason: str, headers: list[tuple[str, str]], data: bytes
    ) -> None:
        self.send_response_only(status, reason)
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        if self.command != "HEAD" and not any(
            name.lower() == "content-length" for name, _ in headers
        ):
            self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def faults(url: str) -> Iterator[Faults]:
    """A way to the server at `url`."""
    way = Faults(url)
    threading.Thread(target=way.serve_forever, daemon=True).start()
    try:
        yield way
    finally:
        way.shutdown()
        way.server_close()
