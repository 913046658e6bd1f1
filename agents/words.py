"""Word classes of English questions, by closed lists and endings: what a clause's end is told by.

No tagger: a verb is known by its form and by the word before it. A word that is in no list is a noun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "word", "det", "prep", "conj", "wh", "aux", "verb", "adverb", "pronoun", "number", "stop"]

AUX = frozenset("is are was were be been being did does do has have had can could will would may might must".split())
PREPOSITIONS = frozenset(
    "of in on at by for from with to into onto over under near between among during since until till through across "
    "around along about against after before as upon within without like besides behind beyond below above".split()
)
DETERMINERS = frozenset("the a an this that these those its his her their another any some every each".split())
PRONOUNS = frozenset("he she it they him them who".split()) - {"who"}
QUESTION_WORDS = frozenset("who what which when where why how whose whom".split())
ADVERBS = frozenset(
    "first last also currently now originally formerly later previously mainly mostly entirely partly primarily "
    "once recently officially initially earlier ever never not still together commonly".split()
)
IRREGULAR: Mapping[str, str] = dict(
    pair.split("=")
    for pair in (
        "won=win wrote=write written=write sang=sing sung=sing held=hold led=lead made=make built=build found=find "
        "became=become began=begin begun=begin gave=give given=give took=take taken=take went=go gone=go came=come "
        "grew=grow grown=grow lost=lose left=leave met=meet ran=run sold=sell bought=buy shot=shoot lay=lie lies=lie "
        "spoke=speak spoken=speak fought=fight flew=fly drew=draw drawn=draw sat=sit stood=stand taught=teach "
        "brought=bring born=bear bore=bear fell=fall fallen=fall broke=break broken=break rose=rise saw=see seen=see "
        "sent=send spent=spend thought=think chose=choose chosen=choose wore=wear died=die dies=die dying=die "
        "lives=live "
        "knew=know known=know told=tell said=say paid=pay kept=keep beat=beat beaten=beat set=set put=put cut=cut "
        "hit=hit read=read cost=cost hosts=host goes=go belongs=belong bred=breed got=get caught=catch"
    ).split()
)
_BASES = frozenset(
    "act adapt administer admit adopt announce annex appear appoint arrive assassinate attack attend award base bear "
    "beat become begin belong border break breed bring broadcast build bury buy call capture cast catch cause change "
    "choose cite close coach collapse come compete compose conduct connect conquer consider consist construct contain "
    "control cost cover create cross cut declare dedicate defeat depict describe design develop die direct discover "
    "draw drain dwell edit elect employ empty encompass end enter establish exist explore fall feature fight film find "
    "finish flow fly form found fund get give go govern grow handle hang happen headquarter hit hold host house "
    "inaugurate include influence inherit inspire introduce invade invent join keep kill know last launch lead leave "
    "lie live locate lose make manage manufacture marry meet mention move name nominate occupy occur open operate "
    "organize originate own paint part participate pass pay perform photograph pilot place plant play portray practice "
    "precede premiere preside produce promote publish put raise reach read rebuild receive record refer reign release "
    "represent reside rise rule run sail say score see sell send serve set settle shape share shoot show sign sing sit "
    "speak spend sponsor spread stand star start study succeed support surround take teach tell think train travel "
    "turn unveil use visit voice wear win work write "
    "accept arrange arrest carry chair commission crown drink eat fire hatch hire hunt marry migrate murder "
    "provide recruit reject rename replace rescue resign retire settle sink steal stop strike survive transfer "
    "translate try unite vote walk watch weigh".split()
)
_NOUNS_TOO = frozenset(
    "act attack award base border broadcast call cast cause change close coach control cost cover cross cut design end "
    "feature fight film finish form fund host house influence last lead name open part pass paint photograph pilot "
    "place plant play practice record reign rule run score set shape share show sign star start state study support "
    "train turn use visit voice work found manufacture acts awards bases borders broadcasts causes changes costs ends "
    "covers features films forms funds hosts houses leads names parts places plants plays records rules shapes shares "
    "shows signs stars starts states studies trains turns uses visits voices works lives building setting painting "
    "meeting opening recording left".split()
)
_ENDINGS = (("ied", ("y",)), ("ies", ("y",)), ("ed", ("", "e")), ("es", ("", "e")), ("s", ("",)), ("ing", ("", "e")))
_TOKEN = re.compile(
    r"\"[^\"]+\"|“[^”]+”|#s\d+|\b(?:Mrs?|Ms|Dr|St|Jr|Sr|No|Prof|Gen|Sen|Gov|Rev|Capt|Col|Lt|vs?)\.|(?:[A-Z]\.){2,}|[A-Z0-9][\w.&-]*\w|[A-Z0-9]|[^\W\d_][\w-]*|['’]s\b|[?:;,.()!]|\S",
    re.UNICODE,
)
_JOINERS = re.compile(
    r"(?:\s(?:of|the|and|de|la|du|del|von|van|in|at|for|with|on|&|vs?\.|of\sthe|in\sthe|and\sthe|with\sthe))?\s"
)


@dataclass(frozen=True, slots=True)
class Token:
    """``text[start:end]`` of a question and its class. A name may be several words."""

    text: str
    start: int
    end: int
    kind: Kind


def base(word: str) -> str | None:
    """Return the infinitive of a verb form, or None when *word* is not known as a verb."""
    low = word.lower()
    if low in IRREGULAR:
        return IRREGULAR[low]
    if low in _BASES:
        return low
    if low in ("united", "hundred", "indeed", "sacred", "kindred"):
        return None
    for ending, swaps in _ENDINGS:
        if low.endswith(ending):
            stem = low[: -len(ending)]
            doubled = stem[:-1] if len(stem) > 3 and stem[-1:] == stem[-2:-1] else ""
            if found := next((c for c in (*(stem + s for s in swaps), doubled) if c in _BASES), None):
                return found
    if low.endswith("ed") and not low.endswith("eed") and len(low) > 4:
        if low[-3] == low[-4] and low[-3] not in "ls":
            return low[:-3]
        mute = low[-3] in "vczu" or low.endswith(("ated", "ured", "used", "ired", "ored"))
        mute = mute and not low.endswith("eated")
        return low[:-1] if mute else low[:-2]
    return None


def is_past(word: str) -> bool:
    """Say whether *word* is a past form or a participle."""
    low = word.lower()
    return low.endswith("ed") or (low in IRREGULAR and not low.endswith("s"))


def tokens(question: str) -> list[Token]:
    """Return the tokens of *question*; runs of capitalised words and quotations are one name."""
    found: list[Token] = []
    for match in _TOKEN.finditer(question):
        text, low = match[0], match[0].lower()
        first = not found or found[-1].text in ".?!:"
        previous = found[-1] if found else None
        if text[0] in '"“#':
            kind: Kind = "name"
        elif text.isdigit():
            kind = "number"
        elif (text[0].isupper() or text[0].isdigit()) and not (first and _plain(low)):
            kind = "name"
        else:
            kind = _kind(low, previous)
        if (
            kind in ("name", "number")
            and previous
            and previous.kind == "name"
            and previous.text[0] not in '"“'
            and text[0] not in '"“#'
            and previous.end < match.start()
            and (kind == "name" or previous.end + 1 == match.start())
        ):
            found[-1] = Token(question[previous.start : match.end()], previous.start, match.end(), "name")
            continue
        if kind == "name" and len(found) >= 2 and text[0] not in '"“#':
            # "Lord of the Rings": small words between capitalised ones belong to the name
            back = next((n for n in range(len(found) - 1, -1, -1) if found[n].kind == "name"), None)
            if (
                back is not None
                and len(found) - back in (2, 3)
                and found[back].text[0] not in '"“#'
                and _JOINERS.fullmatch(question[found[back].end : match.start()])
            ):
                start = found[back].start
                found[back:] = [Token(question[start : match.end()], start, match.end(), "name")]
                continue
        found.append(Token(text, match.start(), match.end(), kind))
    return found


def _plain(low: str) -> bool:
    return low in AUX | PREPOSITIONS | DETERMINERS | QUESTION_WORDS | PRONOUNS | ADVERBS | {
        "besides",
        "of",
        "all",
        "both",
    }


def _kind(low: str, previous: Token | None) -> Kind:
    before = previous.kind if previous else "stop"
    if low in QUESTION_WORDS or (low == "that" and before in ("word", "name")):
        return "wh"
    if low in AUX:
        return "aux"
    if low in DETERMINERS:
        return "det"
    if low in PREPOSITIONS:
        return "prep"
    if low in ("and", "or", "but"):
        return "conj"
    if low in PRONOUNS:
        return "pronoun"
    if low in ADVERBS or (low.endswith("ly") and len(low) > 4 and low not in ("family", "italy", "assembly", "only")):
        return "adverb"
    if low in "?:;,.()!":
        return "stop"
    if (
        base(low)
        and not (low in _NOUNS_TOO and before in ("det", "prep", "word", "number", "verb", "adverb", "conj"))
        and before != "det"
    ):
        return "verb"
    return "word"
