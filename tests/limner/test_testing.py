"""The conformance suite: good providers pass it, and each faulty one fails the test that is meant for it."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import pytest
from PIL import Image
from pydantic import Field

from limner import ModelInfo, Options, Size, SizeRange
from limner.formats import EXTENSIONS, FORMATS
from limner.options import option_schemas
from limner.picture import identify
from limner.testing import ProviderSuite, report
from limner.testing.inputs import was_sent
from limner.testing.network import only_this_machine
from limner.testing.pictures import input_image, input_mask
from limner.testing.samples import accepted_values, rejected_values, sizes_of

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).with_name("conformance")
FAULTY = {
    name: f"{file}::{name}"
    for file in sorted(HERE.glob("faulty_*.py"))
    for name in re.findall(r"^class (Test\w+)", file.read_text("utf-8"), re.MULTILINE)
}
PROCESSES = 2


def pytest_of(*arguments: object, folder: Path = ROOT) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:anyio",
        *map(str, arguments),
    ]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Runs the suite against all faulty providers; returns what each class expects, and what failed."""
    folder = tmp_path_factory.mktemp("found")
    processes: list[tuple[subprocess.Popen[str], Path]] = []
    for number in range(PROCESSES):
        report = folder / f"{number}.json"
        chosen = [*FAULTY.values()][number::PROCESSES]
        written = ("--outcomes", report, "--tb=native", "--no-summary")  # the quickest to write
        process = pytest_of("--confcutdir", HERE, *written, *chosen)
        processes.append((process, report))
    found: dict[str, dict[str, Any]] = {}
    for process, report in processes:
        output, _ = process.communicate(timeout=120)
        assert report.exists(), output
        found |= json.loads(report.read_text("utf-8"))
    return found


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_provider_fails_its_test_with_a_sentence(
    name: str, found: dict[str, dict[str, Any]]
) -> None:
    expected, failed = found[name]["expected"], found[name]["failed"]
    if expected is None:
        assert failed == {}
        return
    tests, words, section = expected
    assert failed
    for test, text in failed.items():
        assert re.match(tests, test), text
        assert re.search(words, text), text
        assert not section or f'plugins.md, "{section}"' in text


def test_each_test_of_the_suite_is_failed_by_some_provider(found: dict[str, dict[str, Any]]) -> None:
    failed = {test.partition("[")[0] for outcomes in found.values() for test in outcomes["failed"]}
    assert {name for name in dir(ProviderSuite) if name.startswith("test_")} <= failed


def test_good_providers_pass_and_each_test_that_is_skipped_says_why(tmp_path: Path) -> None:
    process = pytest_of("--confcutdir", HERE, "--outcomes", tmp_path / "found.json", HERE / "good.py")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    classes = json.loads((tmp_path / "found.json").read_text("utf-8"))
    reasons = {reason for outcomes in classes.values() for reason in outcomes["skipped"].values()}
    known = r"Skipped: it (asks|declares|has|is)|where|cancelled"
    assert [reason for reason in reasons if not re.search(known, reason)] == []
    skipped = {"test_a_plain_def_gives_up_by_itself", "test_a_job_is_found_again_and_not_begun_again"}
    assert set(classes["TestSigned"]["skipped"]) == skipped
    skipped |= {"test_it_works_without_what_is_optional"}
    assert set(classes["TestPaint"]["skipped"]) == skipped


def test_each_sentence_points_to_a_section_of_plugins_md() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "plugins.md").read_text("utf-8"), re.MULTILINE)
    assert {text for name, text in vars(report).items() if name.isupper() and not name.startswith("_")} <= {
        *headings
    }


def test_the_first_plugin_of_plugins_md_passes_its_tests(tmp_path: Path) -> None:
    for code in re.findall(r"```python\n(.*?)```", (ROOT / "plugins.md").read_text("utf-8"), re.DOTALL):
        if named := re.match(r"# file: (\S+)\n", code):
            (tmp_path / named[1]).write_text(code, "utf-8")
    process = pytest_of("-o", f"pythonpath={ROOT}", "--rootdir", tmp_path, tmp_path, folder=tmp_path)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert re.search(r"[1-9]\d* passed", output)


def test_it_imports_nothing_but_pytest_and_the_contract() -> None:
    code = (
        "import sys; before = set(sys.modules); import limner.testing;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    contract = {"limner", "pluggy", "pydantic", "pydantic_core", "annotated_types", "typing_extensions"}
    contract |= {"typing_inspection", "anyio", "sniffio", "idna", "exceptiongroup"}
    of_pytest = {"pytest", "_pytest", "iniconfig", "packaging", "pygments", "py", "tomli", "attr", "colorama"}
    imported = {name for name in ran.stdout.split() if not name.startswith("_sysconfigdata")}
    assert imported <= contract | of_pytest


class Several(Options):
    style: Literal["oil", "ink"] = "oil"
    steps: int = Field(default=20, ge=1, lt=50)
    strength: float = Field(default=0.5, gt=0, le=1)
    even: int | None = Field(default=None, ge=3, le=9, multiple_of=2)
    name: str = ""
    varnished: bool = False
    weights: dict[str, float] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("name", "accepted", "rejected"),
    [
        ("style", ["oil", "ink"], ["no-such-value"]),
        ("steps", [1, 49], [0, 51]),
        ("strength", [0.001, 1], [-1, 2]),
        ("even", [4, 8], [2, 10]),
        ("name", ["words"], []),
        ("varnished", [True, False], []),
        ("weights", [], []),
    ],
)
def test_an_options_values_follow_from_its_schema(
    name: str, accepted: list[Any], rejected: list[Any]
) -> None:
    schema = option_schemas(Several)[name]
    assert accepted_values(schema) == accepted
    assert rejected_values(schema) == rejected


def test_the_sizes_of_a_range_touch_each_of_its_bounds() -> None:
    bounds = SizeRange(
        step=16, min_side=250, max_side=1000, max_ratio=2, max_pixels=600_000, default=Size(512, 512)
    )
    sizes = sizes_of(ModelInfo(id="one", sizes=bounds))
    assert sizes == [(512, 512), (256, 256), (272, 256), (992, 496), (496, 992), (768, 768)]
    assert sizes_of(ModelInfo(id="one", sizes=(Size(8, 6),))) == [(8, 6)]
    assert sizes_of(ModelInfo(id="one")) == []


@pytest.mark.parametrize("media_type", [format.media_type for format in FORMATS])
def test_the_pictures_to_send_are_whole_and_differ(media_type: str) -> None:
    images = [input_image(number, media_type) for number in range(16)]
    for image in images:
        info = identify(image.data)
        assert (info.media_type, info.width, info.height) == (media_type, *image.size)
        assert image.filename.endswith(f".{EXTENSIONS[media_type]}")
    assert len({image.data for image in images}) == len({image.size for image in images}) == 16


@pytest.mark.parametrize("left", [True, False])
def test_a_mask_to_send_can_be_read_in_two_ways(left: bool) -> None:
    mask = input_mask(Size(65, 40), left=left)
    with Image.open(BytesIO(mask.data)) as opened:
        assert (opened.size, opened.mode) == (mask.size, "RGBA")
        inside, outside = (opened.getpixel((x, 20)) for x in ((5, 60) if left else (60, 5)))
    assert (inside, outside) == ((255, 255, 255, 0), (0, 0, 0, 255))


PICTURE = input_image(0)


@pytest.mark.parametrize(
    ("bodies", "sent"),
    [
        ([b"--x\r\n\r\n" + PICTURE.data + b"\r\n--x--"], True),
        ([PICTURE.data[:1000], PICTURE.data[1000:]], True),
        ([json.dumps({"image": PICTURE.data_uri}).encode()], True),
        ([json.dumps({"image": PICTURE.base64}).replace("/", r"\/").encode()], True),
        ([json.dumps({"image": base64.urlsafe_b64encode(PICTURE.data).decode().rstrip("=")}).encode()], True),
        ([json.dumps({"image": base64.encodebytes(PICTURE.data).decode()}).encode()], True),
        ([json.dumps({"image": [*PICTURE.data]}).encode()], True),
        ([urlencode({"image": PICTURE.data_uri}).encode()], True),
        ([], False),
        ([PICTURE.data[:-1]], False),
        ([input_image(1).base64.encode()], False),
    ],
)
def test_a_picture_is_found_in_each_form_in_which_it_is_sent(bodies: list[bytes], sent: bool) -> None:
    assert was_sent(PICTURE.data, bodies) == sent


def test_no_connection_leaves_the_machine() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        before = socket.getaddrinfo, socket.socket.connect
        with only_this_machine() as refused:
            client.connect(server.getsockname())
            with pytest.raises(OSError, match="no network"):
                socket.create_connection(("192.0.2.1", 80))
            with pytest.raises(OSError, match="no network"):
                socket.create_connection(("paint.example", 443))
    assert refused == ["192.0.2.1:80", "paint.example:443"]
    assert before == (socket.getaddrinfo, socket.socket.connect)
