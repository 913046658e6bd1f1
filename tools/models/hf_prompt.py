"""From messages to the tokens of a model, through its own chat template, with every text kept a text.

The template is rendered with a mark in the place of each message, and what people and documents say is put in
afterwards. So no text can look like markup to the template, nor a written ``<image>`` like a picture to the processor;
and a text whose characters would become an added token, such as ``<|im_end|>``, is cut there and its parts are
tokenised apart. A prompt without such texts is, token for token, what ``apply_chat_template`` makes of it.
(transformers has ``sanitize_control_tokens`` for this; its processors refuse a written ``<image>`` and templates
that leave the first token to the tokenizer.)
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from foveal.errors import BadInput, ModelUnavailable, VisionUnsupported
from foveal.types import Message

if TYPE_CHECKING:
    from PIL import Image

PIXELS = 1280 * 28 * 28
"""Bigger pictures are made smaller: about 1300 tokens of a Qwen-VL; their own limit is ten times that."""
_MARK = "foveal{}mark"
_MARKS = re.compile(r"foveal(\d+)mark")
_ASK = "Use the version of the model that was trained for chat, or put a chat_template.jinja into its folder."


@dataclass(frozen=True, slots=True)
class Prompt:
    """Token ids, and for pictures the tensors that the model takes beside them (batch of one)."""

    ids: list[int]
    extra: Mapping[str, Any] = field(default_factory=dict)


class Prompter:
    """Writes the prompts of one model. Not safe to share by threads: tokenizers keep settings."""

    def __init__(self, name: str, tokenizer: Any, processor: Any = None) -> None:
        self._name = name
        self._tokenizer = tokenizer
        self._processor = processor

    def prompt(self, messages: Sequence[Message], pictures: Sequence[bytes] = ()) -> Prompt:
        """Return the prompt of *messages*; a last one of role assistant is left open, to be continued.

        *pictures*: the bytes of all their pictures, in order; pictures come before the text of their message.
        Raises BadInput, VisionUnsupported, ModelUnavailable when the model has no chat template or a strange one.
        """
        if not messages:
            raise BadInput("A model needs at least one message.")
        if pictures and self._processor is None:
            raise VisionUnsupported(
                f"The model {self._name} cannot see pictures.",
                remedy="Describe the picture in words, or use a model that sees.",
            )
        skeleton, messages = self._skeleton(messages)
        extra: dict[str, Any] = {}
        if pictures:
            skeleton, extra = self._with_pictures(skeleton, [_open(data) for data in pictures])
        kinds = extra.pop("kinds", {})
        text, told = _fill(skeleton, [message.content for message in messages])
        ids = self._first(text) + encode(self._tokenizer, text, told)
        for name, kind in kinds.items():
            import torch

            extra[name] = torch.tensor([[kind.get(token, 0) for token in ids]])
        return Prompt(ids, extra)

    def _skeleton(self, messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
        """Return the rendered template with marks for texts, and the messages that they stand for."""
        from jinja2.exceptions import TemplateError

        template = self._template()
        forms = [messages, folded] if (folded := _without_system(messages)) else [messages]
        problem: Exception | None = None
        for form in forms:
            try:
                text = self._render(template, form)
            except (TemplateError, ValueError, TypeError) as error:
                problem = error
                continue
            if {int(mark[1]) for mark in _MARKS.finditer(text)} == set(range(len(form))):
                return text, form
        raise ModelUnavailable(
            f"The chat template of {self._name} does not take these messages: {problem or 'it leaves some out'}.",
            remedy=_ASK,
        ) from problem

    def _render(self, template: str, messages: Sequence[Message]) -> str:
        chat = []
        for number, message in enumerate(messages):
            content: Any = _MARK.format(number)
            if self._processor is not None:
                content = [*({"type": "image"} for _ in message.images), {"type": "text", "text": content}]
            chat.append({"role": message.role, "content": content})
        unfinished = messages[-1].role == "assistant"
        named = {"enable_thinking": False} if "enable_thinking" in template else {}
        speaker = self._processor if self._processor is not None else self._tokenizer
        return str(
            speaker.apply_chat_template(
                chat, chat_template=template, tokenize=False,
                add_generation_prompt=not unfinished, continue_final_message=unfinished, **named,
            )
        )  # fmt: skip

    def _template(self) -> str:
        for holder in (self._processor, self._tokenizer):
            template = getattr(holder, "chat_template", None)
            if isinstance(template, Mapping):
                template = template.get("default")
            if template:
                return str(template)
        raise ModelUnavailable(f"The model {self._name} has no chat template.", remedy=_ASK)

    def _with_pictures(self, skeleton: str, pictures: list[Image.Image]) -> tuple[str, dict[str, Any]]:
        """Return *skeleton* with the tokens of each picture in their places, and the tensors of the pictures.

        ``kinds`` in these: for every tensor that runs beside the token ids, its value by token id.
        """
        try:
            out = self._processor(
                text=[skeleton], images=[pictures], return_text_replacement_offsets=True, return_tensors="pt"
            )
        except ValueError as problem:
            raise ModelUnavailable(
                f"The chat template of {self._name} has no place for {len(pictures)} pictures: {problem}", remedy=_ASK
            ) from problem
        parts, end = [], 0
        for place in out.pop("text_replacement_offsets")[0]:
            parts += [skeleton[end : place["span"][0]], place["replacement"]]
            end = place["span"][1]
        ids, _ = out.pop("input_ids")[0].tolist(), out.pop("attention_mask", None)
        beside = [name for name in out if name.endswith("token_type_ids")]
        kinds = {name: dict(zip(ids, out.pop(name)[0].tolist(), strict=True)) for name in beside}
        return "".join([*parts, skeleton[end:]]), {**out, "kinds": kinds}

    def _first(self, text: str) -> list[int]:
        """Return the token that begins every text, when processors leave it to the tokenizer and it is not there."""
        begin = self._tokenizer.bos_token
        if self._processor is None or begin is None or text.startswith(begin):
            return []
        return [i for i in self._tokenizer("")["input_ids"] if i == self._tokenizer.bos_token_id]


def encode(tokenizer: Any, text: str, told: Sequence[tuple[int, int]]) -> list[int]:
    """Return the token ids of *text*; no character of the spans *told* becomes part of an added token.

    Added tokens of white space alone are no markup, and stay.
    """
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if not token.content.isspace()}
    ids: list[int] = []
    pending = [(0, len(text))]
    while pending:
        begin, end = pending.pop()
        got = tokenizer(text[begin:end], add_special_tokens=False, return_offsets_mapping=True)
        tokens = zip(got["input_ids"], got["offset_mapping"], strict=True)
        spans = [(begin + a, begin + b) for token, (a, b) in tokens if token in added and b - a > 1]
        cuts = [a + 1 for a, b in spans if any(a < stop and start < b for start, stop in told)]
        if cuts:
            pending += reversed(list(pairwise([begin, *cuts, end])))
        else:
            ids += got["input_ids"]
    return ids


def _fill(skeleton: str, texts: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return *skeleton* with *texts* in the places of their marks, and where these stand."""
    parts: list[str] = []
    told: list[tuple[int, int]] = []
    length = end = 0
    for mark in _MARKS.finditer(skeleton):
        text = texts[int(mark[1])]
        before = skeleton[end : mark.start()]
        parts += [before, text]
        told.append((length + len(before), length + len(before) + len(text)))
        length, end = told[-1][1], mark.end()
    return "".join([*parts, skeleton[end:]]), told


def _without_system(messages: Sequence[Message]) -> list[Message] | None:
    """Return *messages* with the system's words at the head of the first user's: some templates know no system."""
    if len(messages) < 2 or messages[0].role != "system" or messages[1].role != "user":
        return None
    return [replace(messages[1], content=f"{messages[0].content}\n\n{messages[1].content}"), *messages[2:]]


def _open(data: bytes) -> Image.Image:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    if (pixels := image.width * image.height) > PIXELS:
        scale = (PIXELS / pixels) ** 0.5
        size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
        return image.resize(size, Image.Resampling.BICUBIC)
    return image
