"""The one place that speaks HTTP to a model hub."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from foveal.errors import BackendError, PolicyError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection is given up."""
_SHA256 = re.compile(r'^(?:W/)?"?([0-9a-f]{64})"?$')


@dataclass(frozen=True, slots=True)
class Download:
    """A reply that is being read. ``sha256`` is what the hub says the file's is, if it says so."""

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]
    sha256: str | None = None


class Hub:
    """Files of a Hugging Face compatible hub at *url*, over HTTP."""

    def __init__(self, url: str = "https://huggingface.co") -> None:
        self.url = url.rstrip("/")

    def address(self, path: str) -> str:
        """Return the whole address of *path*."""
        return f"{self.url}/{path}"

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Download]:
        """Ask for *path* from byte *start* on.

        Raises BackendError when the hub cannot be reached or the connection breaks, also while the blocks are read,
        and PolicyError when an https hub sends us to an address without encryption.
        """
        import httpx2

        headers = {"Accept-Encoding": "identity", "User-Agent": "foveal"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            with (
                httpx2.Client(follow_redirects=True, timeout=TIMEOUT) as client,
                client.stream("GET", self.address(path), headers=headers) as reply,
            ):
                if self.url.startswith("https:") and any(r.url.scheme != "https" for r in (*reply.history, reply)):
                    raise PolicyError(f"{self.url} sent us to an address without encryption: {reply.url.host}.")
                yield Download(reply.status_code, reply.headers, reply.iter_bytes(), _digest(reply))
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as problem:
            raise BackendError(f"{self.url} cannot be reached: {problem or type(problem).__name__}.") from problem


def _digest(reply: Any) -> str | None:
    """Return the sha256 that a hub gives in ``X-Linked-Etag``, of the file behind its redirect."""
    for one in (*reply.history, reply):
        if found := _SHA256.match(one.headers.get("x-linked-etag", "")):
            return found[1]
    return None
