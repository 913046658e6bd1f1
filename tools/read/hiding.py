"""Parts of a page that a browser does not show: they are no content, and a favourite place for instructions.

Seen are attributes, inline styles, and rules of the page's own style sheets for one class or id. Sheets from elsewhere
are not fetched, so this is a help and no promise: whatever is read stays data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_NEVER_SHOWN = frozenset(
    "script style template noscript iframe object embed applet svg canvas datalist select option textarea input"
    " button".split()
)
_KEPT = frozenset({"html", "body", "head"})
_MAX_SHEET = 300_000

_ZERO = r"0+(?:\.0+)?(?:px|pt|r?em|%)?\s*(?:;|!|$)"
_GONE = re.compile(
    rf"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*(?:{_ZERO}|[01]px|0?\.\d+px)"
    r"|content-visibility\s*:\s*hidden",
    re.IGNORECASE,
)
_OUT_OF_SIGHT = re.compile(
    rf"opacity\s*:\s*{_ZERO}|(?:left|top|right|text-indent|margin-left)\s*:\s*-\d{{3,}}|color\s*:\s*transparent"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]|clip-path\s*:\s*inset\(\s*(?:50|100)%|transform\s*:\s*scale\(\s*0\s*\)",
    re.IGNORECASE,
)
_INK = re.compile(r"(?:^|;)\s*color\s*:\s*([^;!]+)", re.IGNORECASE)
_GROUND = re.compile(r"(?:^|;)\s*background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_AT_RULE = re.compile(r"@[^{};]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_SIMPLE = re.compile(r"(?:[a-z][\w-]*)?([.#])([A-Za-z_][\w-]*)")


def prune_hidden(tree: HtmlElement) -> None:
    """Take out of *tree* what is not shown, with all that is inside of it; text behind it stays."""
    classes, ids = _hidden_names(tree)
    doomed = [element for element in tree.iter() if _hidden(element, classes, ids)]
    for element in reversed(doomed):  # inner ones first, so that none is dropped after its parent was
        if element.getparent() is not None:
            element.drop_tree()


def _hidden(element: HtmlElement, classes: frozenset[str], ids: frozenset[str]) -> bool:
    tag = element.tag
    if not isinstance(tag, str):  # a comment or instruction
        return True
    if tag in _KEPT:
        return False
    if tag in _NEVER_SHOWN:
        return True
    attributes = element.attrib
    if not attributes:
        return False
    if "hidden" in attributes or attributes.get("aria-hidden", "").strip().lower() == "true":
        return True
    if tag == "dialog" and "open" not in attributes:
        return True
    style = attributes.get("style")
    if style and (_GONE.search(style) or _OUT_OF_SIGHT.search(style) or _inkless(style)):
        return True
    if ids and attributes.get("id") in ids:
        return True
    return bool(classes) and not classes.isdisjoint(attributes.get("class", "").split())


def _inkless(style: str) -> bool:
    """Whether text has the colour of what is behind it, both named in one style."""
    ink, ground = _INK.search(style), _GROUND.search(style)
    return bool(ink and ground) and _colour(ink[1]) == _colour(ground[1])  # type: ignore[index]


def _colour(value: str) -> str:
    value = re.sub(r"\s+", "", value.lower())
    value = {"white": "#ffffff", "black": "#000000", "rgb(255,255,255)": "#ffffff", "rgb(0,0,0)": "#000000"}.get(
        value, value
    )
    return "#" + "".join(2 * digit for digit in value[1:]) if re.fullmatch(r"#[0-9a-f]{3}", value) else value


def _hidden_names(tree: HtmlElement) -> tuple[frozenset[str], frozenset[str]]:
    """Classes and ids that the page's own style sheets never show, outside of media queries and the like."""
    found: dict[str, set[str]] = {".": set(), "#": set()}
    for sheet in tree.iter("style"):
        rules = _AT_RULE.sub("", re.sub(r"/\*.*?\*/", "", (sheet.text or "")[:_MAX_SHEET], flags=re.DOTALL))
        for selectors, body in _RULE.findall(rules):
            if _GONE.search(body):
                for selector in selectors.split(","):
                    if simple := _SIMPLE.fullmatch(selector.strip()):
                        found[simple[1]].add(simple[2])
    return frozenset(found["."]), frozenset(found["#"])
