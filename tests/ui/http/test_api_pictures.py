"""`POST /api/image` with pictures: what other programs may send along, and what a provider gets of it."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import httpcore
import pytest
from PIL import Image

from core.studio import Studio
from limner import ImageInputs
from limner.testing.loopback import Loopback, Reply
from tests.core.generation.test_fetch import PUBLIC, Authority
from tests.core.scripted import PNG, ScriptedProvider
from tests.limner.photos import SECRETS, photo
from tests.ui.http.client import MESSAGES, Client, open_client

pytestmark = pytest.mark.anyio
EDITS: dict[str, Any] = {"images": ImageInputs(most=16, mask=True)}
LINK = "https://pictures.example/a.png"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def editing() -> ScriptedProvider:
    return ScriptedProvider(model=EDITS)


def png(width: int, height: int, colour: str = "navy") -> bytes:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def part(data: bytes, media_type: str = "image/png", **more: Any) -> dict[str, Any]:
    """An `ImageMessagePart` as assistant-ui makes one of a file."""
    image = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "image", "image": image, **more}


async def make(client: Client, key: str | None = None, **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return await client.post("/api/image", json={"prompt": "in autumn", **body}, headers=headers)


def stored(folder: Path) -> list[Path]:
    return list((folder / "pictures").iterdir())


async def test_several_pictures_and_a_mask_arrive_byte_for_byte(tmp_path: Path) -> None:
    scripted = editing()
    given, mask = [png(30, 20), png(20, 30, "olive"), png(9, 9, "white")], png(30, 20, "white")
    async with open_client(tmp_path, scripted) as (client, _):
        parts = [part(data, filename=f"{n} .png") for n, data in enumerate(given)]
        answer = await make(client, images=parts, mask=part(mask))
    assert answer.status_code == 200, answer.text
    (request,) = scripted.requests
    assert [image.data for image in request.images] == given
    assert [image.filename for image in request.images] == ["0.png", "1.png", "2.png"]
    assert request.mask
    painted = Image.open(BytesIO(request.mask.data))
    assert (painted.size, painted.getpixel((3, 3))) == ((30, 20), (255, 255, 255, 0))
    assert answer.json()["image"] == part(PNG)["image"]


async def test_one_picture_needs_no_list_and_a_type_that_is_wrong_does_no_harm(tmp_path: Path) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        assert (await make(client, images=part(PNG))).status_code == 200
        assert (await make(client, images=[part(PNG, "image/jpeg")])).status_code == 200
        assert (await make(client, images=[], mask=None)).status_code == 200
    assert [[image.media_type for image in one.images] for one in scripted.requests] == [
        ["image/png"],
        ["image/png"],
        [],
    ]


async def test_what_a_photograph_says_of_its_owner_stays_here(tmp_path: Path) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        await make(client, images=[part(photo("JPEG", 6), "image/jpeg", filename="../GPSLatitude")])
    (image,) = scripted.requests[0].images
    everything = b"".join([image.data, *(path.read_bytes() for path in stored(tmp_path))])
    assert not [secret for secret in SECRETS if secret in everything]
    assert image.size == (64, 96)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no part": ({"images": ["photo.png"]}, "Each image must be a part"),
    "a name": ({"images": "a.png"}, "Each image must be a part"),
    "a number": ({"images": 5}, "Each image must be a part"),
    "no image": ({"images": [{"type": "image"}]}, "Each image must be a part"),
    "a path": ({"images": [{"type": "image", "image": "file:///etc/passwd"}]}, "Each image must be a part"),
    "a list in a list": ({"images": [[part(PNG)]]}, "Each image must be a part"),
    "plain http": ({"images": [{"image": "http://127.0.0.1:9/a.png"}]}, "have an https link"),
    "no picture": ({"images": [{"image": "data:text/html;base64,AAAA"}]}, "Each image must be a part"),
    "no base64": ({"images": [part(PNG), {"image": "data:image/png;base64,!!"}]}, "Image 2: The picture's"),
    "damaged": ({"images": [part(PNG), part(PNG[:-20])]}, "Image 2: The picture is cut off"),
    "a damaged mask": ({"images": [part(PNG)], "mask": part(b"x")}, "The mask: This is not a PNG"),
    "seventeen": ({"images": [part(PNG)] * 17}, "16 images and one mask at most"),
    "two masks": ({"images": [part(PNG)], "mask": [part(PNG)] * 2}, "16 images and one mask at most"),
    "a mask alone": ({"mask": part(PNG)}, "A mask is for a picture"),
    "another shape": ({"images": [part(png(40, 10))], "mask": part(png(10, 40))}, "The shapes differ"),
    "a drawing": ({"images": [part(b"<svg xmlns='http://www.w3.org/2000/svg'/>")]}, "An SVG drawing"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_is_said_and_nobody_is_asked(tmp_path: Path, what: str) -> None:
    body, words = WRONG[what]
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await make(client, **body)
    assert (answer.status_code, scripted.requests) == (400, [])
    assert words in answer.json()["error"]


async def test_a_model_that_takes_no_pictures_is_not_asked(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await make(client, images=[part(PNG)])
    assert (answer.status_code, scripted.requests) == (400, [])
    assert "takes no pictures" in answer.json()["error"]


def _noise(side: int) -> bytes:
    file = BytesIO()
    Image.effect_noise((side, side), 90).save(file, "PNG")
    return file.getvalue()


async def test_the_bound_on_a_body_grows_with_the_pictures_for_this_route_alone(tmp_path: Path) -> None:
    scripted, large = editing(), _noise(1_200)
    async with open_client(tmp_path, scripted, max_bytes=2_000_000) as (client, _):
        assert len(large) > 1_000_000
        assert (await make(client, images=[part(large)])).status_code == 200
        answer = await make(client, images=[part(bytes(3_000_000))])
        assert answer.status_code == 413
        body = {"prompt": "a fox", "images": [part(large)["image"]]}
        assert (await client.post(MESSAGES, json=body)).status_code == 413


async def test_a_retry_with_its_key_brings_no_picture_twice(tmp_path: Path) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        first = await make(client, "k", images=[part(PNG)])
        count = len(stored(tmp_path))
        again = await make(client, "k", images=[part(PNG)])
        assert (first.status_code, again.content) == (200, first.content)
        assert (len(scripted.requests), len(stored(tmp_path))) == (1, count)
        other = await make(client, "k", images=[part(png(9, 9))])
        assert other.status_code == 422
        noise = [part(_noise(100)) for _ in range(2)]
        answers = [(await make(client, "l", images=[one])).status_code for one in (*noise, noise[0])]
        assert answers == [200, 422, 200]
    assert len(scripted.requests) == 2


# Links


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Loopback]:
    """Leads every connection of a fetch to the server that a test puts here, and to none before."""
    servers: list[Loopback] = []
    connect: Any = vars(httpcore.AnyIOBackend)["connect_tcp"]

    async def connect_tcp(self: object, host: str, port: int, **more: object) -> httpcore.AsyncNetworkStream:
        if not servers:
            raise AssertionError(f"{host} was connected to")
        return await connect(self, "127.0.0.1", int(servers[0].url.rpartition(":")[2]), **more)

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return servers


def play_internet(studio: Studio, tls: Any, **addresses: str) -> None:
    """Has the links of visitors lead to these addresses, and trusts the certificate of a test."""
    fetcher = studio._pipeline.inputs._fetcher  # pyright: ignore[reportPrivateUsage]

    async def resolve(host: str, port: int) -> list[str]:
        return [addresses.get(host.partition(".")[0], host)]

    fetcher.resolve, fetcher.tls, fetcher.pauses = resolve, tls, ()


async def test_a_link_is_fetched_and_its_picture_is_like_any_other(
    tmp_path: Path, connected: list[Loopback]
) -> None:
    (tmp_path / "tls").mkdir()
    served, trusting = Authority(tmp_path / "tls").contexts("pictures.example")
    scripted = editing()
    with Loopback({"/a.png": Reply(body=photo("JPEG", 6)), "/b": Reply(body=b"words")}, tls=served) as server:
        connected.append(server)
        async with open_client(tmp_path / "data", scripted) as (client, studio):
            play_internet(studio, trusting, pictures=PUBLIC)
            answer = await make(client, images=[{"type": "image", "image": LINK}, part(PNG)])
            assert answer.status_code == 200, answer.text
            assert "not a PNG" in (await make(client, images=[{"image": LINK[:-5] + "b"}])).json()["error"]
    first, second = scripted.requests[0].images
    assert (first.media_type, first.size, second.data) == ("image/jpeg", (64, 96), PNG)
    assert not [secret for secret in SECRETS if secret in first.data]
    assert set(server.requests[0].headers) == {
        "host",
        "accept",
        "accept-encoding",
        "user-agent",
    }


PRIVATE = ["https://127.0.0.1/a", "https://localhost/a", "https://169.254.169.254/latest/meta-data", LINK]


@pytest.mark.parametrize("link", PRIVATE)
@pytest.mark.parametrize("fetch_from", [(), tuple(link.rpartition("/")[0] for link in PRIVATE)])
async def test_what_the_owner_trusts_is_not_for_the_link_of_a_stranger(
    tmp_path: Path, connected: list[Loopback], link: str, fetch_from: tuple[str, ...]
) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted, "203.0.113.7", fetch_from=fetch_from) as (client, studio):
        play_internet(studio, None, localhost="127.0.0.1", pictures="10.0.0.5")
        answer = await make(client, images=[{"type": "image", "image": link}])
    assert (answer.status_code, scripted.requests) == (400, [])
    assert answer.json()["error"] == "Image 1: The picture is not on the public internet."
