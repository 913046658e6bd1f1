"""ZIM archives made at test time: thirty towers, each with a page, a picture and another name."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

COUNT = 30
KIWIX = {"Name": "wikipedia_en_towers", "Source": "en.wikipedia.org", "Language": "eng", "Date": "2024-05-01"}
NAMES = "Amber Birch Cedar Dover Ember Falcon Garnet Hazel Iris Jasper Kestrel Linden Maple Nettle Opal".split()


def name_of(number: int) -> str:
    """Return what tower *number* is called."""
    return f"{NAMES[number % len(NAMES)]} Tower" + (" II" if number >= len(NAMES) else "")


def path_of(number: int) -> str:
    """Return where its page stands."""
    return name_of(number).replace(" ", "_")


def page_of(number: int) -> str:
    """Return its page; the fact is its year, 1700 + *number*."""
    stuff = "granite" if number % 3 else "sandstone"
    name, following = name_of(number), (number + 1) % COUNT
    return (
        f'<html lang="en"><head><title>{name}</title><script>var hidden = "secretword"</script></head><body>'
        f"<h1>{name}</h1><p>The tower was finished in {1700 + number} after long quarrels over the money, and it is "
        f"made of {stuff}.</p><p>It stands {40 + number} metres tall above the market, and its clock was the gift of a "
        f'baker who never climbed it.</p><figure><img src="../I/tower_{number}.png" alt="{name} in winter" width="320" '
        f'height="240"><figcaption>{name} seen from the market</figcaption></figure>'
        f'<p>See also the <a href="{path_of(following)}">{name_of(following)}</a>.</p></body></html>'
    )


def picture_of(number: int) -> bytes:
    """Return its picture as a PNG of 320 x 240 pixels."""
    file = io.BytesIO()
    image = Image.new("RGB", (320, 240), (number * 8, 90, 255 - number * 8))
    image.paste((20, 20, 20), (140, 40, 180, 240))
    image.save(file, "PNG")
    return file.getvalue()


def make_zim(path: Path, *, indexed: bool = True, metadata: Mapping[str, str] = KIWIX, prefix: str = "") -> Path:
    """Write an archive of all towers to *path*: pages below *prefix*, pictures below ``I/``, and redirects."""
    from libzim.writer import Creator, Hint, Item, StringProvider

    class Entry(Item):
        def __init__(self, path: str, title: str, media_type: str, content: str | bytes) -> None:
            super().__init__()
            self.path, self.title, self.media_type, self.content = path, title, media_type, content

        def get_path(self) -> str:
            return self.path

        def get_title(self) -> str:
            return self.title

        def get_mimetype(self) -> str:
            return self.media_type

        def get_contentprovider(self) -> Any:
            return StringProvider(self.content)

        def get_hints(self) -> dict[Any, bool]:
            return {Hint.FRONT_ARTICLE: self.media_type == "text/html"}

    with Creator(path).config_indexing(indexed, "eng") as creator:
        for number in range(COUNT):
            creator.add_item(Entry(prefix + path_of(number), name_of(number), "text/html", page_of(number)))
            creator.add_item(Entry(f"I/tower_{number}.png", "", "image/png", picture_of(number)))
        creator.add_redirection(
            f"{prefix}Old_Lighthouse", "Old Lighthouse", prefix + path_of(4), {Hint.FRONT_ARTICLE: True}
        )
        creator.set_mainpath(prefix + path_of(0))
        for key, value in metadata.items():
            creator.add_metadata(key, value)
    return path
