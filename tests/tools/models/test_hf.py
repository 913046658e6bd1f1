"""Models of transformers: every family with tiny random weights, through the code that loads the real ones."""

from __future__ import annotations

import asyncio
import io
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from fakes.checkpoints import KINDS, SEEING
from PIL import Image

from foveal.errors import (
    BadInput,
    Cancelled,
    ContextOverflow,
    ModelError,
    ModelOutputError,
    ModelUnavailable,
    VisionUnsupported,
)
from foveal.settings import Settings
from foveal.tools.models import hf
from foveal.tools.models.hf import HfModel
from foveal.tools.models.hf_load import load_tokenizer
from foveal.tools.models.registry import make_model
from foveal.types import Message

SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": ["string", "null"], "maxLength": 12},
        "sure": {"enum": ["high", "low"]},
        "ids": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "maxItems": 3},
    },
    "required": ["answer", "sure", "ids"],
    "additionalProperties": False,
}
ASK = [Message("user", "Is the bus red? Say Yes or No.")]
Makes = Callable[..., HfModel]


def picture(colour: str, size: tuple[int, int] = (80, 60)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


PICTURES = {"a": picture("red"), "b": picture("blue", (120, 50)), "c": picture("green", (40, 90))}


@pytest.fixture
async def made(checkpoint: Callable[[str], Path]) -> AsyncIterator[Makes]:
    models: list[HfModel] = []

    def of(kind: str, **named: Any) -> HfModel:
        models.append(HfModel(str(checkpoint(kind)), pictures=PICTURES.__getitem__, **named))
        return models[-1]

    yield of
    for model in models:
        await model.aclose()


async def loaded(model: HfModel) -> Any:
    await model.generate(ASK, max_tokens=1)
    return model._loaded


@pytest.mark.parametrize("kind", KINDS)
async def test_every_family_writes_json_of_the_schema(kind: str, made: Makes) -> None:
    reply = await made(kind).generate(
        [Message("system", "You are brief."), *ASK], schema=SCHEMA, max_tokens=150, logprobs=True
    )
    jsonschema.validate(reply.parsed, SCHEMA)
    assert reply.finish == "stop" and reply.logprob is not None and reply.logprob < 0


@pytest.mark.parametrize("kind", SEEING)
@pytest.mark.parametrize("shown", [(), ("a",), ("a", "b", "c")])
async def test_pictures_reach_the_model_as_its_own_processor_would_give_them(
    kind: str, shown: tuple[str, ...], made: Makes
) -> None:
    model = made(kind)
    assert model.capabilities.vision
    probability, call = await model.yes_probability([Message("user", "Is it red?", shown)])
    inner, processor = (await loaded(model)).model, (await loaded(model)).processor
    content = [*({"type": "image"} for _ in shown), {"type": "text", "text": "Is it red?"}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    seen = [[Image.open(io.BytesIO(PICTURES[name])) for name in shown]] if shown else None
    inputs = processor(text=[text], images=seen, return_tensors="pt")
    with torch.inference_mode():
        logits = inner(**inputs).logits[0, -1]
    assert call.prompt_tokens == inputs["input_ids"].shape[1]
    assert probability == pytest.approx(softmax_of_words(logits, processor.tokenizer), abs=1e-4)


@pytest.mark.parametrize("kind", SEEING)
async def test_another_picture_gives_another_answer(kind: str, made: Makes) -> None:
    model = made(kind)
    seen = [(await model.yes_probability([Message("user", "Is it red?", (name,))]))[0] for name in ("a", "b", "a")]
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
async def test_behaviour_yes_probability_is_the_softmax_of_two_logits(kind: str, made: Makes) -> None:
    """With and without a token that begins every text."""
    model = made(kind)
    probability, call = await model.yes_probability(ASK)
    inner, tokenizer = (await loaded(model)).model, (await loaded(model)).tokenizer
    chat = [{"role": message.role, "content": message.content} for message in ASK]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    assert (ids["input_ids"][0, 0] == tokenizer.bos_token_id) == (kind == "llama")
    with torch.inference_mode():
        logits = inner(**ids).logits[0, -1]
    assert probability == pytest.approx(softmax_of_words(logits, tokenizer), abs=1e-5)
    assert call.text == ("Yes" if probability > 0.5 else "No") and call.prompt_tokens == ids["input_ids"].shape[1]


def softmax_of_words(logits: torch.Tensor, tokenizer: Any) -> float:
    """The more probable of the spellings that the vocabulary holds as one token: bare, or with a space before."""
    pairs = []
    for space in ("", "Ġ", "▁"):
        ids = tokenizer.convert_tokens_to_ids([f"{space}Yes", f"{space}No"])
        if all(i is not None and i != tokenizer.unk_token_id for i in ids):
            pairs.append(logits[ids])
    best = max(pairs, key=lambda pair: float(pair.exp().sum()))
    return float(best.softmax(-1)[0])


async def test_choose_agrees_with_the_logits_of_each_option(made: Makes) -> None:
    model = made("qwen2")
    probabilities, call = await model.choose(ASK, ["1", "2", "3"])
    assert sum(probabilities) == pytest.approx(1.0) and len(set(probabilities)) == 3
    assert call.text == "123"[probabilities.index(max(probabilities))]
    assert call.logprob == pytest.approx(math.log(max(probabilities)))
    with pytest.raises(BadInput, match="begin alike"):
        await model.choose(ASK, ["red", "red"])


async def test_logprob_is_the_mean_over_the_tokens_of_the_reply(made: Makes) -> None:
    model = made("qwen2")
    reply = await model.generate(ASK, max_tokens=6, logprobs=True)
    inner, tokenizer = (await loaded(model)).model, (await loaded(model)).tokenizer
    chat = [{"role": "user", "content": ASK[0].content}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)["input_ids"]
    told = []
    for _ in range(reply.completion_tokens):
        with torch.inference_mode():
            row = inner(torch.tensor([ids])).logits[0, -1].log_softmax(-1)
        told.append(float(row.max()))
        ids = [*ids, int(row.argmax())]
    assert reply.logprob == pytest.approx(sum(told) / len(told), abs=1e-4)
    assert (await model.generate(ASK, max_tokens=6)).logprob is None


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen2_5_vl", "idefics3"])
async def test_calls_that_come_together_are_one_batch_and_get_what_they_get_alone(
    kind: str, made: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = watch_batches(monkeypatch)
    model = made(kind)
    await loaded(model)
    texts = ["red?", "Who painted this? " * 9, "the year 1889 " * 30, "search the web"]
    asks = [[Message("user", text)] for text in texts]

    def replies() -> list[Any]:
        plain = [model.generate(ask, max_tokens=5 + 4 * n, logprobs=True) for n, ask in enumerate(asks[:3])]
        return [*plain, model.generate(asks[3], schema=SCHEMA, max_tokens=120, logprobs=True)]

    alone = [await reply for reply in replies()]
    alone_yes = [(await model.yes_probability(ask))[0] for ask in asks]
    assert set(sizes) == {1}
    sizes.clear()
    together = await asyncio.gather(*replies())
    together_yes = await asyncio.gather(*(model.yes_probability(ask) for ask in asks))
    assert sizes == [4, 4]
    for one, other in zip(alone, together, strict=True):
        assert (one.text, one.parsed, one.finish, one.completion_tokens, one.prompt_tokens) == (
            other.text, other.parsed, other.finish, other.completion_tokens, other.prompt_tokens,
        )  # fmt: skip
        assert one.logprob == pytest.approx(other.logprob, abs=1e-4)
    assert [p for p, _ in together_yes] == pytest.approx(alone_yes, abs=1e-4)


@pytest.mark.parametrize("kind", ["qwen3_vl", "llava_onevision"])
async def test_calls_with_pictures_go_alone(kind: str, made: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(kind)
    asks = [[Message("user", "red?", shown)] for shown in ((), ("a",), ("b", "c"), ())]
    alone = [(await model.yes_probability(ask))[0] for ask in asks]
    sizes = watch_batches(monkeypatch)
    together = await asyncio.gather(*(model.yes_probability(ask) for ask in asks))
    assert [p for p, _ in together] == pytest.approx(alone, abs=1e-4)
    assert sizes == [2, 1, 1]


def watch_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that fills with the sizes of the batches that are decoded."""
    sizes: list[int] = []
    decode = hf.decode

    def watched(inner: Any, rows: Sequence[Any]) -> None:
        sizes.append(len(rows))
        decode(inner, rows)

    monkeypatch.setattr(hf, "decode", watched)
    return sizes


async def test_one_bad_call_of_a_batch_leaves_the_others_alone(made: Makes) -> None:
    model = made("qwen2")
    await loaded(model)
    good = await model.generate(ASK, max_tokens=4)
    results = await asyncio.gather(
        model.generate(ASK, max_tokens=4),
        model.generate([Message("user", "long " * 3000)], max_tokens=4),
        model.generate(ASK, schema={"type": "no such type"}, max_tokens=4),
        return_exceptions=True,
    )
    assert results[0] == good
    assert isinstance(results[1], ContextOverflow) and isinstance(results[2], BadInput)


async def test_row_49_a_prompt_beyond_the_context_is_refused_with_its_size(made: Makes) -> None:
    with pytest.raises(ContextOverflow, match=r"\d{4,} tokens; the model takes 2048"):
        await made("qwen2").generate([Message("user", "long " * 3000)])


async def test_row_50_endless_writing_ends_at_the_room_there_is(made: Makes) -> None:
    model = made("qwen2")
    reply = await model.generate(ASK, max_tokens=20)
    assert (reply.finish, reply.completion_tokens) == ("length", 20)


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
async def test_stop_strings_end_the_reply_and_are_not_in_it(kind: str, made: Makes) -> None:
    model = made(kind)
    whole = (await model.generate(ASK, max_tokens=30)).text
    stop = whole[20:23]
    pieces: list[str] = []
    cut = await model.generate(ASK, max_tokens=30, stop=["~~~~", stop], on_text=pieces.append)
    assert cut.text == whole[: whole.index(stop)] and cut.finish == "stop"
    assert "".join(pieces) == cut.text and len(pieces) > 1


@pytest.mark.parametrize("kind", ["qwen2", "llama"])
async def test_the_reply_is_streamed_as_it_is_written(kind: str, made: Makes) -> None:
    model = made(kind)
    pieces: list[str] = []
    reply = await model.generate(ASK, max_tokens=40, on_text=pieces.append)
    assert "".join(pieces) == reply.text and len(pieces) > 10
    assert reply == await model.generate(ASK, max_tokens=40)
    pieces.clear()
    reply = await model.generate(ASK, max_tokens=150, schema=SCHEMA, on_text=pieces.append)
    assert pieces == [reply.text]


async def test_row_61_a_cancelled_call_stops_and_the_next_one_runs(made: Makes) -> None:
    model = made("qwen2")
    inner = await loaded(model)
    started, cancel, steps = asyncio.Event(), asyncio.Event(), []
    inner.model.register_forward_hook(lambda *_: steps.append(1))
    inner.model.generation_config.eos_token_id = None
    model._loaded = replace(inner, ends=())  # it would write on to the last of its room
    call = asyncio.ensure_future(model.generate(ASK, max_tokens=2000, cancel=cancel, on_text=lambda _: started.set()))
    await asyncio.wait_for(started.wait(), 20)
    cancel.set()
    with pytest.raises(Cancelled):
        await call
    again = asyncio.ensure_future(model.generate(ASK, max_tokens=2000, on_text=lambda _: started.set()))
    started.clear()
    await asyncio.wait_for(started.wait(), 20)
    again.cancel()
    with pytest.raises(asyncio.CancelledError):
        await again
    assert (await model.generate(ASK, max_tokens=2)).completion_tokens == 2
    assert len(steps) < 1500


async def test_a_call_that_is_cancelled_before_its_turn_is_never_made(
    made: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = made("qwen2")
    await loaded(model)
    sizes = watch_batches(monkeypatch)
    first = asyncio.ensure_future(model.generate(ASK, max_tokens=300))
    await asyncio.sleep(0.05)
    waiting = asyncio.ensure_future(model.yes_probability(ASK))
    await asyncio.sleep(0.01)
    waiting.cancel()
    await first
    assert (await model.generate(ASK, max_tokens=1)).completion_tokens == 1
    assert sizes == [1, 1]


async def test_row_48_a_model_that_cannot_see_refuses_pictures(made: Makes) -> None:
    model = made("qwen2")
    assert not model.capabilities.vision
    with pytest.raises(VisionUnsupported, match="cannot see"):
        await model.generate([Message("user", "what is it?", ("a",))])


async def test_row_47_json_that_never_ends_is_asked_for_once_more_then_refused(
    made: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hf, "_REPAIR_TOKENS", 10)
    sizes = watch_batches(monkeypatch)
    with pytest.raises(ModelOutputError, match="not the JSON"):
        await made("qwen2").generate(ASK, schema={"type": "string", "minLength": 500}, max_tokens=6)
    assert len(sizes) == 2


async def test_json_that_was_cut_off_is_whole_with_more_room(made: Makes) -> None:
    reply = await made("qwen2").generate(ASK, schema=SCHEMA, max_tokens=4)
    jsonschema.validate(reply.parsed, SCHEMA)


async def test_row_50_without_memory_for_all_the_batch_is_halved(made: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("qwen2")
    alone = await model.generate(ASK, max_tokens=6)
    decode, sizes = hf.decode, []

    def scarce(inner: Any, rows: Sequence[Any]) -> None:
        sizes.append(len(rows))
        if len(rows) > 1 or len(rows[0].prompt.ids) > 200:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        decode(inner, rows)

    monkeypatch.setattr(hf, "decode", scarce)
    asks = [ASK, ASK, [Message("user", "the year 1889 " * 40)], ASK]
    results = await asyncio.gather(*(model.generate(ask, max_tokens=6) for ask in asks), return_exceptions=True)
    assert sizes == [4, 2, 1, 1, 2, 1, 1]
    assert results[0] == results[1] == results[3] == alone
    assert isinstance(results[2], ModelError) and "ran out of memory" in results[2].message and results[2].remedy


async def test_logits_that_are_no_numbers_are_an_error_not_an_answer(made: Makes) -> None:
    model = made("qwen2")
    inner = await loaded(model)
    with torch.no_grad():
        inner.model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(ModelError, match="no numbers") as caught:
        await model.generate(ASK, max_tokens=3)
    assert "hf_dtype" in caught.value.remedy


async def test_a_last_message_of_the_assistant_is_continued(made: Makes) -> None:
    model = made("qwen2")
    whole = await model.generate(ASK, max_tokens=12)
    tokenizer = (await loaded(model)).tokenizer
    head = whole.text[:4]
    more = await model.generate([*ASK, Message("assistant", head)], max_tokens=1)
    plain = await model.generate(ASK, max_tokens=1)
    assert more.prompt_tokens == plain.prompt_tokens + len(tokenizer(head)["input_ids"])


async def test_half_precision_answers_too(made: Makes) -> None:
    model = made("qwen2_5_vl", dtype="bfloat16")
    full, _ = await made("qwen2_5_vl").yes_probability([Message("user", "red?", ("a",))])
    half, _ = await model.yes_probability([Message("user", "red?", ("a",))])
    assert model._loaded is not None and model._loaded.model.dtype == torch.bfloat16
    assert half == pytest.approx(full, abs=0.03)


async def test_what_a_checkpoint_says_of_sampling_does_not_bend_the_logits(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    import json
    import shutil

    folder = tmp_path / "bent"
    shutil.copytree(checkpoint("qwen2"), folder)
    told = json.loads((folder / "generation_config.json").read_text("utf-8"))
    told |= {"do_sample": True, "temperature": 0.1, "top_k": 2, "repetition_penalty": 5.0}
    (folder / "generation_config.json").write_text(json.dumps(told), "utf-8")
    bent, straight = HfModel(str(folder)), HfModel(str(checkpoint("qwen2")))
    assert await bent.yes_probability(ASK) == await straight.yes_probability(ASK)
    assert await bent.generate(ASK, max_tokens=12) == await straight.generate(ASK, max_tokens=12)
    await bent.aclose()
    await straight.aclose()


async def test_after_closing_there_is_no_more_to_ask(made: Makes) -> None:
    model = made("qwen2")
    await loaded(model)
    await model.aclose()
    with pytest.raises(ModelUnavailable, match="closed"):
        await model.generate(ASK)


async def test_the_registry_makes_it_from_the_settings(checkpoint: Callable[[str], Path]) -> None:
    folder = checkpoint("qwen2")
    model = make_model(f"hf:{folder}", Settings(hf_device="cpu", hf_batch=1))
    assert (model.name, model.capabilities.context_tokens) == ("hf:qwen2", 2048)
    assert model.capabilities.json_schema and model.capabilities.logprobs and not model.capabilities.plans_freely
    assert make_model(f"hf:{folder}", Settings(plans_freely=True)).capabilities.plans_freely
    await model.aclose()


def test_tokens_are_counted_as_they_will_be_sent(checkpoint: Callable[[str], Path]) -> None:
    model = HfModel(str(checkpoint("qwen2")))
    _, tokenizer, _ = model._read_words()
    assert model.count_tokens("the quick brown fox") == len(tokenizer("the quick brown fox")["input_ids"])
    assert model.count_tokens("<|im_end|>") > 3
    assert load_tokenizer(model.card, checkpoint("qwen2"))[1] is None
