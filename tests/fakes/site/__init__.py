"""A web to test against: an invented country on several hosts, served on loopback."""

from __future__ import annotations

from .drawn import flag
from .find import SiteBackend
from .server import HOSTS, FixtureWeb

__all__ = ["HOSTS", "FixtureWeb", "SiteBackend", "flag"]
