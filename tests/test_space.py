"""A copy of the repository as a Hugging Face Space: it resolves, starts and paints as it would there.

The device API of ZeroGPU is played on the loopback; the platform's package `spaces` is the real one.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from PIL import Image

from limner.testing import Loopback, Reply
from tests.checkout import copy_checkout
from tests.plugins.installing import write_metadata
from tests.serving import ROOT, Process, Serving

pytestmark = pytest.mark.packaging

MEMORY = 512_000_000
CARD: dict[str, Any] = yaml.safe_load((ROOT / "README.md").read_text("utf-8").split("---")[1])
HOST = "me-limner.hf.space"
PLATFORM = {
    "SYSTEM": "spaces",
    "SPACE_ID": "me/limner",
    "SPACE_HOST": HOST,
    "SPACE_AUTHOR_NAME": "me",
    "SPACE_REPO_NAME": "limner",
    "SPACE_TITLE": "Limner",
    "CPU_CORES": "1",
    "MEMORY": "512Mi",
    "OAUTH_CLIENT_ID": "00000000-0000-4000-8000-000000000000",
    "OAUTH_CLIENT_SECRET": "oauth-secret-for-tests",
    "OAUTH_SCOPES": "openid profile inference-api",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
    "GRADIO_SSR_MODE": "True",
    "GRADIO_ALLOW_FLAGGING": "never",
    "GRADIO_NUM_PORTS": "1",
    "PYTHONUNBUFFERED": "1",
    "PATH": os.defpath,
}
"""All that is set there, but that the server listens on the loopback."""


class Space(Serving):
    """The app in a Space's container: with the platform's variables alone, and on one processor."""

    def _begin(self) -> Process:
        port = self._environment["GRADIO_SERVER_PORT"]
        own = {name: self._environment[name] for name in self._given}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env={**PLATFORM, "GRADIO_SERVER_PORT": port, **own},
                stdout=log,
                stderr=log,
            )

    def __init__(self, folder: Path, python: Path, checkout: Path, **own: str) -> None:
        self._given = own
        pinned = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if shutil.which("taskset") else []
        super().__init__(folder, own, command=[*pinned, str(python), "app.py"], cwd=checkout)

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Asks as the platform's proxy does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Host": HOST, "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", **headers}
        if body is None:
            connection.request("GET", path, headers=sent)
        else:
            sent["Content-Type"] = "application/json"
            connection.request("POST", path, json.dumps(body), sent)
        answer = connection.getresponse()
        return answer, answer.read()

    def picture(self, **headers: str) -> Image.Image:
        answer, body = self.ask("/api/image", {"prompt": "a fox"}, **headers)
        assert answer.status == 200, body
        return Image.open(BytesIO(base64.b64decode(json.loads(body)["image"].partition(",")[2])))

    @property
    def most_memory(self) -> int:
        """The bytes that it has had in memory at most."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()  # pyright: ignore
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1000


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the interpreter of an environment with `spaces`, and the running one's packages beside it."""
    folder = tmp_path_factory.mktemp("platform")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "spaces"]
    subprocess.run(pip, check=True, timeout=120)
    return python


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Returns a copy of the repository that cannot be written to; nor has anything been, as root may."""
    folder = copy_checkout(tmp_path_factory.mktemp("space") / "app")
    copied = files_in(folder)
    for path in (folder, *copied):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    assert files_in(folder) == copied
    for path in (folder, *copied):
        path.chmod(0o755)


OF_A_FORK = re.compile(
    r"Exception ignored in: <function BaseEventLoop\.__del__.*?Invalid file descriptor: -1$",
    re.DOTALL | re.MULTILINE,
)
"""What Python may print in the process that ZeroGPU forks, of an event loop of the other process."""


@pytest.fixture
def space(python: Path, checkout: Path, tmp_path: Path) -> Iterator[Callable[..., Space]]:
    started: list[Space] = []
    (tmp_path / "file").touch()

    def start(**own: str) -> Space:
        own = {"HOME": str(tmp_path / "file" / "home"), **own}  # where no folder can be made
        started.append(Space(tmp_path, python, checkout, **own))
        return started[-1]

    yield start
    for one in started:
        assert one.stop() == 0
        assert "Traceback" not in re.sub(OF_A_FORK, "", one.log.read_text())


def test_it_resolves_as_the_platform_builds_it(tmp_path: Path) -> None:
    """Of the repository only requirements.txt is there; the platform adds the rest of the line."""
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    added = [f"gradio[oauth,mcp]=={CARD['sdk_version']}", "uvicorn", "websockets", "spaces"]
    how = ["--dry-run", "--ignore-installed", "--quiet", "--report", "report.json", "--target", "nowhere"]
    how += ["--python-version", CARD["python_version"], "--only-binary", ":all:"]
    pip = [sys.executable, "-m", "pip", "install", *how, "-r", "requirements.txt", *added]
    subprocess.run(pip, cwd=tmp_path, check=True, timeout=300)
    found = [one["metadata"] for one in json.loads((tmp_path / "report.json").read_text())["install"]]
    versions = {one["name"].lower(): one["version"] for one in found}
    assert versions["gradio"] == CARD["sdk_version"]
    assert tuple(map(int, versions["pydantic"].split("."))) <= (2, 12, 5)
    assert {"spaces", "openai", "replicate", "huggingface_hub", "google-genai"} <= {*versions}


def test_the_card_says_what_the_platform_needs_to_know() -> None:
    assert CARD["sdk"] == "gradio"
    assert CARD["python_version"] == "3.12"
    assert CARD["app_file"] == "app.py"
    assert CARD["suggested_hardware"] == "cpu-basic"
    assert CARD["hf_oauth"] is True
    assert CARD["hf_oauth_scopes"] == ["inference-api"]
    assert CARD["hf_oauth_expiration_minutes"] == 480
    assert len(CARD["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {CARD["colorFrom"], CARD["colorTo"]} <= colours


def test_a_copy_without_any_secret_paints(space: Callable[..., Space]) -> None:
    running = space()
    page, body = running.ask("/")
    assert (page.status, b"limner-prompt" in body) == (200, True)
    policy = page.headers["Content-Security-Policy"]  # a page from Gradio's server for SSR has none
    assert "frame-ancestors 'self' https://huggingface.co" in policy
    assert running.picture().format == "PNG"
    assert running.most_memory < MEMORY


@pytest.fixture
def zero_gpu(tmp_path: Path) -> Iterator[tuple[Loopback, dict[str, str]]]:
    """Plays the device API of ZeroGPU; returns it, and the variables that name it."""
    (tmp_path / "cgroup").write_text("0::/space\n")
    lent = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "allowed"}
    used_up = Reply(429, {"left": 0, "wait": 3600})

    def answer(request: Any) -> Reply:
        if not request.path.startswith("/schedule?"):
            return Reply()
        return used_up if "token=used.up.token" in request.path else Reply(body=lent)

    with Loopback(answer) as api:
        yield (
            api,
            {
                "HOME": str(tmp_path),
                "SPACES_ZERO_GPU": "true",
                "SPACES_ZERO_DEVICE_API_URL": api.url,
                "ZEROGPU_PROC_SELF_CGROUP_PATH": str(tmp_path / "cgroup"),
                "ACCELERATOR": "zero",
            },
        )


LENT = """
import os
from limner import ImageResult, ModelInfo, ProviderInfo, Size, hookimpl
from limner_diffusers.drawing import Job
from limner_diffusers.gpu import on_gpu
from limner_diffusers.progress import Progress, Step
from PIL import Image

@on_gpu
def draw(job, show):
    show(Step("step 1 of 1", 1))
    return Image.new("RGB", (64, 64), tuple(os.getpid().to_bytes(3, "big")))

@hookimpl
def describe():
    return ProviderInfo(label="Lent", models=(ModelInfo(id="lent", sizes=(Size(64, 64),)),))

@hookimpl
def generate(request):
    return ImageResult(draw(Job.of(request, "cpu"), Progress(request).show))
"""
"""Draws through the part of limner-diffusers that is for ZeroGPU, without torch: the process as a colour."""


def with_lent(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """Returns the variables with which the plugin is found, too."""
    site = folder / "site"
    shutil.copytree(ROOT / "plugins" / "limner-diffusers" / "limner_diffusers", site / "limner_diffusers")
    (site / "limner_lent.py").write_text(LENT)
    write_metadata(site, "limner-lent", "0.1", "[limner]\nlent = limner_lent\n")
    return {**variables, "PYTHONPATH": str(site), "LIMNER_PROVIDER": "lent"}


def test_a_copy_on_zero_gpu_lends_a_card_to_what_needs_one_on_the_visitors_time(
    space: Callable[..., Space], zero_gpu: tuple[Loopback, dict[str, str]], tmp_path: Path
) -> None:
    running = space(**with_lent(zero_gpu[1], tmp_path))
    api = zero_gpu[0]
    assert [(one.method, one.path) for one in api.requests] == [("POST", "/startup-report")]
    answer, body = running.ask("/api/image", {"prompt": "a fox", "provider": "sketch"})
    assert answer.status == 200, body
    assert len(api.requests) == 1

    answer, body = running.ask("/api/image", {"prompt": "a fox"}, **{"X-IP-Token": "used.up.token"})
    assert (answer.status, json.loads(body)["category"]) == (503, "quota")
    assert "You have exceeded your ZeroGPU quota" in body.decode()
    assert "/allow" not in {urlsplit(one.path).path for one in api.requests}

    api.requests.clear()
    with socket.create_connection(("127.0.0.1", running.port), 30) as begun:
        begun.sendall(b"GET /robots.txt HTTP/1.1\r\n")
        token = "head." + base64.urlsafe_b64encode(b'{"user": "fox"}').decode().rstrip("=") + ".sign"
        red, green, blue = running.picture(**{"X-IP-Token": token}).getpixel((0, 0))  # pyright: ignore
        lent = int.from_bytes(bytes((red, green, blue)), "big")
        assert lent != running._process.pid  # pyright: ignore
        os.kill(lent, 0)  # it waits for more
        begun.sendall(f"Host: {HOST}\r\nConnection: close\r\n\r\n".encode())
        while begun.recv(10_000):  # ends: the lent process does not hold the connection
            pass
    asked = {urlsplit(one.path).path: parse_qs(urlsplit(one.path).query) for one in api.requests}
    assert [*asked] == ["/schedule", "/allow", "/release"]
    assert asked["/schedule"]["token"] == [token]
    assert asked["/allow"] == {"allowToken": ["allowed"], "pid": [str(lent)]}
    assert running.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(lent, 0)
