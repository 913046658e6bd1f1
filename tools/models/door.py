"""HTTP to the engine in this process, over a socket file or a loopback port."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from foveal.errors import Cancelled, ModelError

_CANCEL_LATENCY = 0.1
"""Seconds after which a cancelled call is noticed."""


class Door:
    """Requests to the engine that listens at *address*. Blocking."""

    def __init__(self, address: str, key: str) -> None:
        self._address = address
        self._key = key

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send *body*, return the JSON object that comes back, be it an error. Raises ModelError."""
        return self.ask("POST", path, body)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the JSON object that comes back, be it an error. Raises ModelError."""
        with self.open(method, path, body) as reply:
            answer = json.loads(reply.read())
        return answer if isinstance(answer, dict) else {}

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        cancelled: threading.Event | None = None,
        *,
        timeout: float | None = 60.0,
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the reply; when *cancelled* is set the connection is cut, which makes the engine drop the request.

        Raises ModelError, and Cancelled.
        """
        connection = _connection(self._address, timeout)
        over = threading.Event()
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request(method, path, None if body is None else json.dumps(body).encode("utf-8"), headers)
            if cancelled is not None:
                threading.Thread(target=_cut, args=(connection.sock, cancelled, over), daemon=True).start()
            yield connection.getresponse()
        except (OSError, ValueError, http.client.HTTPException) as problem:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled("The call was cancelled.") from problem
            raise ModelError(f"The engine of the model cannot be reached: {problem}") from problem
        finally:
            over.set()
            connection.close()


def _cut(sock: socket.socket, cancelled: threading.Event, over: threading.Event) -> None:
    while not over.wait(_CANCEL_LATENCY):
        if cancelled.is_set():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            return


class _SocketFile(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: str, timeout: float | None) -> http.client.HTTPConnection:
    if address.startswith("unix://"):
        return _SocketFile(address.removeprefix("unix://"), timeout)
    url = urlsplit(address if "://" in address else f"http://{address}")
    return http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=timeout)
