"""Whether what is cited supports what is said (ALCE, Gao et al. 2023): citation recall and precision.

An answer is cut into sentences; one with something to check is a claim. Recall: claims that the spans they cite
support together / all claims. Precision: citations that are needed, or support the claim on their own / all
citations of claims. Where ALCE asks an entailment model, :func:`holds` looks for the words; a judge of your own can
be given in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from foveal.evaluation.metrics.answers import normalise

Supports = Callable[[str, str], bool]
"""Whether a span (second) supports a claim (first)."""

HELD = 0.6
"""Share of a claim's words that a span must hold. All of its numbers must stand in it."""

_MARK = re.compile(r"\s*\[(\d{1,3})\]")
# a point after a short capitalised word (St., Mt., U.S.) ends no sentence
_SENTENCE = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)(?<!\b[A-Z][a-z]\.)(?:\s*\[\d{1,3}\])*\s+(?=[^\s\[])|\n+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_EMPTY_WORDS = frozenset(
    """yes no not and or but of in on at to by for from with as is are was were be been being has have had do does did
    it its this that these those there which who whom whose what when where than then so if also about into over
    called named located known one they their he his she her i we you""".split()
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence without its marks, and the numbers of the citations in it."""

    text: str
    marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Support:
    """Counts over the claims of one or more answers; they add up.

    ``supported`` of ``claims`` are, ``right`` of ``citations`` are. Claims without a citation are unsupported.
    """

    claims: int = 0
    supported: int = 0
    citations: int = 0
    right: int = 0

    def __add__(self, other: Support) -> Support:
        return Support(
            self.claims + other.claims,
            self.supported + other.supported,
            self.citations + other.citations,
            self.right + other.right,
        )

    @property
    def recall(self) -> float | None:
        """Share of the claims that is supported; None without claims."""
        return self.supported / self.claims if self.claims else None

    @property
    def precision(self) -> float | None:
        """Share of the citations that is right; None without citations."""
        return self.right / self.citations if self.citations else None


def claims_of(answer: str) -> list[Claim]:
    """Return the claims of *answer*: sentences with a number or a word that says something."""
    found = []
    for sentence in _sentences(answer):
        text = _MARK.sub("", sentence).strip()
        if _words(text):
            found.append(Claim(text, tuple(dict.fromkeys(int(mark) for mark in _MARK.findall(sentence)))))
    return found


def holds(claim: str, span: str, *, share: float = HELD) -> bool:
    """Whether *span* has every number of *claim* and *share* of its words, after :func:`answers.normalise`.

    It can be wrong both ways: a sum or a translation is not in its sources word for word, and words can stand in
    another relation.
    """
    said, given = _words(claim), _words(span)
    numbers = {word for word in said if _NUMBER.search(word)}
    if not said or not numbers <= given:
        return False
    return len(said & given) / len(said) >= share


def support(
    answer: str, spans: Mapping[int, str], *, bridges: Sequence[str] = (), supports: Supports = holds
) -> Support:
    """Count the support of the claims of *answer*; *spans* are what its citations stand for, by their number.

    *bridges* are the answers of earlier steps: in a chain of hops a citation that supports one of them is right,
    though it says nothing about the last. A mark without a span supports nothing.
    """
    total = Support()
    for claim in claims_of(answer):
        cited = [spans.get(mark, "") for mark in claim.marks]
        whole = bool(cited) and supports(claim.text, "\n".join(cited))
        right = sum(
            _is_right(claim.text, cited, at, whole, supports) or any(supports(bridge, cited[at]) for bridge in bridges)
            for at in range(len(cited))
        )
        total += Support(1, int(whole), len(cited), right)
    return total


def _is_right(claim: str, cited: Sequence[str], at: int, whole: bool, supports: Supports) -> bool:
    """Whether a citation of a supported claim supports it alone, or the others do not without it."""
    if not whole or not cited[at].strip():
        return False
    rest = "\n".join(span for i, span in enumerate(cited) if i != at)
    return supports(claim, cited[at]) or not supports(claim, rest)


def _sentences(answer: str) -> list[str]:
    """Cut after a sentence's last mark, so that the marks stay with it."""
    cut, start = [], 0
    for end in _SENTENCE.finditer(answer):
        marks = re.match(r"(?:\s*\[\d{1,3}\])*", end[0])
        cut.append(answer[start : end.start() + (marks.end() if marks else 0)])
        start = end.end()
    return [*cut, answer[start:]]


def _words(text: str) -> set[str]:
    plain = (word.strip(".:-") for word in re.split(r"[ :]", normalise(text)))
    return {word for word in plain if word and word not in _EMPTY_WORDS}
