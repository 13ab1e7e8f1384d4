"""Prompts from standard input: a picture each, several at a time, and what becomes of each is told."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from PIL import Image

from limner.testing import Loopback, Reply
from tests.doors import GOOD, REFUSED
from tests.serving import ROOT
from tests.warm_serving import warm_limner
from ui.cli.prompts import CHUNK, LONGEST, Line, PromptLines

Limner = Callable[..., CompletedProcess[str]]
SMALL = ["-s", "256x256"]


@pytest.fixture
def limner(tmp_path: Path) -> Limner:
    """`limner generate`, with something on its standard input."""

    def call(*arguments: str, given: str | bytes = "", **variables: str) -> CompletedProcess[str]:
        sent = given if isinstance(given, bytes) else given.encode()
        return warm_limner(["generate", *arguments], variables, tmp_path, sent)

    return call


def told(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def begin(
    folder: Path, *arguments: str, stdin: int | None = None, stdout: int | None = None
) -> subprocess.Popen[bytes]:
    """Starts the command as a person does."""
    return subprocess.Popen(
        [sys.executable, "-m", "limner", "generate", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def in_table(name: str) -> tuple[list[str], bytes]:
    """Returns the arguments and the standard input of a request that is refused."""
    values = {**GOOD, **REFUSED[name].values}
    options = values.pop("options", {})
    prompt = values.pop("prompt")
    given = (prompt or "").encode("utf-8", "surrogatepass")
    arguments = [f"--{key}={value}" for key, value in values.items()]
    return [
        "-",
        *arguments,
        *(f"--option={key}={json.dumps(value)}" for key, value in options.items()),
    ], given


IN_SHELL = [  # where every argument is a text
    name
    for name, refused in REFUSED.items()
    if name != "size a number"
    if isinstance(refused.values.get("prompt"), str | None)
    if isinstance(refused.values.get("options", {}), dict)
]


@pytest.mark.parametrize("name", IN_SHELL)
def test_what_no_door_takes_is_one_line_of_json_and_a_two(limner: Limner, tmp_path: Path, name: str) -> None:
    arguments, given = in_table(name)
    done = limner(*arguments, "--json", given=given)
    (said,) = told(done)
    assert (done.returncode, done.stderr, said["category"]) == (2, "", "rejected")
    assert re.search(REFUSED[name].words, said["error"], re.IGNORECASE)
    assert not list(tmp_path.glob("*.png"))


def test_a_prompt_on_standard_input_makes_the_picture_of_an_argument(limner: Limner, tmp_path: Path) -> None:
    prompt, *others = GOOD.values()
    arguments = [f"--{key}={value}" for key, value in zip([*GOOD][1:], others, strict=True)]
    (said,) = told(limner(prompt, *arguments, "--json"))
    again = limner("-", *arguments, "--json", given=prompt)
    assert (tmp_path / told(again)[0]["file"]).read_bytes() == (tmp_path / said["file"]).read_bytes()


def test_each_line_is_a_picture_and_each_failure_is_told(limner: Limner, tmp_path: Path) -> None:
    given = b"a fox\n\n  a bear \r\n" + b"bad \xff line\n" + "eine Möwe".encode()
    done = limner(*SMALL, "--json", "-o", "many/", given=given)
    lines = told(done)
    assert sorted(line["file"] for line in lines if "file" in line) == [
        "many/a-bear.png",
        "many/a-fox.png",
        "many/eine-möwe.png",
    ]
    assert [line["error"] for line in lines if "error" in line] == [
        "Line 4 of standard input is not UTF-8: save the prompts as UTF-8."
    ]
    assert all(Image.open(path).size == (256, 256) for path in (tmp_path / "many").iterdir())
    assert (done.returncode, done.stderr) == (2, "")


def test_the_same_prompt_twice_overwrites_nothing(limner: Limner, tmp_path: Path) -> None:
    done = limner(*SMALL, given="a fox\na fox\na fox\n")
    assert sorted(done.stdout.split()) == ["a-fox-2.png", "a-fox-3.png", "a-fox.png"]
    assert len({path.read_bytes() for path in tmp_path.glob("*.png")}) == 3
    assert (done.returncode, done.stderr) == (0, "")


def test_a_limit_is_waited_for(limner: Limner) -> None:
    done = limner(*SMALL, given="1\n2\n3\n4\n5\n", LIMNER_RATE_LIMIT="2/second")
    assert (done.returncode, len(done.stdout.split())) == (0, 5)
    assert "Waiting. You have reached the limit of 2 pictures per second" in done.stderr


def test_a_limit_of_days_ends_the_run(limner: Limner) -> None:
    done = limner(*SMALL, "-j", "1", given="1\n2\n3\n4\n", LIMNER_RATE_LIMIT="2/day")
    assert (done.returncode, done.stdout.split()) == (5, ["1.png", "2.png"])
    first, last = done.stderr.splitlines()
    assert first.startswith("3: You have reached the limit of 2 pictures per day")
    assert last == "The other prompts are not begun: they would fail in the same way."


def test_no_more_run_at_once_than_the_owner_may_have(limner: Limner) -> None:
    done = limner(*SMALL, "-j", "9", given="1\n2\n3\n4\n", LIMNER_MAX_IN_FLIGHT="1")
    assert (done.returncode, len(done.stdout.split())) == (0, 4)


@pytest.mark.parametrize(
    ("given", "code"), [("a\nb\n", 4), ("a\n" + "b" * 9000, 1)], ids=["one reason", "two reasons"]
)
def test_the_exit_code_is_what_all_failures_have_in_common(limner: Limner, given: str, code: int) -> None:
    assert limner("--option", "outcome=auth", "-j", "2", given=given).returncode == code


def test_a_picture_goes_to_standard_output_alone(tmp_path: Path) -> None:
    done = begin(tmp_path, "a fox", *SMALL, "-o", "-", stdout=subprocess.PIPE)
    data, said = done.communicate(timeout=60)
    assert (data[:8], said, done.returncode) == (b"\x89PNG\r\n\x1a\n", b"", 0)
    assert not list(tmp_path.glob("*.png"))
    assert not list(tmp_path.glob("-"))


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (["-o", "-"], "a\nb\n", "There are several prompts, and a place for one picture"),
        (["-o", "x.png"], "a\nb\n", "There are several prompts, and a place for one picture"),
        (["-o", "-", "--json"], "a", "both for standard output"),
        (["-o", ""], "a", "The name of the file is empty"),
        (["-o", "no/folder/"], "a", "The folder no/folder cannot be written to (No such file or directory)"),
        ([], "", "Standard input has no prompt"),
    ],
)
def test_what_has_no_place_is_refused_before_a_picture_is_made(
    limner: Limner, tmp_path: Path, arguments: list[str], given: str, words: str
) -> None:
    done = limner(*arguments, given=given)
    assert done.returncode == 2
    assert words in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_one_prompt_of_standard_input_has_its_file(limner: Limner, tmp_path: Path) -> None:
    assert limner(*SMALL, "-", "-o", "x.png", given="a fox\n").stdout == "x.png\n"
    assert not list(tmp_path.glob("-*"))


def test_a_terminal_gets_no_picture(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = begin(tmp_path, "a fox", "-o", "-", stdout=theirs)
    assert (process.wait(60), process.communicate()[1].decode().strip()) == (
        2,
        "A picture is not for a terminal: name a file, or send it on, as in -o - > fox.png.",
    )
    os.close(ours)
    os.close(theirs)


def test_a_terminal_shows_what_runs(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "limner", "generate", *SMALL, "--option", "outcome=slow-picture"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_all, ours)  # or the terminal would be full
        out, _ = process.communicate(b"a fox\nan \x1b[31mowl\n", timeout=60)
        shown = reading.result(60).decode()
    assert sorted(out.decode().split()) == ["a-fox.png"], shown
    assert "a fox" in shown
    assert "drawing slowly" in shown
    assert "an [31mowl: The prompt contains control characters" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") > 0, "the cursor is hidden, and shown again"
    assert process.returncode == 2


def read_all(descriptor: int) -> bytes:
    """Reads what was written to a terminal whose other side is closed."""
    read = b""
    with suppress(OSError):  # which is how Linux says that this is the end
        while chunk := os.read(descriptor, 65_536):
            read += chunk
    os.close(descriptor)
    return read


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_pictures_and_the_wait_for_prompts(
    tmp_path: Path, how: signal.Signals, code: int
) -> None:
    with Loopback({"/v1/images/generations": Reply(delay=600)}) as service:
        variables = {"OPENAI_API_KEY": "sk-for-tests-0123456789", "OPENAI_BASE_URL": f"{service.url}/v1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "limner", "generate", "-p", "openai", "--json"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin
        process.stdin.write(b"a fox\na bear\n")
        process.stdin.flush()  # and more may come
        service.wait_until(lambda it: len(it.requests) == 2, 60)
        process.send_signal(how)
        assert process.wait(60) == code
        assert process.stdout
        assert process.stderr
        lines = [json.loads(line) for line in process.stdout]
        assert sorted((line["prompt"], line["category"]) for line in lines) == [
            ("a bear", "cancelled"),
            ("a fox", "cancelled"),
        ]
        assert process.stderr.read() == b"Stopped.\n"
        service.wait_until(lambda it: it.disconnects == 2)  # so the service was told
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def test_a_reader_that_has_enough_ends_the_run(tmp_path: Path) -> None:
    process = begin(tmp_path, *SMALL, "-j", "1", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"1\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"1.png\n"
    process.stdout.close()
    process.stdin.write(b"2\n3\n4\n")
    process.stdin.close()
    assert process.wait(60) == 1
    assert process.stderr
    assert process.stderr.read() == b""
    process.stderr.close()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["1.png", "2.png"]


async def lines_of(data: bytes) -> list[Line]:
    reading, writing = os.pipe()
    feeding = threading.Thread(target=lambda: (os.write(writing, data), os.close(writing)))
    feeding.start()
    lines, read = PromptLines(reading), list[Line]()
    while line := await lines.next():
        read.append(line)
    feeding.join()
    os.close(reading)
    return read


def test_a_byte_order_mark_and_a_line_without_an_end() -> None:
    read = asyncio.run(lines_of("\ufeffein Fuchs\r\n \nzwei".encode()))
    assert read == [Line("ein Fuchs"), Line("zwei")]


def test_a_line_without_end_is_not_kept() -> None:
    long, last = asyncio.run(lines_of(b"x" * (3 * LONGEST) + b"\nlast"))
    assert long.fault == "Line 1 of standard input has more than 1,000,000 bytes: shorten it."
    assert (len(long.prompt), last) == (100, Line("last"))


def test_no_more_is_read_than_is_needed(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_bytes(b"a fox\n" * 100_000)
    descriptor = os.open(tmp_path / "prompts", os.O_RDONLY)

    async def read_one() -> Line | None:
        return await PromptLines(descriptor).next()

    assert asyncio.run(read_one()) == Line("a fox")
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == CHUNK
    os.close(descriptor)
