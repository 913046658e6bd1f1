"""The body of a reply, unpacked as it comes and never larger than it may be.

Only ``identity`` and ``gzip`` are taken (RFC 9110 8.4): zlib unpacks in steps of a bounded size, which the decoders of
brotli, zstd and raw deflate do not all do.
"""

from __future__ import annotations

import zlib

from foveal.errors import BadResponse

_PIECE = 65_536
_MOST_MEMBERS = 32
"""Gzip files put one after another; each may unpack to nothing, so bytes alone do not bound the work."""


class Body:
    """Takes the pieces of a reply that is packed as *encoding* (the header), and holds at most *cap* bytes."""

    def __init__(self, encoding: str, cap: int) -> None:
        self.cap = cap
        self.raw = 0
        """Bytes that came over the wire."""
        self._data = bytearray()
        self._members = 0
        self._gzip: zlib._Decompress | None = None
        names = [name for name in encoding.lower().replace(" ", "").split(",") if name not in ("", "identity")]
        if names in (["gzip"], ["x-gzip"]):
            self._next_member()
        elif names:
            raise BadResponse(f"The reply is packed as {encoding[:40]!r}, which was not asked for.")

    def __len__(self) -> int:
        return len(self._data)

    def head(self, size: int) -> bytes:
        """Return the first *size* bytes, or what has come of them."""
        return bytes(self._data[:size])

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises BadResponse when it is broken or too much has come."""
        self.raw += len(piece)
        if self.raw > self.cap:
            raise self._too_large()
        if self._gzip is None:
            self._keep(piece)
            return
        try:
            while piece:
                self._keep(self._gzip.decompress(piece, _PIECE))
                piece = self._gzip.unconsumed_tail
                if self._gzip.eof:
                    piece = self._gzip.unused_data
                    if not piece.startswith(b"\x1f"):  # padding after the last member is ignored, as by browsers
                        return
                    self._next_member()
        except zlib.error as problem:
            raise BadResponse(f"The reply says it is gzip and is not: {problem}.") from problem

    def finish(self) -> bytes:
        """Return all of it. Raises BadResponse when the packed data ends in its middle."""
        if self._gzip is not None and self.raw and not self._gzip.eof:
            raise BadResponse("The reply ends in the middle of its gzip data.")
        return bytes(self._data)

    def _next_member(self) -> None:
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise BadResponse(f"The reply is more than {_MOST_MEMBERS} gzip files in one.")
        self._gzip = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def _keep(self, data: bytes) -> None:
        if len(self._data) + len(data) > self.cap:
            raise self._too_large()
        self._data += data

    def _too_large(self) -> BadResponse:
        return BadResponse(f"The reply is larger than {self.cap / 1e6:g} MB.")
