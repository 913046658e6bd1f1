"""A chart or table as it stands in a picture's text: rows "label | series: value", and what a question names of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foveal.agents.values import fold

_AMOUNT = re.compile(
    r"^(?P<about>about )?(?P<sign>[-–−+])?[~≈<>]?(?:US)?[$€£¥₹]?\s?(?P<number>\d[\d,]*(?:\.\d+)?|\d+,\d{1,2})"
    r"\s?(?P<unit>%|[a-zA-Z°]+)?\*{0,4}(?P<when> \([^)]*\))?$"
)
_COLOURS = "Colours: "
_COLOUR = r"(?:(?:dark|light|navy|sky|deep)\s)*(?:black|white|gr[ae]y|red|orange|yellow|green|teal|blue|navy|purple|pink|brown)"
_ASIDE = re.compile(r"\s*\([^)]*\)|\*+$")
_COMMON = frozenset(
    "more less same yes no other others total all none increase decrease most least both good bad".split()
)
"""Words that name a row only where they stand in quotes."""
_PLAIN = frozenset("the of and in to a an for on at by with or as from is per than who that not no".split())
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a chart: as it is written, its value, and what it is of. ``series`` is empty when unnamed."""

    label: str
    series: str
    text: str
    value: float
    about: bool = False
    """It was read off an axis."""

    def told(self) -> str:
        """Return what it is, in words."""
        return f"{self.label}, {self.series}: {self.text}" if self.series else f"{self.label}: {self.text}"


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One label's figures. ``start`` and ``end`` are offsets in the text the chart was read from."""

    label: str
    figures: tuple[Figure, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The rows, the names of the series (none when there is one, or when they are not known), and the colours."""

    rows: tuple[ChartRow, ...]
    series: tuple[str, ...]
    colours: tuple[tuple[str, str], ...] = ()
    """(series, what its colour is called)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels in order."""
        return tuple(row.label for row in self.rows)

    @property
    def single(self) -> bool:
        """Say whether every label has exactly one number."""
        return all(len(row.figures) == 1 for row in self.rows)

    def figure(self, label: str, series: str = "") -> Figure | None:
        """Return the one number of *label* (and *series*); None when there is none, or several."""
        found = [f for row in self.rows if row.label == label for f in row.figures if series in ("", f.series)]
        return found[0] if len(found) == 1 else None


def read_chart(text: str) -> Chart | None:
    """Return the chart whose rows stand in *text*, two at least; None when there is none.

    Raises nothing: text that is no chart has no rows. Two rows of one label make it no chart.
    """
    runs: list[list[ChartRow]] = [[]]
    colours: tuple[tuple[str, str], ...] = ()
    at = 0
    for line in text.split("\n"):
        if line.startswith(_COLOURS):
            pairs = (piece.rpartition(": ") for piece in line[len(_COLOURS) :].split(" | "))
            colours = tuple((series, colour) for series, _, colour in pairs)
        if row := _row(line, at):
            runs[-1].append(row)
        elif runs[-1]:
            runs.append([])
        at += len(line) + 1
    rows = max(runs, key=len)
    if len(rows) < 2 or len({row.label for row in rows}) < len(rows):
        return None
    series = tuple(dict.fromkeys(f.series for row in rows for f in row.figures if f.series))
    return Chart(tuple(rows), series, colours)


def _row(line: str, at: int) -> ChartRow | None:
    if " | " in line:
        label, *pieces = line.split(" | ")
        named = [piece.rpartition(": ") for piece in pieces]
    else:
        label, colon, value = line.rpartition(": ")
        named = [("", colon, value)] if colon else []
    figures = tuple(_figure(label, series, value) for series, _, value in named)
    whole = tuple(f for f in figures if f)
    return ChartRow(label, whole, at, at + len(line)) if whole and len(whole) == len(figures) and label else None


def _figure(label: str, series: str, text: str) -> Figure | None:
    match = _AMOUNT.match(text)
    if match is None:
        return None
    number = match["number"]
    decimal = re.fullmatch(r"\d+,\d{1,2}", number)
    value = float(number.replace(",", "." if decimal else ""))
    value = -value if match["sign"] in ("-", "–", "−") else value
    return Figure(label, series, text, value, bool(match["about"]))


def mentioned(question: str, names: Iterable[str]) -> list[str]:
    """Return those of *names* that *question* names, in the order in which it does.

    In whole first (without what stands in brackets), the longest first; then by half of a name's words, if these
    point at no other name. A common word ("More") counts only in quotes.
    """
    rest = f" {fold(question)} "
    quoted = {fold(q) for q in re.findall(r"['\"“‘](.+?)['\"”’](?=\W|$)", question)}
    known = list(dict.fromkeys(names))
    found: dict[str, int] = {}
    for name in sorted(known, key=lambda n: -len(n)):
        for form in dict.fromkeys((fold(name), fold(_ASIDE.sub("", name)))):
            if not form or (form in _COMMON and form not in quoted):
                continue
            at = rest.find(f" {form} ")
            if at >= 0:
                found[name] = at
                rest = f"{rest[: at + 1]}{'_' * len(form)}{rest[at + 1 + len(form) :]}"
                break
    if not found and (name := _in_part(rest, known)):
        found[name] = 0
    return sorted(found, key=lambda n: found[n])


def _in_part(question: str, names: Sequence[str]) -> str | None:
    """Return the one name of which *question* has half of the words, and more than of any other."""
    asked = [w for w in question.split() if len(w) > 2 and w not in _PLAIN]
    shares: list[tuple[float, str]] = []
    for name in names:
        words = [w for w in fold(_ASIDE.sub("", name)).split() if w not in _PLAIN and not w.isdigit()]
        held = sum(any(_alike(a, w) for a in asked) for w in words)
        shares.append((held / len(words) if words else 0.0, name))
    best = sorted(shares, key=lambda s: -s[0])[:2]
    clear = len(best) < 2 or best[0][0] > 1.5 * best[1][0]
    return best[0][1] if best and best[0][0] >= _HALF and clear else None


def _alike(asked: str, word: str) -> bool:
    """Say whether two folded words are forms of one: a stem of five letters, or the end of a compound."""
    if len(asked) < 5 or len(word) < 5:
        return asked == word
    return asked[:5] == word[:5] or word.endswith(asked)


def coloured(question: str, chart: Chart) -> tuple[list[str], bool]:
    """Return the series whose colour *question* names, and whether it names any colour of a bar or line at all."""
    asked = re.findall(rf"\b{_COLOUR}\b(?=\s(?:bars?|lines?|colou?r|segments?|part|columns?|areas?|dots?|portion|slice)\b)",
                       question.lower())  # fmt: skip
    if not asked:
        return [], False
    plain = {
        re.sub(r"gray", "grey", re.sub(r"navy blue|navy|deep", "dark blue", a)).replace("sky ", "light ") for a in asked
    }
    return [series for series, colour in chart.colours if colour in plain], True
