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
_COLOUR = (
    r"(?:(?:dark|light|navy|sky|deep)\s)*"
    r"(?:black|white|gr[ae]y|red|orange|yellow|green|teal|blue|navy|purple|pink|brown)"
)
_PAINTED = re.compile(
    rf"\b{_COLOUR}\b(?=\s(?:bars?|lines?|colou?r|segments?|part|columns?|areas?|dots?|portion|slice)\b)"
)
_ASIDE = re.compile(r"\s*\([^)]*\)|\*+$")
_COMMON = frozenset("more less same no other others total all none increase decrease most least both good bad".split())
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
    amount = match["number"]
    value = float(amount.replace(",", "." if re.fullmatch(r"\d+,\d{1,2}", amount) else ""))
    value = -value if match["sign"] in ("-", "–", "−") else value
    return Figure(label, series, text, value, bool(match["about"]))


def mentioned(question: str, names: Iterable[str]) -> list[str]:
    """Return those of *names* that *question* names in whole, in the order in which it does, the longest first.

    What stands in brackets may be left out. A common word ("More") counts only in quotes.
    """
    rest = f" {fold(question)} "
    quoted = {fold(q) for q in re.findall(r"['\"“‘](.+?)['\"”’](?=\W|$)", question)}
    found: dict[str, int] = {}
    known = sorted(dict.fromkeys(names), key=lambda n: -len(n))
    short = [fold(_ASIDE.sub("", name)) for name in known]
    for name, bare in zip(known, short, strict=True):
        for form in dict.fromkeys((fold(name), bare if short.count(bare) == 1 else "")):
            at = rest.find(f" {form} ") if form and (form not in _COMMON or form in quoted) else -1
            if at >= 0:
                found[name] = at
                rest = f"{rest[: at + 1]}{'_' * len(form)}{rest[at + 1 + len(form) :]}"
                break
    return sorted(found, key=lambda n: found[n])


def meant(question: str, names: Sequence[str]) -> list[str]:
    """Return the one name that *question* says half of the words of; none when another comes near.

    A word counts less the more names have it; one word alone must be written as a name is.
    """
    capital = {fold(w) for w in re.findall(r"(?<!^)\b[A-Z][\w-]+", question)}
    asked = [w for w in fold(question).split() if len(w) > 2 and w not in _PLAIN]
    told = [n for n in names if fold(n) not in _COMMON]
    words = {n: [w for w in fold(_ASIDE.sub("", n)).split() if w not in _PLAIN and not w.isdigit()] for n in told}
    weight = {a: 1 / max(1, sum(any(_alike(a, w) for w in ws) for ws in words.values())) for a in asked}
    rated = []
    for name, own in words.items():
        hits = {w: max((weight[a] for a in asked if _alike(a, w)), default=0.0) for w in own}
        held = [w for w in own if hits[w]]
        sure = len(held) > 1 or any(_alike(c, w) for c in capital for w in held)
        rated.append((sum(hits.values()), sure and len(held) >= _HALF * len(own), name))
    best = sorted(rated, key=lambda r: -r[0])[:2]
    clear = len(best) > 1 and best[0][0] > 1.5 * best[1][0]
    return [best[0][2]] if clear and best[0][1] else []


def _alike(asked: str, word: str) -> bool:
    """Say whether two folded words are forms of one: a stem of five letters, or the end of a compound."""
    if len(asked) < 5 or len(word) < 5:
        return asked == word
    return asked[:5] == word[:5] or word.endswith(asked)


def coloured(question: str, chart: Chart) -> tuple[list[str], bool]:
    """Return the series whose colour *question* names, and whether it names any colour of a bar or line at all."""
    asked = _PAINTED.findall(question.lower())
    if not asked:
        return [], False
    plain = {
        re.sub(r"navy blue|navy|deep", "dark blue", a).replace("gray", "grey").replace("sky ", "light ") for a in asked
    }
    return [series for series, colour in chart.colours if colour in plain], True
