"""Three packages that know only `limner` go unchanged through all that the host does with them."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pluggy
import pytest

import limner
from core import open_studio
from core.chat.conversation import Conversation
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation import deadline
from core.settings.schema import load_settings
from core.studio import Studio
from limner import hookspecs
from tests.plugins.calls import working_threads
from tests.plugins.installing import HERE, site_of
from tests.serving import ROOT

PACKAGES = ["limner-async-echo", "limner-sync-echo", "limner-frame"]
ECHOES = ["async-echo", "sync-echo"]
site = site_of(*PACKAGES)


def echo(name: str) -> Any:
    """The module of an echo, with what it remembers."""
    return sys.modules[f"limner_{name.replace('-', '_')}"]


class Sitting:
    """A studio and one conversation in it, on the event loop that runs."""

    def __init__(self, studio: Studio, conversation: Conversation) -> None:
        self.studio = studio
        self.conversation = conversation

    @classmethod
    async def open(cls, data: Path, **settings: Any) -> Sitting:
        studio = open_studio(load_settings(data_dir=data, **settings))
        return cls(studio, await studio.conversation("0" * 32))

    async def start(self, name: str, prompt: str = "a boat", **options: Any) -> Message:
        return await self.studio.start(
            self.conversation, UserRequest(prompt=prompt, provider=name, options=options)
        )

    async def under_way(self, message: Message) -> None:
        """Waits until the provider has said that it is at work."""
        while message.live[1].progress != "echoing":
            assert message.running
            await asyncio.wait_for(self.conversation.changes(message.rev), 30)

    async def settled(self, message: Message) -> Version:
        return await asyncio.wait_for(self.conversation.settled(message), 30)


# The contract itself


def test_the_contract_has_its_hooks_and_a_version() -> None:
    host = pluggy.PluginManager("limner")
    host.add_hookspecs(hookspecs)
    assert sorted(vars(host.hook)) == ["describe", "generate", "load", "moderate", "resume", "wrap"]
    assert limner.CONTRACT == 1


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_nothing_but_the_contract(package: str) -> None:
    (source,) = (HERE / package).glob("*.py")
    imported: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"limner"}


# What the host does with the packages


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves a cancelled provider next to no time to clean up."""
    monkeypatch.setattr(deadline, "CLEANUP", 0.05)


@pytest.mark.parametrize("name", ECHOES)
def test_a_picture_comes_from_the_provider_through_the_middleware(name: str, tmp_path: Path) -> None:
    async def main() -> Version:
        sitting = await Sitting.open(tmp_path)
        version = await sitting.settled(await sitting.start(name))
        await sitting.studio.close()
        return version

    version = asyncio.run(main())
    assert version.picture
    assert (version.picture.media_type, version.picture.width, version.picture.height) == (
        "image/png",
        64,
        48,
    )
    assert version.provenance.metadata == {"heard": "a boat, in a frame", "frame": "oak"}
    assert version.provenance.seed is not None


@pytest.mark.parametrize("name", ECHOES)
def test_stop(name: str, tmp_path: Path, impatient: None) -> None:
    async def main() -> None:
        sitting = await Sitting.open(tmp_path)
        message = await sitting.start(name, seconds=120)
        await sitting.under_way(message)
        sitting.studio.stop(message)
        version = await sitting.settled(message)
        assert (version.status, version.reason) == ("incomplete", "cancelled")
        if name == "async-echo":
            assert echo(name).cleaned_up == ["a boat, in a frame"]
        else:
            assert working_threads(sitting.studio.registry) == 1
            echo(name).let_go.set()
        again = await sitting.settled(await sitting.start(name))
        assert again.status == "complete"
        await sitting.studio.close()

    asyncio.run(main())


@pytest.mark.parametrize("name", ECHOES)
def test_timeout(name: str, tmp_path: Path, impatient: None) -> None:
    async def main() -> Version:
        sitting = await Sitting.open(tmp_path, timeout=0.05)
        version = await sitting.settled(await sitting.start(name, seconds=120))
        echo("sync-echo").let_go.set()
        await sitting.studio.close()
        return version

    version = asyncio.run(main())
    assert version.failure
    assert version.failure.cause == "timeout"
    assert echo("async-echo").cleaned_up == (["a boat, in a frame"] if name == "async-echo" else [])


def test_two_event_loops_at_once_share_no_client(tmp_path: Path) -> None:
    versions: list[Version] = []
    both_have_drawn = threading.Barrier(2)

    async def main(data: Path) -> None:
        sitting = await Sitting.open(data, max_in_flight=50)
        for _ in range(2):
            messages = [await sitting.start(name) for name in ECHOES for _ in range(3)]
            versions.extend([await sitting.settled(message) for message in messages])
            await asyncio.to_thread(both_have_drawn.wait, 5)
        await sitting.studio.close()

    loops = [
        threading.Thread(target=lambda name=name: asyncio.run(main(tmp_path / name)))
        for name in ("one", "other")
    ]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(10)
    assert [version.status for version in versions] == ["complete"] * 24
    for name in ECHOES:
        assert [client.is_closed for client in echo(name).clients] == [True, True]


def test_a_loop_that_closes_leaves_the_other_its_clients(tmp_path: Path) -> None:
    one, other = asyncio.new_event_loop(), asyncio.new_event_loop()

    async def draw(sitting: Sitting) -> list[str]:
        return [(await sitting.settled(await sitting.start(name))).status for name in ECHOES]

    sittings = [
        loop.run_until_complete(Sitting.open(tmp_path / name))
        for loop, name in ((one, "one"), (other, "other"))
    ]
    assert one.run_until_complete(draw(sittings[0])) == ["complete"] * 2
    assert other.run_until_complete(draw(sittings[1])) == ["complete"] * 2
    one.run_until_complete(sittings[0].studio.close())
    for name in ECHOES:
        assert [client.is_closed for client in echo(name).clients] == [True, False]
    assert other.run_until_complete(draw(sittings[1])) == ["complete"] * 2
    other.run_until_complete(sittings[1].studio.close())
    one.close()
    other.close()


@pytest.mark.parametrize("name", ECHOES)
def test_shutdown_waits_for_what_ends_in_time_and_closes_the_clients(name: str, tmp_path: Path) -> None:
    async def main() -> Version:
        sitting = await Sitting.open(tmp_path)
        message = await sitting.start(name, seconds=0.1)
        await asyncio.wait_for(sitting.studio.close(), 30)
        return message.versions[-1]

    assert asyncio.run(main()).status == "complete"
    assert [client.is_closed for client in echo(name).clients] == [True]


@pytest.mark.parametrize("name", ECHOES)
def test_shutdown_stops_what_takes_longer(name: str, tmp_path: Path, impatient: None) -> None:
    async def main() -> Version:
        sitting = await Sitting.open(tmp_path, shutdown_grace=0)
        message = await sitting.start(name, seconds=120)
        await sitting.under_way(message)
        await asyncio.wait_for(sitting.studio.close(), 30)
        return message.versions[-1]

    version = asyncio.run(main())
    echo("sync-echo").let_go.set()
    assert version.failure
    assert version.failure.cause == "interrupted"
    assert echo("async-echo").cleaned_up == (["a boat, in a frame"] if name == "async-echo" else [])
    assert [client.is_closed for client in echo(name).clients] == [True]


DRAW = """
import asyncio, json, sys
from core import open_studio
from core.chat.request import UserRequest
from core.generation import deadline
from core.settings.schema import load_settings

deadline.CLEANUP = 0.1

async def main(provider, **options):
    studio = open_studio(load_settings(shutdown_grace=0))
    conversation = await studio.conversation("0" * 32)
    request = UserRequest(prompt="a boat", provider=provider, options=options)
    message = await studio.start(conversation, request)
    if options:
        while message.live[1].progress != "echoing":
            await asyncio.sleep(0.001)
    else:
        await conversation.settled(message)
    await studio.close()
    print(message.versions[-1].status, [broken.fault for broken in studio.registry.broken])

asyncio.run(main(sys.argv[1], **json.loads(sys.argv[2])))
"""


def run(data: Path, path: Sequence[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DRAW, *arguments],
        cwd=data,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "LIMNER_DATA_DIR": str(data / "data"),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_plain_function_at_work_does_not_hold_up_the_exit(site: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, [ROOT, site], "sync-echo", json.dumps({"seconds": 600}))
    assert (ended.stdout, ended.returncode) == ("incomplete []\n", 0), ended.stderr


def test_a_package_that_pip_builds_and_installs_draws(tmp_path: Path) -> None:
    target = tmp_path / "target"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--no-build-isolation", "--target", str(target), str(HERE / "limner-async-echo")]
    subprocess.run(command, check=True, timeout=60)
    assert (target / "limner_async_echo-0.1.0.dist-info" / "WHEEL").exists()
    drawn = run(tmp_path, [ROOT, target], "async-echo", "{}")
    assert (drawn.stdout, drawn.returncode) == ("complete []\n", 0), drawn.stderr
