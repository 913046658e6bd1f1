"""Questions about a chart that code answers from its numbers, with the numbers it used.

A question is answered only when all of its words that change the result are understood; everything else is None,
so that the model reads the chart instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from foveal.agents.chart_question import ABOVE, BELOW, HIGH, LABEL_ASKED, LOW, RANK, VALUES, Asked, ask
from foveal.agents.figures import ChartRow, Figure, read_chart
from foveal.agents.values import fold, singular

_THINGS = ("bar bars category categories country countries year years item items group groups company companies "
           "brand brands factor factors option options opinion opinions city cities state states region regions "
           "color colors colour colours line lines age sector sectors product products reason reasons"
           ).split()  # fmt: skip
_SHOWN = re.compile(
    r"\b(?:shown|show|chart|graph|diagram|figure|represented|presented|displayed|listed|depicted|plotted|there)\b"
)


@dataclass(frozen=True, slots=True)
class Computed:
    """An answer, the figures it rests on, and the offsets of their rows in the text.

    ``names`` are the labels and series that the question names in whole and that are more than a year.
    """

    answer: str
    reason: str
    start: int
    end: int
    names: tuple[str, ...]


def answer(question: str, text: str) -> Computed | None:
    """Return what the chart in *text* says to *question*; None when that is not certain."""
    chart = read_chart(text)
    asked = ask(question, chart) if chart else None
    if chart is None or asked is None:
        return None
    for rule in _RULES:
        left = set(asked.words)
        if (found := rule(asked)) and found[0] and asked.settled():
            return _computed(asked, *found)
        asked.words = left
    return None


Found = tuple[str, str, Sequence[Figure]]
"""The answer, how it was reached, and the figures used."""


def _computed(asked: Asked, told: str, how: str, used: Sequence[Figure]) -> Computed:
    rows = [row for row in asked.chart.rows if any(f in row.figures for f in used)]
    cells = "; ".join(f.told() for f in used[:6]) + (f"; and {len(used) - 6} more" if len(used) > 6 else "")
    return Computed(told, f"{how} of {cells}", rows[0].start, rows[-1].end, asked.names)


def _existence(asked: Asked) -> Found | None:
    """ "Is there a value 30 in the blue line?" """
    if not re.match(r"is (?:there|any)\b", asked.text, re.I) or len(asked.numbers) != 1 or asked.labels:
        return None
    asked.take("any", "equal")
    held = [f for f in asked.pool() if f.value == asked.numbers[0]]
    return ("Yes", "found", held) if held else None


def _sameness(asked: Asked) -> Found | None:
    """ "Are there any two bars having the same value?", "Do all the bars show the same value?" """
    if (
        LABEL_ASKED.match(asked.text)
        or not (asked.chart.single or asked.series)
        or not re.search(r"\b(?:same|equal|identical)\b", asked.text, re.I)
    ):
        return None
    pool = asked.pool()
    asked.take("same", "equal")
    values = [f.value for f in pool]
    if asked.take("all"):
        return ("Yes" if len(set(values)) == 1 else "No"), "comparison", pool
    if asked.take("any", "two"):
        twins = [f for f in pool if values.count(f.value) > 1]
        return ("Yes" if twins else "No"), "comparison", twins or pool
    return None


def _counting(asked: Asked) -> Found | None:
    """ "How many bars are shown?", "How many countries are above 50?" """
    match = re.match(r"how many (?P<things>\w+(?: \w+){0,2})", asked.text, re.I)
    if not match or asked.labels:
        return None
    chart, pool = asked.chart, asked.pool()
    thing = next((w for w in match["things"].lower().split() if w in _THINGS), "")
    if len(asked.numbers) == 1 and (chart.single or asked.series):
        over, under = asked.take(*ABOVE), asked.take(*BELOW)
        asked.take("than")
        if over == under or any(f.about for f in pool):
            return None
        held = [f for f in pool if (f.value > asked.numbers[0] if over else f.value < asked.numbers[0])]
        return str(len(held)), "count", held or pool
    if asked.numbers or not thing or not _SHOWN.search(asked.text.lower()):
        return None
    alike = [s for s in chart.series if singular(thing) in map(singular, fold(s).split())]
    if len(chart.series) > 1 and len(alike) * 2 > len(chart.series):
        return str(len(chart.series)), "count of series", pool
    if thing.startswith(("color", "colour", "line")):
        return (str(len(chart.series)), "count of series", pool) if len(chart.series) > 1 else None
    if thing.startswith("bar") and not chart.single:
        return str(len(pool)), "count of bars", pool
    return str(len(chart.rows)), "count of labels", [row.figures[0] for row in chart.rows]


def _distance(asked: Asked) -> Found | None:
    """ "Which opinion has a difference of 1 between them?", "In which year was the gap largest?" """
    pairs = _pairs(asked)
    if not pairs or not LABEL_ASKED.match(asked.text) or not asked.take("difference", "gap", "closest", "apart"):
        return None
    asked.take("between", "both", "and", "two")
    apart = [(abs(a.value - b.value), a, b) for a, b in pairs]
    if len(asked.numbers) == 1:
        held = [p for p in apart if abs(p[0] - asked.numbers[0]) < 1e-6]
        return (held[0][1].label, "difference", held[0][1:]) if len(held) == 1 else None
    high = asked.take(*HIGH)
    low = asked.take(*LOW) or "closest" in asked.text.lower()
    if asked.numbers or high == low:
        return None
    best = sorted(apart, key=lambda p: -p[0] if high else p[0])
    return (best[0][1].label, "difference", best[0][1:]) if best[0][0] != best[1][0] else None


def _pairs(asked: Asked) -> list[tuple[Figure, Figure]]:
    """Return the two figures of each label: of the two series that are named, or that there are."""
    names = asked.series if len(asked.series) == 2 else list(asked.chart.series)
    if asked.labels or len(names) != 2:
        return []
    both = [(asked.chart.figure(label, names[0]), asked.chart.figure(label, names[1])) for label in asked.chart.labels]
    return [(a, b) for a, b in both if a and b] if all(a and b for a, b in both) and len(both) > 1 else []


def _arithmetic(asked: Asked) -> Found | None:
    """Sum, difference, average, median and ratio of what is named, of the extremes, or of all."""
    if LABEL_ASKED.match(asked.text):
        return None
    op = next((name for name, words in _ARITHMETIC.items() if asked.take(*words)), None)
    op = op or _implied(asked)
    if op is None or asked.numbers:
        return None
    asked.take("and", "between", "than", "of", "both", "two", "together", *(ABOVE if op == "difference" else ()))
    figures = asked.operands()
    if not asked.labels and len(asked.series) < 2 and asked.words & {*HIGH} and asked.words & {*LOW}:
        asked.take(*HIGH, *LOW)
        pool = sorted(asked.pool(), key=lambda f: -f.value)
        figures = [pool[0], pool[-1]]
    elif len(figures) < 2:
        if op not in ("average", "median", "sum") or (asked.labels and asked.series):
            return None
        asked.take("all")
        figures = asked.pool()
        # of a table with several series all numbers are meant only when one series or one label is named
        if len(figures) < 2 or not (asked.labels or asked.series or asked.chart.single) or len(asked.labels) > 1:
            return None
    if any(f.about for f in figures) or (op in ("difference", "ratio") and len(figures) != 2):
        return None
    return _reckoned(op, figures)


_ARITHMETIC = {
    "difference": ("difference", "gap"),
    "average": ("average", "mean"),
    "median": ("median",),
    "ratio": ("ratio",),
    "sum": ("sum", "total", "add", "added", "adding", "combined", "plus", "altogether"),
}


def _implied(asked: Asked) -> str | None:
    """Return the operation that is not called by its name: "how much more … than", "do A and B make up"."""
    text = asked.text.lower()
    if re.match(
        r"(?:by )?how (?:much|many)(?: \w+){0,4}? (?:more|higher|greater|larger|less|lower|fewer)\b.*\bthan\b", text
    ):
        return "difference"
    return "sum" if re.search(r"\band\b.*\b(?:make up|account for|together|in total|combined)\b", text) else None


def _reckoned(op: str, figures: Sequence[Figure]) -> Found | None:
    values = [f.value for f in figures]
    places = max(len(str(v).partition(".")[2].rstrip("0")) for v in values)
    percent = "%" if all("%" in f.text for f in figures) and op != "ratio" else ""
    if op == "ratio":
        if min(values) == 0:
            return None
        return f"{values[0] / values[1]:.4g}", "ratio", figures
    results: dict[str, Callable[[], float]] = {
        "sum": lambda: sum(values),
        "difference": lambda: abs(values[0] - values[1]),
        "average": lambda: mean(values),
        "median": lambda: median(values),
    }
    return f"{round(results[op](), places + (2 if op == 'average' else 1)):.10g}{percent}", op, figures


def _comparison(asked: Asked) -> Found | None:
    """ "Which is higher, A or B?", "Is A greater than B?" """
    figures = asked.operands()
    if len(figures) != 2 or asked.numbers:
        return None
    over, under = asked.take(*ABOVE, *HIGH), asked.take(*BELOW, *LOW)
    if over == under or figures[0].value == figures[1].value or len(asked.labels) + len(asked.series) > 3:
        return None
    one = figures[0] if (figures[0].value > figures[1].value) == over else figures[1]
    if re.match(r"(?:is|are|was|were|does|do|did|has|have)\b", asked.text, re.I) and asked.take("than"):
        return ("Yes" if one is figures[0] else "No"), "comparison", figures
    if asked.take("or", "and", "between"):
        return (one.label if len(asked.labels) == 2 else one.series), "comparison", figures
    return None


def _extreme(asked: Asked) -> Found | None:
    """ "What is the second highest value?", "Which country has the lowest share?", "... highest sum?" """
    high, low = asked.take(*HIGH), asked.take(*LOW)
    if high == low or asked.numbers:
        return None
    place = next((RANK[w] for w in asked.text.lower().split() if w in RANK), 1)
    asked.take(*RANK)
    if not asked.labels and not asked.series and len(asked.chart.series) > 1 and asked.take("sum", "total", "combined"):
        return _largest_row(asked, high, place)
    pool = asked.pool()
    values = sorted({f.value for f in pool}, reverse=high)
    if len(pool) < 2 or len(values) < place or len(asked.labels) > 1 or len(asked.series) > 1:
        return None
    held = [f for f in pool if f.value == values[place - 1]]
    if LABEL_ASKED.match(asked.text):
        one_series = asked.chart.single or len(asked.series) == 1
        if len(held) != 1 or len(pool) < 2 or not (one_series or asked.labels):
            return None
        return (held[0].series if asked.labels else held[0].label), "extreme", held
    if held[0].about or not re.search(rf"\b(?:{VALUES})\b", asked.text.lower()):
        return None
    return held[0].text, "extreme", held[:1]


def _largest_row(asked: Asked, high: bool, place: int) -> Found | None:
    """Return the label whose figures have the extreme sum; None when a row lacks one, or two rows are alike."""
    rows = asked.chart.rows
    sums: list[tuple[float, ChartRow]] = [(round(sum(f.value for f in row.figures), 6), row) for row in rows]
    if len({len(row.figures) for row in rows}) > 1 or len({s for s, _ in sums}) < len(sums) or place > len(sums):
        return None
    chosen = sorted(sums, key=lambda s: s[0], reverse=high)[place - 1][1]
    return (chosen.label, "sum", chosen.figures) if LABEL_ASKED.match(asked.text) else None


def _lookup(asked: Asked) -> Found | None:
    """ "How many games did X play?", "Which year had 29.71?" """
    if asked.take("and") and len(asked.operands()) > 1:
        return None
    if LABEL_ASKED.match(asked.text):
        held = [f for f in asked.pool() if asked.numbers == [f.value]]
        return (held[0].label, "value", held) if len(held) == 1 and not asked.labels else None
    figures = asked.operands()
    value_asked = re.match(
        r"(?:how (?:much|many|big|large|high|long)|what(?:'s|’s)?)\b(?! (?:year|month|country))", asked.text, re.I
    )
    if len(figures) != 1 or figures[0].about or not value_asked:
        return None
    return figures[0].text, "value", figures


_RULES: tuple[Callable[[Asked], Found | None], ...] = (
    _existence, _sameness, _counting, _distance, _arithmetic, _comparison, _extreme, _lookup,
)  # fmt: skip
