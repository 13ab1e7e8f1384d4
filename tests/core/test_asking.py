"""What a program asks for: the table of refusals, and the pictures of one request."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core import Rejected
from core.asking import ask
from core.chat.request import UserRequest
from core.generation.visitor import OWNER
from tests.core.scripted import ScriptedProvider, studio_of
from tests.doors import GOOD, REFUSED, Refused

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
async def test_what_no_door_takes_is_refused_in_one_sentence(tmp_path: Path, refused: Refused) -> None:
    values = {name: value for name, value in {**GOOD, **refused.values}.items() if value is not None}
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        with pytest.raises(Rejected) as rejection:
            await ask(studio, UserRequest(**values), visitor=OWNER)
    assert re.search(refused.words, str(rejection.value), re.IGNORECASE)
    assert "\n" not in str(rejection.value)


async def test_several_pictures_of_one_request_have_seeds_that_follow(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        asked = await ask(studio, UserRequest(**GOOD), count=3, visitor=OWNER)
        versions = await asked.settled()
    assert [version.provenance.seed for version in versions] == [4217, 4218, 4219]
    assert all(version.picture for version in versions)
