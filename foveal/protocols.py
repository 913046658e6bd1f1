"""The seams: what agents and graphs may expect of a model, an eye, an embedder and a collection.

Implementations live in ``tools/``; they are built once in :mod:`foveal.runtime` and passed in.
Vectors are ``numpy.float32`` arrays of unit length unless a docstring says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from foveal.types import (
    Candidate,
    Capabilities,
    Document,
    Generation,
    ImageHit,
    ImageRef,
    Label,
    Message,
    OcrLine,
    Region,
    Scope,
    Scored,
    SearchKind,
    TextHit,
    ToolOutcome,
    WebPage,
    WebQuery,
)

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


PictureReader = Callable[[str], bytes]
"""From the digest of a picture to its re-encoded bytes. Raises BadImage when it is not in the store."""


class ChatModel(Protocol):
    """A language model, perhaps one that sees."""

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as far as it is known by now."""
        ...

    async def prepare(self) -> None:
        """Find out what has to be known before the first call, such as the capabilities of a server; once is enough.

        Raises ModelUnavailable.
        """
        ...

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int = 256,
        stop: Sequence[str] = (),
        logprobs: bool = False,
        task: str = "",
        cancel: asyncio.Event | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Generation:
        """Answer greedily. With *schema* (JSON Schema) the reply is constrained and ``parsed`` is set.

        *task* names the prompt, so that its prefix stays cached between calls of the same task. *on_text* is given
        the reply piece by piece as it is written, from the event loop; the pieces joined are ``text``.
        Raises ModelOutputError, ContextOverflow, ModelUnavailable, Cancelled.
        """
        ...

    async def yes_probability(
        self,
        messages: Sequence[Message],
        *,
        yes: str = "Yes",
        no: str = "No",
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[float, Generation]:
        """Return softmax([logit_yes, logit_no])[0] of the next token, and the call's token counts."""
        ...

    async def choose(
        self,
        messages: Sequence[Message],
        options: Sequence[str],
        *,
        task: str = "",
        cancel: asyncio.Event | None = None,
    ) -> tuple[list[float], Generation]:
        """Return how probable each of *options* is as the next token (sum 1), and the call's token counts.

        The options must differ in their first token (digits, letters). Raises BadInput otherwise.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Return how many tokens *text* is."""
        ...

    async def aclose(self) -> None:
        """Free what the model holds."""
        ...


class TextEmbedder(Protocol):
    """Text to unit vectors."""

    @property
    def id(self) -> str:
        """Its name, by which a collection knows what it was made with."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 [len(texts), dim]. Blocking; call it in an executor."""
        ...


class ImageEmbedder(Protocol):
    """Pictures to vectors (not centred, unit length)."""

    @property
    def id(self) -> str:
        """Its name, by which a collection knows what it was made with."""
        ...

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        ...

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return float32 [len(images), dim]. Blocking."""
        ...


class Labeller(Protocol):
    """Pictures to words."""

    id: str

    def label_images(self, images: Sequence[Image.Image], *, k: int = 5) -> list[list[Label]]:
        """Return the *k* most probable labels of each picture, most probable first. Blocking."""
        ...


class OcrReader(Protocol):
    """Pictures to the text in them."""

    id: str

    def read(self, image: Image.Image) -> list[OcrLine]:
        """Return lines in reading order. Blocking."""
        ...


class BlobStore(Protocol):
    """Where pictures live, once, by the sha256 of their re-encoded bytes."""

    def put_bytes(self, data: bytes, *, name: str = "", origin: str = "user") -> ImageRef:
        """Decode, clean, re-encode and keep a picture. Raises BadImage."""
        ...

    def open(self, sha256: str) -> Image.Image:
        """Return the picture as upright RGB. Raises BadImage when it is not in the store."""
        ...

    def read(self, sha256: str) -> bytes:
        """Return the re-encoded bytes."""
        ...

    def crop(self, ref: ImageRef, box: Region) -> ImageRef:
        """Keep the part of *ref* inside *box*; the result's ``box`` is in pixels of the first original."""
        ...


class Collection(Protocol):
    """A searchable collection. All methods are coroutines; blocking work runs in a bounded executor."""

    async def search_text(self, query: str, *, k: int = 10, scope: Scope | None = None) -> list[TextHit]:
        """Hybrid search over text chunks, best first, at most *k*, several a document allowed."""
        ...

    async def search_image(self, image: ImageRef, *, k: int = 10) -> list[ImageHit]:
        """Documents whose picture looks like *image*, best first, each document once."""
        ...

    async def search_pictures(self, description: str, *, k: int = 10) -> list[ImageHit]:
        """Documents with a picture that the words describe (captions, text in them, label words)."""
        ...

    @property
    def composes(self) -> bool:
        """Whether :meth:`search_composed` works: one model puts pictures and words into one space."""
        ...

    async def search_composed(self, image: ImageRef, text: str, *, caption: str = "", k: int = 10) -> list[ImageHit]:
        """Documents with a picture like *image*, which shows *caption*, but as *text* says. Raises BadInput."""
        ...

    async def find_title(self, name: str, *, k: int = 3) -> list[Document]:
        """Documents whose title is *name* (folded), then those whose title begins with it."""
        ...

    async def document(self, doc_id: str) -> Document | None:
        """The whole document."""
        ...

    async def scope_of(self, question: str) -> Scope | None:
        """The document (and page) that *question* names, if it names one that is in the collection."""
        ...


Scale = Literal["rank", "similarity", "probability"]
"""What a reranker's scores are: 1 / rank, comparable numbers, or probabilities from 0 to 1."""


class Reranker(Protocol):
    """Puts candidates in order by how relevant they are to a question."""

    name: str
    scale: Scale
    """What its scores are."""
    per_candidate: bool
    """Whether each candidate costs a model call."""
    metered: bool
    """Whether its calls pass the run's meter by themselves."""

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        """Return every candidate once, best first. Raises what its model raises."""
        ...


class SearchBackend(Protocol):
    """One search service or archive beyond the collection."""

    name: str

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """What it can look for."""
        ...

    async def search(self, query: WebQuery) -> ToolOutcome:
        """Return at most ``query.k`` :class:`~foveal.types.WebHit`, best first, each address once.

        Never raises but CancelledError: ``empty`` (nothing found), ``throttled`` (with ``retry_after`` if told),
        ``blocked`` (refused: key, policy), ``timeout`` and ``error`` say what went wrong, in words for the user.
        """
        ...

    async def aclose(self) -> None:
        """Free what it holds."""
        ...


class Web(Protocol):
    """The web as a run sees it: several backends behind one door, and pages read through one guarded transport."""

    @property
    def name(self) -> str:
        """The backends, in the order in which they are asked."""
        ...

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """What any of its backends can look for."""
        ...

    async def search(self, query: WebQuery) -> ToolOutcome:
        """Like :meth:`SearchBackend.search`, of the first backend that answers; ``notes`` name those that did not."""
        ...

    async def read(self, url: str) -> WebPage:
        """Fetch and read one page.

        Only addresses that a search result, the user or a page that was read gave may be read.
        Raises BlockedUrl, RobotsDenied, PageUnreadable, BackendError.
        """
        ...

    async def picture(self, url: str) -> ImageRef:
        """Fetch a picture of a result or page, decode it and keep it re-encoded. Raises as :meth:`read`, BadImage."""
        ...

    def allow(self, *urls: str) -> None:
        """Let addresses that the user gave be read."""
        ...

    async def aclose(self) -> None:
        """Free what it holds."""
        ...
