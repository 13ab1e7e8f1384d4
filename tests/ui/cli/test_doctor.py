"""The doctor says where each setting comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings.schema import load_settings
from ui.cli.doctor import settings_in_force


def test_each_setting_names_what_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limner.toml").write_text("timeout = 7\n[providers.flux]\nuses = 'openai'\n")
    monkeypatch.setenv("LIMNER_MAX_RETRIES", "2")
    monkeypatch.setenv("LIMNER_PROVIDERS__FLUX__LABEL", "Flux")
    monkeypatch.setenv("LIMNER_BUDGET", " ")
    monkeypatch.setenv("LIMNER_TIMEOUT", "")
    origins = {
        setting.name: (setting.value, setting.origin) for setting in settings_in_force(load_settings())
    }
    assert origins["timeout"] == ("7.0", "limner.toml"), "a blank variable sets nothing"
    assert origins["budget"] == ("not set", "default")
    assert origins["max_retries"] == ("2", "LIMNER_MAX_RETRIES")
    assert origins["providers"] == ("flux", "LIMNER_PROVIDERS__FLUX__LABEL")
