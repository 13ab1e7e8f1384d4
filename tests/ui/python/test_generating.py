"""`limner.generate` in a program of its own: the command line's picture, its errors, and an orderly end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import limner
from limner.testing import Loopback, Reply
from tests.doors import REFUSED
from tests.serving import ROOT

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program, and returns what it prints as JSON; it may say nothing else."""

    def run(code: str, **variables: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", f"import asyncio, json, limner, sys\nfrom pathlib import Path\n{code}"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def test_what_no_door_takes_and_what_fails_is_an_error_with_the_whole_sentence(run: Run) -> None:
    said, failed = run(
        "from tests.doors import GOOD, REFUSED\n"
        "said, failed = {}, []\n"
        "for name, refused in REFUSED.items():\n"
        "    try:\n"
        "        limner.generate(**{**GOOD, **refused.values})\n"
        "    except limner.Rejected as error:\n"
        "        said[name] = str(error)\n"
        "for outcome in ('content-filter', 'quota'):\n"
        "    try:\n"
        "        limner.generate('a fox', options={'outcome': outcome})\n"
        "    except limner.LimnerError as error:\n"
        "        failed.append([type(error).__name__, getattr(error, 'category', None), str(error)])\n"
        "print(json.dumps([said, failed]))"
    )
    assert {*said} == {*REFUSED}
    for name, sentence in said.items():
        assert re.search(REFUSED[name].words, sentence, re.IGNORECASE), name
        assert "\n" not in sentence
    filtered, quota = failed
    assert filtered[:2] == ["ContentFiltered", None]
    assert filtered[2].endswith("Change the prompt and send it again.")
    assert quota[:2] == ["ProviderError", "quota"]
    assert quota[2].startswith("There is no credit left at Sketch.")


def test_it_works_in_any_loop_and_thread_on_one_studio(run: Run) -> None:
    loop, many, threads, sessions = run(
        """
from concurrent.futures import ThreadPoolExecutor
async def main():
    inside = limner.generate("a fox", size="256x256")  # as in a cell of a notebook
    many = await asyncio.gather(*[limner.agenerate(f"{n}", size="256x256") for n in range(12)])
    return inside.width, len(many)
inside, many = asyncio.run(main())
with ThreadPoolExecutor(4) as pool:
    made = [*pool.map(lambda n: limner.generate(f"{n}", size="256x256").width, range(8))]
import threading
sessions = [one for one in threading.enumerate() if one.name == "limner-session"]
print(json.dumps([inside, many, made, len(sessions)]))
"""
    )
    assert (loop, many, threads, sessions) == (256, 12, [256] * 8, 1)


def test_pictures_go_in_as_bytes_path_or_what_was_made(run: Run, tmp_path: Path) -> None:
    kept, words = run(
        """
first = limner.generate("a fox", size="64x64", seed=1)
path = first.save("first.png")
made = [limner.generate("in autumn", images=[one], seed=2).data for one in (first, first.data, path)]
words = []
for wrong in ("first.png", Path("none.png")):
    try:
        limner.generate("in autumn", images=[wrong])
    except limner.Rejected as error:
        words.append(str(error))
print(json.dumps([len({*made}), words]))
"""
    )
    assert kept == 1
    assert words == [
        "A str is no picture: send bytes, a Path, or what generate returned.",
        "none.png cannot be read (No such file or directory): name another file.",
    ]


def test_a_task_that_is_cancelled_stops_the_service(run: Run, tmp_path: Path) -> None:
    def hang(_: object) -> Reply:
        (tmp_path / "asked").touch()
        return Reply(delay=600)

    with Loopback(hang) as service:
        said = run(
            """
async def main():
    making = asyncio.create_task(limner.agenerate("a fox", provider="openai"))
    while not Path("asked").exists():
        await asyncio.sleep(0.01)
    making.cancel()
    await asyncio.wait({making})
    return making.cancelled()
print(json.dumps(asyncio.run(main())))
""",
            OPENAI_API_KEY="sk-for-tests-0123456789",
            OPENAI_BASE_URL=f"{service.url}/v1",
        )
        assert said is True
        service.wait_until(lambda it: it.disconnects == 1)


def test_at_the_end_of_the_program_it_is_refused(run: Run) -> None:
    said = run(
        "import atexit\n"
        "def late():\n"
        "    try:\n"
        "        limner.generate('a fox', size='64x64')\n"
        "    except limner.Rejected as error:\n"
        "        print(json.dumps(str(error)))\n"
        "atexit.register(late)\n"
        "limner.generate('a fox', size='64x64')"
    )
    assert said == "The program is ending: make pictures before that."


def test_nothing_of_the_program_is_touched(run: Run) -> None:
    path, out, handlers, app = run(
        """
import logging
before, out = [*sys.path], sys.stdout
limner.generate("a fox", size="256x256")
print(json.dumps([sys.path == before, sys.stdout is out, logging.getLogger().handlers, "app" in sys.modules]))
"""
    )
    assert (path, out, handlers, app) == (True, True, [], False)


def test_a_module_of_the_same_name_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    said = run(
        """
import types
core = sys.modules["core"] = types.ModuleType("core")
core.__path__ = ["own"]
try:
    limner.generate("a fox")
except ImportError as error:
    print(json.dumps(str(error)))
"""
    )
    assert said.startswith("This program has a module core of its own")


def test_without_the_extra_the_sentence_says_what_to_install(run: Run) -> None:
    said = run(
        """
import importlib.util
import limner.installation
limner.installation.find_spec = lambda name: None
try:
    limner.generate("a fox")
except ImportError as error:
    print(json.dumps(str(error)))
"""
    )
    assert said.endswith("install it with pip install 'limner[all]'.")


def test_a_wrong_setting_is_a_sentence(run: Run) -> None:
    said = run(
        "try: limner.generate('a fox')\nexcept limner.Rejected as error: print(json.dumps(str(error)))",
        LIMNER_TIMEOUT="soon",
    )
    assert "timeout" in said


SVG = limner.Picture(b"<svg onload='x()'/>", "image/svg+xml", 9, 8, {"prompt": '"><script>'})
PNG = limner.Picture(b"png", "image/png", 9, 8, {})


def test_a_drawing_is_shown_as_an_image_in_which_no_script_runs() -> None:
    shown = SVG._repr_mimebundle_()
    assert shown["text/html"].startswith('<img src="data:image/svg+xml;base64,')
    assert "<script>" not in shown["text/html"]
    assert "image/svg+xml" not in shown


def test_ipython_shows_the_picture() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    shown, _ = formatters.DisplayFormatter().format(PNG)
    assert shown["image/png"] == "cG5n"
    assert shown["text/plain"] == "Picture(media_type='image/png', width=9, height=8)"
    shown, _ = formatters.DisplayFormatter().format(SVG)
    assert "image/svg+xml" not in shown
    assert shown["text/html"].startswith("<img ")
