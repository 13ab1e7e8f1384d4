"""Resolving a request for a scripted provider, as the tests of requests and of options ask for it."""

from __future__ import annotations

from typing import Any

import pytest

from core.chat.failure import Rejected
from core.chat.request import UserRequest
from core.generation.resolve import Plan, resolve
from core.settings.schema import Settings
from tests.core.scripted import ScriptedProvider
from tests.plugins.objects import registry_of


def resolved(*, max_prompt_length: int = 100, of: Any = None, about: Any = None, **asked: Any) -> Plan:
    settings = Settings(provider="scripted", max_prompt_length=max_prompt_length)
    registry = registry_of(settings=settings, scripted=ScriptedProvider(model=of or {}, **(about or {})))
    return resolve(UserRequest(**{"prompt": "a fox", **asked}), registry, settings)


def refusal(**asked: Any) -> str:
    with pytest.raises(Rejected) as refused:
        resolved(**asked)
    sentence = str(refused.value)
    assert len(sentence) < 400
    sentence.encode()
    return sentence


def warnings(**asked: Any) -> list[tuple[str, str]]:
    return [(warning.feature, warning.details) for warning in resolved(**asked).warnings]
