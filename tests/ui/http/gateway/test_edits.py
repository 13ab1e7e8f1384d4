"""`POST /v1/images/edits`: pictures that go in, as files of a form and in JSON."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from core.asking import MAX_BODY
from core.chat.request import MAX_IMAGES
from limner import ImageInputs, Options
from tests.core.scripted import PNG, ScriptedProvider
from tests.ui.http.client import Client, open_client
from tests.ui.http.gateway.sdk import open_sdk, refused

pytestmark = pytest.mark.anyio
EDITS = "/v1/images/edits"


class Finer(Options):
    output_compression: int | None = None
    quality: str = "auto"


def editing(**about: Any) -> ScriptedProvider:
    return ScriptedProvider(model={"images": ImageInputs(most=16, mask=True)}, **about)


def png(width: int, height: int, colour: str = "navy") -> bytes:
    file = BytesIO()
    Image.new("RGBA", (width, height), colour).save(file, "PNG")
    return file.getvalue()


def noise(side: int) -> bytes:
    file = BytesIO()
    Image.effect_noise((side, side), 90).save(file, "PNG")
    return file.getvalue()


def uri(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


async def test_a_file_goes_in_and_a_picture_comes_out(tmp_path: Path) -> None:
    scripted = editing(options=Finer)
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        answer = await sdk.images.edit(
            image=("a fox.png", png(30, 20), "image/png"),
            mask=png(30, 20, "#ffffff00"),
            prompt="in winter",
            model="scripted/p-1",
            n=1,
            size="auto",
            quality="high",
            output_compression=50,
            extra_body={"seed": 7, "negative_prompt": "fog"},
        )
    (request,) = scripted.requests
    assert [image.data for image in request.images] == [png(30, 20)]
    assert request.images[0].filename == "a-fox.png"
    assert request.mask
    assert request.mask.size == (30, 20)
    assert request.options == Finer(output_compression=50, quality="high")
    assert (request.prompt, request.seed, request.negative_prompt) == ("in winter", 7, "fog")
    assert base64.b64decode((answer.data or [])[0].b64_json or "") == PNG


async def test_as_many_files_as_a_model_can_take(tmp_path: Path) -> None:
    scripted, given = editing(), [png(8, 8 + n) for n in range(MAX_IMAGES)]
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        await sdk.images.edit(image=given, mask=png(8, 8, "#ffffff00"), prompt="together")
    (request,) = scripted.requests
    assert [image.data for image in request.images] == given
    assert request.mask


async def test_several_files_in_their_order(tmp_path: Path) -> None:
    scripted, given = editing(), [png(30, 20), png(20, 30), png(9, 9)]
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        await sdk.images.edit(image=given, prompt="together", extra_body={"options": {}})
    assert [image.data for image in scripted.requests[0].images] == given


async def test_options_in_a_form(tmp_path: Path) -> None:
    scripted = editing(options=Finer)
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        await sdk.images.edit(image=PNG, prompt="a", extra_body={"options": {"output_compression": 9}})
    async with open_client(tmp_path, scripted) as (client, _):
        fields = {"prompt": "a", "options": '{"output_compression": 9}', "stream": "false"}
        assert (await client.post(EDITS, data=fields, files={"image": PNG})).status_code == 200
    assert [request.options for request in scripted.requests] == [Finer(output_compression=9)] * 2


JSON_FORMS: dict[str, dict[str, Any]] = {
    "images": {"images": [{"image_url": uri(PNG)}]},
    "an address alone": {"images": [uri(PNG)]},
    "an object in an object": {"images": [{"image_url": {"url": uri(PNG)}}]},
    "one image": {"image": uri(PNG)},
    "one image as xAI has it": {"image": {"url": uri(PNG), "type": "image_url"}},
    "one image and a mask": {"image": uri(PNG), "mask": {"image_url": uri(png(16, 16, "#ffffff00"))}},
}


@pytest.mark.parametrize("form", JSON_FORMS)
async def test_pictures_in_json(tmp_path: Path, form: str) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await client.post(EDITS, json={"prompt": "in winter", **JSON_FORMS[form]})
    assert answer.status_code == 200, answer.text
    assert base64.b64decode(answer.json()["data"][0]["b64_json"]) == PNG
    assert [image.data for image in scripted.requests[0].images] == [PNG]
    assert (scripted.requests[0].mask is not None) == ("mask" in form)


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "image", "no picture to edit"),
        ({"images": []}, "image", "no picture to edit"),
        ({"mask": uri(PNG)}, "image", "no picture to edit"),
        ({"images": [{"file_id": "file-1"}]}, "images", "Each image must be"),
        ({"image": "http://127.0.0.1/a.png"}, "image", "Each image must be"),
        ({"image": "file:///etc/passwd"}, "image", "Each image must be"),
        ({"image": {"image_url": 7}}, "image", "Each image must be"),
        ({"image": uri(PNG), "mask": 7}, "mask", "Each image must be"),
        ({"image": uri(PNG), "mask": [uri(PNG)] * 2}, None, "16 images and one mask"),
        ({"images": [uri(PNG)] * 17}, None, "16 images and one mask"),
        ({"image": "data:image/png;base64,AAAA"}, None, "Image 1: "),
        ({"image": "https://127.0.0.1/a.png"}, None, "not on the public internet"),
        ({"image": uri(PNG), "markup": uri(PNG)}, "markup", "Unknown parameter"),
    ],
)
async def test_wrong_pictures_in_json(
    tmp_path: Path, body: dict[str, Any], param: str | None, words: str
) -> None:
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await client.post(EDITS, json={"prompt": "in winter", **body})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], scripted.requests) == (400, param, [])
    assert words in error["message"]


async def test_a_model_that_takes_no_pictures(tmp_path: Path) -> None:
    async with open_sdk(tmp_path, ScriptedProvider()) as (sdk, _):
        error = await refused(sdk.images.edit(image=PNG, prompt="in winter"))
    assert (error.status_code, "takes no pictures" in error.message) == (400, True)


# Forms


def form(*fields: tuple[str, str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    """Writes a form; a field's second part is what stands after its name."""
    written = b""
    for name, more, value in fields:
        written += f'--x\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
        written += value + b"\r\n"
    return written + end


AS_FILE = '; filename="a.png"'
PROMPT = ("prompt", "", b"in winter")
IMAGE = ("image", AS_FILE, PNG)


async def post_form(
    client: Client, body: bytes, type: str = "multipart/form-data; boundary=x"
) -> httpx.Response:
    return await client.post(EDITS, content=body, headers={"Content-Type": type})


WRONG: dict[str, tuple[bytes, str, int, str]] = {
    "no boundary": (form(PROMPT, IMAGE), "multipart/form-data", 400, "form cannot be read"),
    "another boundary": (form(PROMPT, IMAGE), "multipart/form-data; boundary=y", 400, "form cannot be read"),
    "a boundary too long": (
        form(PROMPT, IMAGE),
        f"multipart/form-data; boundary={'x' * 400}",
        400,
        "form cannot be read",
    ),
    **{
        f"the charset {name}": (
            form(("prompt", "", b"a" * 50_000), IMAGE),
            f"multipart/form-data; boundary=x; charset={name}",
            400,
            "must be in UTF-8",
        )
        for name in ("punycode", "idna", "undefined", "utf-7", "rot13")
    },
    "nothing": (b"", "multipart/form-data; boundary=x", 400, "no picture"),
    "no form": (b"not a form", "multipart/form-data; boundary=x", 400, "form cannot be read"),
    "a field without a name": (
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
        "multipart/form-data; boundary=x",
        400,
        "form cannot be read",
    ),
    "headers without end": (
        b"--x\r\n" + b"A" * 100_000,
        "multipart/form-data; boundary=x",
        400,
        "cannot be read",
    ),
    "a field too large": (
        form(("prompt", "", b"a" * (MAX_BODY + 1)), IMAGE),
        "multipart/form-data; boundary=x",
        400,
        "form cannot be read",
    ),
    "a thousand fields": (
        form(*[(f"f{n}", "", b"") for n in range(1_000)]),
        "multipart/form-data; boundary=x",
        400,
        "form cannot be read",
    ),
    "18 pictures": (
        form(PROMPT, *[IMAGE] * 18),
        "multipart/form-data; boundary=x",
        400,
        "16 images and one mask",
    ),
    "18 files, the last of which would be refused for its name": (
        form(PROMPT, *[IMAGE] * 17, ("video", AS_FILE, PNG)),
        "multipart/form-data; boundary=x",
        400,
        "16 images and one mask",
    ),
    "two masks": (
        form(PROMPT, IMAGE, *[("mask", AS_FILE, PNG)] * 2),
        "multipart/form-data; boundary=x",
        400,
        "16 images and one mask",
    ),
    "another file": (
        form(PROMPT, ("video", AS_FILE, PNG)),
        "multipart/form-data; boundary=x",
        400,
        "'video'",
    ),
    "a field twice": (form(PROMPT, PROMPT, IMAGE), "multipart/form-data; boundary=x", 400, "there twice"),
    "a text as the picture": (
        form(PROMPT, ("image", "", b"a.png")),
        "multipart/form-data; boundary=x",
        400,
        "Each image must be",
    ),
    "a damaged picture": (
        form(PROMPT, ("image", AS_FILE, PNG[:-20])),
        "multipart/form-data; boundary=x",
        400,
        "Image 1: The picture is cut off",
    ),
    "an empty picture": (
        form(PROMPT, ("image", AS_FILE, b"")),
        "multipart/form-data; boundary=x",
        400,
        "Image 1",
    ),
    "n a word": (form(PROMPT, IMAGE, ("n", "", b"two")), "multipart/form-data; boundary=x", 400, "field n"),
    "options a word": (
        form(PROMPT, IMAGE, ("options", "", b"{")),
        "multipart/form-data; boundary=x",
        400,
        "options must be an object",
    ),
    "a prompt that is no UTF-8": (
        form(("prompt", "", b"\x00\xff"), IMAGE),
        "multipart/form-data; boundary=x",
        400,
        "control characters",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_wrong_forms(tmp_path: Path, what: str) -> None:
    body, type, status, words = WRONG[what]
    scripted = editing()
    async with open_client(tmp_path, scripted) as (client, _):
        answer = await post_form(client, body, type)
    assert (answer.status_code, scripted.requests) == (status, [])
    assert words in answer.json()["error"]["message"]


async def test_a_form_that_is_cut_off_makes_no_picture(tmp_path: Path) -> None:
    scripted, whole = editing(), form(PROMPT, IMAGE)
    async with open_client(tmp_path, scripted) as (client, _):
        for end in range(0, len(whole) - 4, 7):
            assert (await post_form(client, whole[:end])).status_code == 400, end
        assert scripted.requests == []
        assert (await post_form(client, whole)).status_code == 200


async def test_large_pictures_are_bounded_in_both_forms(tmp_path: Path) -> None:
    scripted, large = editing(), noise(1_200)
    assert len(large) > 1_200_000
    async with open_client(tmp_path, scripted, max_bytes=2_000_000) as (client, _):
        assert (await post_form(client, form(PROMPT, ("image", AS_FILE, large)))).status_code == 200
        assert scripted.requests[-1].images[0].data == large
        body = {"prompt": "in winter", "images": [{"image_url": uri(large)}]}
        assert (await client.post(EDITS, json=body)).status_code == 200
        assert scripted.requests[-1].images[0].data == large
        answer = await post_form(client, form(PROMPT, ("image", AS_FILE, bytes(4_000_000))))
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


# A key


async def test_a_retry_with_its_key_edits_nothing_twice(tmp_path: Path) -> None:
    scripted, headers = editing(), {"Idempotency-Key": "k"}
    async with open_sdk(tmp_path, scripted) as (sdk, _):
        first = await sdk.images.edit(image=PNG, prompt="a", extra_headers=headers)
        again = await sdk.images.edit(image=PNG, prompt="a", extra_headers=headers)  # with another boundary
        assert first == again
        assert len(scripted.requests) == 1
        error = await refused(sdk.images.edit(image=png(9, 9), prompt="a", extra_headers=headers))
        assert (error.status_code, error.code) == (422, "idempotency_key_reused")
        two = {"image": PNG, "prompt": "a", "extra_headers": {"Idempotency-Key": "l"}, "n": 2}
        answers = [await sdk.images.edit(**two) for _ in range(2)]
        assert answers[0] == answers[1]
        assert [len(answer.data or ()) for answer in answers] == [2, 2]
    assert len(scripted.requests) == 3
