"""What a question asks of a chart: the labels, series, colours and numbers it names, and its words that count."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foveal.agents.figures import Chart, Figure, coloured, meant, mentioned
from foveal.agents.values import fold

HIGH = "highest largest biggest greatest maximum max most longest tallest top peak".split()
LOW = "lowest smallest least minimum min fewest shortest bottom".split()
ABOVE = "above over exceed exceeds exceeding more greater higher larger bigger".split()
BELOW = "below under less lower smaller fewer".split()
RANK = {"second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5}
CHANGERS = frozenset(
    "except excluding without not average mean median per between after before since until first last next previous "
    "when increase increased decrease decreased change changed growth grow grew fall fell drop dropped rise rose times "
    "leftmost rightmost both each twice half double sum total add added adding combined together difference gap ratio "
    "more less above below over under exceed exceeds and or all any same equal than closest rank ranked order "
    "consecutive cumulative range two three four five".split()
) | {*HIGH, *LOW, *ABOVE, *BELOW, *RANK}  # fmt: skip
"""Words that change what is asked; one that no rule has taken ends the attempt."""
VALUES = "value|values|percentage|percent|percentages|number|share|figure|amount|score|rate|count|data point"
LABEL_ASKED = re.compile(
    r"^(?:in |for |at |on |during |by )?"
    rf"(?:which|who|where|when|what (?!(?:is|was|are|were|does|do|did|'s|the)\b|(?:{VALUES})\b))", re.I
)  # fmt: skip
_NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?!\w)")
_YEAR = re.compile(r"^(?:1[6-9]|20)\d\d$")
_TOTALS = frozenset("total overall all sum average".split()) | {"grand total", "all ages", "world"}


@dataclass(slots=True)
class Asked:
    """A question on its way: what it names, and its words that no rule has taken yet."""

    text: str
    chart: Chart
    labels: list[str]
    series: list[str]
    numbers: list[float]
    words: set[str]
    names: tuple[str, ...]

    def take(self, *words: str) -> bool:
        """Take the words among *words* that are left, and say whether there was one."""
        found = self.words.intersection(words)
        self.words -= found
        return bool(found)

    def settled(self) -> bool:
        """Say whether nothing is left that changes what is asked."""
        return not self.words & CHANGERS

    def operands(self) -> list[Figure]:
        """Return the figures that are named one by one: two labels of one series, two series of one label."""
        pairs = [(label, series) for label in self.labels for series in self.series or [""]]
        if len(self.labels) > 1 and len(self.series) > 1:
            return []
        figures = [self.chart.figure(label, series) for label, series in pairs]
        return [f for f in figures if f] if all(figures) else []

    def pool(self) -> list[Figure]:
        """Return the figures that are meant together: of the named labels, of the named series, of all.

        A total is no one of those that make it up.
        """
        return [
            f
            for row in self.chart.rows
            if (row.label in self.labels if self.labels else fold(row.label) not in _TOTALS)
            for f in row.figures
            if not self.series or f.series in self.series
        ]


def ask(question: str, chart: Chart) -> Asked | None:
    """Return *question* as it is asked of *chart*; None when it names a colour or year that the chart has not."""
    labels, named = mentioned(question, chart.labels), mentioned(question, chart.series)
    whole = [*labels, *named]
    series, colour_named = coloured(question, chart)
    if not labels:
        labels = meant(question, [label for label in chart.labels if label not in named])
    if not named and len(chart.series) > 1:
        named = meant(question, chart.series)
    if colour_named and not series and (len(chart.series) > 1 or not chart.single):
        return None
    rest = f" {fold(question)} "
    for name in (*labels, *named):
        rest = rest.replace(f" {fold(name)} ", " ")
    if colour_named:
        rest = re.sub(r"\b(?:dark|light|navy|sky|deep)\b", " ", rest)
    numbers = [m[0] for m in _NUMBER.finditer(question) if not any(m[0] in name for name in (*labels, *named))]
    years = [n for n in numbers if _YEAR.match(n)]
    if years and any(_YEAR.match(label.rstrip("*")) for label in chart.labels):
        return None  # a year that the chart does not have
    values = [float(n.replace(",", "")) for n in numbers if n not in years]
    rest = re.sub(r"^ when ", " ", rest)
    names = tuple(name for name in whole if not _YEAR.match(name.rstrip("*")))
    return Asked(question, chart, labels, series or named, values, set(rest.split()), names)
