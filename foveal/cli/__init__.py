"""The command line. Importing it loads no model library; commands load what they need when they run."""

from foveal.cli.app import main

__all__ = ["main"]
