"""PDF files of a data set as documents, a page each, with ids that its questions can name."""

from __future__ import annotations

import io
from collections.abc import Iterator

from foveal.errors import BadInput
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Source
from foveal.evaluation.questions import BadRow


def page_id(name: str, page: int) -> str:
    """Return the id of a page (from 1) of the PDF file *name*, whatever folder it is in."""
    return f"{name.rsplit('/', 1)[-1].removesuffix('.pdf')}.pdf:p{page:03d}"


def pages(source: Source) -> Iterator[Item]:
    """Yield the pages of all PDF files in the folder of the data set: text, and picture where pictures are kept."""
    from foveal.tools.index.pdf import read_pdf
    from foveal.tools.index.readers import Unit

    if not source.path.is_dir():  # what else lies beside a single file may be anything
        return
    folder = source.path.absolute()
    for path in sorted(folder.rglob("*.pdf")):
        name = path.relative_to(folder).as_posix()
        try:
            for page in read_pdf(Unit(str(path), str(folder), path, "pdf", ""), path.name):
                image = None
                if page.picture is not None and not hasattr(page.picture, "suffix"):
                    held = io.BytesIO()
                    page.picture.save(held, "PNG")
                    image = source.pictures.hold(held.getvalue())
                if page.text or image:
                    meta = {"doc": path.name, "page": page.page}
                    yield Document(
                        page_id(path.name, page.page or 0), page.title, page.text, image, source=name, meta=meta
                    )
        except (BadInput, OSError) as error:
            yield BadRow(0, str(error), name)
