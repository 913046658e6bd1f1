"""Ctrl-C: once ends in order with a way on, twice ends at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = """
import asyncio, sys, threading, time
from foveal.cli import app, seams

class Slow:
    async def __aenter__(self): return self
    async def __aexit__(self, *error): print("closed", flush=True)
    async def stream(self, question, images=()):
        print("asked", flush=True)
        if question == "stuck?":
            await asyncio.to_thread(time.sleep, 60)
        await asyncio.sleep(60)
        yield

seams.make_foveal = lambda settings: Slow()
sys.exit(app.run(sys.argv[1:]))
"""


def _start(folder: Path, question: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "ask", question, "-q"],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    return process


def test_row_61_first_interrupt_ends_in_order(tmp_path: Path) -> None:
    process = _start(tmp_path, "What is this?")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 5
    assert out == "closed\n"
    assert "error: Interrupted." in err
    assert "Run it again: foveal ask 'What is this?' -q" in err


def test_row_61_second_interrupt_ends_at_once(tmp_path: Path) -> None:
    process = _start(tmp_path, "stuck?")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "a thread that cannot be stopped is waited for"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "stopped at once" in err
