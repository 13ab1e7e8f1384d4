"""Pictures on the command line: sent from files to the provider, or refused before anybody is asked."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from PIL import Image

from limner.testing import Loopback, Reply, picture
from tests.limner.photos import SECRETS, corners, opened, photo
from tests.warm_serving import warm_limner

Limner = Callable[..., CompletedProcess[str]]
GOOD = Reply(body={"data": [{"b64_json": base64.b64encode(picture()).decode()}]})


@pytest.fixture
def service() -> Iterator[Loopback]:
    """A service that takes several pictures and a mask, and answers with a picture of its own."""
    with Loopback({"/v1/images/edits": GOOD, "/v1/images/generations": GOOD}) as service:
        yield service


@pytest.fixture
def limner(tmp_path: Path, service: Loopback) -> Limner:
    def call(*arguments: str, **variables: str) -> CompletedProcess[str]:
        command = ["generate", "in autumn", "-p", "openai", *arguments]
        keys = {"OPENAI_API_KEY": "sk-for-tests-0123456789", "OPENAI_BASE_URL": f"{service.url}/v1"}
        return warm_limner(command, {**keys, "LIMNER_MAX_RETRIES": "0", **variables}, tmp_path)

    return call


def png(width: int, height: int, colour: str = "navy") -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def made(folder: Path) -> list[str]:
    """Returns the names of the pictures that were written, in order."""
    return sorted(path.name for path in folder.glob("in-autumn*"))


def test_pictures_and_a_mask_are_sent_in_their_order(
    limner: Limner, service: Loopback, tmp_path: Path
) -> None:
    fox, style = png(40, 30), png(20, 20, "olive")
    (tmp_path / "fox.png").write_bytes(fox)
    (tmp_path / "style sheet.PNG").write_bytes(style)
    (tmp_path / "m.png").write_bytes(png(40, 30, "white"))
    done = limner("-i", "fox.png", "--image", str(tmp_path / "style sheet.PNG"), "--mask", "m.png", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["file"], told["provider"]) == ("in-autumn.png", "openai")
    assert (tmp_path / "in-autumn.png").read_bytes() == picture()
    (request,) = service.requests
    assert request.path == "/v1/images/edits"
    assert 0 < request.body.index(fox) < request.body.index(style)
    for name in (b'filename="fox.png"', b'filename="style-sheet.png"', b'filename="mask.png"'):
        assert name in request.body


def test_a_photograph_is_sent_upright_and_without_its_place(
    limner: Limner, service: Loopback, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo("JPEG", 6))
    done = limner("-i", "photo.jpg")
    assert (done.returncode, done.stdout.strip()) == (0, "in-autumn.png"), done.stderr
    body = service.requests[0].body
    assert not [secret for secret in SECRETS if secret in body]
    start = body.index(b"\xff\xd8\xff")
    assert corners(opened(body[start:])) == corners(opened(photo("JPEG", 6)).rotate(-90, expand=True))
    assert (tmp_path / "photo.jpg").read_bytes() == photo("JPEG", 6)


def test_the_sketch_edits_without_a_key(limner: Limner, tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(png(320, 256))
    done = limner("-i", "fox.png", "-p", "sketch", "--json")
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / json.loads(done.stdout)["file"]).size == (320, 256)


REFUSED = [
    (["-i", "nothing.png"], "nothing.png cannot be read (No such file or directory): name another file."),
    (
        ["-i", "https://host.example//a.png?b=1"],
        "not from https://host.example//a.png?b=1: save the picture, and name the file.",
    ),
    (["-i", "fox.png", "--mask", "http://host.example/m.png"], "not from http://host.example/m.png: save"),
    (["-i", ""], "The name of a picture is empty: name a file."),
    (["-i", "fox.png", "--mask", ""], "The name of a picture is empty: name a file."),
    (["-i", "folder"], "folder cannot be read (Is a directory): name another file."),
    (["-i", "large.png"], "large.png is larger than 200,000 bytes: send a smaller picture."),
    (["-i", "damaged.png"], "damaged.png: The picture is cut off"),
    (["-i", "words.png"], "words.png: This is not a PNG"),
    (["-i", "empty.png"], "empty.png: The picture is empty."),
    (["-i", "drawing.svg"], "drawing.svg: An SVG drawing cannot be sent"),
    (["-i", "fox.png", "-i", "damaged.png"], "damaged.png: The picture is cut off"),
    (["-i", "fox.png", "--mask", "nothing.png"], "nothing.png cannot be read"),
    (["-i", "fox.png", "--mask", "words.png"], "words.png: This is not a PNG"),
    (["-i", "fox.png", "--mask", "wide.png"], "The shapes differ (the mask is 60 × 20, and image 1 40 × 30)"),
    (["--mask", "fox.png"], "A mask is for a picture: send the picture too, as the first one."),
    ([*["-i", "fox.png"] * 17], "A request takes 16 images and one mask at most"),
    ([*["-i", "fox.png"] * 3, "-p", "sketch"], "at most"),
]


@pytest.mark.parametrize(("arguments", "words"), [*REFUSED, ([*REFUSED[0][0], "--json"], REFUSED[0][1])])
def test_what_cannot_be_sent_is_said_and_nobody_is_asked(
    limner: Limner, service: Loopback, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "folder").mkdir()
    files = {
        **{"fox.png": png(40, 30), "wide.png": png(60, 20), "damaged.png": png(40, 30)[:-20]},
        **{"words.png": b"words", "empty.png": b"", "large.png": bytes(200_001)},
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    done = limner(*arguments, LIMNER_MAX_BYTES="200000")
    as_json = "--json" in arguments
    told, silent = (done.stdout, done.stderr) if as_json else (done.stderr, done.stdout)
    assert (done.returncode, silent, service.requests) == (2, "", [])
    assert words in (json.loads(told)["error"] if as_json else told)
    assert len(told.splitlines()) == 1
    assert made(tmp_path) == []
