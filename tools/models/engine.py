"""llama.cpp inside this process: loads one GGUF file, tokenises, and completes token lists.

The library is llama.cpp's server without a front end. It insists on listening somewhere, so it is given
a socket file in a private folder (or, where there are none, a loopback port with a random key), which
serves as the door to its tokeniser. Completions do not pass through it.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from foveal.errors import Cancelled, ContextOverflow, ModelError, ModelUnavailable
from foveal.tools.models.prefix import SlotBook

_SOCKET_PATH_LIMIT = 100
SHORTEN = "Ask a shorter question, or use fewer or shorter passages."


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How llama.cpp runs. ``context`` is tokens a slot; ``batch`` is the prompt tokens of one step.

    A step cannot be interrupted, so ``batch`` also bounds how long a cancelled call goes on.
    """

    threads: int
    context: int = 4096
    slots: int = 8
    batch: int = 64
    exact: bool = True
    """Replies do not depend on earlier calls (see :mod:`.prefix`). Costs a step of one token a call, and
    flash attention, whose result depends on the size of a step."""


@dataclass(slots=True)
class Completion:
    """What one request came to. ``top`` holds, for each token, (token id, log probability), best first."""

    text: str = ""
    finish: Literal["stop", "length"] = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_seconds: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)


class LlamaEngine:
    """One loaded model. Blocking; the caller makes sure that one request runs at a time."""

    def __init__(self, path: Path, options: EngineOptions) -> None:
        """Load *path* (seconds). Raises ModelUnavailable."""
        try:
            import xllamacpp
        except ImportError as problem:
            raise ModelUnavailable(
                "The engine for language models (xllamacpp) is not installed.",
                remedy="Run: pip install 'foveal[embedded]'",
            ) from problem
        self.options = options
        self._key = secrets.token_urlsafe(24)
        self._folder = tempfile.TemporaryDirectory(prefix="foveal-")
        self._book = SlotBook(options.slots, options.batch)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = options.context * options.slots
        params.n_parallel = options.slots
        params.kv_unified = False
        params.n_batch = params.n_ubatch = options.batch
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
        flash = xllamacpp.llama_flash_attn_type
        params.flash_attn_type = (
            flash.LLAMA_FLASH_ATTN_TYPE_DISABLED if options.exact else flash.LLAMA_FLASH_ATTN_TYPE_ENABLED
        )
        params.cache_ram_mib = 0
        params.fit_params = params.warmup = params.ui = params.endpoint_slots = False
        params.verbosity = -1
        params.api_keys = [self._key]
        params.hostnames = [self._address()]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError, OSError) as problem:
            raise ModelUnavailable(
                f"The language model {path.name} could not be loaded.",
                remedy="Check that the file is a GGUF model and that there is enough memory.",
            ) from problem

    def _address(self) -> str:
        path = os.path.join(self._folder.name, "llama.sock")  # noqa: PTH118
        if hasattr(socket, "AF_UNIX") and len(path) < _SOCKET_PATH_LIMIT:
            return path
        return "127.0.0.1"

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return the token ids of *text*; *special* lets markup such as ``<|im_end|>`` be one token."""
        if not text:
            return []
        body = json.dumps({"content": text, "add_special": False, "parse_special": special})
        reply = self._post("/tokenize", body)
        tokens = reply.get("tokens")
        if not isinstance(tokens, list):
            raise ModelError(f"The model's tokeniser failed: {_excerpt(json.dumps(reply))}")
        return [int(token) for token in tokens]

    def complete(
        self,
        tokens: Sequence[int],
        *,
        task: str,
        max_tokens: int,
        stop: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        top: int = 0,
        cancelled: threading.Event | None = None,
    ) -> Completion:
        """Continue *tokens* greedily in the slot of *task*; *top*: how many candidates at every position.

        Raises ContextOverflow, ModelError, and Cancelled within one step of *cancelled* being set.
        """
        slot = self._book.slot_of(task)
        reuse = self._book.plan(slot, tokens) if self.options.exact else None
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("The call was cancelled.")
        if reuse is not None and reuse.prime:
            self._book.hold(slot, ())
            self._server.handle_completions(
                {
                    "prompt": list(reuse.prime), "max_tokens": 1, "temperature": 0.0, "id_slot": slot,
                    "cache_prompt": len(reuse.prime) > reuse.cached,
                }
            )  # fmt: skip
        request: dict[str, Any] = {
            "prompt": list(tokens), "max_tokens": max_tokens, "temperature": 0.0, "seed": 0, "top_k": 1,
            "id_slot": slot, "cache_prompt": reuse is None or reuse.cached > 0, "stop": list(stop), "stream": True,
            "return_progress": True, "timings_per_token": False, "n_probs": top,
        }  # fmt: skip
        if schema is not None:
            request["json_schema"] = dict(schema)
        result = Completion()
        failure: list[dict[str, Any]] = []
        texts: list[str] = []

        def receive(chunk: dict[str, Any]) -> bool:
            """Take one chunk; returning True makes the engine drop the request."""
            if "error" in chunk or "choices" not in chunk:
                failure.append(chunk)
                return True
            _absorb(chunk, result, texts)
            return cancelled is not None and cancelled.is_set()

        self._book.hold(slot, ())
        self._server.handle_completions(request, receive)
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("The call was cancelled.")
        if failure:
            raise _error(failure[0], self.options.context)
        self._book.hold(slot, tokens)
        result.text = "".join(texts)
        return result

    def close(self) -> None:
        """Free the model."""
        self._server = None
        with suppress(OSError):
            self._folder.cleanup()

    def _post(self, path: str, body: str) -> dict[str, Any]:
        connection = _connection(self._server.listening_address)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request("POST", path, body.encode("utf-8"), headers)
            reply = json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException) as problem:
            raise ModelError(f"The model's tokeniser cannot be reached: {problem}") from problem
        finally:
            connection.close()
        return reply if isinstance(reply, dict) else {}


class _SocketFile(http.client.HTTPConnection):
    """HTTP over a socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(address: str) -> http.client.HTTPConnection:
    if address.startswith("unix://"):
        return _SocketFile(address.removeprefix("unix://"))
    url = urlsplit(address if "://" in address else f"http://{address}")
    return http.client.HTTPConnection(url.hostname or "127.0.0.1", url.port, timeout=60)


def _absorb(chunk: Mapping[str, Any], result: Completion, texts: list[str]) -> None:
    """Add one streamed chunk to *result*."""
    for choice in chunk["choices"]:
        texts.append(choice.get("text") or "")
        for token in (choice.get("logprobs") or {}).get("content", ()):
            result.logprobs.append(float(token["logprob"]))
            result.top.append([(int(c["id"]), float(c["logprob"])) for c in token["top_logprobs"]])
        if choice.get("finish_reason"):
            result.finish = "length" if choice["finish_reason"] == "length" else "stop"
    if usage := chunk.get("usage"):
        result.prompt_tokens = int(usage["prompt_tokens"])
        result.completion_tokens = int(usage["completion_tokens"])
        result.cached_tokens = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))
    if timings := chunk.get("timings"):
        result.prompt_seconds = float(timings.get("prompt_ms", 0.0)) / 1000.0


def _error(reply: Mapping[str, Any], context: int) -> ModelError:
    detail = reply.get("error", reply)
    detail = detail if isinstance(detail, Mapping) else {"message": str(detail)}
    if detail.get("type") == "exceed_context_size_error":
        tokens = detail.get("n_prompt_tokens", "too many")
        return ContextOverflow(f"The prompt is {tokens} tokens; the model takes {context}.", remedy=SHORTEN)
    return ModelError(f"The language model failed: {_excerpt(str(detail.get('message', detail)))}")


def _excerpt(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
