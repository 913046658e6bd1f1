"""What a server's status line means for us: fine, elsewhere, later, or no."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from foveal.errors import BackendError, HttpRefused, Throttled
from foveal.tools.fetch.policy import Target

LONGEST_WAIT = 60.0
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})


def refusal(target: Target, status: int, headers: Mapping[str, str]) -> BackendError | None:
    """Return the error that *status* is, or None for success and for a redirect that says where to."""
    if 200 <= status < 300 or (status in _ELSEWHERE and headers.get("location")):
        return None
    wait = retry_after(headers.get("retry-after", ""))
    if status == 429 or (status == 503 and wait is not None):
        throttled = Throttled(f"{target.host} asks to be left alone for a while (status {status}).")
        throttled.retry_after = wait
        return throttled
    refused = HttpRefused(f"{target} was refused: {status} {_phrase(status)}.".replace(" .", "."))
    refused.status = status
    refused.retryable = status >= 500
    return refused


def retry_after(value: str) -> float | None:
    """Return the seconds of a ``Retry-After`` header, a number or a date, at most 60; None when it says neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
