"""`limner doctor --live` explains a refusal by the settings, and survives whatever a plugin does."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.settings.schema import Settings, load_settings
from limner.testing import Loopback, Reply, picture
from tests.plugins.installing import install, on_path, write_metadata
from ui.cli import commands, doctor, live
from ui.cli.outcome import FAILED, REJECTED

PNG = picture()
KEY = "key-of-the-live-test-4711"

SERVER = {"uses": "openai", "api_key_env": "LIVE_KEY", "models": ["flux.1"], "response_format": "b64_json"}


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_KEY", KEY)


def settings_of(base_url: str, **own: Any) -> Settings:
    return load_settings(
        providers={"flux": {**SERVER, "base_url": base_url, **own}}, max_retries=0, provider="sketch"
    )


def asked(reply: Reply, **own: Any) -> tuple[str, list[str]]:
    """Makes one picture with a server that answers like this; returns its address and the hints."""
    with Loopback(lambda _: reply) as server:
        base_url = f"{server.url}/v1"
        made = asyncio.run(live.make_live(settings_of(base_url, **own), "flux"))
        assert len(server.requests) == 1
    assert made["status"] == "incomplete"
    assert KEY not in json.dumps(made)
    return base_url, made["hints"]


def error(status: int, message: str, **more: Any) -> Reply:
    return Reply(status, {"error": {"message": message, "type": "invalid_request_error", **more}})


MODEL = (
    "It asked for the model flux.1: is that its name there? It is set by providers.flux.models, or the id "
    "of [[providers.flux.model]]."
)
SENT = "The request had the fields prompt, model, response_format and size; their values are not shown."


@pytest.mark.usefixtures("key")
def test_a_wrong_key_leads_to_the_variable_that_was_read() -> None:
    _, hints = asked(error(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"))
    assert hints[0] == (
        "The key was read from LIVE_KEY, which is set: is it this service's? "
        "providers.flux.api_key_env names the variable."
    )
    assert hints[1].startswith("providers.flux.api_key_header (not set): The header that carries the key")
    assert hints[-1] == SENT


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("LIVE_KEY", "LIVE_KEY is not set: set it, or name another variable in providers.flux.api_key_env."),
        (None, "No key was sent: let providers.flux.api_key_env name the variable that holds it."),
    ],
)
def test_a_key_that_was_not_sent_is_said_not_to_be(named: str | None, sentence: str) -> None:
    _, hints = asked(error(401, "You didn't provide an API key."), api_key_env=named)
    assert hints[0] == sentence


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(404, {"detail": "Not Found"}),
        Reply(404, "404 page not found", {"content-type": "text/plain"}),
        error(404, "The model `flux.1` does not exist", code="model_not_found"),
        Reply(200, "<html><title>Welcome</title></html>", {"content-type": "text/html"}),
    ],
)
def test_what_is_not_there_leads_to_the_address_and_the_model(reply: Reply) -> None:
    address, hints = asked(reply)
    assert hints[0].startswith(f"It asked {address} (providers.flux.base_url): ")
    assert any(hint.startswith("providers.flux.generations_path (not set): ") for hint in hints)
    assert MODEL in hints


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("words", "setting"),
    [
        ("Unknown parameter: 'response_format'.", "response_format (now 'b64_json')"),
        ("responseFormat must be one of: url", "response_format (now 'b64_json')"),
        ("Invalid size '1024x1024': the image is too small", "size (not set)"),
        ("width and height are required", "size (not set)"),
        ("Seeds are not supported by this model", "seed (not set)"),
        ("This model accepts no image", "edits (not set)"),
    ],
)
def test_words_about_what_was_sent_lead_to_the_setting_that_changes_it(words: str, setting: str) -> None:
    _, hints = asked(error(400, words))
    assert any(hint.startswith(f"providers.flux.{setting}: ") for hint in hints)
    assert not any(hint.startswith("providers.flux.mask") for hint in hints)
    assert hints[-1] == SENT


@pytest.mark.usefixtures("key")
def test_the_likeliest_cause_comes_first_and_a_size_leads_to_the_sizes_of_the_models() -> None:
    _, hints = asked(error(400, "Invalid value for 'size': expected 1k, 2k or a ratio"))
    assert hints[0].startswith("providers.flux.size (not set): ")
    assert "The sizes that people may choose are set by sizes in [[providers.flux.model]]." in hints
    _, hints = asked(error(404, "The model `flux.1` does not exist"))
    assert hints[1] == MODEL
    _, hints = asked(error(400, "flux.1 is not a valid model"))
    assert hints[0] == MODEL


@pytest.mark.usefixtures("key")
def test_a_field_that_only_the_place_of_an_error_names_leads_to_its_setting() -> None:
    """As servers that are built with FastAPI say it."""
    detail = [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted", "type": "extra"}]
    _, hints = asked(Reply(422, {"detail": detail}))
    assert hints[0].startswith("providers.flux.response_format (now 'b64_json'): ")


@pytest.mark.usefixtures("key")
def test_words_about_nothing_in_particular_lead_to_all_settings_of_the_provider() -> None:
    _, hints = asked(error(400, "Bad request"))
    assert hints[0].startswith(
        "What is sent can be changed by providers.flux: generations_path, edits_path, "
    )


@pytest.mark.usefixtures("key")
def test_a_server_that_is_not_there_leads_to_its_address() -> None:
    with Loopback(lambda _: Reply()) as server:
        gone = f"{server.url}/v1"
    made = asyncio.run(live.make_live(settings_of(gone), "flux"))
    assert made["hints"][0] == (
        f"It asked {gone} (providers.flux.base_url): does a server run there, and is the port right?"
    )


# The whole command, with the picture in a process of its own


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    with on_path(folder):
        yield folder


GENERATE = {
    "ends": "import os; os._exit(3)",
    "crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "hangs": "import threading; threading.Event().wait()",
    "says": "import os; os.write(1, b'[1]\\n'); print('{}'); raise ProviderError('provider', 'It says no.')",
}


def write_plugin(site: Path, name: str) -> None:
    (site / f"limner_{name}.py").write_text(
        "from limner import ModelInfo, ProviderError, ProviderInfo, hookimpl\n\n"
        "@hookimpl\ndef describe():\n"
        f"    return ProviderInfo(label='{name}', models=[ModelInfo(id='one')])\n\n"
        f"@hookimpl\nasync def generate(request):\n    {GENERATE[name]}\n"
    )
    write_metadata(site, f"limner-{name}", "0.1.0", f"[limner]\n{name} = limner_{name}\n")


def run(capfd: pytest.CaptureFixture[str], name: str, *, as_json: bool = False) -> tuple[int, str]:
    """Calls `limner doctor --live NAME` in this process; returns its exit code and what it says."""
    log = logging.getLogger()
    handlers, level = [*log.handlers], log.level
    try:
        code = commands.run(argparse.Namespace(command="doctor", json=as_json, live=name))
    finally:
        log.handlers[:] = handlers
        log.setLevel(level)
    return code, capfd.readouterr().out


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("ends", r"It ended the process that made the picture \(exit code 3\): tell its author"),
        ("crashes", r"It ended the process that made the picture \(exit code -11\): tell its author"),
        ("hangs", r"It did not end within 3.5 seconds: tell its author"),
        ("says", r"says could not make this picture\.\n  The service says: It says no\."),
    ],
)
def test_whatever_a_plugin_does_the_report_is_printed(
    name: str, what: str, site: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_TIMEOUT", "0.5")
    monkeypatch.setattr(live, "BESIDES", 3.0 if name == "hangs" else live.BESIDES)
    write_plugin(site, name)
    code, said = run(capfd, name)
    assert code == FAILED
    assert re.search(rf"Live\n  {name}: no picture. {what}", said), said
    assert f"  {name} (limner-{name} 0.1.0): ready" in said
    assert "can be written to" in said
    assert said.endswith("Plugins, settings and store are well, but no picture was made: see above.\n")


def test_a_plugin_that_hangs_at_import_is_not_tried_and_holds_up_no_other(
    site: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PLUGIN_TIMEOUT", 2.5)
    install(site, "limner-hangs")
    code, said = run(capfd, "hangs-at-import")
    assert code == FAILED
    assert "Live\n  hangs-at-import: no picture. It did not answer within 2.5 seconds" in said
    code, said = run(capfd, "sketch")
    assert "Live\n  sketch: complete\n" in said
    assert code == FAILED, "something is broken, though not this one"


def test_an_unknown_provider_is_rejected_with_a_sentence(capfd: pytest.CaptureFixture[str]) -> None:
    code, said = run(capfd, "nobody")
    assert (code, said) == (REJECTED, "")


@pytest.mark.usefixtures("key")
def test_the_hints_are_in_the_report_and_in_json(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMNER_FALLBACK", "sketch")
    with Loopback(lambda _: error(401, f"Incorrect API key provided: {KEY}")) as server:
        monkeypatch.setenv(
            "LIMNER_PROVIDERS", json.dumps({"flux": {**SERVER, "base_url": f"{server.url}/v1"}})
        )
        code, said = run(capfd, "flux")
        assert code == FAILED
        assert "  The service says: Incorrect API key" in said
        assert "\n  - The key was read from LIVE_KEY, which is set" in said
        code, told = run(capfd, "flux", as_json=True)
    made = json.loads(told)["live"]
    assert (made["status"], made["provider"]) == ("incomplete", "flux"), "no fallback hides it"
    assert made["hints"][0].startswith("The key was read from LIVE_KEY")
    assert KEY not in said + told
    assert len(server.requests) == 2


@pytest.mark.usefixtures("key")
@pytest.mark.skipif(os.name == "nt", reason="Windows gives Ctrl-C to both processes by itself")
def test_ctrl_c_stops_the_picture_and_not_the_doctor(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(_: object) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return Reply(delay=30)

    with Loopback(answer) as server:
        monkeypatch.setenv(
            "LIMNER_PROVIDERS", json.dumps({"flux": {**SERVER, "base_url": f"{server.url}/v1"}})
        )
        code, said = run(capfd, "flux", as_json=True)
        server.wait_until(lambda server: server.disconnects)
    assert code == FAILED
    made = json.loads(said)["live"]
    assert (made["status"], made.get("failure")) == ("incomplete", None)
