"""Stand-ins for the parts of a run: every call to them passes a deck, which records it or answers from a tape."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from foveal.protocols import BlobStore
from foveal.tools.tape.method import Asked, Method, methods

if TYPE_CHECKING:
    from PIL import Image

Say = Callable[[str], None]


class Deck(Protocol):
    """What records, or plays back. *make* asks the real part, which a replay never does."""

    def fact(self, part: str, method: Method, make: Callable[[], Any]) -> Any:
        """Return an attribute's value."""
        ...

    async def call(self, asked: Asked, make: Callable[[Say | None], Awaitable[Any]], say: Say | None) -> Any:
        """Return what a call gives, or raise what it raises; *say* is told the pieces of a model's reply."""
        ...

    def call_now(self, asked: Asked, make: Callable[[], Any]) -> Any:
        """Return what a blocking call gives, or raise what it raises."""
        ...

    def picture(self, sha256: str, read: Callable[[], bytes]) -> bytes:
        """Return the file of a picture. Raises BadImage."""
        ...


class Taped:
    """Has the attributes and methods of *protocol*, whichever that is, and no others."""

    def __init__(self, deck: Deck, part: str, protocol: type, target: Any = None) -> None:
        self._deck = deck
        self._part = part
        self._protocol = protocol
        self._target = target

    def __getattr__(self, name: str) -> Any:
        method = methods(self._protocol).get(name)
        if method is None:
            raise AttributeError(f"{self._protocol.__name__} has no {name}")
        if method.kind == "fact":
            return self._deck.fact(self._part, method, lambda: getattr(self._target, name))
        return self._waiting(method) if method.kind == "async" else self._blocking(method)

    def _waiting(self, method: Method) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, on_text: Say | None = None, **named: Any) -> Any:
            def make(say: Say | None) -> Awaitable[Any]:
                told = {} if say is None else {"on_text": say}
                return getattr(self._target, method.name)(*arguments, **named, **told)

            return await self._deck.call(Asked.of(self._part, method, arguments, named), make, on_text)

        return call

    def _blocking(self, method: Method) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            asked = Asked.of(self._part, method, arguments, named)
            return self._deck.call_now(asked, lambda: getattr(self._target, method.name)(*arguments, **named))

        return call

    async def prepare(self) -> None:
        """Nothing: the real part was made ready before, and there is none in a replay."""

    async def aclose(self) -> None:
        """Nothing: the real part belongs to others, and there is none in a replay."""


class TapedPictures(Taped):
    """A store of pictures whose files are on the tape."""

    def __init__(self, deck: Deck, target: Any = None) -> None:
        super().__init__(deck, "blobs", BlobStore, target)

    def read(self, sha256: str) -> bytes:
        """See :class:`foveal.protocols.BlobStore`."""
        return self._deck.picture(sha256, lambda: self._target.read(sha256))

    def open(self, sha256: str) -> Image.Image:
        """See :class:`foveal.protocols.BlobStore`."""
        from foveal.tools.images.decode import decode

        return decode(self.read(sha256))
