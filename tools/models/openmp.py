"""How the threads of numeric libraries wait for each other.

GNU OpenMP threads spin at barriers. When other work shares the cores, a spinning thread keeps the one it
waits for from running: on two busy cores the embedded model was 2 to 5 times slower than with threads
that sleep. The setting is read once, when the first library that uses OpenMP (llama.cpp, torch) loads.
"""

from __future__ import annotations

import os


def sleep_at_barriers() -> None:
    """Let OpenMP threads sleep as they wait, unless the user chose otherwise. Call it before torch loads."""
    if "GOMP_SPINCOUNT" not in os.environ:
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
