"""A wrong key in the settings of a built-in provider stops the start, and no visitor ever reads of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import SettingsError, open_studio
from core.plugins.loader import BUILT_IN
from core.settings.schema import load_settings

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("openai", {"sise": "none"}, "The provider mine has no setting sise: did you mean size?"),
    ("openai", {"seed": "yes"}, "The setting providers.mine.seed is wrong: it should be 'body' or"),
    ("openai", {"body": "x"}, "The setting providers.mine.body is wrong: it should be a table."),
    ("openai", {"edits": "grok"}, "The setting providers.mine.edits is wrong: it should be 'openai', 'xai',"),
    ("openai", {"api_key_header": "a b"}, "The setting providers.mine.api_key_header is wrong: it should"),
    ("huggingface", {"billto": "x"}, "The provider mine has no setting billto: did you mean bill_to?"),
    ("huggingface", {"provider": "openai"}, "The setting providers.mine.provider is wrong: it should be"),
    ("huggingface", {"bill_to": "a\r\nb"}, "The setting providers.mine.bill_to is wrong: it should"),
    *((name, {"colour": "red"}, "The provider mine has no setting colour: its own") for name in BUILT_IN),
]


@pytest.mark.parametrize(("name", "own", "sentence"), WRONG)
def test_a_wrong_setting_stops_the_start(
    name: str, own: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as error:
        open_studio(load_settings(data_dir=tmp_path, providers={"mine": {"uses": name, **own}}))
    assert str(error.value).startswith(sentence)
