"""How a loaded model is spoken to: in ChatML, or through the chat template that its GGUF file carries.

A template is applied to placeholders, once for each sequence of roles, and cut there. Only what stands between the
placeholders is markup; what people and documents say goes in as plain text, tokenised apart, so that no passage can
end a turn or begin one. Beside pictures the engine reads the whole prompt as markup; there the names of the model's
control tokens are broken up wherever people or documents say them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Protocol

from foveal.errors import BadInput, ModelError, ModelUnavailable, VisionUnsupported
from foveal.protocols import PictureReader
from foveal.tools.models.chatml import END, START, Piece
from foveal.tools.models.chatml import render as chatml
from foveal.tools.models.engine import SeeingPrompt
from foveal.types import Message

_PROBE = tuple(Message(role, role.upper()) for role in ("system", "user", "assistant", "user"))
_OPENING_PROBE = "a"


class Speaker(Protocol):
    """What is needed of an engine (:class:`~foveal.tools.models.engine.LlamaEngine`)."""

    def tokenize(self, text: str, *, special: bool, start: bool = False) -> list[int]:
        """Return token ids."""
        ...

    def apply_template(self, messages: Sequence[dict[str, str]]) -> str:
        """Return the template applied to messages. Raises ModelError."""
        ...

    def marker(self) -> str:
        """Return what stands for a picture."""
        ...


class Speech:
    """Turns messages into prompts for one loaded model."""

    def __init__(
        self,
        engine: Speaker,
        *,
        own_template: bool,
        control: Sequence[str] = (),
        pictures: PictureReader | None = None,
        name: str = "The model",
    ) -> None:
        """*own_template*: the file has one; *control*: its control tokens; *pictures* when it sees.

        Raises ModelUnavailable when the model was not made for chats.
        """
        self._engine = engine
        self._name = name
        self._pictures = pictures
        self._marker = engine.marker() if pictures is not None else ""
        self._control = (*control, self._marker)
        self._layouts: dict[tuple[str, ...], list[tuple[str, bool]]] = {}
        self._opening = self._find_opening()
        knows = len(engine.tokenize(START, special=True)) == 1 == len(engine.tokenize(END, special=True))
        if not own_template and not knows:
            raise ModelUnavailable(
                f"{name} has no chat template and does not know ChatML.",
                remedy="Use a model that was tuned for chats (its name says instruct, chat or it).",
            )
        self.speaks_chatml = knows and (not own_template or self._is_chatml())

    def prompt(self, messages: Sequence[Message]) -> list[int] | SeeingPrompt:
        """Return the prompt for *messages*; a last message of role assistant is left open, to be continued.

        Raises BadInput when there is no message, VisionUnsupported for pictures a model does not see, BadImage.
        """
        if not any(message.images for message in messages):
            tokens = [token for piece in self.pieces(messages) for token in self._tokens(piece)]
            return tokens if tokens[: len(self._opening)] == self._opening else [*self._opening, *tokens]
        if self._pictures is None:
            raise VisionUnsupported(
                f"{self._name} cannot see pictures.",
                remedy="Describe the picture in words, or use a model that sees: llama:PATH.gguf,mmproj=PATH.",
            )
        text = "".join(p.text if p.markup else harmless(p.text, self._control) for p in self.pieces(messages))
        return SeeingPrompt(text, tuple(self._pictures(image) for message in messages for image in message.images))

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """Return *messages* as markup and plain text; pictures come before the words of their message."""
        if not messages:
            raise BadInput("A model needs at least one message.")
        if self.speaks_chatml and not any(message.images for message in messages):
            return chatml(messages)
        begun = messages[-1].content if messages[-1].role == "assistant" and len(messages) > 1 else ""
        asked = messages[:-1] if begun else messages
        try:
            pieces = self._templated(asked)
        except ModelError:
            # Some templates take no system message, or want the roles in turns.
            pieces = self._templated(_in_turns(asked))
        return [*pieces, Piece(begun, False)] if begun else pieces

    def _templated(self, messages: Sequence[Message]) -> list[Piece]:
        shape = tuple(f"{message.role}{len(message.images)}" for message in messages)
        if shape not in self._layouts:
            self._layouts[shape] = self._layout(messages)
        pieces, said = [], iter(messages)
        for text, markup in self._layouts[shape]:
            if not markup:
                content = next(said).content
                text = content if text else content.strip()
            if text:
                pieces.append(Piece(text, markup))
        return pieces

    def _layout(self, messages: Sequence[Message]) -> list[tuple[str, bool]]:
        """Return what a template makes of such messages: markup, and between it ("", or "raw" when not trimmed)."""
        key = secrets.token_hex(8)
        marks = [f"{key}n{number}n" for number in range(len(messages))]
        shown = [
            {"role": m.role, "content": f"{self._marker}\n" * len(m.images) + f"{mark}  "}
            for m, mark in zip(messages, marks, strict=True)
        ]
        text = self._engine.apply_template(shown)
        if re.findall(rf"{key}n\d+n", text) != marks:
            raise ModelUnavailable(
                f"The chat template of {self._name} changes or leaves out messages.", remedy="Use another model."
            )
        layout = []
        for part in re.split(rf"({key}n\d+n(?:  )?)", text):
            said = part.startswith(key)
            layout.append((("raw" if part.endswith("  ") else "") if said else part, not said))
        return layout

    def _is_chatml(self) -> bool:
        try:
            templated = "".join(piece.text for piece in self._templated(_PROBE))
        except ModelError:
            return False
        return templated == "".join(piece.text for piece in chatml(_PROBE))

    def _find_opening(self) -> list[int]:
        """Return the tokens that the model wants before a prompt: none, or the one that begins a text."""
        bare = self._engine.tokenize(_OPENING_PROBE, special=False)
        opened = self._engine.tokenize(_OPENING_PROBE, special=False, start=True)
        starts = [at for at in range(len(opened)) if opened[at : at + len(bare)] == bare]
        return opened[: starts[0]] if starts else []

    def _tokens(self, piece: Piece) -> list[int]:
        return self._engine.tokenize(piece.text, special=piece.markup)


def harmless(text: str, control: Sequence[str]) -> str:
    """Return *text* with every control token in it broken up by a space after its first sign."""
    while found := [token for token in control if token.strip() and token in text]:
        for token in found:
            text = text.replace(token, f"{token[0]} {token[1:]}" if len(token) > 1 else " ")
    return text


def _in_turns(messages: Sequence[Message]) -> list[Message]:
    """Return *messages* with the system's words put before the user's, and like roles that follow each other joined."""
    turns: list[Message] = []
    for message in messages:
        role = "user" if message.role == "system" else message.role
        if turns and turns[-1].role == role:
            last = turns.pop()
            turns.append(Message(role, f"{last.content}\n\n{message.content}", (*last.images, *message.images)))
        else:
            turns.append(Message(role, message.content, message.images))
    return turns
