from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from foveal.errors import IndexLocked
from foveal.tools.index.lock import LOCK_NAME, WriterLock


def _hold(folder: Path) -> subprocess.Popen[str]:
    code = f"""
        from pathlib import Path
        from foveal.tools.index.lock import WriterLock
        with WriterLock(Path({str(folder)!r})):
            print("held", flush=True)
            input()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_row_63_a_second_writer_in_another_process_is_refused_by_name(tmp_path: Path) -> None:
    process = _hold(tmp_path)
    try:
        with pytest.raises(IndexLocked, match=str(process.pid)) as caught, WriterLock(tmp_path):
            pass
        assert str(process.pid) in caught.value.remedy
    finally:
        process.communicate("\n", timeout=10)
    with WriterLock(tmp_path):
        pass
    assert not (tmp_path / LOCK_NAME).exists()


def test_row_63_the_lock_of_a_killed_process_is_recovered(tmp_path: Path) -> None:
    process = _hold(tmp_path)
    process.kill()
    process.wait(timeout=10)
    assert (tmp_path / LOCK_NAME).exists()
    with WriterLock(tmp_path):
        assert json.loads((tmp_path / LOCK_NAME).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("age", "refused"), [(5.0, True), (3600.0, False)])
def test_row_63_a_lock_of_another_host_counts_by_its_heartbeat(tmp_path: Path, age: float, refused: bool) -> None:
    holder = {"pid": 1, "host": socket.gethostname() + "-other", "beat": time.time() - age, "token": "t"}
    (tmp_path / LOCK_NAME).write_text(json.dumps(holder))
    if refused:
        with pytest.raises(IndexLocked), WriterLock(tmp_path):
            pass
    else:
        with WriterLock(tmp_path):
            pass


def test_row_63_an_empty_lock_file_of_a_crash_is_recovered(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).touch()
    with WriterLock(tmp_path):
        pass
