"""A model behind an OpenAI-compatible endpoint, and every way in which that goes wrong. All on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.endpoints import Answer, FakeEndpoint, failed, said, serving, streamed
from PIL import Image
from pydantic import SecretStr

from foveal.errors import (
    BadConfig,
    BadInput,
    Cancelled,
    ContextOverflow,
    FovealError,
    ModelError,
    ModelOutputError,
    ModelRefused,
    ModelUnavailable,
    RequestRefused,
    VisionUnsupported,
)
from foveal.settings import Settings
from foveal.tools.models.openai import OpenAIModel
from foveal.tools.models.openai_endpoint import Endpoint, endpoint_of
from foveal.tools.models.openai_probe import Probe, ProbeFile
from foveal.tools.models.openai_retry import Retry
from foveal.tools.models.openai_wire import Dialect
from foveal.tools.models.prices import Price, PriceTable
from foveal.tools.models.registry import make_model
from foveal.types import Message

KEY = "sk-canary-0123456789abcdef"
SCHEMA = {
    "type": "object",
    "properties": {"capital": {"type": "string"}},
    "required": ["capital"],
    "additionalProperties": False,
}
HELLO = [Message("user", "hello")]
YES = [[("Yes", math.log(0.75)), ("No", math.log(0.25))]]


class Clock:
    """Time that passes only while one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def retry(self, **changes: Any) -> Retry:
        return replace(Retry(sleep=self.sleep, clock=lambda: self.now, dice=lambda: 0.5), **changes)


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with serving() as fake:
        yield fake


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(
    url: str, tmp_path: Path, clock: Clock | None = None, *, timeout: float = 20.0, retry: dict[str, Any] | None = None,
    pictures: Any = None, prices: PriceTable | None = None, **can: Any,
) -> OpenAIModel:  # fmt: skip
    """Return a model whose probe is known to have found *can*."""
    endpoint = Endpoint("small-model", url, SecretStr(KEY), timeout=timeout)
    found = {"json_schema": True, "top_logprobs": 20, "prefill": "flag", "context_tokens": 8192} | can
    ProbeFile(tmp_path, endpoint).write(Probe(url, "small-model", time.time(), **found))
    retries = (clock or Clock()).retry(**(retry or {}))
    return OpenAIModel(endpoint, cache=tmp_path, retry=retries, pictures=pictures, prices=prices)


async def test_a_reply_with_usage_and_money(server: FakeEndpoint, tmp_path: Path) -> None:
    prices = PriceTable({("127.0.0.1", "small-model"): Price(2.0, 0.5, 8.0)}, "2026-11")
    model = made(server.url, tmp_path, prices=prices)
    server.script = [said("Bern", prompt=1000, written=10, cached=600)]
    reply = await model.generate(HELLO, max_tokens=7, stop=["\n"])
    assert (reply.text, reply.finish, reply.notes) == ("Bern", "stop", ())
    assert (reply.prompt_tokens, reply.cached_prompt_tokens, reply.completion_tokens) == (1000, 600, 10)
    assert reply.usd == pytest.approx((400 * 2 + 600 * 0.5 + 10 * 8) / 1e6)
    assert (model.capabilities.usd_in, model.capabilities.usd_out) == (2.0, 8.0)
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["stop"]) == ("small-model", 0.0, 7, ["\n"])
    await model.aclose()
    with pytest.raises(ModelUnavailable, match="closed"):
        await model.generate(HELLO)


async def test_a_stop_and_thoughts_are_cut_off_here_too(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [said("<think>hm\nhm</think>\nBern\nand more")]
    assert (await model.generate(HELLO, stop=["\n"])).text == "Bern"


async def test_streaming_gives_pieces_that_join_to_the_text(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    told: list[str] = []
    server.script = [streamed("<thi", "nk>so", "</think>", "The ", "seat", " is Bern", "EN", "D of it")]
    reply = await model.generate(HELLO, stop=["END"], on_text=told.append)
    assert reply.text == "".join(told) == "The seat is Bern"
    assert len(told) > 1
    assert reply.completion_tokens == 8
    assert server.requests[0]["stream_options"] == {"include_usage": True}


async def test_a_begun_reply_is_gone_on_with_as_the_endpoint_can(server: FakeEndpoint, tmp_path: Path) -> None:
    messages = [*HELLO, Message("assistant", "Yes: the capital is")]
    server.behave = lambda body: said("Yes: the capital is Bern")
    flag = made(server.url, tmp_path)
    assert (await flag.generate(messages)).text == " Bern"
    assert server.requests[-1]["continue_final_message"] is True
    none = made(server.url, tmp_path, prefill="none")
    told: list[str] = []
    assert (await none.generate(messages)).text == " Bern"
    server.behave = lambda body: streamed("yes: the", " capital is", " Be", "rn")
    assert (await none.generate(messages, on_text=told.append)).text == "".join(told) == " Bern"
    assert [m["role"] for m in server.requests[-1]["messages"]] == ["user"]
    assert "Begin your reply with exactly: Yes: the capital is" in server.requests[-1]["messages"][0]["content"]


async def test_pictures_go_as_our_own_bytes_before_the_text(server: FakeEndpoint, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    model = made(server.url, tmp_path, vision=True, pictures={"d" * 64: buffer.getvalue()}.__getitem__)
    await model.generate([Message("user", "What is it?", images=("d" * 64,))])
    picture, text = server.requests[0]["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert text == {"type": "text", "text": "What is it?"}


async def test_row_48_a_picture_is_never_dropped(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    for call in (model.generate, model.yes_probability):
        with pytest.raises(VisionUnsupported, match="small-model"):
            await call([Message("user", "What is it?", images=("d" * 64,))])
    assert server.requests == []


async def test_yes_is_weighed_by_the_candidates_of_the_first_token(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.behave = lambda body: said("Yes", written=1, tops=YES)
    probability, call = await model.yes_probability(HELLO)
    assert probability == pytest.approx(0.75)
    assert (call.text, call.prompt_tokens, call.logprob) == ("Yes", 10, pytest.approx(math.log(0.75)))
    assert (server.requests[0]["max_tokens"], server.requests[0]["top_logprobs"]) == (1, 20)
    server.script = [said("\n", written=1, tops=[[("\n", -0.1)]]), said("\nNo", tops=[[("\n", -0.1)], *YES])]
    assert (await model.yes_probability(HELLO))[0] == pytest.approx(0.75)
    with pytest.raises(BadInput):
        await model.choose(HELLO, ["Yes", "yes "])


async def test_row_48_without_log_probabilities_a_choice_is_named(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path, top_logprobs=0)
    assert any("log probabilities" in note for note in model.capabilities.notes)
    server.script = [said('{"answer": "No"}')]
    probability, call = await model.yes_probability(HELLO)
    assert (probability, call.text) == (pytest.approx(0.1), "No")
    schema = server.requests[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["answer"]["enum"] == ["Yes", "No"]


async def test_row_47_a_bad_reply_is_repaired_once(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [said("It is Bern."), said('Sure! {"capital": "Bern"}')]
    reply = await model.generate(HELLO, schema=SCHEMA)
    assert reply.parsed == {"capital": "Bern"}
    assert (reply.prompt_tokens, reply.completion_tokens) == (20, 10)
    server.script = [said("It is Bern."), said("As I said, Bern.")]
    with pytest.raises(ModelOutputError, match="As I said, Bern"):
        await model.generate(HELLO, schema=SCHEMA)


async def test_row_48_a_schema_that_the_server_refuses_goes_down_the_ladder(
    server: FakeEndpoint, tmp_path: Path
) -> None:
    def behave(body: dict[str, Any]) -> Answer:
        kind = body.get("response_format", {}).get("type")
        return failed(400, f"response_format {kind} is not supported") if kind else said('```{"capital": "Bern"}```')

    server.behave = behave
    model = made(server.url, tmp_path, json_object=True)
    assert (await model.generate(HELLO, schema=SCHEMA)).parsed == {"capital": "Bern"}
    assert len(server.requests) == 3


async def test_row_48_parameters_that_the_server_does_not_know_are_left_out_for_good(
    server: FakeEndpoint, tmp_path: Path
) -> None:
    def behave(body: dict[str, Any]) -> Answer:
        if "max_tokens" in body:
            return failed(400, "Unsupported parameter: use 'max_completion_tokens' instead.", param="max_tokens")
        if "temperature" in body:
            return failed(400, "Only the default is supported.", param="temperature")
        return failed(400, "stop is not a permitted field") if "stop" in body else said("Bern\nx")

    server.behave = behave
    model = made(server.url, tmp_path)
    replies = await asyncio.gather(*(model.generate(HELLO, stop=["\n"]) for _ in range(4)))
    assert {reply.text for reply in replies} == {"Bern"}
    before = len(server.requests)
    await model.generate(HELLO, stop=["\n"])
    assert len(server.requests) == before + 1


async def test_row_49_context_overflow_names_the_numbers(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [
        failed(400, "This model's maximum context length is 4096 tokens.", code="context_length_exceeded"),
        failed(400, "request (6030 tokens) exceeds the available context size (4096 tokens)"),
    ]
    for _ in range(2):
        with pytest.raises(ContextOverflow, match="4096 tokens") as error:
            await model.generate(HELLO)
        assert "shorter" in error.value.remedy


async def test_row_49_silent_truncation_is_told(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [said("Bern", prompt=4096)]
    reply = await model.generate([Message("user", "many words " * 4000)])
    assert reply.text == "Bern"
    assert "OLLAMA_CONTEXT_LENGTH" in reply.notes[0]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529, 408])
async def test_row_50_a_failing_server_is_tried_again_with_growing_waits(
    server: FakeEndpoint, tmp_path: Path, clock: Clock, status: int
) -> None:
    model = made(server.url, tmp_path, clock)
    server.script = [failed(status, "overloaded"), failed(status, "overloaded"), said("fine")]
    assert (await model.generate(HELLO)).text == "fine"
    assert clock.slept == [0.5, 1.0]


async def test_row_50_retries_are_bounded(server: FakeEndpoint, tmp_path: Path, clock: Clock) -> None:
    model = made(server.url, tmp_path, clock)
    server.behave = lambda body: failed(503, "loading model")
    with pytest.raises(ModelUnavailable, match=r"failed \(503\): loading model") as error:
        await model.generate(HELLO)
    assert len(server.requests) == 4
    assert "resume" in error.value.remedy


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "3600"}, 60.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, 0.5),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "nan"}, 0.5),
        ({}, 0.5),
    ],
)
async def test_row_20_retry_after_is_obeyed_up_to_a_minute(
    server: FakeEndpoint, tmp_path: Path, clock: Clock, headers: dict[str, str], waited: float
) -> None:
    model = made(server.url, tmp_path, clock, timeout=100.0)
    server.script = [failed(429, "slow down", headers=headers), said("fine")]
    assert (await model.generate(HELLO)).text == "fine"
    assert clock.slept == [waited]


async def test_a_wait_beyond_the_deadline_is_not_begun(server: FakeEndpoint, tmp_path: Path, clock: Clock) -> None:
    model = made(server.url, tmp_path, clock, timeout=30.0)
    server.script = [failed(429, "slow down", headers={"retry-after": "45"})]
    with pytest.raises(ModelUnavailable, match=r"429.*asks to wait 45 s"):
        await model.generate(HELLO)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("answer", "kind", "words", "remedy"),
    [
        (failed(401, f"Incorrect API key provided: {KEY}."), ModelUnavailable, "did not accept the key", "API_KEY"),
        (failed(403, "no access"), ModelUnavailable, "does not let this key", "another"),
        (failed(404, "no such model"), ModelUnavailable, "has no model", "small-model-vision"),
        (failed(429, "quota", code="insufficient_quota"), ModelUnavailable, "429", "later"),
        (failed(400, "you must not"), RequestRefused, "does not take this request", "probe"),
        (failed(400, "flagged by content_filter"), ModelRefused, "filter", "other words"),
        (failed(413, "too large"), RequestRefused, "too large", "fewer"),
        (Answer("", 307, {"location": "https://other.example"}), ModelUnavailable, "other.example", "base_url"),
        (Answer("<html>", 200, {"content-type": "text/html"}), ModelUnavailable, "does not speak", "/v1"),
        (Answer("{nope", 200), ModelUnavailable, "does not speak", "/v1"),
        (Answer([1], 200), ModelUnavailable, "does not speak", "/v1"),
        (Answer({"choices": []}, 200), ModelUnavailable, "does not speak", "/v1"),
        (Answer({"choices": [{"message": 3}]}, 200), ModelUnavailable, "does not speak", "/v1"),
        (Answer({"error": {"message": "GPU fell off"}}, 200), ModelError, "GPU fell off", ""),
        (said("", refusal="I can't help with that."), ModelRefused, "I can't help with that", "other words"),
        (said("half", finish="content_filter"), ModelRefused, "filter", "other words"),
    ],
    ids=[
        "401", "403", "404", "quota", "400", "filtered", "413", "redirect", "html", "garbage", "list", "no choices",
        "wrong choices", "error in 200", "refusal", "content filter",
    ],
)  # fmt: skip
async def test_row_50_what_will_not_get_better_is_not_tried_again(
    server: FakeEndpoint, tmp_path: Path, answer: Answer, kind: type[FovealError], words: str, remedy: str
) -> None:
    server.models = Answer({"data": [{"id": "small-model-vision"}, {"id": "other"}]})
    server.behave = lambda body: answer
    model = made(server.url, tmp_path)
    with pytest.raises(kind, match=words) as error:
        await model.generate(HELLO)
    assert type(error.value) is kind
    assert remedy in error.value.remedy
    assert KEY not in str(error.value)
    assert len(server.requests) == 1


async def test_row_50_a_stream_lost_in_the_middle_is_marked(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    told: list[str] = []
    for lost in (streamed("The seat", " is", cut=True), streamed("The seat", " is", finish=None)):
        server.script = [lost]
        reply = await model.generate(HELLO, on_text=told.append)
        assert (reply.text, reply.finish) == ("The seat is", "broken")
        assert "lost in the middle" in reply.notes[0]
    server.script = [streamed(cut=True), Answer(cut=True), streamed("whole")]
    server.script[0] = Answer(cut=True)
    assert (await model.generate(HELLO, on_text=told.append)).finish == "stop", "nothing was shown: tried again"


async def test_row_50_a_connection_that_closes_is_tried_again(
    server: FakeEndpoint, tmp_path: Path, clock: Clock
) -> None:
    server.script = [Answer(cut=True), said("fine")]
    assert (await made(server.url, tmp_path, clock).generate(HELLO)).text == "fine"
    assert len(clock.slept) == 1


async def test_row_50_a_server_that_hangs_ends_at_the_deadline(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path, timeout=0.3)
    server.behave = lambda body: Answer(said("late").body, delay=1.0)
    started = time.monotonic()
    with pytest.raises(ModelUnavailable, match=r"did not finish within 0\.3 s") as error:
        await model.generate(HELLO)
    assert time.monotonic() - started < 0.9
    assert "openai_timeout" in error.value.remedy


async def test_row_50_endless_generation_is_stopped(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.behave = lambda body: streamed(*["again "] * 3000, finish="stop")
    reply = await model.generate(HELLO, max_tokens=10, on_text=lambda piece: None)
    assert reply.finish == "length"
    assert len(reply.text.split()) < 400


async def test_row_50_an_empty_reply_is_asked_for_once_more(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [said(None, written=0), said("Bern")]
    assert (await model.generate(HELLO)).text == "Bern"
    server.script = [said("", written=0), said(None, written=0)]
    with pytest.raises(ModelOutputError, match="empty reply, twice"):
        await model.generate(HELLO)


async def test_a_model_that_only_thought_gets_room_to_answer(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.script = [said(None, finish="length", written=48, reasoning_content="Let me see"), said("Bern")]
    reply = await model.generate(HELLO, max_tokens=48)
    assert reply.text == "Bern"
    assert [sent["max_tokens"] for sent in server.requests] == [48, 48 + 2048]


async def test_cancelling_drops_the_request(server: FakeEndpoint, tmp_path: Path) -> None:
    model = made(server.url, tmp_path)
    server.behave = lambda body: Answer(said("late").body, delay=1.0)
    cancel = asyncio.Event()
    call = asyncio.ensure_future(model.generate(HELLO, cancel=cancel))
    await asyncio.sleep(0.2)
    cancel.set()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        await call
    assert time.monotonic() - started < 0.5
    with pytest.raises(Cancelled):
        await model.generate(HELLO, cancel=cancel)


async def test_nobody_there_is_told_with_the_address(tmp_path: Path, clock: Clock) -> None:
    with serving() as fake:
        url = fake.url
    with pytest.raises(ModelUnavailable, match="cannot be reached") as error:
        await made(url, tmp_path, clock).generate(HELLO)
    assert url in str(error.value) and "/v1" in error.value.remedy
    assert len(clock.slept) == 3


async def test_tls_that_is_not_trusted_is_told_and_not_tried_again(
    server: FakeEndpoint, tmp_path: Path, clock: Clock
) -> None:
    plain = made(server.url.replace("http://", "https://"), tmp_path, clock)
    with pytest.raises(ModelUnavailable, match="not trusted") as error:
        await plain.generate(HELLO)
    assert "http://" in error.value.remedy
    assert clock.slept == []


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A certificate that nobody has signed, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("makes a certificate with openssl")
    files = str(tmp_path / "c.pem"), str(tmp_path / "k.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files[1], "-out", files[0]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


async def test_a_certificate_of_ones_own_is_trusted_when_named(
    certificate: tuple[str, str], tmp_path: Path, clock: Clock
) -> None:
    with serving(certificate=certificate) as fake:
        stranger = made(fake.url, tmp_path, clock)
        with pytest.raises(ModelUnavailable, match="not trusted"):
            await stranger.generate(HELLO)
        endpoint = replace(stranger.endpoint, ca_file=certificate[0])
        trusted = OpenAIModel(endpoint, cache=tmp_path)
        assert (await trusted.generate(HELLO)).text == "fine"
        await trusted.aclose()


async def test_proxies_of_the_environment_are_not_used(
    server: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    assert (await made(server.url, tmp_path).generate(HELLO)).text == "fine"
    assert "org-mine" not in str(server.headers), "nor is OpenAI's organisation told to others"


async def test_row_76_the_key_is_in_no_log_no_repr_and_no_file(
    server: FakeEndpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    model = made(server.url, tmp_path)
    server.script = [said("fine"), failed(500, f"bad key {KEY}")]
    await model.generate(HELLO)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    server.behave = lambda body: failed(500, f"bad key {KEY}")
    with pytest.raises(ModelUnavailable) as error:
        await model.generate(HELLO)
    words = (caplog.text, repr(model), repr(model.endpoint), str(error.value), repr(error.value), repr(vars(model)))
    assert not any(KEY in text for text in words)
    assert error.value.__cause__ is None
    assert not any(KEY in path.read_text() for path in tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("argument", "given", "environment", "address", "key"),
    [
        ("m", {"openai_api_key": "a"}, {}, "https://api.openai.com/v1", "a"),
        ("m", {}, {"OPENAI_API_KEY": "b"}, "https://api.openai.com/v1", "b"),
        ("m", {"openai_base_url": "http://h:1/v1/"}, {"OPENAI_API_KEY": "b"}, "http://h:1/v1", None),
        ("m", {"openai_base_url": "http://h:1/v1", "openai_api_key": "a"}, {}, "http://h:1/v1", "a"),
        ("m", {}, {"OPENAI_BASE_URL": "http://e/v1", "OPENAI_API_KEY": "b"}, "http://e/v1", "b"),
        ("m@http://x:2/v1", {"openai_base_url": "http://h/v1", "openai_api_key": "a"}, {}, "http://x:2/v1", None),
        ("m@http://H/v1", {"openai_base_url": "http://h/v1", "openai_api_key": "a"}, {}, "http://h/v1", "a"),
        ("@cf/m@2", {"openai_base_url": "http://h/v1"}, {}, "http://h/v1", None),
    ],
)
def test_a_key_goes_only_to_the_address_it_was_given_for(
    argument: str, given: dict[str, Any], environment: dict[str, str], address: str, key: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = endpoint_of(argument, Settings(**given))
    assert endpoint.base_url == address
    assert (endpoint.key.get_secret_value() if endpoint.key else None) == key


@pytest.mark.parametrize(
    "spec", ["openai:m", "openai: @http://h/v1", "openai:m@http://u:pw@h/v1", "openai:m@http://h:x/v1"]
)
def test_a_bad_endpoint_is_a_bad_configuration(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadConfig) as error:
        make_model(spec, Settings(cache=tmp_path))
    assert error.value.remedy
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [("http://127.0.0.1:1/v1", True), ("http://[::1]:1/v1", True), ("http://gpu-box:8000/v1", True),
     ("http://172.20.0.3/v1", True), ("http://10.example.com/v1", False), ("https://api.openai.com/v1", False)],
)  # fmt: skip
def test_tokens_cost_nothing_on_ones_own_machines(url: str, local: bool) -> None:
    assert Endpoint("m", url).is_local == local


def test_nothing_is_promised_before_the_probe(tmp_path: Path) -> None:
    model = make_model("openai:m@http://models.example/v1", Settings(cache=tmp_path))
    can = model.capabilities
    assert not (can.vision or can.json_schema or can.logprobs or can.plans_freely)
    assert any("price" in note and "not known" in note for note in can.notes)
    assert json.loads(json.dumps(Dialect().fit({"max_tokens": 3}))) == {"max_tokens": 3}
