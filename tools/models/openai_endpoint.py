"""Where an OpenAI-compatible model is, and the key that goes there.

A spec is ``openai:NAME`` or ``openai:NAME@http://host:port/v1``. Without an address it is the setting
``openai_base_url``, else the variable OPENAI_BASE_URL, else OpenAI's own. A key goes only to the address it was
given for: the setting ``openai_api_key`` with ``openai_base_url``, the variable OPENAI_API_KEY with OPENAI_BASE_URL,
each with OpenAI's own address when it has none. Other addresses get no key, so that none is told to a stranger.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from foveal.errors import BadConfig
from foveal.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"
"""What servers that want no key are given."""
FORM = "Write openai:NAME, or openai:NAME@http://127.0.0.1:8080/v1 for a server of your own."
_OPENAIS = ("OpenAI-Organization", "OpenAI-Project")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model at an address. ``timeout`` is the most seconds of one call, its retries included."""

    model: str
    base_url: str
    key: SecretStr | None = field(default=None, repr=False)
    timeout: float = 300.0
    proxy: SecretStr | None = field(default=None, repr=False)
    ca_file: str | None = None
    own: bool = False
    """The spec itself names the address."""

    @property
    def host(self) -> str:
        """The host and, when it is named, the port."""
        return urlsplit(self.base_url).netloc

    @property
    def name(self) -> str:
        """What the model is called in configurations and journals."""
        return f"openai:{self.model}@{self.base_url}" if self.own else f"openai:{self.model}"

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine or its network, where tokens cost nothing."""
        name = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(name).is_private
        except ValueError:
            return "." not in name

    def scrubbed(self, text: str) -> str:
        """Return *text* with the key and the proxy masked, should a server or a library have put one in."""
        for secret in (self.key, self.proxy):
            if secret is not None and len(value := secret.get_secret_value()) >= 4:
                text = text.replace(value, "********")
        return re.sub(r"\b(sk|Bearer)[- ][\w.*-]{8,}", "********", text)

    def client(self) -> AsyncOpenAI:
        """Return the official client, told not to retry, to follow no redirect and to read no proxy of the environment.

        Raises BadConfig when the file of the certificate authority cannot be read.
        """
        import ssl

        import openai

        verify: ssl.SSLContext | bool = True
        if self.ca_file:
            try:
                verify = ssl.create_default_context(cafile=self.ca_file)
            except OSError as problem:
                raise BadConfig(f"The certificates in {self.ca_file} cannot be read: {problem}.") from None
        http = openai.DefaultAsyncHttpxClient(
            trust_env=False,
            follow_redirects=False,
            verify=verify,
            proxy=self.proxy.get_secret_value() if self.proxy else None,
            timeout=openai.Timeout(self.timeout, connect=min(10.0, self.timeout)),
        )
        key = self.key.get_secret_value() if self.key else NO_KEY
        # the organisation and project of the environment are OpenAI's business
        unsaid: Any = {} if self.base_url == OPENAI else dict.fromkeys(_OPENAIS, openai.Omit())
        return openai.AsyncOpenAI(
            base_url=self.base_url, api_key=key, default_headers=unsaid, max_retries=0, http_client=http
        )


def endpoint_of(argument: str, settings: Settings) -> Endpoint:
    """Return the endpoint that *argument*, the part of a spec after ``openai:``, names. Raises BadConfig."""
    found = re.search(r"@(?=https?://)", argument)
    model, own = (argument[: found.start()], argument[found.end() :]) if found else (argument, "")
    ours, theirs = settings.openai_base_url, os.environ.get("OPENAI_BASE_URL") or None
    address = _address(own or ours or theirs or OPENAI)
    if not model.strip():
        raise BadConfig("The model after openai: has no name.", remedy=FORM)
    keys: dict[str, SecretStr] = {}
    if variable := os.environ.get("OPENAI_API_KEY"):
        keys[_address(theirs or OPENAI)] = SecretStr(variable)
    if settings.openai_api_key is not None:
        keys[_address(ours or OPENAI)] = settings.openai_api_key
    key = keys.get(address)
    if key is None and address == OPENAI:
        raise BadConfig(
            "OpenAI's own models need a key.",
            remedy="Set FOVEAL_OPENAI_API_KEY, or openai_base_url to another server.",
        )
    return Endpoint(
        model.strip(), address, key,
        timeout=settings.openai_timeout,
        proxy=settings.openai_proxy,
        ca_file=str(settings.openai_ca_file) if settings.openai_ca_file else None,
        own=bool(own),
    )  # fmt: skip


def _address(given: str) -> str:
    """Return the address in one form, without a slash at its end. Raises BadConfig."""
    try:
        parts = urlsplit(given.strip())
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        sound = False
    if not sound:
        raise BadConfig("The address of the OpenAI-compatible server is no http:// or https:// address.", remedy=FORM)
    if parts.username or parts.password or parts.query:
        raise BadConfig(
            "The address of the OpenAI-compatible server holds a name, a password or a query.",
            remedy="Leave them out; set FOVEAL_OPENAI_API_KEY to the key.",
        )
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
