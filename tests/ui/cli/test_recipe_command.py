"""Recipes on the command line: listed, printed, and added to the settings file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.warm_serving import warm_limner
from ui.cli.recipes import recipe_names


@pytest.fixture
def limner(tmp_path: Path) -> Any:
    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return warm_limner(arguments, variables, tmp_path)

    return call


def test_all_recipes_are_listed_with_what_they_are(limner: Any) -> None:
    listed = dict(line.split(": ", 1) for line in limner("recipe").stdout.splitlines())
    assert list(listed) == recipe_names()
    assert all(about.endswith(".") for about in listed.values()), "whole sentences"
    assert listed["xai"] == "xAI: Grok Imagine."
    assert listed["together"] == "Together: open models, and those of Black Forest Labs."


def test_a_recipe_is_printed_as_it_is(limner: Any) -> None:
    printed = limner("recipe", "together")
    assert printed.returncode == 0
    assert printed.stdout.startswith("# Together")
    assert "[providers.together]" in printed.stdout


def test_a_recipe_begins_a_settings_file(limner: Any, tmp_path: Path) -> None:
    added = limner("recipe", "together", "--write")
    assert added.stdout == (
        "Added [providers.together] to limner.toml, and made it the default. Set TOGETHER_API_KEY, then try "
        "it: limner doctor --live together\n"
    )
    assert (tmp_path / "limner.toml").read_text().startswith('provider = "together"\n\n# Together')
    state = "together (built in): ready, if it needs no TOGETHER_API_KEY, which is not set, costs money\n"
    assert limner("providers").stdout.startswith(state)
    listed = limner("providers", TOGETHER_API_KEY="key-of-a-test-4711").stdout
    assert listed.startswith("together (built in): ready, costs money\n")


def test_recipes_are_added_to_what_is_there(limner: Any, tmp_path: Path) -> None:
    file = tmp_path / "limner.toml"
    before = 'provider = "sketch"  # mine\n[providers.sketch]\nlabel = "Mine"'
    file.write_text(f"\ufeff{before}", "utf-8")
    for name in recipe_names():
        assert limner("recipe", name, "--write").returncode == 0, name
    assert file.read_text("utf-8").startswith(f"\ufeff{before}\n\n# ")
    listed = [line.partition(" ")[0] for line in limner("providers").stdout.splitlines() if line[0] != " "]
    assert listed[: len(recipe_names()) + 1] == ["sketch", *recipe_names()]


@pytest.mark.parametrize(
    ("before", "sentence"),
    [
        (
            "[providers.together]\nlabel = 'Mine'\n",
            "limner.toml has a provider together already: change that",
        ),
        (
            "providers = { sketch = { label = 'Mine' } }\n",
            "The recipe does not fit into limner.toml as it is",
        ),
        ("provider = \n", "The file limner.toml is not TOML"),
        ("providers = 5\n", "The setting providers in limner.toml must be a table"),
        ("[[providers]]\nx = 1\n", "The setting providers in limner.toml must be a table"),
    ],
)
def test_a_file_that_takes_no_recipe_stays_as_it_is(
    before: str, sentence: str, limner: Any, tmp_path: Path
) -> None:
    (tmp_path / "limner.toml").write_text(before)
    refused = limner("recipe", "together", "--write")
    assert (refused.returncode, refused.stderr.startswith(sentence)) == (2, True), refused.stderr
    assert (tmp_path / "limner.toml").read_text() == before


def test_an_unknown_recipe_is_said_with_the_nearest(limner: Any) -> None:
    assert limner("recipe", "togethr").stderr == "There is no recipe 'togethr': did you mean together?\n"
    assert "there are azure, " in limner("recipe", "../limner").stderr
