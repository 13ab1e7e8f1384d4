"""What one prompt says, as the names of things to draw and of those to leave out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from providers.sketch.words import IMPLIED, MEANINGS, THINGS, TOKEN, WORDS, meanings, named

_COLOURS = "|".join(word for word, means in MEANINGS.items() if means[0][0] == "colour")
_SHORT = [
    (r"\bgolden hour\b", "dusk"),
    (r"\bmilky way\b", "stars"),
    (r"['’]s\b", ""),
    (r"\b(?:take (?:away|out)|get rid of|leave out)\b", "remove"),
    (r"\b(?:instead of|rather than|(?:don['’]t|do not) (?:show|draw|paint))\b", "without"),
]
"""Turns of phrase, and the known words that say the same."""
_RECOLOURED = re.compile(
    r"\b(?:make|paint|colou?r|dye|turn|change)\s+([a-z\s]+?)\s+(?:(?:to|into|in)\s+)?"
    rf"({_COLOURS})(?=\s*(?:[,.;:!?]|$|(?:and|but|in|at|on|with)\b))"
)
_IS_OF_COLOUR = re.compile(
    rf"\b(?:the|its|an?)\s+([a-z]+)\s+(?:is|are|should be|becomes?|turns?)\s+({_COLOURS})\b"
)
_REPLACED = re.compile(
    r"\b(?:replace|swap|exchange|turn|change)\s+([^,.;:!?]+?)\s+(?:with|by|for|into|to)\s+([^,.;:!?]+)"
)
_ARTICLES = {"a", "an", "the", "any", "all", "every", "some", "of", "for", "its", "his", "her", "their"}
_ARTICLES |= {"this", "that", "these", "those"}


@dataclass(frozen=True)
class Mention:
    """A subject that a prompt names, in which colour, and how many or how many more, if it says so."""

    name: str
    count: int | None
    is_plural: bool
    colour: str | None
    more: bool


class Phrase:
    """The subjects, hours, seasons, weather and colours of a prompt, without those that it refuses."""

    def __init__(self, prompt: str, negative_prompt: str | None = None) -> None:
        self.words, refused = _without(TOKEN.findall(_plain(prompt.lower())))
        self.absent = named([*refused, *TOKEN.findall((negative_prompt or "").lower())], *THINGS)
        self.mentions: dict[str, Mention] = {}
        self.unknown: list[str] = []
        found: dict[str, list[str]] = {kind: [] for kind in WORDS}
        pending: list[str] = []  # colours that wait for their subject
        count, more = None, False
        for word in self.words:
            known = meanings(word)
            if not word.isalpha() or ("link", "a") in known:
                found["colour"], pending = found["colour"] + pending, []
                more = more and word in ("a", "an", "some", "and")  # "add a boat", not "to the fox"
            elif word != "and" and not known:
                self.unknown.append(word)
            for kind, name in known:
                if kind == "count":
                    count = int(name)
                elif kind == "more":
                    more = True
                elif kind == "subject" and name not in self.absent:
                    colour = pending[0] if pending else None
                    mention = Mention(name, count, word not in MEANINGS, colour, more)
                    self.mentions.setdefault(name, mention)
                    pending, count = [], None
                elif name not in self.absent:
                    (pending if kind == "colour" else found[kind]).append(name)
        self.time, self.season, self.weather = found["time"], found["season"], found["weather"]
        self.colours = found["colour"] + pending
        self.implied = [hour for sign, hour in IMPLIED.items() if sign in {*self.mentions, *self.words}]

    @property
    def is_understood(self) -> bool:
        """Whether any of its words can be drawn."""
        light = self.time or self.implied or self.season or self.weather or self.colours
        return bool(light or self.mentions or self.absent)


def _plain(prompt: str) -> str:
    for phrase, words in _SHORT:
        prompt = re.sub(phrase, words, prompt)
    for coloured in (_RECOLOURED, _IS_OF_COLOUR):
        prompt = coloured.sub(lambda match: f", {match[2]} {_noun(match[1])}, ", prompt)
    return _REPLACED.sub(_replaced, prompt)


def _replaced(match: re.Match[str]) -> str:
    """Says "replace the fox with a cat" as "remove fox, a cat"; "turn the hills to autumn" keeps them."""
    old, new = (named(TOKEN.findall(part), "subject") for part in match.groups())
    if old and (not new or old & new):
        return f"{match[1] if not new else ''}, {match[2]}"
    return f", remove {_noun(match[1])}, {match[2]}"


def _noun(text: str) -> str:
    return " ".join(word for word in TOKEN.findall(text) if ("link", "a") not in meanings(word))


def _without(words: list[str]) -> tuple[list[str], list[str]]:
    """Returns the words that are asked for, and those that follow a "no", a "without" or a "remove"."""
    kept: list[str] = []
    refused: list[str] = []
    negation, hue, waiting = "", "", False  # hue: in "no red boats" it is the boats that are refused
    for i, word in enumerate([*words, "."]):
        kinds = {kind for kind, _ in meanings(word)}
        if "without" in kinds:
            negation, hue, waiting = (
                next(name for kind, name in meanings(word) if kind == "without"),
                "",
                True,
            )
            kept.append(",")
        elif waiting and word.isalpha() and kinds & (THINGS - {"colour"}):
            refused.append(word)
            waiting, hue = False, ""
        elif waiting and (word in _ARTICLES or (word.isalpha() and kinds <= {"colour", "count", "more"})):
            hue = word if "colour" in kinds else hue
        elif negation and not waiting and _goes_on(words[i:], negation):
            waiting = True
        else:
            refused += [hue] if hue else []
            kept.append(word)
            negation, hue, waiting = "", "", False
    return kept[:-1], refused


def _goes_on(words: list[str], negation: str) -> bool:
    """Whether what follows a refused word is refused too: "no birds or boats", "remove birds and boats"."""
    if words[:1] not in (["or"], ["nor"]) and (words[:1] != ["and"] or negation == "no"):
        return False
    noun = next((word for word in words[1:] if word not in _ARTICLES), "")
    return words[1:2] not in (["a"], ["an"]) and bool(named([noun], "subject", "weather"))
