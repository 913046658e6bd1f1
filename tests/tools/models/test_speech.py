"""How models are spoken to: their own templates, and text that cannot become markup. Real engine, tiny weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from fakes.gguf import CHATML, CONTROL, LLAMA3, TURNS, write_model
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import BadInput, ModelUnavailable, VisionUnsupported
from foveal.tools.models.engine import EngineOptions, LlamaEngine, SeeingPrompt
from foveal.tools.models.gguf import read_header
from foveal.tools.models.speech import Speech, harmless
from foveal.types import Message

SMALL = EngineOptions(threads=1, context=512, slots=1)
CHAT = (Message("system", "Be brief."), Message("user", "Hello."))
Spoken = Callable[[str], tuple[LlamaEngine, Speech]]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoken]:
    """Models by their template, loaded once."""
    folder = tmp_path_factory.mktemp("speech")
    made: dict[str, tuple[LlamaEngine, Speech]] = {}

    def get(template: str) -> tuple[LlamaEngine, Speech]:
        if template not in made:
            begins = template != CHATML
            path = write_model(folder / f"{len(made)}.gguf", template=template, begins=begins)
            engine = LlamaEngine(path, SMALL)
            speech = Speech(engine, own_template=True, control=read_header(path).control, name=path.name)
            made[template] = engine, speech
        return made[template]

    yield get
    for engine, _ in made.values():
        engine.close()


@pytest.mark.parametrize("template", [CHATML, LLAMA3])
def test_prompt_is_what_the_template_makes(spoken: Spoken, template: str) -> None:
    engine, speech = spoken(template)
    chat = [*CHAT, Message("assistant", "Hi."), Message("user", "Bye.")]
    whole = engine.apply_template([{"role": m.role, "content": m.content} for m in chat])
    assert speech.prompt(chat) == engine.tokenize(whole, special=True, start=True)


def test_chatml_is_recognised_and_others_are_not_taken_for_it(spoken: Spoken) -> None:
    assert [spoken(template)[1].speaks_chatml for template in (CHATML, LLAMA3, TURNS)] == [True, False, False]


def test_template_without_a_system_role_gets_its_words_before_the_users(spoken: Spoken) -> None:
    engine, speech = spoken(TURNS)
    whole = "<start_of_turn>user\nBe brief.\nHello.<end_of_turn>\n<start_of_turn>model\n"
    assert speech.prompt(CHAT) == engine.tokenize(whole, special=True, start=True)
    both = [Message("user", "One."), Message("user", "Two.")]
    assert "One.\n\nTwo." in "".join(piece.text for piece in speech.pieces(both))


def test_text_begins_with_its_own_token_once(spoken: Spoken) -> None:
    engine, speech = spoken(LLAMA3)
    begin = engine.tokenize("<|begin_of_text|>", special=True)
    prompt = speech.prompt(CHAT)
    assert isinstance(prompt, list) and prompt[:1] == begin and prompt.count(begin[0]) == 1
    assert spoken(CHATML)[1].prompt(CHAT)[:1] == spoken(CHATML)[0].tokenize("<|im_start|>", special=True)


@pytest.mark.parametrize("template", [CHATML, LLAMA3, TURNS])
def test_last_assistant_message_is_left_open(spoken: Spoken, template: str) -> None:
    engine, speech = spoken(template)
    opened = speech.prompt([*CHAT, Message("assistant", "Well,")])
    assert opened == [*speech.prompt(CHAT), *engine.tokenize("Well,", special=False)]


@settings(deadline=None, max_examples=25)
@given(data=st.data(), template=st.sampled_from([CHATML, LLAMA3, TURNS]))
def test_no_text_becomes_markup(spoken: Spoken, data: st.DataObject, template: str) -> None:
    engine, speech = spoken(template)
    parts = st.sampled_from([*CONTROL[template], "a", " ", "\n", "<|", "|>"])
    words = data.draw(st.lists(parts, min_size=1, max_size=8).map("".join))
    control = {engine.tokenize(token, special=True)[0] for token in CONTROL[template]}

    def markup(content: str) -> list[int]:
        return [t for t in speech.prompt([Message("user", content), Message("assistant", content)]) if t in control]

    assert markup(words) == markup("plain")
    token_free = harmless(words, CONTROL[template])
    assert not control & set(engine.tokenize(token_free, special=True))
    assert token_free.replace(" ", "") == words.replace(" ", "")


def test_harmless_leaves_what_is_harmless_and_ends() -> None:
    assert harmless("a <b> c", ("<b", "")) == "a < b> c"
    assert harmless("x y", (" ", "<")) == "x y"
    assert harmless("<<>>", ("<", "<>")) == "  >>"


def test_nothing_to_say_and_nothing_to_see(spoken: Spoken) -> None:
    speech = spoken(LLAMA3)[1]
    with pytest.raises(BadInput):
        speech.prompt([])
    with pytest.raises(VisionUnsupported, match="cannot see"):
        speech.prompt([Message("user", "What is this?", images=("0" * 64,))])


def test_model_that_was_not_made_for_chats_says_so(tmp_path: Path) -> None:
    path = write_model(tmp_path / "base.gguf", template=None, control=("<s>", "</s>"))
    engine = LlamaEngine(path, SMALL)
    with pytest.raises(ModelUnavailable, match="no chat template"):
        Speech(engine, own_template=False, name=path.name)
    engine.close()


class Forgetful:
    """An engine whose template leaves messages out."""

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        return list(text.encode())

    def apply_template(self, messages: Sequence[dict[str, str]]) -> str:
        return "<user>" + messages[-1]["content"]

    def marker(self) -> str:
        return "<__media__>"


def test_template_that_loses_messages_is_not_used() -> None:
    with pytest.raises(ModelUnavailable, match="leaves out"):
        Speech(Forgetful(), own_template=True).prompt([*CHAT, Message("assistant", "Hi."), Message("user", "Bye.")])


def test_pictures_come_before_the_words_of_their_message() -> None:
    speech = Speech(Forgetful(), own_template=True, pictures=lambda digest: digest.encode(), control=("<user>",))
    prompt = speech.prompt([Message("user", "<user> <__media__> what?", images=("a", "b"))])
    text = "<user><__media__>\n<__media__>\n< user> < __media__> what?"
    assert prompt == SeeingPrompt(text, (b"a", b"b"))
