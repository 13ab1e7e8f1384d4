"""`limner mcp` as a process: nothing but messages on its output, and a clean end."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.settings.schema import load_settings
from limner.__main__ import _parser
from tests.doors import GOOD
from tests.test_documents import blocks
from tests.ui.conftest import Gate
from tests.ui.mcp.clients import HELLO, OverStdio, call, facts, message, start
from tests.waiting import until

pytestmark = pytest.mark.anyio

Start = Callable[..., subprocess.Popen[bytes]]

NOISY = """
import os, subprocess, sys
from limner import ImageRequest, ImageResult, ProviderInfo, hookimpl
print("imported")

@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Noisy", models=[{"id": "noisy-1"}])

@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    print("printed")
    os.write(1, b"written to the descriptor\\n")
    subprocess.run([sys.executable, "-c", "print('by a child:', len(input()))"], check=False)
    from PIL import Image
    return ImageResult(Image.new("RGB", (16, 16), "navy"))
"""


@pytest.fixture
def begin(tmp_path: Path, with_shapes: dict[str, str]) -> Iterator[Start]:
    """Starts the command; ends it if the test has not."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(**variables: str) -> subprocess.Popen[bytes]:
        started.append(start(tmp_path, {**with_shapes, **variables}))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait(30)
        for pipe in (process.stdin, process.stdout):
            assert pipe
            with suppress(OSError):  # it holds what the process has not read
                pipe.close()


def say(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert process.stdin
    process.stdin.write(b"".join(line + b"\n" for line in lines))
    process.stdin.flush()


def hear(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout
    return json.loads(process.stdout.readline())


async def test_what_a_plugin_prints_does_not_break_the_protocol(over_stdio: OverStdio) -> None:
    site = over_stdio.folder / "site"
    (site / "noisy-0.1.0.dist-info").mkdir(parents=True)
    (site / "limner_noisy.py").write_text(NOISY)
    (site / "noisy-0.1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: noisy\nVersion: 0.1.0\n"
    )
    (site / "noisy-0.1.0.dist-info" / "entry_points.txt").write_text("[limner]\nnoisy = limner_noisy\n")
    over_stdio.variables["PYTHONPATH"] += f":{site}"
    async with over_stdio.client() as client:
        answer = await client.call_tool("generate_image", {"prompt": "a fox", "provider": "noisy"})
    assert facts(answer)["pictures"]
    said = over_stdio.log.read_text()
    assert "imported" in said
    assert "printed" in said
    assert "written to the descriptor" in said
    assert "EOFError" in said, "the child got none of the messages"


def test_bad_lines_are_answered_in_a_sentence_each(begin: Start, tmp_path: Path) -> None:
    bad = [
        (b"not json", -32700, "not a valid JSON object"),
        (b"[" * 10_000 + b"]" * 10_000, -32700, "not a valid JSON object"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud83d"}', -32700, "not a valid JSON object"),
        (b"\xff\xfe", -32700, "not a valid JSON object"),
        (b"[]", -32700, "not a valid JSON object"),
        (b"{}", -32600, "not a JSON-RPC 2.0 message"),
        (message("prompts/list"), -32601, "no method 'prompts/list'"),
        (message("tools/call", {"name": 7}), -32602, "params.name"),
        (b" " * 9_000_000, -32600, "larger than 1,013,333 bytes"),
    ]
    process = begin(LIMNER_MAX_BYTES="10000")
    say(process, b"", *(line for line, _, _ in bad), message("ping", id="last"))
    for _, code, words in bad:
        error = hear(process)["error"]
        assert (error["code"], words in error["message"]) == (code, True), error
    assert hear(process) == {"jsonrpc": "2.0", "id": "last", "result": {}}
    assert process.stdin
    process.stdin.close()
    assert process.wait(30) == 0
    assert (tmp_path / "stderr").read_text() == ""


async def test_it_ends_with_its_input_and_stops_what_runs(begin: Start, gate: Gate, tmp_path: Path) -> None:
    process = begin()
    say(process, message("initialize", HELLO), call("generate_image", {"prompt": f"A boat {gate.tag}"}, 2))
    await until(lambda: gate.is_at("reached"))
    assert process.stdin
    process.stdin.close()
    assert process.wait(30) == 0
    assert gate.is_at("stopped")
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_signal_ends_it_cleanly(
    begin: Start, gate: Gate, tmp_path: Path, how: signal.Signals, code: int
) -> None:
    process = begin()
    say(process, message("initialize", HELLO), call("generate_image", {"prompt": f"A boat {gate.tag}"}, 2))
    await until(lambda: gate.is_at("reached"))
    process.send_signal(how)
    assert process.wait(30) == code
    assert gate.is_at("stopped")
    assert (tmp_path / "stderr").read_text() == ""


def test_a_call_needs_no_greeting_first_and_a_client_may_close_its_end(begin: Start, tmp_path: Path) -> None:
    """As in a script: a line in, and after any progress a line out."""
    process = begin()
    assert process.stdout
    say(process, call("generate_image", {**GOOD, "size": "256x256"}, "only"))
    answer = hear(process)
    assert (answer["id"], answer["result"]["isError"]) == ("only", False)
    process.stdout.close()
    say(process, message("tools/list"), message("ping"))
    assert process.stdin
    process.stdin.close()
    assert process.wait(30) == 0
    assert (tmp_path / "stderr").read_text() == ""


def test_wrong_settings_are_a_sentence_and_no_message(begin: Start, tmp_path: Path) -> None:
    process = begin(LIMNER_PROVIDER="nobody")
    said, _ = process.communicate(timeout=30)
    assert (process.returncode, said) == (2, b"")
    assert "Limner cannot start. The setting provider is 'nobody'" in (tmp_path / "stderr").read_text()


def test_the_configuration_of_the_readme_starts_it() -> None:
    (block,) = (json.loads(one) for one in blocks("README.md", "json") if "mcpServers" in one)
    command, served = block["mcpServers"].values()
    assert command["command"] == "limner"
    assert _parser(command["args"]).command == "mcp"
    assert load_settings(provider=command["env"]["LIMNER_PROVIDER"])
    assert served["url"].endswith(":7860/mcp")
