"""The doctor says where each setting comes from, and whether what is stored is safe there."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings.schema import load_settings
from tests.bucket_mount import can_mount
from ui.cli.doctor import _examine_store, settings_in_force


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


def test_a_bucket_that_is_not_mounted_is_told(tmp_path: Path) -> None:
    told, is_sound = _examine_store(load_settings(data_dir=tmp_path / "data", bucket_dir=tmp_path / "bucket"))
    assert not is_sound
    assert told.startswith(
        f"{tmp_path / 'data'} can be written to, and so can the bucket {tmp_path / 'bucket'}. "
    )
    assert (
        "is on the same disk as data_dir, and lost with it: check that the bucket is mounted there." in told
    )


@pytest.mark.skipif(not can_mount(), reason="only root can mount a bucket")
def test_a_bucket_and_a_database_in_one_are_told_apart(tmp_path: Path, bucket: Path) -> None:
    told, is_sound = _examine_store(load_settings(data_dir=tmp_path / "data", bucket_dir=bucket))
    assert (told, is_sound) == (
        f"{tmp_path / 'data'} can be written to, and so can the bucket {bucket}",
        True,
    )
    told, is_sound = _examine_store(load_settings(data_dir=bucket / "data"))
    assert not is_sound
    assert "that no database can be on: set data_dir to a folder on this machine's own disk" in told
