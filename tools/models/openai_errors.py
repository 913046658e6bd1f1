"""What went wrong at an endpoint, in words a user understands, with what to do about it. No key is in any of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from foveal.errors import ContextOverflow, FovealError, ModelError, ModelRefused, ModelUnavailable, RequestRefused
from foveal.tools.models.openai_endpoint import Endpoint
from foveal.tools.models.openai_retry import is_untrusted, retry_after, root_cause

LATER = "Try again later; a run that was kept goes on with `foveal runs resume`."
SHORTEN = "Ask a shorter question, use fewer or shorter passages, or give the server a longer context."
_EXCERPT = 240
_OVERFLOW = re.compile(
    r"context[_ ](?:length|size|window)|exceed\w* (?:the )?(?:available |maximum )?context|maximum context"
    r"|too many tokens|prompt is too long|longer than the (?:maximum )?model|max_model_len",
    re.I,
)
_FILTER = re.compile(r"content[_ ](?:filter|policy)|safety|responsible.?ai|flagged", re.I)
_PICTURE = re.compile(r"image|vision|multi-?modal|mmproj", re.I)


def translate(problem: Exception, endpoint: Endpoint) -> FovealError:
    """Return the error of ours for *problem*, one of the client's."""
    import openai

    if isinstance(problem, openai.APIStatusError):
        return _status(problem, endpoint)
    if isinstance(problem, openai.APITimeoutError):
        return too_slow(endpoint)
    if isinstance(problem, openai.APIConnectionError):
        cause = endpoint.scrubbed(root_cause(problem))[:_EXCERPT]
        if is_untrusted(problem):
            return ModelUnavailable(
                f"The connection to {endpoint.host} is not trusted: {cause}.",
                remedy="Check https:// or http:// in the address; name the authority of a certificate of your own with "
                "the setting openai_ca_file.",
            )
        return ModelUnavailable(
            f"The model server at {endpoint.base_url} cannot be reached: {cause}.",
            remedy="Start it, or check openai_base_url (it usually ends in /v1).",
        )
    if isinstance(problem, openai.APIError):
        return ModelError(f"The model server stopped in the middle: {_said(problem, endpoint)}.", remedy=LATER)
    return not_the_protocol(endpoint)


def not_the_protocol(endpoint: Endpoint) -> ModelUnavailable:
    """Return the error for a reply that is no chat completion."""
    return ModelUnavailable(
        f"What answers at {endpoint.base_url} does not speak the OpenAI protocol.",
        remedy="Check openai_base_url: it usually ends in /v1.",
    )


def too_slow(endpoint: Endpoint) -> ModelUnavailable:
    """Return the error for a call that took all its time."""
    return ModelUnavailable(
        f"The model {endpoint.model} at {endpoint.host} did not finish within {endpoint.timeout:g} s.",
        remedy="Raise the setting openai_timeout, or use a faster model.",
    )


def unknown_model(endpoint: Endpoint, known: Sequence[str]) -> ModelUnavailable:
    """Return the error for a model that the server does not have, with those of like names that it has."""
    near = difflib.get_close_matches(endpoint.model, known, n=3, cutoff=0.4) or list(known)[:5]
    return ModelUnavailable(
        f"The server at {endpoint.base_url} has no model {endpoint.model!r}.",
        remedy=f"It has {', '.join(near)}."
        if near
        else "Check the name, and openai_base_url (it usually ends in /v1).",
    )


def refused(endpoint: Endpoint, words: str, *, by_filter: bool = False) -> ModelRefused:
    """Return the error for a model, or a filter before it, that would not answer."""
    who = "A content filter" if by_filter else "The model"
    said = f": {endpoint.scrubbed(words)[:_EXCERPT]}" if words else "."
    return ModelRefused(f"{who} at {endpoint.host} refused to answer{said}")


def _status(problem: object, endpoint: Endpoint) -> FovealError:
    import openai

    assert isinstance(problem, openai.APIStatusError)
    status, said = problem.status_code, _said(problem, endpoint)
    if status == 401:
        given = "did not accept the key" if endpoint.key else "wants a key and none was given for this address"
        return ModelUnavailable(f"{endpoint.host} {given} (401).", remedy=_key_remedy(endpoint))
    if status == 403:
        return ModelUnavailable(
            f"{endpoint.host} does not let this key use {endpoint.model} (403): {said}.",
            remedy="Ask for access to the model, or use another.",
        )
    if status == 404:
        return unknown_model(endpoint, ())
    if 300 <= status < 400:
        to = endpoint.scrubbed(problem.response.headers.get("location", "another address"))
        return ModelUnavailable(f"{endpoint.base_url} sends on to {to}.", remedy="Set openai_base_url to that address.")
    if status == 429:
        told = retry_after(problem)
        wait = f" It asks to wait {told:.0f} s." if told else ""
        return ModelUnavailable(f"{endpoint.host} lets no more requests through (429): {said}.{wait}", remedy=LATER)
    overflow = _OVERFLOW.search(f"{problem.code} {problem.type} {said}")
    if overflow and (status < 500 or not _PICTURE.search(said)):
        return ContextOverflow(f"The prompt is too long for {endpoint.model}: {said}.", remedy=SHORTEN)
    if status >= 500 and not _PICTURE.search(said):
        return ModelUnavailable(f"The model server at {endpoint.host} failed ({status}): {said}.", remedy=LATER)
    if _FILTER.search(f"{problem.code} {said}") and status < 500:
        return refused(endpoint, said, by_filter=True)
    if status == 413:
        return RequestRefused(
            f"The request is too large for {endpoint.host} (413).", remedy="Use fewer or smaller pictures."
        )
    return RequestRefused(
        f"{endpoint.host} does not take this request ({status}): {said}.",
        remedy="`foveal models probe SPEC --refresh` finds out again what the model can do.",
    )


def _key_remedy(endpoint: Endpoint) -> str:
    return (
        "Check FOVEAL_OPENAI_API_KEY (or `openai_api_key`), which goes to openai_base_url; OPENAI_API_KEY goes only to "
        "OPENAI_BASE_URL or to OpenAI itself."
    )


def _said(problem: Exception, endpoint: Endpoint) -> str:
    """Return what the server gave as its reason, on one line."""
    body = getattr(problem, "body", None)
    words = body.get("message") or body.get("error") or body.get("detail") if isinstance(body, dict) else body
    text = " ".join(str(words or getattr(problem, "message", "") or "no reason given").split())
    return endpoint.scrubbed(text)[:_EXCERPT].rstrip(".")
