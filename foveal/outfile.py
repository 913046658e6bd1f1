"""A file that the user asked for: written whole, or a clear error."""

from __future__ import annotations

from pathlib import Path

from foveal.errors import BadInput, StorageFull


def write(text: str, out: Path, *, example: str = "") -> None:
    """Write *text* to *out*, made with its folders; *example* is a name to suggest when *out* is a folder.

    Raises BadInput when *out* cannot be a file, StorageFull when the disk is full.
    """
    if out.is_dir():
        remedy = f"Give a file name, for example {out / example}." if example else "Give a file name."
        raise BadInput(f"{out} is a folder.", remedy=remedy)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, "utf-8", errors="replace", newline="")
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}.", remedy="Give another file name.") from None
    except OSError as error:
        raise StorageFull(f"{out} cannot be written: {error.strerror or error}.") from None
