"""What marks off data in a prompt, so that nothing in the data can end it.

Every passage stands between marks that a page's author may know and write. Look-alikes are taken out of the data
(:func:`foveal.prompts.loader.clean`), and for a model that plans freely the marks carry a code besides, which no page
can know. The prompts of small models are as they were tuned.
"""

from __future__ import annotations

import hashlib
from typing import Protocol, cast

from foveal.protocols import ChatModel


class _Fenced(Protocol):
    fence: str


def code(run_id: str) -> str:
    """Return the code of a run: made of its random id, so that a resumed or replayed run asks the very same."""
    return hashlib.sha256(f"fence of {run_id}".encode()).hexdigest()[:10]


def of(model: ChatModel) -> str:
    """Return the code for prompts to *model*: that of the run it is asked in, none for one that is not strong."""
    in_a_run = hasattr(model, "fence") and model.capabilities.plans_freely
    return cast(_Fenced, model).fence if in_a_run else ""
