"""What a service says about its picture, made safe to keep and to show."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from numbers import Integral
from typing import Any, TypeAlias, cast

from core.chat.request import limit_nesting
from core.redaction import hide_known
from limner import ImageResult, ImageWarning
from limner.result import MAX_CONTINUATION

log = logging.getLogger(__name__)

SourceOf: TypeAlias = Callable[[object, str], str]
"""Takes the value and the name of a field of the result, and returns the plugin that it comes from."""

MAX_LENGTH = 20_000
"""Characters kept of a text, and of usage or metadata as JSON."""
MAX_KEPT_SEED = 2**63 - 1
"""The largest whole number that JSON's readers and the databases keep."""
MAX_WARNINGS = 50
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""All but tabs and the ends of lines: a terminal would do what they say."""


def sanitize(result: ImageResult, secrets: Sequence[str], source_of: SourceOf) -> ImageResult:
    """Drops what does not have the contract's types: an error would lose a picture that may be paid for.

    The log says what was dropped, and which plugin it comes from.

    Hides the secrets that the request was made with and those of the environment, in any form, makes plain
    JSON of usage and metadata, cuts what is nested too deeply, and leaves a picture's bytes as they are.
    """
    untrusted: Any = result
    return ImageResult(  # of its own class: a plugin's could do anything when it is made again
        image=_image(untrusted.image),
        revised_prompt=_text(untrusted.revised_prompt, secrets),
        seed=_seed(untrusted.seed),
        seed_sent=untrusted.seed_sent is not False,
        model=_text(untrusted.model, secrets),
        request_id=_text(untrusted.request_id, secrets),
        usage=_plain("usage", untrusted.usage, secrets, source_of),
        metadata=_plain("metadata", untrusted.metadata, secrets, source_of),
        text=_text(untrusted.text, secrets),
        continuation=_continuation(untrusted.continuation, secrets, source_of),
        warnings=_warnings(untrusted.warnings, secrets),
    )


def _image(image: Any) -> Any:
    """Returns a text or bytes of a plugin's own class as plain ones; anything else as it is."""
    if isinstance(image, str):
        return str.__str__(image)
    return bytes.__getitem__(image, slice(None)) if isinstance(image, bytes) else image


def _seed(value: object) -> int | None:
    with suppress(BaseException):
        seed = int(value) if isinstance(value, Integral) else -1
        return seed if 0 <= seed <= MAX_KEPT_SEED else None
    return None


def _text(value: object, secrets: Sequence[str]) -> str | None:
    if not isinstance(value, str):
        return None
    plain = str.__getitem__(value, slice(4 * MAX_LENGTH))  # of a class of its own, which may do anything
    value = hide_known(_CONTROL.sub("", plain), *secrets)
    return value[:MAX_LENGTH].encode(errors="replace").decode() or None  # half a surrogate pair


def _continuation(value: object, secrets: Sequence[str], source_of: SourceOf) -> Any:
    """Returns plain JSON as it is, since a service must get back what it gave; None if it cannot be kept."""
    try:
        written = json.dumps(value, allow_nan=False)
        plain = json.loads(written.encode())
        has_secret = any(secret in written for secret in secrets)
        if has_secret or len(written) > MAX_CONTINUATION or limit_nesting(plain) != plain:
            raise ValueError("too long, nested too deep, or with the secret in it")
        return plain
    except BaseException as error:
        _say_left_out("continuation", value, error, source_of)
        return None


def _plain(what: str, values: object, secrets: Sequence[str], source_of: SourceOf) -> dict[str, Any]:
    try:
        if len(cast(Mapping[str, Any], values)) > MAX_LENGTH:
            raise ValueError("too long")
        written = json.dumps(dict(cast(Mapping[str, Any], values)), default=str, ensure_ascii=False)
        if len(written) > MAX_LENGTH:
            raise ValueError("too long")
        plain = limit_nesting(json.loads(written.encode(errors="replace"), parse_constant=_no_number))
        return plain if hide_known(written, *secrets) == written else _hidden(plain, secrets)
    except BaseException as error:  # a foreign object's __str__ may raise anything, and call sys.exit
        _say_left_out(what, values, error, source_of)
        return {}


def _say_left_out(field: str, value: object, error: BaseException, source_of: SourceOf) -> None:
    plugin = source_of(value, field)
    log.warning("The %s of the plugin %s was left out: %s", field, plugin, type(error).__name__)


def _hidden(value: Any, secrets: Sequence[str]) -> Any:
    """Returns plain JSON without secrets in its names, texts and numbers."""
    if isinstance(value, dict):
        pairs = cast(dict[str, Any], value).items()
        return {hide_known(name, *secrets): _hidden(item, secrets) for name, item in pairs}
    if isinstance(value, list):
        return [_hidden(item, secrets) for item in cast(list[Any], value)]
    shown = str(value)
    hidden = hide_known(shown, *secrets)
    return value if hidden == shown else hidden


def _no_number(_: str) -> None:
    """Reads NaN and the infinities, which are not JSON, as null."""


def _warnings(values: object, secrets: Sequence[str]) -> tuple[ImageWarning, ...]:
    warnings: list[ImageWarning] = []
    with suppress(BaseException):  # not a sequence, or one that fails halfway
        for warning in islice(cast(Iterable[ImageWarning], values), MAX_WARNINGS):
            feature, details = _text(warning.feature, secrets), _text(warning.details, secrets)
            if feature and details:
                kind = "unsupported" if warning.type == "unsupported" else "other"
                warnings.append(ImageWarning(feature, details, kind))
    return tuple(warnings)
