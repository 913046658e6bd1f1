"""ChatML, the way Qwen2.5 was trained to be spoken to, as pieces that are tokenised apart.

Only the markup is tokenised with special tokens allowed. What people and documents say is tokenised as
plain text, so ``<|im_end|>`` inside a passage stays ten harmless characters and cannot end a turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foveal.errors import BadInput, VisionUnsupported
from foveal.types import Message

START = "<|im_start|>"
END = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of prompt text. ``markup`` says whether special tokens in it count as such."""

    text: str
    markup: bool


def render(messages: Sequence[Message]) -> list[Piece]:
    """Return the prompt for *messages*; a last message of role assistant is left open, to be continued.

    Raises BadInput when there is no message and VisionUnsupported when one holds a picture.
    """
    if not messages:
        raise BadInput("A model needs at least one message.")
    if any(message.images for message in messages):
        raise VisionUnsupported(
            "The embedded model cannot see pictures.",
            remedy="Describe the picture in words, or use a model that sees.",
        )
    pieces: list[Piece] = []
    markup = ""
    for number, message in enumerate(messages):
        pieces.append(Piece(f"{markup}{START}{message.role}\n", True))
        if message.content:
            pieces.append(Piece(message.content, False))
        if message.role == "assistant" and number == len(messages) - 1:
            return pieces
        markup = f"{END}\n"
    pieces.append(Piece(f"{markup}{START}assistant\n", True))
    return pieces
