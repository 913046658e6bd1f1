"""Articles as HTML: with everything around them that real pages have, and that a reader has to leave out."""

from __future__ import annotations

import re
from html import escape

from .world import Article, names

SITES = {
    "atlas.test": "Atlas of Ostavar", "m.atlas.test": "Atlas of Ostavar", "museum.test": "Museums of Ostavar",
    "news.test": "Ostavar Herald", "mirror.test": "Mirror Pages", "blog.test": "Roads and Towers",
}  # fmt: skip
_NAMES = names()
_NAME = re.compile(r"\b(" + "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True)) + r")\b")


class Renderer:
    """Writes pages of a web that is served at *port*; *inside* is a port that no page may reach."""

    def __init__(self, port: int, inside: int) -> None:
        self._port, self._inside = port, inside

    def page(self, article: Article) -> bytes:
        """Return the page of an article."""
        host = article.place.partition("/")[0]
        canonical = f"http://{self._at(article.canonical or article.place)}"
        linked: set[str] = {article.title}
        paragraphs = "".join(f"<p>{self._linked(p, linked)}</p>\n" for p in article.paragraphs[1:])
        head = f"<p>{self._linked(article.paragraphs[0], linked)}</p>\n"
        rows = "".join(f"<tr><th>{escape(k)}</th><td>{self._linked(v, linked)}</td></tr>" for k, v in article.facts)
        box = f'<table class="infobox">{rows}</table>\n' if rows else ""
        figure = picture = ""
        if article.picture:
            picture = f"http://{host}:{self._port}{article.picture}"
            figure = (
                f'<figure><img src="{article.picture}" alt="{escape(article.caption)}" width="320" height="240">'
                f"<figcaption>{escape(article.caption)}.</figcaption></figure>\n"
            )
            picture = f'<meta property="og:image" content="{picture}">'
        raw = article.raw.replace("{inside}", str(self._inside))
        raw = re.sub(r'href="//([a-z.]+)/', rf'href="http://\1:{self._port}/', raw)
        return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(article.title)} | {SITES[host]}</title>
<meta property="og:title" content="{escape(article.title)}"><meta property="og:site_name" content="{SITES[host]}">
<meta name="description" content="{escape(article.paragraphs[0])}">{picture}
<meta property="article:published_time" content="{article.published}T08:00:00Z">
<link rel="canonical" href="{canonical}"><link rel="icon" href="/icon.png">
<style>body {{ font: 16px sans-serif; margin: 2em }}</style><script>window.dataLayer = [];</script></head>
<body><header><a href="/">{SITES[host]}</a><nav><a href="/">Home</a> <a href="/about">About</a></nav></header>
<div class="cookie-banner">We use cookies. <button>Accept</button></div>
<main><article><h1>{escape(article.title)}</h1>
<p class="byline"><time datetime="{article.published}">{article.published}</time></p>
{head}{figure}{box}{paragraphs}{raw}</article>
<aside>Read also: <a href="/about">how we write</a></aside></main>
<footer><img src="/pixel.gif" width="1" height="1" alt=""> © {SITES[host]}</footer></body></html>
""".encode()

    def front(self, host: str, articles: list[Article]) -> bytes:
        """Return the start page of *host*, with a link to each of its articles."""
        items = "".join(f'<li><a href="/{a.place.partition("/")[2]}">{escape(a.title)}</a></li>' for a in articles)
        return plain(SITES[host], f"<h1>{SITES[host]}</h1><p>All articles of this site.</p><ul>{items}</ul>")

    def _at(self, place: str) -> str:
        host, _, path = place.partition("/")
        return f"{host}:{self._port}/{path}"

    def _linked(self, text: str, linked: set[str]) -> str:
        """Return *text* as HTML, with a link at the first mention of each thing that has an article."""

        def link(found: re.Match[str]) -> str:
            name = found[0]
            if name in linked:
                return name
            linked.add(name)
            return f'<a href="http://{self._at(_NAMES[name])}">{name}</a>'

        return _NAME.sub(link, escape(text, quote=False))


def plain(title: str, body: str) -> bytes:
    """Return a bare page."""
    return f"<!doctype html><html lang='en'><head><title>{title}</title></head><body>{body}</body></html>".encode()


WALL = plain(
    "Before you continue",
    '<div role="dialog"><h1>We value your privacy</h1><p>We and our partners store cookies on your device.</p>'
    "<button>Accept all</button><button>Reject all</button></div>",
)
SCRIPTED = plain(
    "Tide tables",
    '<noscript>You need to enable JavaScript to run this app.</noscript><div id="root"></div>'
    '<script src="/app.js"></script>',
)
SCRIPT = b"""fetch('/tides.json').then(r => r.json()).then(tides => {
  document.getElementById('root').innerHTML = '<h1>Tides at Dunmere</h1><p>High water at ' + tides.high +
    '. The spring tide of 2025 rose to 4.7 metres, the highest at the Harbour Tower since it is measured.</p>' +
    '<img src="/img/tide/curve.png" width="320" height="240" alt="Curve of the tide">' })"""
TALL = plain(
    "A long way down", "<h1>Top</h1>" + "<div style='height:3000px'></div><p>The middle.</p>" * 12 + "<p>Bottom</p>"
)


def lorem(number: int, paragraphs: int = 12) -> bytes:
    """Return one of endless pages, each of them different, of about 6 kB."""
    told = ""
    for n in range(paragraphs):
        items = (f"Item {number * 31 + n * 7 + m} stands at mark {(number + 3) * (n + 5) * (m + 7)}." for m in range(8))
        told += f"<h2>Part {n}</h2><p>Entry {number} has a part {n}. {' '.join(items)}</p>"
    links = f'<p><a href="/page/{number + 1}">next</a></p>'
    return plain(f"Entry {number}", f"<article><h1>Entry {number}</h1>{told}</article>{links}")
