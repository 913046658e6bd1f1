"""F1-recall: the score of Dyn-VQA (Li et al., OmniSearch, 2024), and how much of it was won by listing.

``max over golds of sum(min(count in answer, count in gold)) / |gold tokens|``. It is a recall: an answer that lists
every candidate, or repeats its source, scores 1.0. Report it beside token F1; :func:`listing_gain` says how far
the two are apart on the same tokens, and :func:`is_hedged` flags an answer that owes its score to its length.

Text is normalised as VQA evaluation does (signs dropped, articles dropped, number words in digits; the table of
contractions is left out). The published scorer cuts English with NLTK and Chinese with jieba; here every Chinese,
Japanese or Korean character is a token, which needs no dictionary and differs where words of several characters
match in part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

HEDGED = 0.5

_ARTICLES = frozenset({"a", "an", "the"})
_NUMBERS = {
    "none": "0", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10",
}  # fmt: skip
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_POINT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+(?:\.\d+)?"
)


def tokens(text: str) -> list[str]:
    """Return the tokens of *text*: words, numbers, and single characters of scripts that have no spaces."""
    plain = _POINT.sub(" ", _COMMA.sub("", text.casefold())).replace("'", "").replace("’", "")
    return [_NUMBERS.get(token, token) for token in _TOKEN.findall(plain) if token not in _ARTICLES]


def f1_recall(answer: str, golds: Sequence[str]) -> float:
    """Return the best share of a gold's tokens that the answer holds, 0 to 1; golds without a token do not count."""
    said = Counter(tokens(answer))
    return max((_shared(said, gold) / gold.total() for gold in _counts(golds)), default=0.0)


def listing_gain(answer: str, golds: Sequence[str]) -> float:
    """Return F1-recall less the token F1 on the same tokens, 0 to 1: what the words beside the gold won."""
    said = Counter(tokens(answer))
    f1 = max((2 * _shared(said, gold) / (said.total() + gold.total()) for gold in _counts(golds)), default=0.0)
    return max(0.0, f1_recall(answer, golds) - f1)


def is_hedged(answer: str, golds: Sequence[str]) -> bool:
    """Whether listing won :data:`HEDGED` or more: the answer is three times as long as the gold it holds, or longer."""
    return listing_gain(answer, golds) >= HEDGED


def _counts(golds: Sequence[str]) -> list[Counter[str]]:
    return [counted for gold in golds if (counted := Counter(tokens(gold)))]


def _shared(said: Counter[str], gold: Counter[str]) -> int:
    return (said & gold).total()
