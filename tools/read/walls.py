"""Pages that came but say nothing: consent walls, pages that scripts would make, bot checks."""

from __future__ import annotations

import re

_CONSENT = re.compile(
    r"cookies?|consent|privacy (?:policy|settings|choices|preferences)|accept all|reject all|gdpr|legitimate interest"
    r"|personali[sz]ed (?:ads|content|advertising)|data protection",
    re.IGNORECASE,
)
_SCRIPTED = re.compile(
    r"(?:enable|requires?|needs?|turn on|activate|without|disabled|allow) (?:\w+ ){0,3}java ?script"
    r"|java ?script (?:\w+ ){0,4}(?:disabled|required|enabled|turned off|to (?:run|view|use|continue))"
    r"|you need to enable|unsupported browser|update your browser",
    re.IGNORECASE,
)
_CHECK = re.compile(
    r"verify(?:ing)? (?:that )?you are (?:a )?human|checking your browser|are you a robot|not a robot|captcha"
    r"|unusual traffic|access (?:to this page has been )?denied|attention required|just a moment|ddos protection",
    re.IGNORECASE,
)
_PIECE = re.compile(r"[^.!?\n]+")
MAX_WORDS = 400
"""A longer text is taken for content, whatever it says."""


def wall(text: str) -> str:
    """Return what stands before the content, in words for a person, when *text* is only that; else an empty string.

    A wall is a short text at least half of whose words stand in sentences about consent, scripts or robots.
    """
    words = len(text.split())
    if words > MAX_WORDS:
        return ""
    for pattern, name in (
        (_SCRIPTED, "the page is made by scripts, which are not run"),
        (_CHECK, "the site asks for proof that a person reads"),
        (_CONSENT, "only a request for consent to cookies"),
    ):
        said = sum(len(piece.split()) for piece in _PIECE.findall(text) if pattern.search(piece))
        if said and 2 * said >= words:
            return name
    return ""
