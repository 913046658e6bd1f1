"""Frozen webs: searches, pages and pictures of the web kept in one file, on which questions can be asked for years."""
