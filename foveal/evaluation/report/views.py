"""What a reader sees of a question's trace, cut to a size that hundreds of them fit into one page.

Text in a view is untrusted: it is cleaned of what is hidden and cut here, and only ever set as text in the page.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from foveal.hidden import stripped

LONG, SHORT = 700, 160
"""Characters kept of a text that the answer rests on, and of one that was only found."""
FOUND = 24
"""Pieces of evidence kept beside those that were used, best first."""
CALLS = 80
GUESSES = 3
_PICTURE = re.compile(r"!\[([^\]]*)\]\(<[0-9a-f]{64}>\)")


def view(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the view of *trace*: its answer, plan, calls, evidence and cost. Empty texts and lists are left out."""
    answer = trace.get("answer") or {}
    usage = answer.get("usage") or {}
    events = [event for event in trace.get("events") or () if isinstance(event, dict)]
    cited = {one.get("evidence_id") for one in answer.get("citations") or ()}
    used = cited | {key for step in answer.get("plan") or () for key in step.get("evidence_ids") or ()}
    return _full(
        {
            "status": answer.get("status") or "failed",
            "answer": _text(_PICTURE.sub(r"[picture: \1]", str(answer.get("answer") or ""))),
            "stop": answer.get("stop_reason"),
            "confidence": answer.get("confidence"),
            "error": _text(_said(trace.get("error"))),
            "models": ", ".join(dict.fromkeys(map(str, (answer.get("config", {}).get("models") or {}).values()))),
            "usage": {
                "model_calls": usage.get("model_calls", 0),
                "tokens": usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0),
                "usd": usage.get("usd", 0.0),
                "tools": usage.get("tool_calls") or {},
            },
            "cites": [_cited(one) for one in answer.get("citations") or ()],
            "steps": [_step(step) for step in answer.get("plan") or ()],
            "log": [
                _full({"v": one.get("version"), "code": one.get("code"), "why": _text(one.get("detail")),
                       "step": one.get("step")})
                for one in answer.get("plan_log") or ()
            ],
            "calls": _calls(events)[:CALLS],
            "evidence": _evidence(answer.get("evidence") or (), used),
            "shows": _shows(answer.get("hypotheses") or {}),
            "conflicts": [
                {"text": _text(f"{one.get('question') or one.get('step') or ''}: "
                               + " / ".join(str(side.get("value")) for side in one.get("values") or ()))
                 + (f" → {_text(one['chosen'], SHORT)}" if one.get("chosen") else ""), "why": _text(one.get("reason"))}
                for one in answer.get("conflicts") or ()
            ],
            "warnings": [_text(one) for one in answer.get("warnings") or ()],
        }
    )  # fmt: skip


def packed(value: Any) -> str:
    """Return *value* as base64 of gzipped JSON; the same value gives the same text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), 9, mtime=0)).decode("ascii")


def web_address(url: Any) -> str | None:
    """Return *url* if a reader may follow it: http or https, with a host."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return None
    return str(url) if parts.scheme in ("http", "https") and parts.netloc else None


def _evidence(ledger: Iterable[Mapping[str, Any]], used: set[Any]) -> list[dict[str, Any]]:
    rows = sorted(ledger, key=lambda item: (item.get("id") not in used, -float(item.get("score") or 0.0)))
    needed = sum(item.get("id") in used for item in rows)
    return [
        _full(
            {
                "id": item.get("id"),
                "used": item.get("id") in used,
                "kind": item.get("kind"),
                "doc": _text(item.get("doc_id"), SHORT),
                "title": _text(item.get("title"), SHORT),
                "quote": _text(item.get("quote"), LONG if item.get("id") in used else SHORT),
                "url": web_address(item.get("url")),
                "page": item.get("page"),
                "score": item.get("score"),
                "tool": item.get("tool"),
                "step": item.get("sub_question"),
                "published": item.get("published_at"),
            }
        )
        for item in rows[: needed + FOUND]
    ] + ([{"left": len(rows) - needed - FOUND}] if len(rows) > needed + FOUND else [])


def _cited(one: Mapping[str, Any]) -> dict[str, Any]:
    return _full(
        {
            "n": one.get("n"),
            "evidence": one.get("evidence_id"),
            "doc": _text(one.get("doc_id"), SHORT),
            "title": _text(one.get("title"), SHORT),
            "quote": _text(one.get("quote")),
            "url": web_address(one.get("url")),
            "page": one.get("page"),
        }
    )


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    return _full(
        {
            "id": step.get("id"),
            "text": _text(step.get("text")),
            "purpose": step.get("purpose"),
            "tool": step.get("tool"),
            "query": _text(step.get("query"), SHORT * 2),
            "needs": list(step.get("depends_on") or ()),
            "status": step.get("status"),
            "answer": _text(step.get("answer")),
            "confidence": step.get("confidence"),
            "evidence": list(step.get("evidence_ids") or ()),
            "why": _text(step.get("reason"), SHORT * 2),
            "again": step.get("attempts"),
        }
    )


def _calls(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tool calls in order, each with what it came to: the next return of the same tool and step."""
    calls: list[dict[str, Any]] = []
    for event in events:
        data = event.get("data") or {}
        key = (data.get("tool"), data.get("step"))
        if event.get("type") == "tool.called":
            calls.append(
                {"tool": data.get("tool"), "step": data.get("step"), "query": _text(data.get("query"), SHORT * 2)}
            )
        elif event.get("type") == "tool.returned":
            waiting = (call for call in calls if (call["tool"], call["step"]) == key and "status" not in call)
            if call := next(waiting, None):
                call |= {
                    "status": data.get("status"),
                    "n": data.get("n"),
                    "seconds": data.get("elapsed"),
                    "error": _text(_said(data.get("error")), SHORT),
                }
    return [_full(call) for call in calls]


def _shows(hypotheses: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _full(
            {
                "name": _text(guess.get("name"), SHORT),
                "probability": guess.get("probability"),
                "for": _text("; ".join(guess.get("pros") or ()), SHORT),
                "against": _text("; ".join(guess.get("cons") or ()), SHORT),
            }
        )
        for guesses in hypotheses.values()
        for guess in list(guesses)[:GUESSES]
    ]


def _said(error: Any) -> Any:
    return error.get("message") or error.get("code") if isinstance(error, Mapping) else error


def _text(value: Any, longest: int = LONG) -> str:
    text = stripped(str(value)) if value not in (None, "") else ""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _full(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return *row* without what says nothing; figures are rounded, they are only looked at."""
    kept = {key: value for key, value in row.items() if value is not None and value is not False and _says(value)}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in kept.items()}


def _says(value: Any) -> bool:
    return bool(value) or isinstance(value, int | float)
