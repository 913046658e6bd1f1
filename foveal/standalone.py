"""Pages that stand alone: one HTML file that loads nothing, and in which what comes from outside is only text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foveal.hidden import stripped

LONGEST = 4000
"""Characters of one text of a page."""


def environment(package: str, **filters: Callable[..., Any]) -> Environment:
    """Return the environment of the templates of *package*: escaped, :func:`clean`, undefined names refused."""
    made = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made


def assets(templates: Environment, name: str) -> dict[str, Markup | str]:
    """Return the ``style`` and ``script`` of *name* and the ``policy`` of a page that uses these alone."""
    assert templates.loader is not None
    style, script = (templates.loader.get_source(templates, f"{name}.{kind}")[0] for kind in ("css", "js"))
    policy = (
        "default-src 'none'",
        "img-src data:",
        f"style-src {_hash(style)}",
        f"script-src {_hash(script)}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return {"style": Markup(style), "script": Markup(script), "policy": "; ".join(policy)}


def clean(value: Any) -> Any:
    """Take what is hidden out of untrusted text, and cut it at :data:`LONGEST`; anything else is as it was."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = stripped(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
