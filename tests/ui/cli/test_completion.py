"""Completion: each shell takes the script, and offers commands, providers and recipes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serving import ROOT


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `limner` is a command, and a folder with a provider of the settings."""
    command = tmp_path / "bin" / "limner"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m limner "$@"\n')
    command.chmod(0o755)
    (tmp_path / "limner.toml").write_text('[providers.sketchy]\nuses = "sketch"\n')
    return {
        **os.environ,
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }


def output_of(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


IN_BASH = """
source <(limner completion bash)
COMP_WORDS=(limner $1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_shtab_limner; printf '%s\\n' "${COMPREPLY[@]}"
"""
LINES = [
    ("generate -p sk", ["sketch", "sketchy"]),
    ("doctor --live op", ["openai"]),
    ("recipe tog", ["together"]),
    ("comp", ["completion"]),
]


def test_a_shell_is_offered_no_name_that_it_would_run(tmp_path: Path, environment: dict[str, str]) -> None:
    """The settings of a folder, such as that of a clone, may be anybody's."""
    hostile = ["$(touch${IFS}ran)x", "`touch ran`", "a;touch ran", "a b", "-p", "", "$HOME", "a\nb"]
    settings = "".join(f"[providers.{json.dumps(name)}]\n" for name in [*hostile, "plain-1.0_x"])
    (tmp_path / "limner.toml").write_text(settings)
    names = output_of(["limner", "completion", "names"], tmp_path, environment).splitlines()
    assert "plain-1.0_x" in names
    assert not {*hostile} & {*names}
    if shutil.which("bash"):
        output_of(["bash", "-c", IN_BASH, "bash", "generate -p "], tmp_path, environment)
        assert [path.name for path in tmp_path.glob("ran*")] == []


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_bash_offers_what_fits(
    tmp_path: Path, environment: dict[str, str], line: str, offered: list[str]
) -> None:
    if not shutil.which("bash"):
        pytest.skip("bash is not installed")
    told = output_of(["bash", "-c", IN_BASH, "bash", line], tmp_path, environment)
    assert [word.strip() for word in told.split()] == offered


@pytest.mark.parametrize(("line", "offered"), LINES)
def test_fish_offers_what_fits(
    tmp_path: Path, environment: dict[str, str], line: str, offered: list[str]
) -> None:
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script = f'limner completion fish | source; complete -C "limner {line}"'
    told = output_of(["fish", "--no-config", "-c", script], tmp_path, environment)
    assert [word.split("\t")[0] for word in told.splitlines()] == offered


def test_zsh_takes_the_script(tmp_path: Path, environment: dict[str, str]) -> None:
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    begin = 'autoload -U compinit && compinit -u; eval "$(limner completion zsh)"'
    script = f"{begin}; print $_comps[limner]"
    assert output_of(["zsh", "-f", "-c", script], tmp_path, environment) == "_shtab_limner\n"
    assert "limner completion names" in output_of(["limner", "completion", "zsh"], tmp_path, environment)
