"""The owner's block list: words that nobody may ask for, however they are written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from limner import ImageRequest

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\U000e0000-\U000e0fff]"
)
"""What Unicode does not call a format though it is shown as nothing."""
_JOINS = ("Pc", "Pd")
"""Underscores and dashes of all kinds, which stand between words as spaces do."""
_WITHOUT_SPACES = ("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")
"""Scripts in which nothing stands between two words."""


class BlockedWords:
    """Finds words and phrases of a list in what a request says: whole ones, whatever their case and width."""

    def __init__(self, words: Iterable[str]) -> None:
        patterns = [_pattern(word) for word in map(_plain, words) if word]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def are_in(self, request: ImageRequest) -> bool:
        """Whether the prompt, the negative prompt or a text among the options has one of them."""
        if self._pattern is None:
            return False
        options = request.options.model_dump(mode="json")
        texts = (request.prompt, request.negative_prompt or "", *_texts_in(options))
        written = (_plain(text, unseen) for text in texts for unseen in ("", " "))
        return any(map(self._pattern.search, written))


def _plain(text: str, unseen: str = "") -> str:
    """Returns a text in the one form in which all ways to write it are equal.

    What nobody sees may stand within a word, or between two: `unseen` is put in its place.
    """
    text = unicodedata.normalize("NFKC", text)
    text = text.translate({ord(c): unseen for c in set(text) if _is_unseen(c)})
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    text = text.translate({ord(c): " " for c in set(text) if unicodedata.category(c) in _JOINS})
    return " ".join(text.split())


def _is_unseen(letter: str) -> bool:
    """Whether a letter is shown as nothing: a joiner, a soft hyphen, a filler, a variant's number."""
    return unicodedata.category(letter) == "Cf" or _UNSEEN.fullmatch(letter) is not None


def _pattern(word: str) -> str:
    before = "" if _is_unspaced(word[0]) else r"(?<!\w)"
    after = "" if _is_unspaced(word[-1]) else r"(?!\w)"
    return f"{before}{re.escape(word)}{after}"


def _is_unspaced(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(_WITHOUT_SPACES)


def _texts_in(value: object) -> Iterator[str]:
    """Yields all texts of a value of JSON, the names of fields among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in cast("Mapping[str, object]", value).items():
            yield name
            yield from _texts_in(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _texts_in(one)
