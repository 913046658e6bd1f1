"""The one door to other machines; see :mod:`.fetcher` for its use and SECURITY.md for what it promises."""
