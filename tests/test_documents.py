"""What README.md and plugins.md say is true: their code runs as it stands in the files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from core.plugins.registry import Registry
from core.settings.schema import ProviderSettings, Settings, load_settings
from limner.testing.base import SuiteBase
from tests.serving import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(document: str, language: str) -> list[str]:
    """Returns the fenced blocks of a language in a document of the project."""
    found = _BLOCK.findall((ROOT / document).read_text("utf-8"))
    return [code for kind, code in found if kind == language]


PYTHON = blocks("plugins.md", "python")


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_the_code_of_plugins_md_runs(code: str) -> None:
    exec(compile(code, "plugins.md", "exec"), {"__name__": "plugins_md"})


def test_the_first_plugin_of_plugins_md_draws(tmp_path: Path) -> None:
    """Writes the files as the document shows them, installs them with pip, and has the engine draw."""
    package, installed = tmp_path / "package", tmp_path / "installed"
    package.mkdir()
    for code in (*PYTHON, *blocks("plugins.md", "toml")):
        if named := re.match(r"# file: (\S+)\n", code):
            (package / named[1]).write_text(code, "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(installed), str(package)], check=True, timeout=120)
    draw = """
import asyncio
from core import open_studio
from core.chat.request import UserRequest
from core.settings.schema import load_settings

async def main():
    studio = open_studio(load_settings(provider="dots"))
    conversation = await studio.conversation("0" * 32)
    message = await studio.start(conversation, UserRequest(prompt="a field of dots"))
    version = await conversation.settled(message)
    await studio.close()
    print(version.status, version.picture.width, version.picture.media_type)

asyncio.run(main())
"""
    drawn = subprocess.run(
        [sys.executable, "-c", draw],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{ROOT}:{installed}", "LIMNER_DATA_DIR": str(tmp_path / "data"), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert drawn.stdout == "complete 512 image/png\n", drawn.stderr


def suite_of(name: str, tests: str, folder: Path) -> str:
    """Runs the suite of a provider of plugins.md with tests for it, and returns what pytest prints."""
    (code,) = (code for code in PYTHON if code.startswith(f"# limner_{name}.py\n"))
    (folder / f"limner_{name}.py").write_text(code.replace("PAUSE = 0.5", "PAUSE = 0.01"), "utf-8")
    (folder / f"test_{name}.py").write_text(tests, "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-o", f"pythonpath={ROOT} ."]
    ran = subprocess.run([*command, "--rootdir", "."], cwd=folder, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def test_the_editor_of_plugins_md_passes_the_suite(tmp_path: Path) -> None:
    test = "from limner.testing import ProviderSuite\n\n\nclass TestRetouch(ProviderSuite):\n"
    said = suite_of("retouch", f'{test}    plugin = "limner_retouch"\n', tmp_path)
    for test in ("as_few_and_as_many_pictures", "a_mask_makes", "its_previews", "its_continuation"):
        assert re.search(rf"test_{test}\S* PASSED", said), said


def test_the_queue_of_plugins_md_passes_the_suite_with_its_own_tests(tmp_path: Path) -> None:
    (tests,) = (code for code in PYTHON if "class TestQueue" in code)
    said = suite_of("queue", tests, tmp_path)
    for test in ("cancelling_stops_it", "each_failure", "what_it_declares_it_sends"):
        assert re.search(rf"test_\S*{test}\S* PASSED", said), said


def test_the_etcher_of_plugins_md_passes_the_suite_and_is_stopped(tmp_path: Path) -> None:
    test = "from limner.testing import ProviderSuite\n\n\nclass TestEtch(ProviderSuite):\n"
    test += '    plugin = "limner_etch"\n    slow_options = {"lines": 100_000}\n'
    said = suite_of("etch", test, tmp_path)
    for test in ("cancelling_stops_it", "it_may_be_called_concurrently"):
        assert re.search(rf"test_{test} PASSED", said), said


def test_the_python_of_the_readme_makes_pictures_without_a_server(tmp_path: Path) -> None:
    (code,) = (code for code in blocks("README.md", "python") if "import limner\n" in code)
    made = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LIMNER_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("image/png 512 ")


CONFIGURATIONS = blocks("README.md", "toml")


@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_the_configurations_of_the_readme_are_valid(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "limner.toml").write_text(CONFIGURATIONS[number], "utf-8")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    if number == 0:
        assert settings.timeout == 120
        assert settings.providers["flux"].base_url == "http://flux.internal:8080/v1"
    elif settings.clients:
        assert settings.clients["notebook"].providers == ("sketch",)
    else:
        assert [settings.provider] == [*settings.providers]
    for own in settings.providers.values():
        if "workflow" in own.extra:
            Path(own.extra["workflow"]).write_text(json.dumps(workflow_with(own.extra["places"])))
    assert Registry(settings).broken == []


def workflow_with(places: dict[str, str | list[str]]) -> dict[str, Any]:
    """Returns a workflow of ComfyUI that has all these inputs."""
    nodes: dict[str, Any] = {}
    for named in places.values():
        for place in [named] if isinstance(named, str) else named:
            node, _, field = place.partition(".")
            nodes.setdefault(node, {"class_type": "Node", "inputs": {}})["inputs"][field] = ""
    return nodes


def test_the_readme_lists_every_recipe() -> None:
    rows = re.findall(
        r"^\| \[`([\w-]+)`\]\(recipes/\1\.toml\) \|", (ROOT / "README.md").read_text("utf-8"), re.M
    )
    assert sorted(rows) == sorted(path.stem for path in (ROOT / "recipes").glob("*"))


def test_the_readme_lists_every_setting() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"\w+", row)}
    assert set(Settings.model_fields) - {"providers"} <= listed
    assert set(ProviderSettings.model_fields) <= listed


def test_plugins_md_lists_what_a_test_class_may_set() -> None:
    rows = re.findall(r"^\| `(\w+)(?:\([^)]*\))?` \|", (ROOT / "plugins.md").read_text("utf-8"), re.MULTILINE)
    attributes = {name for name in SuiteBase.__annotations__ if not name.startswith("_")}
    assert attributes | {"answer", "answer_slowly", "saw_cancellation"} <= set(rows)


def test_what_security_md_says_is_held_by_tests_that_exist() -> None:
    document = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = [row for row in document.splitlines() if row.startswith("| ") and not row.startswith("| attack")]
    assert rows
    for row in rows:
        links = re.findall(r"\[([^]]+)\]\(([^)]+)\)", row)
        code = [path for text, path in links if text == path]
        tests = [(name, path) for name, path in links if name.startswith("test_")]
        assert code, row
        assert tests, row
        assert len(code) + len(tests) == len(links)
        assert [path for path in code if not (ROOT / path).is_file()] == []
        for name, path in tests:
            assert f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path} has no {name}"


def test_every_file_that_contributing_names_exists() -> None:
    document = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = re.findall(r"`((?:app\.py|[\w-]+/)[\w./-]*|Dockerfile|[\w.]+\.(?:toml|txt|md))`", document)
    named += re.findall(r"\]\((?!https?://)([^)#]+)\)", document)
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_containers_line_names_what_the_dockerfile_has() -> None:
    (line,) = [code for code in blocks("README.md", "sh") if code.startswith("docker build")]
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    port, volume = re.findall(r"^(?:EXPOSE|VOLUME) (\S+)$", dockerfile, re.MULTILINE)[::-1]
    assert f":{port} " in line
    assert f":{volume} " in line


def test_the_spaces_gradio_fits_the_requirements() -> None:
    front_matter = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---")[1])
    (gradio,) = [r for r in _requirements() if r.startswith("gradio")]
    assert Requirement(gradio).specifier.contains(front_matter["sdk_version"])
    assert front_matter["app_file"] == "app.py"


def test_requirements_and_extras_do_not_drift() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    everything = list(project["dependencies"])
    for extra in Requirement(extras["all"][0]).extras:
        everything += extras[extra]
    assert sorted(_requirements()) == sorted(set(everything))  # extras may share one


def _requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_the_contract_alone_depends_on_little() -> None:
    """A plugin that depends on `limner` drags neither gradio nor an SDK nor Pillow along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {Requirement(needed).name for needed in project["dependencies"]} == {"anyio", "pluggy", "pydantic"}
