"""The settings of clients: a hash for each and never a key, and the limits of visitors they lack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core import check_choices
from core.plugins.registry import Registry
from core.settings.clients import hash_of, new_key
from core.settings.schema import Settings, load_settings
from core.settings.sources import SettingsError

HASH = hash_of("limner_of_a_test")
ANOTHER = hash_of("limner_of_another_test")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of(toml: str) -> Settings:
    Path("limner.toml").write_text(toml)
    return load_settings()


def test_a_key_has_256_bits_and_the_form_by_which_it_is_known() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert all(re.fullmatch(r"limner_[\w-]{43}", key) for key in keys)


def test_a_client_has_the_limits_of_visitors_unless_it_has_its_own() -> None:
    settings = of(
        "rate_limit = '9/minute'\nmax_in_flight = 3\n"
        f"[clients.notebook]\nkey = '{HASH}'\n"
        f"[clients.web_ui-2]\nkey = '{ANOTHER}'\nrate_limit = 'none'\nmax_in_flight = 20\n"
        "budget = '5 USD/day'\nproviders = ['openai', 'sketch']\n"
    )
    plain, own = settings.clients["notebook"], settings.clients["web_ui-2"]
    assert (plain.rate_limit, plain.max_in_flight) == ("9/minute", 3)
    assert (plain.budget, plain.providers) == (None, None)
    assert (own.rate_limit, own.max_in_flight) == (None, 20)
    assert (own.budget, own.providers) == ("5 USD/day", ("openai", "sketch"))


def test_a_client_can_be_set_by_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_CLIENTS__NOTEBOOK__KEY", HASH)
    monkeypatch.setenv("LIMNER_CLIENTS__NOTEBOOK__PROVIDERS", "sketch, openai")
    client = load_settings().clients["notebook"]
    assert (client.key, client.providers) == (HASH, ("sketch", "openai"))
    monkeypatch.setenv("LIMNER_CLIENTS", "no JSON")
    with pytest.raises(
        SettingsError, match=r"^The setting clients \(LIMNER_CLIENTS\) must be a JSON object\."
    ):
        load_settings()


KEY = f"limner_{'k' * 43}"
NEEDS_A_HASH = (
    "The setting clients.a.key in limner.toml must be the hash of a key, sha256: and 64 digits, and never "
    "the key itself: limner key new makes both."
)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        (f"[clients.a]\nkey = '{KEY}'", NEEDS_A_HASH),
        (f"[clients.a]\nkey = '{HASH.upper()}'", NEEDS_A_HASH),
        (f"[clients.a]\nkey = '{HASH}\\n'".replace("'", '"'), NEEDS_A_HASH),
        ("[clients.a]\nkey = 7", "The setting clients.a.key in limner.toml must be text."),
        ("[clients.a]\nrate_limit = '1/day'", "The setting clients.a.key must be set."),
        (
            f"[clients.a]\nkey = '{HASH}'\napi_key = '{KEY}'",
            "The setting clients.a in limner.toml must be without api_key, a secret. Its key is a hash "
            "alone, which limner key new makes.",
        ),
        (
            f"[clients.a]\nkey = '{HASH}'\nbugdet = '5/day'",
            "clients.a.bugdet is not a setting of Limner: did you mean budget?",
        ),
        (
            f"[clients.a]\nkey = '{HASH}'\nproviders = []",
            "The setting clients.a.providers in limner.toml must be a list of texts, or in a variable a,b.",
        ),
        (f"[clients]\na = '{HASH}'", "The setting clients.a in limner.toml must be a table."),
        (
            f"[clients.a]\nkey = '{HASH}'\n[clients.b]\nkey = '{HASH}'",
            "The setting clients in limner.toml must be tables with a key each, and a and b have the same: "
            "limner key new makes another.",
        ),
        (
            f"[clients.'My Notebook']\nkey = '{HASH}'",
            "The setting clients in limner.toml must be tables under names of small letters, digits, - and "
            "_, 64 characters at most, such as [clients.notebook].",
        ),
        (
            f"budget = '1 EUR/day'\n[clients.a]\nkey = '{HASH}'\nbudget = '1 USD/day'",
            "The setting clients in limner.toml must be tables with budgets in EUR, the currency of budget.",
        ),
    ],
)
def test_a_wrong_client_is_said_and_its_key_is_not_repeated(toml: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        of(toml)
    assert str(refused.value) == sentence
    assert KEY not in str(refused.value)


def test_the_providers_of_a_client_exist() -> None:
    settings = of(f"[clients.a]\nkey = '{HASH}'\nproviders = ['sketch', 'nobody']")
    with pytest.raises(
        SettingsError, match=r"clients\.a\.providers names 'nobody', which does not exist: there"
    ):
        check_choices(settings, Registry(settings))
