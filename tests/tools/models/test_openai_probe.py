"""What an endpoint can do is found out by trying, and kept."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.endpoints import Answer, FakeEndpoint, failed, said, serving

from foveal.errors import ModelUnavailable
from foveal.tools.models.openai import OpenAIModel
from foveal.tools.models.openai_endpoint import Endpoint
from foveal.tools.models.openai_probe import DAYS, ProbeFile
from foveal.tools.models.openai_retry import Retry
from foveal.types import Message

CANDIDATES = [[("Yes", math.log(0.6)), ("No", math.log(0.3)), ("Maybe", math.log(0.05))]]


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with serving() as fake:
        yield fake


def made(server: FakeEndpoint, cache: Path) -> OpenAIModel:
    async def at_once(seconds: float) -> None:
        pass

    return OpenAIModel(Endpoint("small-model", server.url), cache=cache, retry=Retry(sleep=at_once))


def able(body: dict[str, Any]) -> Answer:
    """A server that can do everything."""
    asked = body["messages"][-1]
    if asked["role"] == "assistant":
        return said(f"{asked['content']} Paris." if body.get("continue_final_message") else "The capital is Paris.")
    if not isinstance(asked["content"], str):
        return said("Yellow and purple.")
    if body.get("tools"):
        call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Lima"}'}}
        return said(None, tool_calls=[call])
    kind = body.get("response_format", {}).get("type")
    if kind == "json_schema":
        return said('{"colour": "teal"}')
    if kind == "json_object":
        return said('{"greeting": "hello"}')
    return said("Yes", tops=CANDIDATES) if body.get("logprobs") else said("ready")


def unable(body: dict[str, Any]) -> Answer:
    """A server that takes every parameter, heeds none, and does not see."""
    return said("Hello! It is red and blue. Paris is the capital.")


def refusing(body: dict[str, Any]) -> Answer:
    """A server that refuses every parameter, and falls over when shown a picture."""
    if not isinstance(body["messages"][-1]["content"], str):
        return failed(500, "image input is not supported - hint: you may need to provide the mmproj")
    if extra := set(body) - {"model", "messages", "max_tokens"}:
        return failed(422, f"extra fields not permitted: {min(extra)}")
    return said("ready")


async def test_an_able_server(server: FakeEndpoint, tmp_path: Path) -> None:
    server.behave = able
    server.models = Answer({"data": [{"id": "small-model", "max_model_len": 32768}]})
    model = made(server, tmp_path)
    await model.prepare()
    can = model.capabilities
    assert (can.vision, can.json_schema, can.json_object, can.tools, can.logprobs) == (True,) * 5
    assert can.context_tokens == 32768
    assert can.notes == ()
    assert not can.plans_freely, "nobody has said that it is strong"
    found = await model.probe()
    assert (found.top_logprobs, found.prefill, found.thinks) == (3, "flag", False)


@pytest.mark.parametrize("behave", [unable, refusing])
async def test_row_48_a_server_that_cannot_or_only_pretends(server: FakeEndpoint, tmp_path: Path, behave: Any) -> None:
    server.behave = behave
    model = made(server, tmp_path)
    await model.prepare()
    can = model.capabilities
    assert (can.vision, can.json_schema, can.json_object, can.tools, can.logprobs) == (False,) * 5
    assert can.context_tokens == 4096
    assert len(can.notes) == 1
    assert (await model.probe()).prefill == "none"


async def test_a_model_that_thinks_aloud_is_told_not_to_or_given_room(server: FakeEndpoint, tmp_path: Path) -> None:
    def quietable(body: dict[str, Any]) -> Answer:
        quiet = body.get("chat_template_kwargs") == {"enable_thinking": False}
        return said("ready", **({} if quiet else {"reasoning_content": "hm"}))

    server.behave = quietable
    found = await made(server, tmp_path / "a").probe()
    assert (found.dialect.quiet, found.dialect.headroom, found.thinks) == (True, 0, False)
    server.behave = lambda body: said("<think>hm</think>ready")
    found = await made(server, tmp_path / "b").probe()
    assert (found.dialect.quiet, found.dialect.headroom, found.thinks) == (False, 2048, True)


async def test_it_is_asked_once_and_kept_until_it_is_old_or_refreshed(server: FakeEndpoint, tmp_path: Path) -> None:
    server.behave = able
    await made(server, tmp_path).prepare()
    asked = len(server.requests)
    assert asked >= 7
    second = made(server, tmp_path)
    assert second.capabilities.vision, "known without a call"
    await second.prepare()
    await second.generate([Message("user", "hello")])
    assert len(server.requests) == asked + 1
    server.behave = unable
    assert not (await second.probe(refresh=True)).vision
    assert not made(server, tmp_path).capabilities.vision
    later = ProbeFile(tmp_path, second.endpoint, clock=lambda: time.time() + DAYS * 86400 + 1)
    assert later.read() is None
    assert ProbeFile(tmp_path, Endpoint("other", server.url)).read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "foveal.probe/1"}', '{"schema": "foveal.probe/0"}'])
async def test_a_file_that_cannot_be_understood_is_made_again(server: FakeEndpoint, tmp_path: Path, text: str) -> None:
    server.behave = able
    file = ProbeFile(tmp_path, Endpoint("small-model", server.url))
    file.path.parent.mkdir()
    file.path.write_text(text)
    model = made(server, tmp_path)
    await model.prepare()
    assert model.capabilities.vision
    assert json.loads(file.path.read_text())["vision"] is True


async def test_a_server_that_is_down_is_no_finding(server: FakeEndpoint, tmp_path: Path) -> None:
    server.behave = lambda body: failed(503, "loading model")
    model = made(server, tmp_path)
    with pytest.raises(ModelUnavailable, match="loading model"):
        await model.prepare()
    assert not list(tmp_path.rglob("*.json"))
    server.behave = able
    await model.prepare()
    assert model.capabilities.vision


async def test_a_server_that_goes_down_meanwhile_is_no_finding(server: FakeEndpoint, tmp_path: Path) -> None:
    server.behave = lambda body: said("ready") if len(server.requests) < 2 else failed(500, "out of memory")
    with pytest.raises(ModelUnavailable, match="out of memory"):
        await made(server, tmp_path).prepare()
    assert not list(tmp_path.rglob("*.json"))
