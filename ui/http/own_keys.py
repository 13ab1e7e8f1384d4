"""The keys of a visitor's own in the body of a request: for this request alone, and in no other place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from pydantic import SecretStr

from core import Rejected

MAX_PROVIDERS, MAX_PARTS = 20, 10
_KEY = re.compile(r"[!-~]{1,1000}")
_FORM = 'The keys must be an object such as {"openai": {"OPENAI_API_KEY": "…"}}'


OwnKeys: TypeAlias = Mapping[str, Mapping[str, SecretStr]]


def take_keys(values: dict[str, Any]) -> OwnKeys:
    """Takes the keys out of a body: by provider, the parts of each by the variables that it declares.

    Raises Rejected, which repeats nothing of them.
    """
    keys = values.pop("keys", None)
    if keys is None:
        return {}
    return {provider: _parts(parts) for provider, parts in _object(keys, MAX_PROVIDERS).items()}


def _parts(parts: object) -> Mapping[str, SecretStr]:
    return {variable: _secret(part) for variable, part in _object(parts, MAX_PARTS).items()}


def _secret(part: object) -> SecretStr:
    key = part.strip() if isinstance(part, str) else None
    if key is None or not _KEY.fullmatch(key):
        raise Rejected(
            "A key of your own must be text of 1 to 1,000 visible ASCII characters: copy it once more."
        )
    return SecretStr(key)


def _object(value: object, most: int) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Rejected(f"{_FORM}.")
    fields = cast("dict[str, object]", value)
    if len(fields) > most:
        raise Rejected(
            f"{_FORM}, for {MAX_PROVIDERS} providers at most with {MAX_PARTS} parts each: leave some out."
        )
    return fields
