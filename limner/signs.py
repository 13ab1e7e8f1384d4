"""What the answer of a web service says of a failure, whatever its shape: codes, sentences, marks, a wait.

`read_signs` gathers them at any depth; what a service repeats of the request does not count. Everything
here is bounded, so that no answer takes more than linear time.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple, cast

from limner import wordings

MAX_WAIT = 366 * 86_400.0
"""Seconds; a longer wait is taken for a mistake of the service."""

_MAX_PARTS, _MAX_DEPTH, _MAX_TEXT, _MAX_SAID = 2_000, 30, 2_000, 20_000

_NUMBERS = {"code", "status", "status_code", "http_status", "error_code", "err_code", "errno", "error"}
_PARAMETERS = {"param", "parameter", "loc", "field", "path", "property", "argument"}
_OF_REQUEST = {"prompt", "body", "input", "inputs", "messages", "query", "text", "__root__"}
_PICTURES = {
    "data",
    "images",
    "image",
    "output",
    "outputs",
    "artifacts",
    "predictions",
    "candidates",
    "results",
}
_WAITS = re.compile(
    r"retry_(after(_ms|_seconds|_secs|_s)?|delay|in)|estimated_time|wait_(seconds|time)|resets?_(after|in)(_seconds)?"
)
_ECHO = re.compile(
    r"(\w+_)?(prompts?|inputs?|requests?|payload|url|uri|link|href|model|image|b64_json|version)"
    r"|(input|prompt|raw_input)_(text|value)|request_(body|data)|received|instance|param(eter)?s|value|ctx|logs"
    r"|id|(request|trace|log|task|project)_id|provider_name|model_\w+|documentation\w*|@type|domain|data_url"
)
# Fields that say by themselves that the picture was refused: those that are true, false, or filled.
_MARKS = re.compile(
    r"((is|has|was|were|contains?|images?|prompt|output|input|content|any|potential|potentially)_)*"
    r"(nsfw|flagged|filtered|moderated|censored|unsafe|blocked|sensitive|(safety|policy|content)_violation)"
    r"(_concepts?|_contents?|_content_detected|_detected|_images?|_flag|_inputs?|_results?)*"
)
_SAFE = re.compile(
    r"respect_moderation|(is_)?((image|prompt)_)?safe|passed_(moderation|safety_check)|(moderation|safety)_passed"
)
_REASONS = re.compile(
    r"(\w+_)?(filter(ed)?|block(ed)?|moderation|refusal|violation|safety|flagged)_(reasons?|details|message)"
    r"|refusal|flagged_input|(flagged|violation|moderation)_categories|block_reason_message"
)
_NO_REASON = ("unspecified", "none", "null", "false")
_VERDICTS = {"finish_reason", "finish_reasons", "status", "state", "task_status", "code", "reason"}

_UNIT = r"(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|秒|分)(?![a-z])"
_CLOCK = r"\d{1,3}:\d\d(?::\d\d)?(?![:\d])"
_DURATION = re.compile(rf"{_CLOCK}|(?:\d{{1,9}}(?:\.\d{{1,9}})?\s?{_UNIT}[\s,]{{0,2}}){{1,4}}", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:(?:again|retry|retrying|available|resets?|back|wait|ready)\W{1,3}(?:\w{1,20}\W{1,3}){0,4}?(?:in|after|for)"
    rf"|wait|请在?|等待)\W{{0,3}}(?:about |at least |approximately |another )?~?({_DURATION.pattern})",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\b((?:prompt|input|input_value|value|received|got|text|query|body|caption)[\"']?"
    r"\s{0,3}(?:[:=]|is|was|of)?\s{0,3})"
    r"(?:\"[^\"]{1,1500}\"|'[^']{1,1500}'|`[^`]{1,1500}`|“[^”]{1,1500}”|«[^»]{1,1500}»)",
    re.IGNORECASE,
)


@dataclass
class Signs:
    """What an answer says; every text is in lower case, with spaces between the words of a code."""

    codes: list[str] = field(default_factory=list[str])
    verdicts: list[str] = field(default_factory=list[str])
    """Those codes that say how it ended, such as ``finish_reason``."""
    sentences: list[str] = field(default_factory=list[str])
    is_marked: bool = False
    """Whether a field such as ``nsfw: true`` or ``respect_moderation: false`` says that it was refused."""
    names_parameter: bool = False
    has_empty_list: bool = False
    status: int | None = None
    """The HTTP status of an error that stands in the answer itself."""
    wait: float | None = None
    """The seconds that a field asks to wait."""
    wait_in_words: float | None = None

    def refuses(self) -> bool:
        """Whether the service refused the prompt or the picture."""
        return self.marks_refusal(self.codes) or any(map(wordings.is_refusal, self.sentences))

    def marks_refusal(self, codes: list[str] | None = None) -> bool:
        """Whether a field, or how it ended, says so; words are not read."""
        return self.is_marked or any(
            map(wordings.is_refusing_code, self.verdicts if codes is None else codes)
        )

    def may_refuse(self) -> bool:
        """Whether it could be a refusal in other words; a wrong parameter that it names speaks against it."""
        return not self.names_parameter and any(map(wordings.may_be_refusal, self.codes + self.sentences))

    def lacks_credit(self) -> bool:
        """Whether the account is empty, which no wait changes."""
        return self.says(wordings.NO_CREDIT) or (self.says(wordings.QUOTA) and not self._is_throttled())

    def has_bad_key(self) -> bool:
        """Whether the credential is missing or wrong."""
        return self.says(wordings.BAD_KEY)

    def lacks_model(self) -> bool:
        """Whether it says that there is no such model."""
        said = map(wordings.NO_MODEL_IN_WORDS.search, self.sentences)
        return any(map(wordings.NO_MODEL.search, self.codes)) or any(said)

    def says(self, wording: re.Pattern[str]) -> bool:
        """Whether a code or a sentence has this wording."""
        return any(map(wording.search, self.codes)) or any(map(wording.search, self.sentences))

    def says_overload(self) -> bool:
        """Whether the service says that it had no room for the request, and so did not begin it."""
        return self.says(wordings.OVERLOAD) and not self.says(wordings.BEGUN)

    def _is_throttled(self) -> bool:
        known = self.wait is not None or self.wait_in_words is not None
        return known or self.says(wordings.THROTTLED)


class _Echo(NamedTuple):
    """The prompt as a service may repeat it."""

    prompt: str
    words: list[str]
    """In lower case; of a long prompt the first, which is all that a text can hold."""

    @classmethod
    def of(cls, prompt: str) -> _Echo:
        return cls(prompt, re.findall(r"\w+", prompt[:_MAX_TEXT].lower()))

    def taken_from(self, text: str) -> str:
        """Returns a text without the prompt, also in other case, escaped, or cut off after its fifth word."""
        text = re.sub(r"\\[nrt]", " ", html.unescape(text)).replace(self.prompt, " ")
        said = list(re.finditer(r"\w+", text))
        kept, start, place = list[str](), 0, 0
        while len(self.words) > 2 and place < len(said):
            pairs = zip(self.words, said[place : place + len(self.words)], strict=False)
            same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1][0].lower(), pairs))
            if same < min(len(self.words), 5):
                place += 1
                continue
            kept.append(text[start : said[place].start()])
            start = said[place + same - 1].end()
            place += same
        return " ".join([*kept, text[start:]])


def read_signs(reply: object, prompt: str | None = None) -> Signs:
    """Returns what an answer says; `reply` is JSON or a text, and `prompt` is what was asked for."""
    signs, left = Signs(), _MAX_SAID
    echo = _Echo.of(prompt) if prompt and len(prompt) > 2 else None
    for key, value in _parts(reply):
        if _WAITS.fullmatch(key):
            seconds = _seconds(value, key)
            signs.wait = seconds if signs.wait is None else signs.wait
        elif _is_mark(key, value):
            signs.is_marked = True
        elif key in _PARAMETERS:
            named = isinstance(value, str) and bool(value) and value not in _OF_REQUEST
            signs.names_parameter = signs.names_parameter or named
        elif key in _PICTURES and isinstance(value, list) and not value:
            signs.has_empty_list = True
        elif key in _NUMBERS and (number := _number(cast("object", value))):
            if re.fullmatch("[45][0-9]{2}", number):
                signs.status = signs.status or int(number)
            signs.codes.append(number)
        elif isinstance(value, str) and left > 0:
            left -= len(value[:_MAX_TEXT]) + 50
            _read_text(key, value[:_MAX_TEXT].strip(), signs, echo)
    signs.names_parameter = signs.names_parameter or any(map(wordings.WRONG_PARAMETER.search, signs.codes))
    return signs


def _parts(reply: object) -> Iterator[tuple[str, object]]:
    """Yields every value with the key that it stands under, the outer ones first, but no echo."""
    waiting: list[tuple[str, object, int]] = [("", reply, 0)]
    for key, found, depth in waiting:
        value: object = found
        room = _MAX_PARTS - len(waiting) if depth < _MAX_DEPTH else 0
        if isinstance(value, str) and room > 0 and (inner := _json_in(value)):
            before, said, after = inner
            waiting.append((key, said, depth + 1))
            value = f"{before}\n{after}"
        elif isinstance(value, dict):
            for name, member in list(cast("dict[object, object]", value).items())[: max(room, 0)]:
                known = phrase(name[:100]).replace(" ", "_") if isinstance(name, str) else ""
                if not _is_echo(known, member) or _is_mark(known, member):
                    waiting.append((known, member, depth + 1))
        elif isinstance(value, list):
            waiting.extend((key, part, depth + 1) for part in cast("list[object]", value)[: max(room, 0)])
        yield key, value


def _json_in(text: str) -> tuple[str, object, str] | None:
    """Returns the JSON in a text and what stands around it: gateways pass on what another service said."""
    if len(text) > 10 * _MAX_TEXT:
        return None
    start, end = text.find("{"), text.rfind("}") + 1
    if 0 <= start < end:
        with suppress(ValueError, RecursionError):
            return text[:start], json.loads(text[start:end]), text[end:]
    return None


def _is_echo(name: str, value: object) -> bool:
    if name == "body":  # FastAPI repeats the request there; a gateway puts another answer there
        members: set[object] = {*cast("dict[object, object]", value)} if isinstance(value, dict) else set()
        return not members & {"error", "errors", "code", "message", "detail"} and not (
            isinstance(value, str) and '"error' in value[:200]
        )
    return _ECHO.fullmatch(name) is not None


def _is_mark(key: str, value: object) -> bool:
    if _SAFE.fullmatch(key):
        return value is False
    if _REASONS.fullmatch(key):
        return bool(value) and not (isinstance(value, str) and value[-20:].lower().endswith(_NO_REASON))
    return value is True and _MARKS.fullmatch(key) is not None


def _number(value: object) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if 0 < value < 100_000 else None
    return value if isinstance(value, str) and re.fullmatch("[0-9]{3,5}", value) else None


def _read_text(key: str, text: str, signs: Signs, echo: _Echo | None) -> None:
    if "://" in text[:10] or text[:5] == "data:" or (not key and text[:1] == "<"):
        return
    if text.isascii() and not re.search(r"\s", text):
        if 0 < len(text) <= 100:
            signs.codes.append(phrase(text))
            signs.verdicts += signs.codes[-1:] if key in _VERDICTS else []
        return
    if signs.wait_in_words is None and (said := _WAIT.search(text)):
        signs.wait_in_words = _total(said[1])
    text = echo.taken_from(text) if echo else text
    for sentence in re.split(r"[.!?;](?=\s|$)|[。！？；\n]", _QUOTED.sub(r"\1 ", text)):
        if plain := re.sub(r"[\s_-]+", " ", sentence).strip().lower().replace("’", "'"):
            signs.sentences.append(plain)
            signs.verdicts += [plain] if key in _VERDICTS else []


def phrase(code: str) -> str:
    """Returns the words of a code, such as ``content policy violation`` for ``ContentPolicyViolation``."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", code)
    return re.sub(r"[\W_]+", " ", apart).strip().lower()


def _seconds(value: object, key: str) -> float | None:
    if isinstance(value, dict):
        value = cast("dict[object, object]", value).get("seconds")
    if isinstance(value, str) and _DURATION.fullmatch(value[:60].strip()):
        return _total(value[:60])
    with suppress(ValueError, OverflowError):
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            seconds = float(value[:60] if isinstance(value, str) else value) / (
                1000 if key[-3:] == "_ms" else 1
            )
            return max(0.0, seconds) if seconds <= MAX_WAIT else None
    return None


def _total(duration: str) -> float | None:
    if ":" in duration:
        parts = [float(part) for part in duration.split(":")]
        return sum(part * 60**place for place, part in enumerate(reversed(parts)))
    seconds = 0.0
    for number, unit in re.findall(r"(\d+(?:\.\d+)?)\s?([a-z秒分]+)", duration.lower()):
        per = 0.001 if unit.startswith(("ms", "milli")) else _PER_UNIT[unit[0]]
        seconds += float(number) * per
    return seconds if math.isfinite(seconds) and seconds <= MAX_WAIT else None


_PER_UNIT = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "秒": 1, "分": 60}
