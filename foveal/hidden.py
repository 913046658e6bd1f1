"""Text as a person would see it: what is invisible, or turns the order of reading round, is taken out.

Models read characters that no screen shows. Text from outside that holds them can carry instructions past the person
who looks at it: zero-width and Unicode-tag characters and variation selectors in a row ("ASCII smuggling"),
bidirectional overrides ("Trojan Source", Boucher and Anderson 2023). Hidden are the control, format, private-use and
default-ignorable code points of the Unicode Character Database, but those that spelling needs.
"""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but tab and newline
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # soft hyphen, joiners, fillers, selectors
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"  # zero width, bidirectional, annotation
    "\ufe00-\ufe0f\U000e0000-\U000e0fff"  # variation selectors, tags
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of hieroglyphs, shorthand, music
    "\ud800-\udfff\ue000-\uf8ff\U000f0000-\U0010ffff\ufdd0-\ufdef\ufffe\uffff"  # surrogates, private use, no characters
    "]+"
)
_LINE_ENDS = frozenset("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_JOINERS = "\u200c\u200d"
_TEXT_OR_EMOJI = "\ufe0e\ufe0f"
_JOINING = re.compile(  # where a joiner is spelling: Arabic to N'Ko, India to Myanmar, Khmer, Mongolian
    "[\u0620-\u08ff\u0900-\u0dff\u0f40-\u109f\u1780-\u17d3\u1820-\u18aa\u1b05-\u1b4b\ua8e0-\ua8ff\ufb50-\ufdcf\ufe70-\ufefc"
    "\U00010d00-\U00010d3f\U00011000-\U0001123f\U0001e900-\U0001e943]"
)
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_MONGOLIAN = re.compile("[\u1820-\u18aa]")


def visible(text: str) -> str:
    """Return *text* without hidden characters, composed (NFC); a lone surrogate becomes U+FFFD. Idempotent."""
    return _composed(stripped(_composed(text)))


def stripped(text: str) -> str:
    """Return *text* without hidden characters, otherwise as it is; line ends of other kinds become newlines.

    Joiners stay where spelling needs them (Persian, the scripts of India, emoji families), a variation selector after
    the character that it may vary.
    """
    return _HIDDEN.sub(_seen, text)


def _seen(run: re.Match[str]) -> str:
    """Return what is left of a run of hidden characters."""
    text = run.string
    base, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
    kept = ""
    for at, char in enumerate(run[0], run.start() + 1):
        if char in _LINE_ENDS:
            kept += "" if char == "\r" and text[at : at + 1] in ("\n", "\r") else "\n"
        elif "\ud800" <= char <= "\udfff":
            kept += "\ufffd"
        elif base and _means(char, base, after):
            kept += char
        else:
            continue
        base = kept[-1:]
    return kept


def _means(char: str, base: str, after: str) -> bool:
    """Say whether *char* changes how *base* before it (or *after* it) is written, as the standard allows."""
    if char in _JOINERS:
        emoji = char == "\u200d" and (_symbol(base) or base == "\ufe0f") and _symbol(after)
        return emoji or bool(_JOINING.match(base))
    if char in _TEXT_OR_EMOJI:
        return _symbol(base) or base in "0123456789"
    if "\u180b" <= char <= "\u180f":
        return char != "\u180e" and bool(_MONGOLIAN.match(base))
    return "\U000e0100" <= char <= "\U000e01ef" and bool(_IDEOGRAPH.match(base))


def _symbol(char: str) -> bool:
    return bool(char) and (unicodedata.category(char)[0] == "S" or char in "#*‼⁉〰〽")


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)
