"""An OpenAI-compatible server on loopback that answers as a test says: well, badly, late, or not at all."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What one request gets. ``chunks`` are sent as a stream; ``cut`` ends the connection where it is."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Sequence[Any] = ()
    cut: bool = False
    delay: float = 0.0


Behave = Callable[[dict[str, Any]], Answer]


def said(
    text: str | None, *, finish: str | None = "stop", prompt: int = 10, written: int = 5, cached: int = 0,
    tops: Sequence[Sequence[tuple[str, float]]] = (), **message: Any,
) -> Answer:  # fmt: skip
    """Return a completion."""
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, **message},
    }
    if tops:
        choice["logprobs"] = {"content": [_token(row) for row in tops]}
    usage: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
    if cached:
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    return Answer(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    )


def streamed(*pieces: str, finish: str | None = "stop", cut: bool = False) -> Answer:
    """Return a completion in pieces, then its usage; with *cut* the connection ends after the last piece."""
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    if not cut:
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": len(pieces)}})
    return Answer(chunks=chunks, cut=cut)


def failed(status: int, message: str, *, headers: Mapping[str, str] | None = None, **error: Any) -> Answer:
    """Return an error of the protocol."""
    return Answer({"error": {"message": message, "type": "error", "code": None, **error}}, status, headers or {})


def _token(row: Sequence[tuple[str, float]]) -> dict[str, Any]:
    return {
        "token": row[0][0],
        "logprob": row[0][1],
        "top_logprobs": [{"token": token, "logprob": logprob} for token, logprob in row],
    }


@dataclass
class FakeEndpoint:
    """The server: ``script`` is used up first, then ``behave`` answers. ``requests`` holds the bodies it was sent."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    behave: Behave = lambda body: said("fine")
    models: Answer = Answer({"object": "list", "data": [{"id": "small-model"}, {"id": "small-model-vision"}]})
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def answer(self, body: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        """Return what a chat request gets."""
        self.requests.append(body)
        self.headers.append(headers)
        return self.script.pop(0) if self.script else self.behave(body)


@contextmanager
def serving(*, certificate: tuple[str, str] | None = None) -> Iterator[FakeEndpoint]:
    """Yield a server on a free port; with *certificate* (certificate, key) it speaks TLS."""
    fake = FakeEndpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._send(fake.models if self.path.endswith("/models") else failed(404, "no such page"))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self._send(fake.answer(body, {name.lower(): value for name, value in self.headers.items()}))

        def _send(self, answer: Answer) -> None:
            time.sleep(answer.delay)
            with suppress(OSError):
                if answer.chunks:
                    self._stream(answer)
                elif answer.cut:
                    self.close_connection = True
                else:
                    text = isinstance(answer.body, str)
                    data = answer.body.encode() if text else json.dumps(answer.body).encode()
                    self.send_response(answer.status)
                    for name, value in {"content-type": "application/json", **answer.headers}.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

        def _stream(self, answer: Answer) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in [*answer.chunks, *([] if answer.cut else ["[DONE]"])]:
                line = f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            if answer.cut:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    fake.url = f"http{'s' if certificate else ''}://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
