"""Foveal under Inspect: ten questions with its own model, and with the model that Inspect evaluates."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fakes.endpoints import said, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(importlib.util.find_spec("inspect_ai") is None, reason="Inspect is not installed"),
]
ROOT = Path(__file__).parents[2]
QUESTIONS = [json.loads(line) for line in (ROOT / "examples/questions.jsonl").read_text("utf-8").splitlines()]

WRONG = "one answer is told wrong, and one is that to another question of the same words"


def inspect(home: Path, *given: str, **environment: str) -> Any:
    """Run ``inspect eval`` on the task; return its log, read back."""
    from inspect_ai.log import list_eval_logs, read_eval_log

    logs = home / "logs"
    command = [
        sys.executable, "-m", "inspect_ai", "eval", "examples/inspect_eval.py", "--log-dir", str(logs), "--display",
        "plain", "-T", "strategy=direct", *given,
    ]  # fmt: skip
    told = {**os.environ, "HOME": str(home), **environment}
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return read_eval_log(list_eval_logs(str(logs))[0])


def test_ten_questions_with_a_scripted_model_complete_and_the_log_reads(tmp_path: Path) -> None:
    told = [(q["question"], q["answers"][0] if number != 3 else "Atlantis") for number, q in enumerate(QUESTIONS[:10])]
    script = [{"contains": words, "reply": reply, "repeat": True} for words, reply in told]
    (tmp_path / "script.json").write_text(json.dumps([*script, {"probability": 0.9, "repeat": True}]), "utf-8")
    log = inspect(tmp_path, "--model", "none", "--limit", "10", "-T", f"model=scripted:{tmp_path}/script.json")
    assert log.status == "success" and len(log.samples) == 10
    metrics = {score.name: score.metrics for score in log.results.scores}
    assert metrics["correct"]["ALL"].value == 0.8, WRONG
    assert {q["category"] for q in QUESTIONS[:10]} < set(metrics["correct"])
    first = log.samples[0]
    assert [part.type for part in first.input[0].content] == ["image", "text"]
    assert first.output.completion == QUESTIONS[0]["answers"][0] and first.output.usage.output_tokens > 0
    assert first.store["Research:usage"]["model_calls"] >= 1
    assert first.scores["correct"].metadata["usage"] == first.store["Research:usage"]


def test_a_question_that_fails_is_a_wrong_sample(tmp_path: Path) -> None:
    (tmp_path / "script.json").write_text('[{"probability": 0.9, "repeat": true}]', "utf-8")
    log = inspect(tmp_path, "--model", "none", "--limit", "2", "-T", f"model=scripted:{tmp_path}/script.json")
    assert log.status == "success"
    for sample in log.samples:
        assert sample.scores["correct"].value == 0.0
        assert sample.store["Research:prediction"]["status"] in ("failed", "insufficient")


def test_the_bridge_sends_its_calls_to_the_model_of_inspect(tmp_path: Path) -> None:
    with serving() as endpoint:
        endpoint.behave = lambda body: said("Dhaka")
        log = inspect(
            tmp_path, "--model", "openai-api/local/small", "--limit", "2", "-T", "bridge=true",
            LOCAL_BASE_URL=endpoint.url, LOCAL_API_KEY="none",
        )  # fmt: skip
        assert log.status == "success"
        asked = [str(body["messages"]) for body in endpoint.requests]
    assert any(QUESTIONS[0]["question"] in words for words in asked)
    assert [sample.scores["correct"].value for sample in log.samples] == [1.0, 0.0]
    # Foveal's calls stand in Inspect's own account
    assert sum(usage.output_tokens for usage in log.stats.model_usage.values()) == 5 * len(asked)
    calls = [event for event in log.samples[0].events if event.event == "model"]
    assert any(event.config.max_tokens for event in calls), "what Foveal asks for is kept"
