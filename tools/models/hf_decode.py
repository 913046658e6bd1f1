"""Greedy decoding of several prompts at once, each with its own room, stop strings, schema and end.

Prompts are padded on the left. With float32 a prompt's reply does not depend on those beside it (to about 1e-6 of a
probability); in half precision kernels of another size may round differently.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from foveal.errors import ModelError
from foveal.tools.models.hf_prompt import Prompt

if TYPE_CHECKING:
    from foveal.tools.models.hf_constrain import JsonMatcher
    from foveal.tools.models.hf_load import Loaded


@dataclass(slots=True, eq=False)
class Row:
    """One prompt of a batch, and what becomes of it.

    ``room`` is the most tokens of the reply. ``wanted`` are tokens whose log probability as the first of the reply is
    to be told in ``scores``; ``logprobs``: whether ``logprob``, the mean over the reply, is to be told. ``emit`` is
    given the reply piece by piece, from the thread that decodes.
    """

    prompt: Prompt
    room: int
    stop: tuple[str, ...] = ()
    matcher: JsonMatcher | None = None
    wanted: tuple[int, ...] = ()
    logprobs: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    emit: Callable[[str], None] | None = None
    tokens: list[int] = field(default_factory=list)
    scores: Mapping[int, float] = field(default_factory=dict)
    logprob: float = 0.0
    text: str = ""
    finish: str = ""
    """``stop``, ``length`` or ``cancelled``; empty while the reply is written."""
    _stream: Any = None
    _sent: int = 0

    def restart(self) -> None:
        """Forget the reply, but not what was given to ``emit``: it is not given again."""
        self.tokens, self.logprob, self.text, self.finish, self._stream = [], 0.0, "", "", None
        if self.matcher is not None:
            self.matcher.restart()

    def take(self, token: int, loaded: Loaded) -> None:
        """Go on by one token."""
        if self.cancelled.is_set():
            self.finish = "cancelled"
            return
        if token in loaded.ends:
            self.finish = "stop"
            return
        self.tokens.append(token)
        if self.matcher is not None:
            self.matcher.take(token)
            if self.matcher.complete:
                self.finish = "stop"
        if self.stop or self.emit:
            self._read(token, loaded)
        if not self.finish and len(self.tokens) >= self.room:
            self.finish = "length"

    def close(self, loaded: Loaded) -> None:
        """Settle the text, and give out what was held back of it."""
        plain = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        text = loaded.tokenizer.decode(self.tokens, **plain)
        self.text = text[: self._stop_at(text, 0)]
        if self.emit is not None and len(self.text) > self._sent:
            self.emit(self.text[self._sent :])
            self._sent = len(self.text)

    def _read(self, token: int, loaded: Loaded) -> None:
        if self._stream is None:
            from tokenizers.decoders import DecodeStream

            self._stream = DecodeStream(skip_special_tokens=True)
        piece = self._stream.step(loaded.tokenizer.backend_tokenizer, token)
        if not piece:
            return
        longest = max(map(len, self.stop), default=1)
        begin = max(0, len(self.text) - longest + 1)
        self.text += piece
        end = self._stop_at(self.text, begin)
        if end is not None:
            self.finish = "stop"
        sure = len(self.text) - longest + 1 if end is None else end
        if self.emit is not None and sure > self._sent:
            self.emit(self.text[self._sent : sure])
            self._sent = sure

    def _stop_at(self, text: str, begin: int) -> int | None:
        """Return where the first stop string in *text* begins, looking from *begin* on."""
        return min((at for stop in self.stop if (at := text.find(stop, begin)) >= 0), default=None)


def decode(loaded: Loaded, rows: Sequence[Row]) -> None:
    """Write the replies of *rows*; one with pictures must be alone. Blocking.

    Raises ModelError when the logits are no numbers, and what torch raises when memory does not suffice.
    """
    import torch

    device = loaded.place.device
    longest = max(len(row.prompt.ids) for row in rows)
    pad = loaded.model.generation_config.pad_token_id
    ids = torch.tensor([[pad] * (longest - len(row.prompt.ids)) + row.prompt.ids for row in rows])
    mask = torch.tensor([[0] * (longest - len(row.prompt.ids)) + [1] * len(row.prompt.ids) for row in rows])
    extra = {name: _placed(value, loaded) for name, value in rows[0].prompt.extra.items()}
    choice = _Choice(rows)
    with torch.inference_mode():
        loaded.model.generate(
            input_ids=ids.to(device), attention_mask=mask.to(device), **extra,
            max_new_tokens=max(row.room for row in rows),
            logits_processor=[choice], stopping_criteria=[_Ends(rows, loaded)],
        )  # fmt: skip
    if not choice.sound:
        raise ModelError(
            f"The model gave no numbers as {loaded.place.dtype} on {loaded.place.device}.",
            remedy="Set hf_dtype to float32, or to bfloat16 if it was float16.",
        )
    steps = torch.stack(choice.logprobs, 1).tolist() if choice.logprobs else [[]] * len(rows)  # [row][step]
    for row, told in zip(rows, steps, strict=True):
        row.logprob = sum(told[: len(row.tokens)]) / max(1, len(row.tokens))
        row.close(loaded)


class _Choice:
    """Keeps each row to its schema, and notes how probable the tokens are that will be chosen."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._told = any(row.logprobs for row in rows)
        self._begun = False
        self.sound = True
        """Whether the first logits were numbers."""
        self.logprobs: list[Any] = []
        """One float [rows] a step, still on the device: reading it would wait for the device."""

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        import torch

        whole = scores.logsumexp(-1, keepdim=True) if self._told or not self._begun else 0.0
        if not self._begun:
            self._begun = True
            self.sound = not bool(scores.isnan().any())
            for number, row in enumerate(self._rows):
                if row.wanted:
                    found = (scores - whole)[number, list(row.wanted)].tolist()
                    row.scores = dict(zip(row.wanted, found, strict=True))
        for number, row in enumerate(self._rows):
            if row.matcher is not None and not row.finish:
                allowed = torch.from_numpy(row.matcher.allowed()).to(scores.device)
                scores[number].masked_fill_(~allowed, -torch.inf)
        if self._told:
            self.logprobs.append((scores.max(-1, keepdim=True).values - whole).squeeze(-1))
        return scores


class _Ends:
    """Tells after each step which rows are done."""

    def __init__(self, rows: Sequence[Row], loaded: Loaded) -> None:
        self._rows = rows
        self._loaded = loaded

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
            if not row.finish:
                row.take(token, self._loaded)
        return torch.tensor([bool(row.finish) for row in self._rows], device=input_ids.device)


def _placed(value: Any, loaded: Loaded) -> Any:
    """Return a tensor on the model's device, numbers with a point in its dtype."""
    if not hasattr(value, "is_floating_point"):
        return value
    return value.to(loaded.place.device, loaded.model.dtype if value.is_floating_point() else value.dtype)
