"""What an endpoint's model can do, found out by trying, once, and kept in a file for a week.

Every trial is a question whose answer shows that the feature worked, not only that the server took the parameter:
many ignore what they do not know. A picture is described by a colour that nobody would guess.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from foveal.errors import ModelError, ModelUnavailable
from foveal.tools.models.openai_endpoint import Endpoint
from foveal.tools.models.openai_wire import HEADROOM, Dialect, Reply, Wire, chat
from foveal.tools.models.structured import candidates

SCHEMA_VERSION = "foveal.probe/1"
DAYS = 7.0
"""How long what was found out is believed."""
TOP = (20, 5)
"""How many candidates of a token are asked for, the most first."""
UNKNOWN_CONTEXT = 4096
"""What is assumed of a server that does not say how long its context is."""
Prefill = Literal["flag", "plain", "none"]
PREFILL = {"continue_final_message": True, "add_generation_prompt": False}
"""What vLLM, llama.cpp and transformers' server call going on with the last message."""
_CONTEXT_KEYS = ("max_model_len", "loaded_context_length", "context_length", "context_window", "max_context_length")
_COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["mauve", "teal"]}},
    "required": ["colour"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found out. ``top_logprobs`` is how many candidates of a token it gives (0: none);
    ``context_tokens`` 0 when the server does not say; ``probed_at`` in seconds of the epoch."""

    base_url: str
    model: str
    probed_at: float = 0.0
    vision: bool = False
    json_schema: bool = False
    json_object: bool = False
    tools: bool = False
    top_logprobs: int = 0
    context_tokens: int = 0
    prefill: Prefill = "none"
    thinks: bool = False
    dialect: Dialect = field(default_factory=Dialect)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"schema": SCHEMA_VERSION, **asdict(self)}


async def probe(wire: Wire, *, clock: Callable[[], float] = time.time) -> Probe:
    """Try what the endpoint of *wire* can do; its dialect is settled on the way. About eight short calls.

    Raises ModelUnavailable when it does not answer a plain question.
    """
    await _settle(wire)
    trials = asyncio.gather(*(_works(wire, trial) for trial in (_vision, _schema, _json_object, _tools)))
    (vision, schema, json_object, tools), top, prefill, context = await asyncio.gather(
        trials, _logprobs(wire), _prefill(wire), _context(wire)
    )
    return Probe(
        wire.endpoint.base_url,
        wire.endpoint.model,
        float(int(clock())),
        vision=vision,
        json_schema=schema,
        json_object=json_object,
        tools=tools,
        top_logprobs=top,
        context_tokens=context,
        prefill=prefill,
        thinks=wire.dialect.headroom > 0,
        dialect=wire.dialect,
    )


class ProbeFile:
    """Where the probe of one endpoint and model is kept."""

    def __init__(self, cache: Path, endpoint: Endpoint, *, clock: Callable[[], float] = time.time) -> None:
        self._endpoint = endpoint
        self._clock = clock
        name = hashlib.sha256(f"{endpoint.base_url}\n{endpoint.model}".encode()).hexdigest()[:24]
        self.path = cache / "probes" / f"{name}.json"

    def read(self) -> Probe | None:
        """Return the probe; None when there is none, it is too old, or it cannot be understood."""
        try:
            data = json.loads(self.path.read_text("utf-8"))
            if data.pop("schema") != SCHEMA_VERSION or set(data) != {f.name for f in fields(Probe)}:
                return None
            told = data.pop("dialect")
            found = Probe(**data, dialect=Dialect(**{**told, "omit": tuple(told["omit"])}))
            age = self._clock() - float(found.probed_at)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        same = (found.base_url, found.model) == (self._endpoint.base_url, self._endpoint.model)
        return found if same and 0 <= age < DAYS * 86400 else None

    def write(self, found: Probe) -> None:
        """Keep *found*; a folder that cannot be written only costs the next process a new probe."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.path.parent, suffix=".part")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(found.as_dict(), file, indent=1)
            Path(name).replace(self.path)


async def _ask(wire: Wire, text: str, *, tokens: int = 16, urls: tuple[str, ...] = (), **more: Any) -> Reply:
    return await wire.ask(
        {"messages": chat([("user", text, urls)]), "max_tokens": tokens, "temperature": 0.0, "stop": ["\n\n\n"], **more}
    )


async def _settle(wire: Wire) -> None:
    """Find out which parameters the endpoint knows, and whether its model thinks aloud and can be told not to."""
    reply = await _ask(wire, "Reply with the word: ready")
    if not _thinks(reply):
        return
    aloud = wire.dialect
    wire.dialect = replace(aloud, quiet=True)
    with suppress(ModelError):
        if not _thinks(await _ask(wire, "Reply with the word: ready")) and wire.dialect.quiet:
            return
    wire.dialect = replace(aloud, headroom=HEADROOM)


def _thinks(reply: Reply) -> bool:
    return reply.thought or "<think>" in reply.text


async def _works(wire: Wire, trial: Callable[[Wire], Awaitable[bool]]) -> bool:
    """Whether *trial* does; a server that fails at it but still answers a plain question cannot do it."""
    try:
        return await trial(wire)
    except ModelUnavailable:
        await _ask(wire, "Reply with the word: ready")
        return False
    except ModelError:
        return False


async def _schema(wire: Wire) -> bool:
    told = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": _COLOUR}}
    reply = await _ask(wire, "Say hello.", tokens=24, response_format=told)
    return _parsed(reply.text).get("colour") in ("mauve", "teal")


async def _json_object(wire: Wire) -> bool:
    ask = "Say hello. Reply with a JSON object with the key greeting."
    reply = await _ask(wire, ask, tokens=32, response_format={"type": "json_object"})
    return bool(_parsed(reply.text))


async def _tools(wire: Wire) -> bool:
    city = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather now.", "parameters": city}}
    reply = await _ask(wire, "What is the weather in Lima now? Call the tool.", tokens=48, tools=[tool])
    return reply.tool_calls > 0


async def _vision(wire: Wire) -> bool:
    ask = "Which two colours does this picture have? Reply with two words."
    reply = await _ask(wire, ask, tokens=24, urls=(_two_colours(),))
    return any(word in reply.text.lower() for word in ("purple", "violet", "magenta"))


async def _logprobs(wire: Wire) -> int:
    """Return how many candidates of a token it gives."""
    for top in TOP:
        with suppress(ModelError):
            reply = await _ask(wire, "Is ice cold? Reply Yes or No.", tokens=1, logprobs=True, top_logprobs=top)
            given = max((len(row) for row in reply.tops), default=0)
            if given > 1:
                return min(given, top)
            return 0
    return 0


async def _prefill(wire: Wire) -> Prefill:
    """Return how it goes on with a reply that was begun: whether it gives the odd beginning again or not, a new reply
    would not have it."""
    odd = "Zebra. The capital of France is"
    begun = chat([("user", "What is the capital of France?", ()), ("assistant", odd, ())])
    ways: tuple[tuple[Prefill, dict[str, Any]], ...] = (("flag", PREFILL), ("plain", {}))
    for way, flags in ways:
        with suppress(ModelError):
            reply = await wire.ask({"messages": begun, "max_tokens": 8, "temperature": 0.0, **flags})
            said = reply.text.lower()
            if "paris" in said and (odd.lower() in said or "capital" not in said):
                return way
    return "none"


async def _context(wire: Wire) -> int:
    """Return the length of the context in tokens as the server tells it (llama.cpp, vLLM, LM Studio, routers), or 0."""
    root = wire.endpoint.base_url.removesuffix("/v1")
    props = await wire.get(f"{root}/props") if root != wire.endpoint.base_url else None
    settings = props.get("default_generation_settings") if isinstance(props, Mapping) else None
    if isinstance(settings, Mapping) and (length := _length(settings.get("n_ctx"))):
        return length
    about = (await wire.models()).get(wire.endpoint.model, {})
    return next((length for key in _CONTEXT_KEYS if (length := _length(about.get(key)))), 0)


def _length(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 256 else 0


def _parsed(text: str) -> Mapping[str, Any]:
    found = next(candidates(text), None)
    return found if isinstance(found, Mapping) else {}


def _two_colours() -> str:
    """Return a picture that is yellow on the left and purple on the right."""
    from PIL import Image

    image = Image.new("RGB", (256, 256), (250, 220, 20))
    image.paste((128, 0, 160), (128, 0, 256, 256))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
