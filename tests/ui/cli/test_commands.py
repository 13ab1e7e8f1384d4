"""The command line: one picture, the list of providers, the examination, as a person calls them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import limner as limner_package
from tests.serving import ROOT
from tests.warm_serving import warm_limner


@pytest.fixture
def limner(tmp_path: Path) -> Any:
    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return warm_limner(arguments, variables, tmp_path)

    return call


@pytest.fixture
def new_limner(tmp_path: Path) -> Any:
    """Returns the command as a person starts it."""

    def call(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "limner", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return call


def test_generate_writes_the_picture_and_tells_about_it(new_limner: Any, tmp_path: Path) -> None:
    done = new_limner("generate", "a red fox", "-o", "fox.png", "--size", "256x384", "--seed", "7", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert (told["file"], told["seed"], told["provider"]) == ("fox.png", 7, "sketch")
    assert Image.open(tmp_path / "fox.png").size == (256, 384)


def test_generate_names_the_file_after_the_prompt_and_overwrites_nothing(limner: Any, tmp_path: Path) -> None:
    names = [limner("generate", "a red fox", "--size", "256x256").stdout.strip() for _ in range(2)]
    assert names == ["a-red-fox.png", "a-red-fox-2.png"]
    (tmp_path / "mine.png").write_text("mine")
    refused = limner("generate", "a red fox", "-o", "mine.png")
    assert (refused.returncode, (tmp_path / "mine.png").read_text()) == (2, "mine")
    assert "already exists" in refused.stderr


def test_a_file_is_named_after_its_bytes_unless_the_name_is_exact(limner: Any, tmp_path: Path) -> None:
    done = limner("generate", "a red fox", "-o", "fox.jpg", "--size", "256x256")
    assert (done.returncode, done.stdout.strip()) == (0, "fox.png")
    assert "is a PNG file: it is written as fox.png" in done.stderr
    again = limner("generate", "a red fox", "-o", "fox.webp", "--size", "256x256")
    assert again.stdout.strip() == "fox-2.png"
    exact = limner("generate", "a red fox", "-o", "fox.jpg", "--exact-name", "--size", "256x256")
    assert (exact.stdout.strip(), "is a PNG" in exact.stderr) == ("fox.jpg", False)
    other = limner("generate", "a red fox", "-o", "fox.tmp", "--size", "256x256")
    assert (other.stdout.strip(), "is a PNG" in other.stderr) == ("fox.tmp", False)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("no-folder/fox.png", "No such file or directory"),
        ("a-file/fox.png", "Not a directory"),
        (f"{'x' * 300}.png", "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_a_picture_is_made(
    limner: Any, tmp_path: Path, output: str, why: str
) -> None:
    (tmp_path / "a-file").write_text("mine")
    done = limner("generate", "a red fox", "-o", output, "--size", "256x256")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == f"{output} cannot be written ({why}): choose another file."
    assert not list(tmp_path.rglob("*.png"))


def test_a_picture_that_cannot_be_written_after_all_is_kept(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from limner.__main__ import main
opened = Path.open
def full(path, mode="r", *more, **others):
    if mode == "xb": raise OSError(28, "No space left on device")
    return opened(path, mode, *more, **others)
Path.open = full
sys.exit(main(["generate", "a red fox", "-o", "fox.png", "--size", "256x256"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "could not be written (No space left on device)" in done.stderr
    kept = re.search(r"it is kept as (.+\.png)\.$", done.stderr.strip())
    assert kept
    assert Image.open(kept[1]).size == (256, 256)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_nothing_is_lost_on_a_console_that_lacks_letters(
    new_limner: Any, tmp_path: Path, encoding: str
) -> None:
    console = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = new_limner("generate", "狐狸 in the snow", "--size", "256x256", **console)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "\\u72d0\\u72f8-in-the-snow.png"
    assert (tmp_path / "狐狸-in-the-snow.png").exists()


@pytest.mark.parametrize("command", [["providers"], ["recipe"], ["completion", "bash"]])
def test_a_reader_that_has_enough_ends_a_list_without_a_traceback(tmp_path: Path, command: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "limner", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_stops_the_picture_without_a_signal_handler_of_the_loop(tmp_path: Path) -> None:
    script = """
import asyncio, sys
def missing(*_): raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = missing  # as on Windows
from limner.__main__ import main
sys.exit(main(["generate", "a fox", "--option", "outcome=slow-picture"]))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert "drawing slowly" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stderr.read().endswith("Stopped.\n")  # after "stopping", if that takes a moment
    process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--option", "outcome=quota"], 4, "There is no credit left at Sketch."),
        (["--option", "outcome=content-filter"], 3, "refused"),
        (["--option", "outcome=auth"], 4, "Sketch rejected the API key."),
        (["--option", "outcome=rate-limit"], 5, "Sketch accepts no more requests right now."),
        (["--option", "outcome=unavailable"], 5, "Sketch answered with an error."),
        (["--option", "outcome=invalid-request"], 2, "Sketch did not accept this request."),
        (["--option", "outcome=bad-image"], 1, "Sketch sent something that is not a complete picture."),
        (["--seed", "lucky"], 2, "The seed must be a whole number from 0 to 4294967295."),
        (["--option", "outcome"], 2, "write it as name=value"),
        (["--option", "nothing=1"], 2, "has no option 'nothing'"),
        (["-p", "nobody"], 2, "There is no provider 'nobody' here"),
    ],
)
def test_what_goes_wrong_is_said_and_no_file_is_written(
    limner: Any, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = limner("generate", "a red fox", *arguments, LIMNER_MAX_RETRIES="0")
    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.glob("*.png"))


def test_providers_and_doctor_tell_the_same_without_a_secret(limner: Any) -> None:
    key = "sk-secret-0123456789"
    listed = json.loads(limner("providers", "--json", OPENAI_API_KEY=key).stdout)
    examined = limner("doctor", "--json", OPENAI_API_KEY=key, LIMNER_TIMEOUT="77")
    report = json.loads(examined.stdout)
    assert examined.returncode == 0
    assert report["plugins"] == listed
    assert {entry["name"] for entry in listed} >= {"sketch", "openai"}
    (timeout,) = [setting for setting in report["settings"] if setting["name"] == "timeout"]
    assert (timeout["value"], timeout["origin"]) == ("77.0", "LIMNER_TIMEOUT")
    assert key not in examined.stdout + examined.stderr


def test_doctor_lists_what_the_settings_make_of_a_plugin(limner: Any, tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text(
        '[providers.flux]\nuses = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        '[providers.lost]\nuses = "nothing"\n'
    )
    examined = limner("doctor")
    assert examined.returncode == 1
    assert "flux (built in): ready, costs money" in examined.stdout
    assert "lost (the settings): cannot be used: The plugin nothing is not installed" in examined.stdout


def test_doctor_says_what_would_stop_the_start(limner: Any) -> None:
    examined = limner("doctor", LIMNER_PROVIDER="nobody")
    assert examined.returncode == 1
    assert "The setting provider is 'nobody', which does not exist: it must be one of" in examined.stdout
    assert "Something is broken: see above." in examined.stdout


def test_doctor_says_what_a_provider_of_the_settings_lacks(limner: Any, tmp_path: Path) -> None:
    (tmp_path / "limner.toml").write_text('provider = "openai"')
    examined = limner("doctor", OPENAI_API_KEY="")
    assert examined.returncode == 1
    assert "openai, which the settings name, needs OPENAI_API_KEY, which is not set." in examined.stdout
    assert examined.stdout.endswith("Something is broken: see above.\n")


def test_the_version_is_that_of_the_project(new_limner: Any) -> None:
    assert new_limner("--version").stdout == f"limner {limner_package.__version__}\n"
    assert f'version = "{limner_package.__version__}"' in (ROOT / "pyproject.toml").read_text()


def test_the_help_says_the_exit_codes_and_nothing_of_probe(new_limner: Any) -> None:
    told = new_limner("--help").stdout
    assert "3    refused by a content filter" in told
    assert "probe" not in told
    assert "probe" not in new_limner("nonsense").stderr


def test_the_help_and_the_version_import_nothing_heavy(tmp_path: Path) -> None:
    for argument in ("--help", "--version"):
        code = f"""
import sys
from limner.__main__ import main
try: main([{argument!r}])
except SystemExit: pass
heavy = {{'pydantic', 'pluggy', 'anyio', 'asyncio', 'gradio', 'shtab', 'rich', 'core'}}
print(heavy & {{*sys.modules}}, file=sys.stderr)
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stderr == "set()\n"


def test_doctor_live_makes_one_real_picture(limner: Any) -> None:
    examined = limner("doctor", "--live", "sketch")
    assert "sketch: complete" in examined.stdout
    assert examined.returncode == 0


def test_a_wrong_setting_is_one_sentence(limner: Any) -> None:
    done = limner("providers", LIMNER_TIMEOUT="soon")
    assert done.returncode == 2
    assert "timeout" in done.stderr
    assert "Traceback" not in done.stderr


def test_new_plugin_writes_a_package_and_overwrites_nothing(limner: Any, tmp_path: Path) -> None:
    assert limner("new-plugin", "Water Colour").returncode == 2
    made = limner("new-plugin", "water-colour")
    assert made.returncode == 0
    files = sorted(
        str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file() and "data" not in f.parts
    )
    assert files == [
        "limner-water-colour/.github/workflows/test.yml",
        "limner-water-colour/.gitignore",
        "limner-water-colour/LICENSE",
        "limner-water-colour/README.md",
        "limner-water-colour/limner_water_colour.py",
        "limner-water-colour/pyproject.toml",
        "limner-water-colour/tests/test_limner_water_colour.py",
    ]
    again = limner("new-plugin", "water_colour")
    assert again.returncode == 2
    assert "already exists" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "x", "--sise", "256x256"), "there is no option '--sise'; did you mean --size?"),
        (("generate", "a", "red", "fox"), "too many words, from 'red' on: put a prompt of several words in"),
        (("providers", "--zzz"), "there is no option '--zzz'"),
        (("providers", "all"), "too many words, from 'all' on"),
    ],
)
def test_what_a_command_does_not_take_is_said_with_its_own_usage(
    limner: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    done = limner(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith(f"usage: limner {arguments[0]}")
    assert sentence in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
@pytest.mark.parametrize("arguments", ["providers", "generate x -s 256x256 -o -", "generate x -s 256x256"])
def test_standard_output_that_is_full_is_said(tmp_path: Path, arguments: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "limner", *arguments.split()],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Standard output cannot be written (No space left on device)" in done.stderr
