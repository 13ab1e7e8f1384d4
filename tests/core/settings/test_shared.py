"""The addresses of what several processes share: checked, and with passwords in variables alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings.schema import load_settings
from core.settings.sources import SettingsError
from ui.cli.doctor import settings_in_force

ADDRESSES = {
    "database": "postgresql://limner:hunter2hunter2@db/limner",
    "limits": "redis://:hunter2hunter2@cache/0",
}


ENCODED = "%40 for @, %2F for /, %3F for ? and %23 for #"
BEFORE = "an address with the password before the host, as in ://user:password@host"
PORT = "an address with a port from 1 to 65535, if it names one, such as"


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_password_belongs_into_a_variable(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limner.toml").write_text(f'{name} = "{ADDRESSES[name]}"\n')
    with pytest.raises(SettingsError) as refused:
        load_settings()
    variable = f"LIMNER_{name.upper()}"
    sentence = f"Secrets do not belong in the settings: put {name}, with its password, into {variable}."
    assert str(refused.value) == sentence
    (tmp_path / "limner.toml").write_text("")
    monkeypatch.setenv(variable, ADDRESSES[name])
    settings = load_settings()
    assert getattr(settings, name).get_secret_value() == ADDRESSES[name]
    assert "hunter2" not in f"{settings!r} {settings_in_force(settings)}"


@pytest.mark.parametrize("name", ADDRESSES)
def test_without_a_password_it_may_be_in_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    address = ADDRESSES[name].replace(":hunter2hunter2@", "@")
    (tmp_path / "limner.toml").write_text(f'{name} = "{address}"\n')
    assert getattr(load_settings(), name).get_secret_value() == address


@pytest.mark.parametrize(
    ("name", "address", "words"),
    [
        ("database", "mysql://db/limner", "an address such as postgresql://db.example/limner"),
        ("database", "limner.sqlite3", "an address such as postgresql://db.example/limner"),
        ("limits", "http://cache", "an address such as redis://cache.example:6379/0"),
        ("limits", "", "an address such as redis://cache.example:6379/0"),
        ("database", "postgresql://u:p@secret@db/limner", f"an address whose password has {ENCODED}"),
        ("database", "postgresql://u:p/secret@db/limner", f"an address whose password has {ENCODED}"),
        ("limits", "redis://:p#secret@cache", f"an address whose password has {ENCODED}"),
        ("database", "postgresql://db/limner?user=u&password=secret", BEFORE),
        ("database", "postgresql://u:secret@db:abc/limner", f"{PORT} postgresql://db.example/limner"),
        ("limits", "redis://:secret@cache:0/0", f"{PORT} redis://cache.example:6379/0"),
        ("limits", "redis://:sec[ret@cache/0", f"{PORT} redis://cache.example:6379/0"),
    ],
)
def test_another_address_is_one_sentence_without_what_is_in_it(name: str, address: str, words: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(**{name: address})
    assert str(refused.value) == f"The setting {name} must be {words}."


@pytest.mark.parametrize("name", ["database", "pictures"])
def test_a_bucket_copies_only_what_is_on_this_machine(name: str, tmp_path: Path) -> None:
    address = {"database": "postgresql://db/limner", "pictures": "s3://bucket/limner"}[name]
    with pytest.raises(SettingsError, match=f"The setting bucket_dir must be left out where {name} is set"):
        load_settings(**{name: address, "bucket_dir": tmp_path})
