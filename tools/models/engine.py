"""llama.cpp inside this process: loads one GGUF file, tokenises, and completes token lists.

The library is llama.cpp's server without a front end. It insists on listening somewhere, so it is given
a socket file in a private folder (or, where there are none, a loopback port with a random key), which
serves as the door to its tokeniser and chat template. Completions do not pass through it, unless the model
sees: the door inside this process takes neither pictures nor token lists once a projector is loaded.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import Cancelled, ModelError, ModelUnavailable
from foveal.tools.models.completion import Completion, absorb, excerpt, failed
from foveal.tools.models.door import Door
from foveal.tools.models.prefix import SlotBook

_SOCKET_PATH_LIMIT = 100


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


@dataclass(frozen=True, slots=True)
class SeeingPrompt:
    """A prompt with pictures: ``text`` holds the engine's marker once for each of ``pictures``, in order.

    All of ``text`` is read as markup, so what people said must have been made harmless before.
    """

    text: str
    pictures: tuple[bytes, ...]


class LlamaEngine:
    """One loaded model. Blocking; the caller makes sure that one request runs at a time."""

    def __init__(self, path: Path, options: EngineOptions, *, projector: Path | None = None) -> None:
        """Load *path*, and the *projector* that lets it see (seconds). Raises ModelUnavailable."""
        try:
            import xllamacpp
        except ImportError as problem:
            raise ModelUnavailable(
                "The engine for language models (xllamacpp) is not installed.",
                remedy="Run: pip install 'foveal[embedded]'",
            ) from problem
        self.options = options
        self.sees = projector is not None
        key = secrets.token_urlsafe(24)
        self._folder = tempfile.TemporaryDirectory(prefix="foveal-")
        self._book = SlotBook(options.slots, options.batch)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        if projector is not None:
            params.mmproj.path = str(projector)
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
        params.api_keys = [key]
        params.hostnames = [self._address()]
        try:
            self._server: Any = xllamacpp.Server(params)
        except (RuntimeError, ValueError, OSError) as problem:
            raise ModelUnavailable(
                f"The language model {path.name} could not be loaded{' with its projector' if projector else ''}.",
                remedy="Check that the file is a GGUF model and that there is enough memory."
                + (" The mmproj file must belong to the model." if projector else ""),
            ) from problem
        self._door = Door(self._server.listening_address, key)

    def _address(self) -> str:
        path = os.path.join(self._folder.name, "llama.sock")  # noqa: PTH118
        if hasattr(socket, "AF_UNIX") and len(path) < _SOCKET_PATH_LIMIT:
            return path
        return "127.0.0.1"

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """Return the token ids of *text*; *special* lets markup such as ``<|im_end|>`` be one token.

        *start* adds what the model wants at the start of a prompt, if anything.
        """
        if not text:
            return []
        reply = self._door.post("/tokenize", {"content": text, "add_special": start, "parse_special": special})
        tokens = reply.get("tokens")
        if not isinstance(tokens, list):
            raise ModelError(f"The model's tokeniser failed: {excerpt(json.dumps(reply))}")
        return [int(token) for token in tokens]

    def apply_template(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Return the model's own chat template applied to *messages*, open for a reply without a monologue.

        Raises ModelError when the template does not take such messages.
        """
        thought = {"enable_thinking": False}
        reply = self._door.post("/apply-template", {"messages": list(messages), "chat_template_kwargs": thought})
        if not isinstance(reply.get("prompt"), str):
            raise failed(reply, self.options.context)
        return str(reply["prompt"])

    def marker(self) -> str:
        """Return what stands for a picture in the text of a :class:`SeeingPrompt`; chosen anew at every load."""
        return str(self._door.ask("GET", "/props").get("media_marker") or "<__media__>")

    def complete(
        self,
        prompt: Sequence[int] | SeeingPrompt,
        *,
        task: str,
        max_tokens: int,
        stop: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        top: int = 0,
        cancelled: threading.Event | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Completion:
        """Continue *prompt* greedily in the slot of *task*; *top*: how many candidates at every position.

        Raises ContextOverflow, ModelError, and Cancelled within one step of *cancelled* being set.
        """
        tokens = () if isinstance(prompt, SeeingPrompt) else tuple(prompt)
        slot = self._book.slot_of(task)
        # Pictures are evaluated anew: where a reused beginning may end in them is not known.
        reuse = self._book.plan(slot, tokens) if self.options.exact and tokens else None
        cached = bool(tokens) and (reuse is None or reuse.cached > 0)
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("The call was cancelled.")
        if reuse is not None and reuse.prime:
            self._book.hold(slot, ())
            prime = {
                "prompt": list(reuse.prime), "max_tokens": 1, "temperature": 0.0, "id_slot": slot,
                "cache_prompt": len(reuse.prime) > reuse.cached, "stream": True,
            }  # fmt: skip
            self._send(prime, lambda chunk: False, cancelled)
        request: dict[str, Any] = {
            "prompt": _wire(prompt), "max_tokens": max_tokens, "temperature": 0.0, "seed": 0, "top_k": 1,
            "id_slot": slot, "cache_prompt": cached, "stop": list(stop), "stream": True,
            "return_progress": True, "timings_per_token": False, "n_probs": top,
        }  # fmt: skip
        if schema is not None:
            request["json_schema"] = dict(schema)
        result = Completion()
        failure: list[dict[str, Any]] = []
        texts: list[str] = []

        def receive(chunk: dict[str, Any]) -> bool:
            """Take one chunk; returning True makes the engine drop the request."""
            if "error" in chunk or not ("choices" in chunk or "content" in chunk):
                failure.append(chunk)
                return True
            text = absorb(chunk, result)
            texts.append(text)
            if text and on_text is not None:
                on_text(text)
            return cancelled is not None and cancelled.is_set()

        self._book.hold(slot, ())
        self._send(request, receive, cancelled)
        if cancelled is not None and cancelled.is_set():
            raise Cancelled("The call was cancelled.")
        if failure:
            raise failed(failure[0], self.options.context)
        self._book.hold(slot, tokens)
        result.text = "".join(texts)
        return result

    def close(self) -> None:
        """Free the model."""
        self._server = None
        with suppress(OSError):
            self._folder.cleanup()

    def _send(
        self, request: Mapping[str, Any], receive: Callable[[dict[str, Any]], bool], cancelled: threading.Event | None
    ) -> None:
        if not self.sees:
            self._server.handle_completions(dict(request), receive)
            return
        with self._door.open("POST", "/completion", request, cancelled, timeout=None) as reply:
            for line in reply:
                text = line.decode("utf-8", "replace").strip().removeprefix("data: ").removeprefix("error: ")
                if text.startswith("{") and receive(json.loads(text)):
                    return


def _wire(prompt: Sequence[int] | SeeingPrompt) -> Any:
    if not isinstance(prompt, SeeingPrompt):
        return list(prompt)
    pictures = [base64.b64encode(picture).decode("ascii") for picture in prompt.pictures]
    return {"prompt_string": prompt.text, "multimodal_data": pictures}
