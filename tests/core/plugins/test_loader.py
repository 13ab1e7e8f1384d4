"""Plugins are found and checked one by one: the broken ones say why, the good ones never notice."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core.plugins import loader as plugins
from core.plugins.loader import Broken, Plugins, find_plugins
from core.settings.schema import Settings
from limner import ImageRequest
from tests.plugins.installing import install, on_path, site_of, write_metadata

site = site_of("limner-async-echo", "limner-sync-echo", "limner-frame", "limner-broken", autouse=False)
GOOD = ["sketch", "an-object", "async-echo", "frame", "raises-async", "raises-sync", "sync-echo", "unusual"]
BLAME = "tell its author, or keep it out with block_plugins."
DECORATE = "put @hookimpl from limner above it."

FAULTS = {
    "a-class": "Its entry point names the class Good: name an object of that class.",
    "another-contract": (
        "It needs version 2 of the contract, and this Limner has version 1: install a release of one of them "
        "that fits the other."
    ),
    "async-describe": (
        "Its hook describe is an async def: write it as a plain def that returns a ProviderInfo."
    ),
    "async-wrap": "Its hook wrap is an async def: write it as a plain def that returns an async function.",
    "crashes-when-read": f"Checking it raised RuntimeError (objects.py, line 43): {BLAME}",
    "exits-at-import": (
        f"Importing limner_broken.exits_at_import raised SystemExit (exits_at_import.py, line 5): {BLAME}"
    ),
    "half": "It has the hook generate but not describe: a provider has both.",
    "lies": "Its hook describe returned a dict: write it so that it returns a ProviderInfo.",
    "missing": "Its module limner_broken.missing is missing: install it again.",
    "missing-object": "Its entry point names missing, which limner_broken.objects does not have.",
    "misspelt": "It has a hook genrate, which does not exist: did you mean generate?",
    "needs-a-module": "It needs the module an_sdk_that_nobody_installed, which is not installed: install it.",
    "a name/of its own": (
        "Its name does not fit into settings and commands: write letters and digits, with - and _ between "
        "them, 64 at most."
    ),
    "imports-in-a-circle": (
        "Its modules import each other in a circle (other_half.py, line 3): tell its author."
    ),
    "own-typo": (
        "It imports Goood from its own limner_broken.objects, which does not have it (own_typo.py, line 3): "
        "it may mean Good: tell its author."
    ),
    "secret-option": (
        "The option key of its model one is a secret, and options are stored and shown: describe a "
        "Credential for it."
    ),
    "typo": (
        "It imports hookimp from limner, which does not have it (typo.py, line 3): it may mean hookimpl: "
        "tell its author."
    ),
    "needs-a-newer": (
        "It needs Hologram, which the installed limner does not have (needs_a_newer.py, line 3): install "
        "releases of the two that fit each other."
    ),
    "no-default": "The option steps of its model one has no default: give it one.",
    "no-hooks": (
        "It has no hooks: a provider has describe and generate, a middleware has wrap, each with @hookimpl "
        "from limner above it."
    ),
    "no-path": (
        "Its entry point 'limner_broken objects' is not an import path: write module or module:object."
    ),
    "no-schema": (
        "The options of its model one cannot be drawn (PydanticInvalidForJsonSchema): give each a type that "
        "has a JSON schema, and a default that fits it."
    ),
    "nothing": (
        "It has no hooks: a provider has describe and generate, a middleware has wrap, each with @hookimpl "
        "from limner above it."
    ),
    "raises-at-import": (
        f"Importing limner_broken.raises_at_import raised KeyError (raises_at_import.py, line 5): {BLAME}"
    ),
    "raises-in-describe": (
        f"Its hook describe raised ConnectionError (raises_in_describe.py, line 8): {BLAME}"
    ),
    "says-none": "Its hook describe returned a NoneType: write it so that it returns a ProviderInfo.",
    "sketch": (
        "The name sketch is already taken by another plugin (built in): uninstall one of the two, "
        "or give this one another name."
    ),
    "twice": "It has two functions for the hook generate: keep one of them.",
    "undecorated": f"Its function generate is not a hook yet: {DECORATE}",
    "undecorated-override": f"Its function generate is not a hook yet: {DECORATE}",
    "undecorated-wrap": f"Its function wrap is not a hook yet: {DECORATE}",
    "unhashable": "Its object cannot be hashed: make its class a @dataclass(eq=False).",
    "unusual-again": (
        "It is the same plugin as unusual: remove one of the two entry points; the settings give a provider "
        "a second name (`uses`)."
    ),
    "wrapper": (
        "Its hook generate is one of pluggy's wrappers: write a plain one; the hook wrap is what runs "
        "around every picture."
    ),
    "wrong-facts": (
        "Its hook describe returns a wrong ModelInfo.sizes.0: 'large' is not a size such as 1024x768."
    ),
    "wrong-signature": "Its hook generate has the wrong signature: write it as generate(request).",
    "yields": "Its hook generate yields: write it so that it returns an ImageResult.",
}


@pytest.fixture(autouse=True)
def one_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "BUILT_IN", {"sketch": "providers.sketch"})


def load(**settings: Any) -> Plugins:
    return Plugins(find_plugins(), Settings(**settings))


def draw(loaded: Plugins, name: str) -> Any:
    """What an asynchronous provider gives."""
    request = ImageRequest(prompt="a boat", model="one")
    return asyncio.run(loaded.call(loaded.good[name], "generate", request))


@pytest.mark.usefixtures("site")
def test_each_broken_plugin_is_listed_with_its_cause_and_a_way_to_mend_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loaded = load()
    assert {broken.name: broken.fault for broken in loaded.broken} == FAULTS
    assert {broken.source for broken in loaded.broken} == {"limner-broken 0.1.0"}
    logged = {record.args[0]: record for record in caplog.records if isinstance(record.args, tuple)}
    assert logged.keys() == FAULTS.keys()
    trace = logged["raises-in-describe"].exc_info
    assert trace
    assert isinstance(trace[1], ConnectionError)


@pytest.mark.usefixtures("site")
def test_the_good_ones_keep_working_beside_them() -> None:
    loaded = load()
    assert list(loaded.good) == GOOD
    assert draw(loaded, "an-object").metadata == {"made by": "Good"}
    assert draw(loaded, "unusual").metadata == {"unusual": True}
    info = loaded.good["unusual"].info
    assert info
    assert info.label == "Unusual"


@pytest.mark.usefixtures("site")
def test_a_middleware_has_its_hook_and_no_info() -> None:
    frame = load().good["frame"]
    assert list(frame.hooks) == ["wrap"]
    assert frame.info is None


@pytest.mark.usefixtures("site")
def test_a_broken_built_in_provider_is_listed_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "BUILT_IN", {"sketch": "limner_broken.lies"})
    loaded = load(allow_plugins=("sketch", "async-echo"))
    assert loaded.broken[0] == Broken("sketch", "built in", FAULTS["lies"])
    # The name is free again, so that the installed plugin has it.
    assert [(plugin.name, plugin.source) for plugin in loaded.good.values()] == [
        ("async-echo", "limner-async-echo 0.1.0"),
        ("sketch", "limner-broken 0.1.0"),
    ]


@pytest.mark.usefixtures("site")
def test_only_what_the_settings_allow_is_imported() -> None:
    loaded = load(allow_plugins=("sketch", "sync-echo", "async-echo"), block_plugins=("async-echo",))
    assert list(loaded.good) == ["sketch", "sync-echo"]
    assert [broken.name for broken in loaded.broken] == ["sketch"]
    assert {"async-echo", "frame", "exits-at-import"} <= loaded.kept_out
    assert [name for name in sys.modules if name.startswith("limner_")] == ["limner_sync_echo"]


def test_ctrl_c_while_a_plugin_is_imported_is_no_fault_of_it(tmp_path: Path) -> None:
    (tmp_path / "limner_interrupted.py").write_text("raise KeyboardInterrupt")
    with on_path(tmp_path), pytest.raises(KeyboardInterrupt):
        Plugins([EntryPoint("interrupted", "limner_interrupted", "limner")], Settings())


def test_a_module_that_is_no_python_says_where(tmp_path: Path) -> None:
    (tmp_path / "limner_syntax.py").write_text("import os\n\ndef describe(:\n")
    with on_path(tmp_path):
        loaded = Plugins([EntryPoint("syntax", "limner_syntax", "limner")], Settings())
    where = "Importing limner_syntax raised SyntaxError (limner_syntax.py, line 3)"
    assert loaded.broken == [Broken("syntax", "built in", f"{where}: {BLAME}")]


def test_another_distributions_malformed_entry_points_stop_nobody(tmp_path: Path) -> None:
    install(tmp_path, "limner-async-echo")
    write_metadata(tmp_path, "elsewhere", "1.0", "[console_scripts]\nno equals sign\n")
    write_metadata(tmp_path, "limner-torn", "1.0", "[limner]\nno equals sign\n")
    with on_path(tmp_path):
        loaded = load()
    assert list(loaded.good) == ["sketch", "async-echo"]
    fault = "Its entry_points.txt cannot be read: install it again."
    assert loaded.broken == [Broken("limner-torn", "limner-torn", fault)]


def test_the_first_release_on_the_path_hides_the_others(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    write_metadata(new, "limner-moved", "2.0", "")
    write_metadata(old, "limner-moved", "1.0", "[limner]\nmoved = limner_moved\n")
    write_metadata(new, "elsewhere", "1.0", "[console_scripts]\nno equals sign\n")  # takes the slow way
    with on_path(old), on_path(new):
        assert [found.name for found in find_plugins()] == ["sketch"]


@pytest.mark.parametrize("metadata", [None, b"\xff\xfe", b"Name: caf\xc3\xa9"])
def test_a_distribution_without_readable_metadata_still_has_its_plugin(
    metadata: bytes | None, tmp_path: Path
) -> None:
    (tmp_path / "limner_bare.py").write_text("import an_sdk_that_nobody_installed")
    write_metadata(tmp_path, "limner-bare", "1.0", "[limner]\nbare = limner_bare\n", whole=False)
    if metadata:
        (tmp_path / "limner_bare-1.0.dist-info" / "METADATA").write_bytes(metadata)
    with on_path(tmp_path):
        (broken,) = load().broken
    assert broken.name == "bare"
    assert broken.source == ("a distribution without a name" if metadata != b"Name: caf\xc3\xa9" else "café")
    assert broken.fault == FAULTS["needs-a-module"]
