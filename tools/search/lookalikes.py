"""From a picture to pages and pictures like it: the interface, and one keyed service.

``vision``: Google Cloud Vision, ``images:annotate`` with the feature WEB_DETECTION. The picture LEAVES THIS MACHINE,
re-encoded and made smaller; nothing is asked unless ``vision_api_key`` is set. A collection of one's own
(:meth:`foveal.protocols.Collection.search_image`) is asked first and sends nothing anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import SecretStr

from foveal.errors import BadInput, HttpRefused, Throttled
from foveal.protocols import BlobStore, SearchBackend
from foveal.tools.search.results import clean_text
from foveal.tools.search.service import Row, SearchService
from foveal.types import WebQuery

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher

LONGEST_SIDE = 1024
"""Pixels; Google recommends 640 × 480 for this feature."""
_DENIED, _EXHAUSTED = (7, 16), 8
"""Codes of google.rpc.Code: PERMISSION_DENIED and UNAUTHENTICATED; RESOURCE_EXHAUSTED."""
_KEY = "Google Cloud Vision does not accept the key. Check `vision_api_key` and that the Vision API is enabled."


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an image→image service can do: whether the picture is sent away, and what it finds."""

    uploads: bool
    pages: bool = False
    pictures: bool = False
    entities: bool = False


@runtime_checkable
class LookalikeProvider(SearchBackend, Protocol):
    """A search backend of kind ``lookalikes``: ``query.image`` is the digest, hits carry the names of what it shows."""

    abilities: Abilities


class VisionBackend(SearchService):
    """Pages with the same picture first, then similar pictures; the best guess of what it shows is in the snippets."""

    title = "Google Cloud Vision"
    abilities = Abilities(uploads=True, pages=True, pictures=True, entities=True)
    uploads = True
    refusals: ClassVar[Mapping[int, str]] = {400: _KEY, 401: _KEY, 403: _KEY}

    def __init__(
        self,
        fetcher: Fetcher,
        key: SecretStr,
        blobs: BlobStore,
        *,
        timeout: float = 20.0,
        base_url: str = "https://vision.googleapis.com/v1",
    ) -> None:
        super().__init__(fetcher, timeout=timeout)
        self.name = "vision"
        self.kinds = frozenset({"lookalikes"})
        self._key, self._blobs, self._url = key, blobs, base_url.rstrip("/")

    async def _ask(self, query: WebQuery) -> tuple[Iterable[Row], tuple[str, ...]]:
        if query.image is None:
            raise BadInput("There is no picture to search for.")
        picture = await asyncio.to_thread(self._smaller, query.image)
        feature = {"type": "WEB_DETECTION", "maxResults": max(query.k, 10)}
        request = {"image": {"content": base64.b64encode(picture).decode("ascii")}, "features": [feature]}
        said = await self._json(
            f"{self._url}/images:annotate",
            method="POST",
            headers={"x-goog-api-key": self._key.get_secret_value()},
            body={"requests": [request]},
        )
        response = said["responses"][0]
        if error := response.get("error"):
            raise _refused(error)
        return list(_rows(response.get("webDetection") or {})), ()

    def _smaller(self, sha256: str) -> bytes:
        image = self._blobs.open(sha256)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def _refused(error: Mapping[str, Any]) -> HttpRefused | Throttled:
    """Return the error of one picture: the call went through, and its answer says no."""
    if error.get("code") == _EXHAUSTED:
        return Throttled("Google Cloud Vision: the quota of the key is used up.")
    denied = error.get("code") in _DENIED
    problem = HttpRefused(_KEY if denied else f"Google Cloud Vision: {clean_text(error.get('message'), 200)}")
    problem.status = 403 if denied else 0
    return problem


def _rows(web: Mapping[str, Any]) -> Iterator[Row]:
    """Yield pages with the same picture, with a part of it, then pictures that look like it."""
    guesses = [guess.get("label") or "" for guess in web.get("bestGuessLabels") or ()]
    entities = [entity.get("description") or "" for entity in web.get("webEntities") or ()]
    names = list(dict.fromkeys(name for name in [*guesses, *entities] if name))
    shows = f"The picture may show: {', '.join(names[:5])}." if names else ""
    for page in web.get("pagesWithMatchingImages") or ():
        whole, part = page.get("fullMatchingImages") or (), page.get("partialMatchingImages") or ()
        yield {
            "url": page.get("url"),
            "title": page.get("pageTitle") or (names[0] if names else ""),
            "snippet": f"{'The same picture' if whole else 'A part of the picture'} is on this page. {shows}",
            "engine": "google vision",
            "image": next((image.get("url") for image in (*whole, *part)), None),
            "score": 1.0 if whole else 0.8,
        }
    for image in web.get("visuallySimilarImages") or ():
        yield {
            "url": image.get("url"),
            "title": names[0] if names else "",
            "snippet": f"A similar picture. {shows}",
            "engine": "google vision",
            "image": image.get("url"),
            "score": 0.5,
        }
