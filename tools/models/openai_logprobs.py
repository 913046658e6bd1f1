"""From the candidates of the first token to how probable each option is; and from usage to what a server cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST = 1e-8
SAID = 0.9
"""The probability of an option that a model without log probabilities says in words."""
_WINDOWS = frozenset({2048, 4096, 8192, 16384, 32768, 65536, 131072})
_LONG = 4000
"""Characters from which a prompt is compared with the tokens that the server counted."""


def option_probabilities(options: Sequence[str], tops: Sequence[Sequence[tuple[str, float]]]) -> list[float] | None:
    """Return how probable each of *options* is as the reply (sum 1); None when no token of it was text.

    *tops* are the candidates (text, log probability) of each token; the first token that is not blank counts.
    Spellings merge: `` yes``, ``Yes`` and ``YES`` are one option, their probabilities added. A token that only
    begins an option counts for it when it begins no other and the option is not listed whole. With M the listed
    mass, a missing option gets max(1e-8, min(lowest listed, 1 - M)), after L3Score of SPIQA (arXiv 2407.09413);
    when none is listed all are equally probable.
    """
    row = next((row for row in tops if row and row[0][0].strip()), None)
    if row is None:
        return None
    words = [option.strip().casefold() for option in options]
    mass = [0.0] * len(words)
    begun = [0.0] * len(words)
    for token, logprob in row:
        text, probability = token.strip().casefold(), math.exp(min(logprob, 0.0))
        if text in words:
            mass[words.index(text)] += probability
        elif text and len(fits := [n for n, word in enumerate(words) if word.startswith(text)]) == 1:
            begun[fits[0]] += probability
    mass = [whole or part for whole, part in zip(mass, begun, strict=True)]
    if not any(mass):
        return [1.0 / len(words)] * len(words)
    listed = [math.exp(min(logprob, 0.0)) for _, logprob in row]
    floor = max(LEAST, min(min(listed), 1.0 - sum(listed)))
    mass = [value or floor for value in mass]
    return [value / sum(mass) for value in mass]


def said_probabilities(options: Sequence[str], said: str) -> list[float]:
    """Return the probabilities when *said* is only named: 0.9 for it, the rest shared by the others."""
    rest = (1.0 - SAID) / max(len(options) - 1, 1)
    return [SAID if option == said else rest for option in options] if len(options) > 1 else [1.0]


def about_tokens(text: str) -> int:
    """Return about how many tokens *text* is, rather too many: one for every three bytes of UTF-8."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


def cut_note(model: str, prompt: str, prompt_tokens: int, total_tokens: int, *, pictures: bool = False) -> str | None:
    """Return a warning when the server seems to have read only a part of *prompt*.

    It has when it counts an eighth of a token a character or less (words are about a quarter), or a number that is
    exactly a common context length while the prompt may well be longer. With *pictures* only the second shows.
    """
    letters = len(" ".join(prompt.split()))
    if not prompt_tokens or letters < _LONG:
        return None
    few = prompt_tokens < letters / 8 and not pictures
    pinned = next((n for n in (prompt_tokens, total_tokens) if n in _WINDOWS and letters / 3 >= n), 0)
    if not few and not pinned:
        return None
    counted = f"exactly {pinned}" if pinned else f"only {prompt_tokens}"
    return (
        f"The server of {model} seems to have cut the prompt without saying so: it counts {counted} tokens for "
        f"{letters} characters. Give it a longer context: OLLAMA_CONTEXT_LENGTH for Ollama, --ctx-size for llama.cpp, "
        "--max-model-len for vLLM."
    )
