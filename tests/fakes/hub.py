"""A model hub on loopback, whose misbehaviour can be chosen reply by reply."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FakeHub:
    """``files``: path → bytes. ``tricks`` are used up one a request: "cut:N", "status:N", "no-range", "hold"."""

    files: dict[str, bytes]
    tricks: list[str] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    """(path, first byte) of every request."""
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    url: str = ""


@contextmanager
def serve(hub: FakeHub) -> Iterator[FakeHub]:
    """Run *hub* while the block lasts; ``hub.url`` is where."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            match = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
            start = int(match[1]) if match else 0
            hub.asked.append((path, start))
            trick = hub.tricks.pop(0) if hub.tricks else ""
            if trick == "hold":
                hub.held.set()
                hub.release.wait(10)
            if trick.startswith("status:") or path not in hub.files:
                self.reply(int(trick.removeprefix("status:") or 404) if trick else 404, b"no", {"Retry-After": "0"})
                return
            body, headers = hub.files[path], {}
            if path in hub.etags:
                headers["X-Linked-Etag"] = f'"{hub.etags[path]}"'
            if match and trick != "no-range":
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                self.reply(206, body[start:], headers, trick)
            else:
                self.reply(200, body, headers, trick)

        def reply(self, status: int, body: bytes, headers: dict[str, str], trick: str = "") -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if trick.startswith("cut:"):
                self.wfile.write(body[: int(trick.removeprefix("cut:"))])
                self.close_connection = True
            else:
                self.wfile.write(body)

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):  # a client that went away
                super().handle_one_request()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()
