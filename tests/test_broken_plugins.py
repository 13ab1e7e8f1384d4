"""All broken plugins at once: the app starts, what is good works, and `limner doctor` names each fault."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from core.settings.schema import load_settings
from core.storage.store import Store
from tests.core.plugins.test_loader import FAULTS
from tests.plugins.installing import install, on_path
from tests.serving import Serving
from ui.cli import commands, doctor

THREAD = "0" * 32
CABINET = ("limner-broken", "limner-contract-v1", "limner-oversized", "limner-frame")


def post(serving: Serving, prompt: str, provider: str) -> str | None:
    """Asks as the page does; gives the sentence where it is refused."""
    body = json.dumps({"prompt": prompt, "provider": provider}).encode()
    address = f"{serving.url}/limner/threads/{THREAD}/messages"
    try:
        with urllib.request.urlopen(
            urllib.request.Request(address, body, {"content-type": "application/json"}), timeout=10
        ):
            return None
    except HTTPError as refused:
        return json.load(refused)["error"]


def stored(folder: Path) -> dict[str, Any]:
    """Reads how each prompt settled."""

    async def look() -> dict[str, Any]:
        store = Store(folder)
        messages = await store.load(THREAD)
        await store.close()
        return {message.request.prompt: message.versions[0] for message in messages}

    return asyncio.run(look())


def test_the_app_starts_among_all_of_them_and_what_is_good_works(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    install(site, *CABINET)
    serving = serve(
        PYTHONPATH=str(site),
        FIRST_API_KEY="first-key-0123456789",
        LIMNER_BLOCK_PLUGINS="frame,first-frame",  # which would change the words that the raises go by
    )
    with urllib.request.urlopen(serving.url, timeout=30) as page:
        assert page.status == 200
    assert post(serving, "a boat", "lies") == f"The provider lies cannot be used. {FAULTS['lies']}"
    good = {"a fox": "sketch", "a boat": "first", "a long story": "excess"}
    bad = {
        "an enormous picture": "excess",
        "an exception group": "raises-async",
        "a bug": "raises-sync",
        "nothing": "an-object",
    }
    for prompt, provider in {**good, **bad}.items():
        assert post(serving, prompt, provider) is None
    assert serving.stop() == 0, "it waits until all have settled"
    settled = stored(tmp_path / "data")
    assert {prompt: settled[prompt].status for prompt in good} == dict.fromkeys(good, "complete")
    causes = {prompt: settled[prompt].failure.cause for prompt in bad if settled[prompt].failure}
    assert causes == {
        "an enormous picture": "bad-image",
        "an exception group": "crash",
        "a bug": "crash",
        "nothing": "bad-image",
    }
    assert settled["an exception group"].failure.what == "The plugin raises-async failed."
    assert "two failed (2 sub-exceptions)" in serving.log.read_text() or sys.version_info < (3, 11)
    assert len(settled["a long story"].provenance.revised_prompt) == 20_000


@pytest.fixture
def site(tmp_path: Path) -> Any:
    (tmp_path / "site").mkdir()
    with on_path(tmp_path / "site") as folder:
        yield folder


def examine(capfd: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str]:
    """Calls `limner doctor` in this process; gives its exit code and what it says."""
    log = logging.getLogger()
    handlers, level = [*log.handlers], log.level
    try:
        code = commands.run(argparse.Namespace(command="doctor", json=as_json, live=None))
    finally:
        log.handlers[:] = handlers
        log.setLevel(level)
    return code, capfd.readouterr().out


def test_doctor_names_every_fault_even_of_those_that_no_process_survives(
    site: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "PLUGIN_TIMEOUT", 2.5)
    monkeypatch.setenv("LIMNER_PROVIDERS", '{"mine": {"uses": "hangs-at-import"}}')
    install(site, *CABINET, "limner-hangs")
    code, said = examine(capfd)
    assert code == 1
    assert said.endswith("Something is broken: see above.\n")
    lines = said.splitlines()
    keep_out = "uninstall it, or keep it out with block_plugins, and tell its author."
    where = "it waits for something at import, in describe or in its settings"
    hangs = f"It did not answer within 2.5 seconds: {where}; {keep_out}"
    faults = {
        **FAULTS,
        "ends-the-process": f"It ended the process that loaded it (exit code 3): {keep_out}",
        "hangs-at-import": hangs,
    }
    for name, fault in faults.items():
        source = "limner-hangs 0.1.0" if fault.endswith(keep_out) else "limner-broken 0.1.0"
        assert lines.count(f"  {name} ({source}): cannot be used: {fault}") == 1
    assert (
        f"  mine (the settings): cannot be used: It uses hangs-at-import, which cannot be used. {hangs}"
        in lines
    )
    for good in ("sketch (built in)", "excess (limner-oversized 0.1.0)", "unusual (limner-broken 0.1.0)"):
        assert f"  {good}: ready" in lines
    listed = [line for line in lines[1 : lines.index("Settings")] if "cannot be used" in line]
    assert len(listed) == len(faults) + 1, "and no fault is listed that is none"
    assert "  middlewares, from the outermost: first-frame, frame" in lines


def test_doctor_shows_the_middlewares_in_the_order_in_which_they_stand(
    site: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`first-frame` is marked tryfirst: it stands before `a-frame`, which comes first by name."""
    install(site, "limner-contract-v1", "limner-frame")
    entry_points = site / "limner_frame-0.1.0.dist-info" / "entry_points.txt"
    entry_points.write_text("[limner]\na-frame = limner_frame\n")
    code, said = examine(capfd, as_json=True)
    report = json.loads(said)
    assert [entry["name"] for entry in report["plugins"] if entry["kind"] == "middleware"] == [
        "first-frame",
        "a-frame",
    ]
    assert (code, report["sound"]) == (0, True)


def test_a_limner_that_does_not_start_at_all_is_no_plugins_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(doctor, "environment", lambda: {"PYTHONPATH": str(tmp_path)})
    (entry,) = doctor.examine(load_settings()).plugins
    assert (entry.name, entry.kind) == ("limner", "broken")
    assert entry.fault == "It could not be started to load the plugins (exit code 9): install it again."
