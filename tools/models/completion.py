"""What llama.cpp sends back: the chunks of a streamed reply, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from foveal.errors import ContextOverflow, ModelError

SHORTEN = "Ask a shorter question, or use fewer or shorter passages."


@dataclass(slots=True)
class Completion:
    """What one request came to. ``top`` holds, for each token, (token id, log probability), best first."""

    text: str = ""
    finish: Literal["stop", "length"] = "stop"
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_seconds: float = 0.0
    reply_seconds: float = 0.0
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)


def absorb(chunk: Mapping[str, Any], result: Completion) -> str:
    """Add one streamed chunk to *result* and return its text: OpenAI's form, or llama.cpp's own."""
    if "choices" not in chunk:
        return _absorb_own(chunk, result)
    text = ""
    for choice in chunk["choices"]:
        text += choice.get("text") or ""
        _absorb_tokens((choice.get("logprobs") or {}).get("content", ()), result)
        if choice.get("finish_reason"):
            result.finish = "length" if choice["finish_reason"] == "length" else "stop"
    if usage := chunk.get("usage"):
        result.prompt_tokens = int(usage["prompt_tokens"])
        result.completion_tokens = int(usage["completion_tokens"])
        result.cached_tokens = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0))
    _absorb_timings(chunk, result)
    return text


def _absorb_own(chunk: Mapping[str, Any], result: Completion) -> str:
    _absorb_tokens(chunk.get("completion_probabilities") or (), result)
    if chunk.get("stop"):
        result.finish = "length" if chunk.get("stop_type") == "limit" else "stop"
        result.prompt_tokens = int(chunk["tokens_evaluated"])
        result.completion_tokens = int(chunk["tokens_predicted"])
        result.cached_tokens = int((chunk.get("timings") or {}).get("cache_n", 0))
        _absorb_timings(chunk, result)
    return str(chunk.get("content") or "")


def _absorb_tokens(tokens: Sequence[Mapping[str, Any]], result: Completion) -> None:
    for token in tokens:
        result.logprobs.append(float(token["logprob"]))
        result.top.append([(int(c["id"]), float(c["logprob"])) for c in token["top_logprobs"]])


def _absorb_timings(chunk: Mapping[str, Any], result: Completion) -> None:
    if timings := chunk.get("timings"):
        result.prompt_seconds = float(timings.get("prompt_ms", 0.0)) / 1000.0
        result.reply_seconds = float(timings.get("predicted_ms", 0.0)) / 1000.0


def failed(reply: Mapping[str, Any], context: int) -> ModelError:
    detail = reply.get("error", reply)
    detail = detail if isinstance(detail, Mapping) else {"message": str(detail)}
    if detail.get("type") == "exceed_context_size_error":
        tokens = detail.get("n_prompt_tokens", "too many")
        return ContextOverflow(f"The prompt is {tokens} tokens; the model takes {context}.", remedy=SHORTEN)
    return ModelError(f"The language model failed: {excerpt(str(detail.get('message', detail)))}")


def excerpt(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
