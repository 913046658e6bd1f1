"""The process in which hostile bytes are parsed: it has no keys, no files, bounded memory, and may be killed.

Run as ``python -m foveal.tools.read.worker BYTES`` (most memory). It takes frames on its standard input and writes one
for each to its standard output: four bytes of length, then msgpack. A request is ``{job, seconds, ...}``; the reply is
``{"done": {...}}`` or ``{"unreadable": why, "reason": code}``. What it replies is plain data, never pickled objects:
whoever takes over this process cannot reach into the one that reads the reply.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

from foveal.errors import BadInput, PageUnreadable

LENGTH = struct.Struct(">I")
MAX_FRAME = 400_000_000
GRACE_S = 5.0
"""How long after its deadline a job that nobody killed ends by itself: the parent may be gone."""


def read_frame(stream: IO[bytes]) -> bytes | None:
    """Return the next frame; None when the other side is gone or does not keep to the form."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    if size > MAX_FRAME:
        return None
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write a frame. Raises OSError when the other side is gone."""
    stream.write(LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def main() -> None:
    """Serve frames until the input ends."""
    import ormsgpack

    stdin, stdout = os.fdopen(0, "rb", closefd=False), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints does not get among the frames
    _confine(int(sys.argv[1]))
    jobs = _jobs()
    while (frame := read_frame(stdin)) is not None:
        request = ormsgpack.unpackb(frame)
        del frame
        _alarm(request.pop("seconds") + GRACE_S)
        try:
            reply: dict[str, Any] = {"done": jobs[request.pop("job")](**request)}
        except PageUnreadable as error:
            reply = {"unreadable": error.message, "reason": error.reason}
        except BadInput as error:
            reply = {"unreadable": error.message, "reason": "damaged"}
        except (MemoryError, RecursionError) as error:
            what = "much memory" if isinstance(error, MemoryError) else "deep a structure"
            reply = {"unreadable": f"it needs too {what}", "reason": "too complex"}
        except Exception as error:  # parsers raise nearly anything on hostile bytes
            reply = {"unreadable": f"it could not be parsed ({type(error).__name__})", "reason": "damaged"}
        _alarm(0)
        try:
            write_frame(stdout, ormsgpack.packb(reply))
        except OSError:
            return


def _jobs() -> dict[str, Callable[..., dict[str, Any]]]:
    """Return what can be asked for; the libraries are loaded now, while the page is still being fetched."""
    from foveal.tools.read import html, pdf

    html.load()
    return {"html": html.read, "pdf": pdf.read, "pdf_page": pdf.picture}


def _confine(memory: int) -> None:
    """Bound the address space to *memory* bytes, and let no file be written and no core be dumped."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes our input
    if sys.platform == "win32":
        return
    import resource

    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, hard))


def _alarm(seconds: float) -> None:
    """Have the system end this process in so many seconds (0: not), also in the middle of a C library."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
