"""What the picture would show that somebody asks for by one that they have and what is to be different.

CIReVL: Karthik et al., "Vision-by-Language for Training-Free Compositional Image Retrieval", 2024. The picture is put
into words, a language model edits the words, and the pictures are searched with what it wrote.
"""

from __future__ import annotations

import asyncio
import re

from foveal.agents import fence
from foveal.prompts.loader import render
from foveal.protocols import ChatModel

_REPLY_TOKENS = 120
_MARK = re.compile(r"^\W*edited description\W*:\s*", re.I | re.M)
MOST = 400
"""Characters of a description."""


async def edited_description(
    model: ChatModel, caption: str, change: str, *, cancel: asyncio.Event | None = None
) -> str:
    """Return *caption* with *change* made to it; *change* itself when the model writes nothing usable.

    Raises ModelUnavailable, ContextOverflow, Cancelled.
    """
    messages = render("edit", code=fence.of(model), caption=caption, change=change)
    reply = await model.generate(messages, max_tokens=_REPLY_TOKENS, task="edit", cancel=cancel)
    return read_edited(reply.text) or change


def read_edited(said: str) -> str:
    """Return the description behind the mark ("Edited Description:"), or of a reply of one line; else nothing."""
    mark = _MARK.search(said)
    lines = [line.strip(" \"'“”*") for line in (said[mark.end() :] if mark else said).strip().splitlines()]
    if not lines or (mark is None and len([line for line in lines if line]) > 1):
        return ""
    return re.sub(r"\s+", " ", lines[0])[:MOST]
