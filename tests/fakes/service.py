"""A small web service on loopback: a function from a request to a reply, behind a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """What came: ``query`` holds the parameters of the address, or of a form."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is answered; a body that is no bytes or text goes out as JSON."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] | None = None

    def encoded(self) -> tuple[bytes, str]:
        """Return the bytes and their content type."""
        if isinstance(self.body, bytes):
            return self.body, "application/octet-stream"
        if isinstance(self.body, str):
            return self.body.encode(), "text/html; charset=utf-8"
        return json.dumps(self.body).encode(), "application/json"


class Service:
    """Answers by ``answer``, which a test may change; ``seen`` lists the requests. A context manager."""

    def __init__(self, answer: Callable[[Request], Reply] = lambda request: Reply({})) -> None:
        self.answer = answer
        self.seen: list[Request] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                parts = urlsplit(self.path)
                form = body.decode() if "form" in (self.headers.get("content-type") or "") else ""
                headers = {name.lower(): value for name, value in self.headers.items()}
                query = dict(parse_qsl(parts.query) + parse_qsl(form))
                request = Request(self.command, parts.path, query, headers, body)
                service.seen.append(request)
                reply = service.answer(request)
                data, kind = reply.encoded()
                self.send_response(reply.status)
                for name, value in {"content-type": kind, **(reply.headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Service:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
