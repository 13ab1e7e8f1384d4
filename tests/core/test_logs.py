"""The log as JSON: one object in each line, without secrets; and the line about each picture."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.chat.message import Message
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from limner import ImageRequest, ImageResult, ProviderError, hookimpl
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, settled, studio_of
from tests.serving import ROOT

KEY = "sk-test-0123456789abcdef"

LOG_IT = r"""
import logging, sys, warnings
from core.logs import log_without_secrets
log_without_secrets(form=sys.argv[2])
key = sys.argv[1]
log = logging.getLogger("a.plugin")
log.warning("The key is %s", key)
log.info('token=""\nAuthorization: Bearer %s\n{"api_key": "%s"}', key, key)
log.info("picture", extra={"fields": {"provider": "sketch", "seconds": 0.5, "model": f"{key} \n INFO x"}})
warnings.warn(f"old {key}")
try:
    raise ValueError(key)
except ValueError:
    log.exception("failed")
"""


def logged(form: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", LOG_IT, KEY, form],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert KEY not in ran.stderr
    assert ran.stdout == ""
    return ran.stderr.splitlines()


def test_each_line_is_an_object_without_secrets() -> None:
    lines = [json.loads(line) for line in logged("json")]
    said, hostile, picture, warned, failed = lines
    assert {name: said[name] for name in ("level", "logger", "message")} == {
        "level": "WARNING",
        "logger": "a.plugin",
        "message": "The key is [hidden]",
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["time"])
    assert hostile["message"] == 'token=""\n[hidden]\n{"[hidden]"}'
    assert (picture["message"], picture["provider"], picture["seconds"]) == ("picture", "sketch", 0.5)
    assert picture["model"] == "[hidden] \n INFO x"
    assert "old [hidden]" in warned["message"]
    assert failed["message"] == "failed"
    assert failed["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert failed["exception"].splitlines()[-1] == "ValueError: [hidden]"


def test_as_text_the_fields_follow_the_message_in_its_line() -> None:
    (line,) = [line for line in logged("text") if "picture" in line]
    assert line.endswith(r'a.plugin: picture provider="sketch" seconds=0.5 model="[hidden] \n INFO x"')


async def _picture(_: ImageRequest) -> ImageResult:
    return ImageResult(PNG)


async def _quota(_: ImageRequest) -> ImageResult:
    raise ProviderError("quota", service_message="no credit for a secret fox")


@pytest.mark.parametrize(
    ("play", "outcome"),
    [
        (_picture, {"outcome": "complete", "cost": "0.04 USD"}),
        (_quota, {"outcome": "error", "cause": "quota", "cost": "0.04 USD"}),
    ],
)
@pytest.mark.anyio
async def test_each_picture_is_a_line_without_its_prompt_and_without_who_asked(
    play: Any, outcome: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    own: Any = {"scripted": {"price": "0.04 USD"}}
    visitors = [Visitor("203.0.113.7"), Visitor("203.0.113.7"), Visitor("203.0.113.8")]
    async with studio_of(tmp_path, ScriptedProvider(play), providers=own, budget="9/day") as studio:
        conversation = await studio.conversation(CONVERSATION)
        asked = UserRequest(prompt="a secret fox")
        messages: list[Message] = []
        for visitor in visitors:
            messages.append(await studio.start(conversation, asked, visitor=visitor))
            await settled(conversation, messages[-1])
    events: list[dict[str, Any]] = [vars(r)["fields"] for r in caplog.records if r.message == "picture"]
    assert [event.pop("message_id") for event in events] == [message.id for message in messages]
    first, again, other = (event.pop("visitor") for event in events)
    assert first == again != other
    assert all(event.pop("seconds") >= 0 for event in events)
    assert events == [{"provider": "scripted", "model": "p-1", "version": 1, **outcome}] * 3
    everything = " ".join(str(vars(record)) for record in caplog.records)
    assert "fox" not in everything
    assert "203.0.113" not in everything


async def _echoes(request: ImageRequest) -> ImageResult:
    logging.getLogger("an.sdk").warning("asking for %r", request.prompt)
    raise RuntimeError(f"cannot draw {json.dumps(request.prompt)} without {request.negative_prompt}")


class EchoesInAThread(ScriptedProvider):
    """Does the same as a plain function."""

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore
        logging.getLogger("an.sdk").warning("asking for %r", request.prompt)
        raise RuntimeError(f"cannot draw {json.dumps(request.prompt)} without {request.negative_prompt}")


@pytest.mark.parametrize("scripted", [ScriptedProvider(_echoes), EchoesInAThread()], ids=["async", "plain"])
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.anyio
async def test_no_prompt_is_in_the_log_even_where_an_error_repeats_it(
    form: str,
    scripted: ScriptedProvider,
    tmp_path: Path,
    log_as: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_as(form)
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        asked = UserRequest(prompt='a fox\n"Ünter" a tree', negative_prompt="an angry wolf")
        await settled(conversation, await studio.start(conversation, asked))
    logging.getLogger("another").warning("an angry wolf is no prompt of this request")
    said = capsys.readouterr().err
    assert "asking for" in said
    assert "RuntimeError: cannot draw" in said
    assert "picture" in said
    for word in ("fox", "nter", "tree"):
        assert word not in said
    assert said.count("an angry wolf") == 1
