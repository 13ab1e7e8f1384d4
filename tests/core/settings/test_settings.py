"""Each wrong setting stops the start with one sentence that names it and what it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.redaction import hide_secrets
from core.settings.schema import Settings, load_settings
from core.settings.sources import SettingsError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings()
    sentence = str(refused.value)
    assert sentence[-1] in ".?"
    assert "\n" not in sentence
    assert "Input should" not in sentence
    return sentence


RATE = "a number per second, minute, hour or day, or several, such as 60/minute, 500/day; or none"
BUDGET = "pictures or money per second, minute, hour or day, such as 200/day or 20 USD/day, or none"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("TIMEOUT", "soon", "The setting timeout (LIMNER_TIMEOUT) must be a number above 0 and up to 3,600."),
        ("TIMEOUT", "nan", "The setting timeout (LIMNER_TIMEOUT) must be a number above 0 and up to 3,600."),
        ("WORKERS", "1.5", "The setting workers (LIMNER_WORKERS) must be a whole number from 1."),
        ("BEHIND_PROXY", "maybe", "The setting behind_proxy (LIMNER_BEHIND_PROXY) must be true or false."),
        ("LOG_FORMAT", "xml", "The setting log_format (LIMNER_LOG_FORMAT) must be one of text, json."),
        ("RATE_LIMIT", "60", f"The setting rate_limit (LIMNER_RATE_LIMIT) must be {RATE}."),
        ("RATE_LIMIT", "0/minute", f"The setting rate_limit (LIMNER_RATE_LIMIT) must be {RATE}."),
        ("RATE_LIMIT", "60/minute, 9", f"The setting rate_limit (LIMNER_RATE_LIMIT) must be {RATE}."),
        (
            "RATE_LIMIT_TOTAL",
            "9/day, 0/minute",
            f"The setting rate_limit_total (LIMNER_RATE_LIMIT_TOTAL) must be {RATE}.",
        ),
        *(
            ("BUDGET", value, f"The setting budget (LIMNER_BUDGET) must be {BUDGET}.")
            for value in (
                *("much", "20 USD", "0 USD/day", "20 euros/day", "-1 USD/day", "20 USD/often"),
                *(f"{'9' * 30} USD/day", f"20 USD/{'9' * 400} days", f"20/{'9' * 12} days"),
            )
        ),
        (
            "VISITOR_BUDGET",
            "1 USD/day",
            "The setting visitor_budget (LIMNER_VISITOR_BUDGET) must be set together with budget, "
            "which is for all visitors together.",
        ),
        (
            "PROVIDERS__X__PRICE",
            "4 cents",
            "The setting providers.x.price (LIMNER_PROVIDERS__X__PRICE) must be an amount and a currency, "
            "such as 0.04 USD.",
        ),
        (
            "PUBLIC_URL",
            "http://x",
            "The setting public_url (LIMNER_PUBLIC_URL) must be an "
            "address that begins with https://, without ? and #.",
        ),
        (
            "FETCH_FROM",
            "10.0.0.5",
            "The setting fetch_from (LIMNER_FETCH_FROM) must be an "
            "address that begins with http:// or https://.",
        ),
        *(
            (
                "PROVIDERS__X__BASE_URL",
                address,
                "The setting providers.x.base_url (LIMNER_PROVIDERS__X__BASE_URL) must be an address with a "
                "host, and a port from 1 to 65535 if it names one.",
            )
            for address in (
                "http://h:99999/v1",
                "http://h:abc/v1",
                "http://h:0",
                "http://[::1/v1",
                "http://:80/v1",
            )
        ),
        (
            "BLOCK_PLUGINS",
            "[a",
            "The setting block_plugins (LIMNER_BLOCK_PLUGINS) must be a list of texts, or in a variable a,b.",
        ),
        ("PROVIDERS", "nope", "The setting providers (LIMNER_PROVIDERS) must be a JSON object."),
        (
            "PROVIDERS__X__BASE_URL",
            "ftp://x",
            "The setting providers.x.base_url "
            "(LIMNER_PROVIDERS__X__BASE_URL) must be an address that begins with "
            "http:// or https://.",
        ),
        ("CONFIG", "/nowhere/x.toml", "LIMNER_CONFIG must name a file, and /nowhere/x.toml does not exist."),
    ],
)
def test_a_wrong_variable(variable: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LIMNER_{variable}", value)
    assert refusal() == sentence


def test_an_unknown_variable_is_a_warning_that_names_the_nearest_setting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIMNER_TIMOUT", "3")
    for name in ("SERVICE_HOST", "SERVICE_PORT", "PORT", "PORT_7860_TCP", "PORT_7860_TCP_ADDR"):
        monkeypatch.setenv(f"LIMNER_{name}", "tcp://10.0.0.1:7860")  # what Kubernetes sets for a service
    monkeypatch.setenv("LIMNER_BLANK", " ")
    assert load_settings().timeout == 300
    warnings = [record.getMessage() for record in caplog.records]
    assert "LIMNER_TIMOUT is not a setting of Limner and is ignored: did you mean LIMNER_TIMEOUT?" in warnings
    assert len(warnings) == 6


SECRET = "put it into an environment variable, and the name of that into api_key_env."


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("timeout = 'x'", "The setting timeout in limner.toml must be a number above 0 and up to 3,600."),
        (
            "max_prompt_length = 0",
            "The setting max_prompt_length in limner.toml must be a whole number from 1 and up to 100,000.",
        ),
        (
            "[provider.x]\nuses = 'openai'",
            "The setting provider in limner.toml is no table: did you mean [providers.NAME]?",
        ),
        (
            "[[providers.x.models]]\nid = 'm'",
            "The setting providers.x.models in limner.toml is no table: "
            "did you mean [[providers.NAME.model]]?",
        ),
        ("providers = 5", "The setting providers in limner.toml must be a table."),
        ("[providers]\nx = 3", "The setting providers.x in limner.toml must be a table."),
        (
            "block_plugins = [1]",
            "The setting block_plugins in limner.toml must be a list of texts, or in a variable a,b.",
        ),
        ("provder = 'x'", "provder is not a setting of Limner: did you mean provider?"),
        ("a = \nb", "The file limner.toml is not TOML: Invalid value (at line 1, column 5)."),
        ("api_key = 'sk-1'", f"Secrets do not belong in the settings: remove api_key, {SECRET}"),
        (
            "[providers.openai]\napi_key = 'sk-1'",
            "The setting providers.openai in limner.toml must be without api_key, a secret. "
            f"Instead {SECRET}",
        ),
        (
            "[providers.x]\napi_key_env = 'sk-1 2'",
            "The setting providers.x.api_key_env in limner.toml must be "
            "the name of an environment variable, not the "
            "key itself.",
        ),
        (
            "[providers.x]\napi_key_env = ['A_KEY', 'sk-1 2']",
            "The setting providers.x.api_key_env in limner.toml must be the name of an environment variable, "
            "not the key itself.",
        ),
        (
            "[providers.x]\napi_key_env = 'LIMNER_KEY'",
            "The setting providers.x.api_key_env in limner.toml must be the name of a variable that does not "
            "begin with LIMNER_, as Limner's settings do.",
        ),
    ],
)
def test_a_wrong_file(toml: str, sentence: str, folder: Path) -> None:
    (folder / "limner.toml").write_text(toml)
    assert refusal() == sentence
    assert "sk-1" not in refusal()


def test_a_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / "limner.toml").write_bytes(b"\xff\xfe")
    assert refusal() == "The file limner.toml must be saved as UTF-8."


def test_a_secret_in_a_nested_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_PROVIDERS__X__API_KEY", "sk-1")
    assert refusal() == f"The setting providers.x must be without api_key, a secret. Instead {SECRET}"
    assert hide_secrets(refusal()) == refusal(), "it reads as a sentence, not as a secret"


@pytest.mark.parametrize("blank", ["", " "])
def test_blank_variables_are_unset(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TIMEOUT", "RATE_LIMIT", "CONFIG", "UNKNOWN", "PUBLIC_URL", "PROVIDERS__X__BASE_URL"):
        monkeypatch.setenv(f"LIMNER_{variable}", blank)
    settings = load_settings()
    assert (settings.timeout, settings.rate_limit, settings.providers) == (300, "60/minute", {})


@pytest.mark.parametrize("value", ["a,b", " a , b ", '["a", "b"]'])
def test_lists_in_variables(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_BLOCK_PLUGINS", value)
    monkeypatch.setenv("LIMNER_PROVIDERS__X__MODELS", value)
    settings = load_settings()
    assert settings.block_plugins == ("a", "b")
    assert settings.providers["x"].models == ("a", "b")


def test_no_limit_is_said_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_RATE_LIMIT", "None")
    assert load_settings().rate_limit is None


def test_variables_stand_over_the_file_and_merge_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = "timeout = 3\nworkers = 2\n[providers.x]\nuses = 'sketch'\nlabel = 'Mine'\nmax_tokens = 4"
    (folder / "limner.toml").write_text(toml, "utf-8-sig")  # as Windows' editor writes it
    monkeypatch.setenv("LIMNER_TIMEOUT", "5")
    monkeypatch.setenv("LIMNER_PROVIDERS__X__LABEL", "2024")
    settings = load_settings()
    assert (settings.timeout, settings.workers) == (5, 2)
    mine = settings.providers["x"]
    assert (mine.uses, mine.label, mine.extra) == ("sketch", "2024", {"max_tokens": 4})


def test_where_a_relative_data_folder_lies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_DATA_DIR", "here/data")
    assert load_settings().data_dir == folder / "here" / "data"
    monkeypatch.delenv("LIMNER_DATA_DIR")
    (folder / "limner.toml").write_text("data_dir = 'data'")
    assert load_settings().data_dir == folder / "data"
    (folder / "there").mkdir()
    (folder / "there" / "other.toml").write_text("data_dir = 'data'")
    monkeypatch.setenv("LIMNER_CONFIG", "there/other.toml")
    assert load_settings().data_dir == folder / "there" / "data"
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LIMNER_DATA_DIR", "~/data")
    assert load_settings().data_dir == folder / "data"


def test_a_bucket_is_another_folder_and_relative_as_the_data_folder_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "limner.toml").write_text("bucket_dir = 'bucket'")
    assert load_settings().bucket_dir == folder / "bucket"
    monkeypatch.setenv("LIMNER_BUCKET_DIR", "other")
    assert load_settings().bucket_dir == folder / "other"
    monkeypatch.setenv("LIMNER_DATA_DIR", "other")
    assert refusal() == (
        "The setting bucket_dir (LIMNER_BUCKET_DIR) must be another folder than data_dir, which is on this "
        "machine's own disk."
    )


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().timeout = 1  # pyright: ignore[reportAttributeAccessIssue]


def test_a_space_keeps_within_its_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().keep_bytes is None
    monkeypatch.setenv("SPACE_ID", "me/limner")
    assert load_settings().keep_bytes == 5_000_000_000


@pytest.mark.parametrize("name", ["https://pictures.example", "pictures.example:80", "a b", ".", "pictures."])
def test_hosts_are_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LIMNER_HOSTS", name)
    with pytest.raises(SettingsError, match=r"must be names such as pictures\.example, without https:// and"):
        load_settings()
    monkeypatch.setenv("LIMNER_HOSTS", "Pictures.Example, nas")
    assert load_settings().hosts == ("pictures.example", "nas")


@pytest.mark.parametrize(
    "budget", ["20 USD/day", "20.50 USD per 2 hours", " 20 USD / day", "200/day", "none"]
)
def test_a_budget_is_in_pictures_or_in_money(budget: str) -> None:
    assert load_settings(budget=budget).budget == (None if budget == "none" else budget)


def test_both_budgets_are_in_one_currency(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMNER_BUDGET", "20 USD/day")
    monkeypatch.setenv("LIMNER_VISITOR_BUDGET", "1 EUR/day")
    assert refusal() == (
        "The setting visitor_budget (LIMNER_VISITOR_BUDGET) must be in USD, the currency of budget."
    )
    for fits in ("1 USD/hour", "9/day"):
        monkeypatch.setenv("LIMNER_VISITOR_BUDGET", fits)
        assert load_settings().visitor_budget == fits
