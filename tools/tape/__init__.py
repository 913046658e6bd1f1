"""Recordings of runs: every call and its reply in one file, and runs made again from it alone."""
