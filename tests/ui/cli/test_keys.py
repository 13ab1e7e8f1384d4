"""`limner key new`: the key once and alone, its hash for the settings, and never the key in the file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.settings.clients import hash_of
from core.settings.schema import load_settings
from tests.warm_serving import warm_limner


def test_it_prints_the_key_and_the_lines_for_the_settings(tmp_path: Path) -> None:
    made = warm_limner(["key", "new", "notebook"], {}, tmp_path)
    assert re.fullmatch(r"limner_[\w-]{43}\n", made.stdout), "it is for this person, and is not hidden"
    key = made.stdout.strip()
    assert made.stderr.endswith(f'\n\n[clients.notebook]\nkey = "{hash_of(key)}"\n\n')
    assert key not in made.stderr
    assert [*tmp_path.iterdir()] == []


def test_it_adds_them_to_what_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "limner.toml"
    file.write_text("timeout = 7  # mine")
    keys = {name: warm_limner(["key", "new", name, "--write"], {}, tmp_path) for name in ("a", "b-2")}
    assert file.read_text().startswith("timeout = 7  # mine\n\n[clients.a]\n")
    settings = load_settings()
    for name, made in keys.items():
        assert settings.clients[name].key == hash_of(made.stdout.strip())
        assert made.stderr.startswith(f"Added [clients.{name}] to limner.toml: ")
        assert made.stdout.strip() not in file.read_text()
    before = file.read_text()
    again = warm_limner(["key", "new", "a", "--write"], {}, tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == "limner.toml has a client a already: change that one, or remove it first.\n"
    assert file.read_text() == before


@pytest.mark.parametrize("name", ["My Notebook", "", "../a", "a" * 65, "é"])
def test_a_name_that_is_none_makes_no_key(tmp_path: Path, name: str) -> None:
    refused = warm_limner(["key", "new", name, "--write"], {}, tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "a client's name is small letters, digits, - and _" in refused.stderr
    assert [*tmp_path.iterdir()] == []
