"""What an assistant does with the tools, through the official client, by both transports."""

from __future__ import annotations

import asyncio
import base64
import re
from io import BytesIO
from typing import Any

import jsonschema
import pytest
from mcp.types import CancelledNotification, CancelledNotificationParams, ClientNotification
from PIL import Image

from tests.core.scripted import PNG
from tests.doors import GOOD, NOT_OF_THE_REQUEST, REFUSED
from tests.serving import Serving
from tests.ui.conftest import Gate, Kept
from tests.ui.mcp.clients import Door, OverStdio, facts, picture, sentence
from tests.waiting import until

pytestmark = pytest.mark.anyio

PROVENANCE = {
    "prompt": GOOD["prompt"],
    "provider": "sketch",
    "model": "sketch-1",
    "size": "512x512",
    "seed": GOOD["seed"],
    "mediaType": "image/png",
    "width": 512,
}


def arguments(**more: Any) -> dict[str, Any]:
    return {name: value for name, value in {**GOOD, **more}.items() if value is not None}


async def test_a_picture_is_byte_for_byte_the_stored_one(over_http: Door) -> None:
    async with over_http.client() as client:
        answers = [await client.call_tool("generate_image", arguments()) for _ in range(2)]
    (entry,) = facts(answers[0])["pictures"]
    assert picture(answers[0]) == (over_http.pictures / entry["id"]).read_bytes()
    assert picture(answers[0]) == picture(answers[1])
    assert answers[0].content[0].type == "image"
    assert answers[0].content[0].mimeType == "image/png"
    assert entry["metadata"].items() >= PROVENANCE.items()
    first, second = (facts(answer)["pictures"][0]["metadata"] for answer in answers)
    assert {name for name in first if first[name] != second[name]} <= NOT_OF_THE_REQUEST


async def test_both_transports_give_the_same(over_http: Door, over_stdio: Door) -> None:
    told: list[Any] = []
    for door in (over_http, over_stdio):
        async with door.client() as client:
            schemas = [(tool.inputSchema, tool.outputSchema) for tool in (await client.list_tools()).tools]
            made = await client.call_tool("generate_image", arguments(count=2))
            images = [facts(made)["pictures"][0]["id"], _data(PNG)]
            edited = await client.call_tool("edit_image", arguments(images=images, provider="sketch"))
            refused = sentence(await client.call_tool("generate_image", arguments(seed=-1)))
            failed = await client.call_tool("generate_image", {"prompt": "A boat #filtered"})
        entries = [entry for answer in (made, edited) for entry in facts(answer)["pictures"]]
        pictures = [picture(made, 0), picture(made, 1), picture(edited)]
        assert pictures == [(door.pictures / entry["id"]).read_bytes() for entry in entries]
        known = [{n: v for n, v in e["metadata"].items() if n not in NOT_OF_THE_REQUEST} for e in entries]
        told.append((schemas, pictures, known, refused, sentence(failed), facts(failed)["category"]))
    assert told[0] == told[1]


async def test_what_no_door_takes_is_one_sentence(over_http: Door) -> None:
    told: dict[str, str] = {}
    async with over_http.client() as client:
        for case, refused in REFUSED.items():
            if "surrogate" in case:  # this client cannot write it
                continue
            told[case] = sentence(await client.call_tool("generate_image", arguments(**refused.values)))
    wrong = {case: said for case, said in told.items() if not re.search(REFUSED[case].words, said, re.I)}
    assert wrong == {}


async def test_wrong_calls_are_one_sentence(over_http: Door) -> None:
    calls = [
        ("draw", {}, "no tool 'draw'"),
        ("generate_image", {"prompt": "a fox", "colour": "red"}, "no argument 'colour'"),
        ("generate_image", {"prompt": "a fox", "images": ["x"]}, "no argument 'images'"),
        ("generate_image", arguments(count=5), "count"),
        ("generate_image", arguments(count=True), "count"),
        ("edit_image", {"prompt": "make it night"}, "images"),
        ("edit_image", {"prompt": "make it night", "images": "a.png"}, "images"),
        ("edit_image", {"prompt": "make it night", "images": [f"{'0' * 32}.png"]}, "not kept"),
        ("edit_image", {"prompt": "make it night", "images": [7]}, "Image 1"),
        ("edit_image", {"prompt": "x", "images": ["data:image/png;base64,AAAA"]}, "Image 1: "),
        ("edit_image", {"prompt": "x", "images": ["data:image/png;base64,AAAA"] * 17}, "16 images"),
        ("list_providers", {"all": True}, "takes none"),
    ]
    async with over_http.client() as client:
        for tool, given, words in calls:
            assert words in sentence(await client.call_tool(tool, given)), (tool, given)


async def test_no_file_of_the_machine_is_read(over_stdio: OverStdio) -> None:
    """What an assistant was told by a page must not send a person's photographs away."""
    secret = over_stdio.folder / "secret.png"
    secret.write_bytes(PNG)
    async with over_stdio.client() as client:
        for named in (str(secret), secret.name, f"file://{secret}", f"../{secret.name}"):
            given = {"prompt": "make it night", "provider": "sketch", "images": [named]}
            assert "cannot be used" in sentence(await client.call_tool("edit_image", given))


async def test_pictures_are_edited_by_id_and_as_data(over_http: Door, kept: Kept) -> None:
    async with over_http.client() as client:
        first = await client.call_tool("generate_image", arguments(size="320x320"))
        sent = _data(PNG)
        edited = await client.call_tool(
            "edit_image",
            {
                "prompt": f"Make it blue {kept.tag}",
                "provider": "retouch",
                "model": "pair",
                "images": [facts(first)["pictures"][0]["id"], sent],
                "mask": _data(_png("white")),
            },
        )
    assert picture(edited) != picture(first)
    assert kept.picture(1).convert("RGB").tobytes() == _pixels(picture(first))
    assert kept.picture(2).convert("RGB").tobytes() == _pixels(PNG)
    assert kept.about()["images"][0] == "a-red-fox-in-the-snow-at-dawn.png"


def _data(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def _png(colour: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "PNG")
    return file.getvalue()


def _pixels(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


async def test_several_pictures_have_seeds_in_a_row(over_http: Door) -> None:
    async with over_http.client() as client:
        answer = await client.call_tool("generate_image", arguments(count=3, size="256x256"))
    entries = facts(answer)["pictures"]
    assert [entry["metadata"]["seed"] for entry in entries] == [4217, 4218, 4219]
    assert [picture(answer, n) for n in range(3)] == [
        (over_http.pictures / entry["id"]).read_bytes() for entry in entries
    ]


async def test_a_failure_says_what_to_do(over_http: Door) -> None:
    async with over_http.client() as client:
        limited = await client.call_tool("generate_image", {"prompt": "A boat #rate-limit"})
        filtered = await client.call_tool("generate_image", {"prompt": "A boat #filtered"})
    assert "Wait" in sentence(limited)
    assert facts(limited)["category"] == "rate-limit"
    assert facts(limited)["serviceMessage"] == "The service's own words."
    assert "Change the prompt" in sentence(filtered)
    assert facts(filtered)["category"] == "content-filter"


async def test_a_client_hears_how_far_its_picture_is(door: Door, gate: Gate) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append((progress, total, message))

    gate.say("40 % drawn")
    async with door.client() as client:
        asking = asyncio.create_task(
            client.call_tool("generate_image", {"prompt": f"A boat {gate.tag}"}, progress_callback=hear)
        )
        await until(lambda: any("40 %" in (words or "") for _, _, words in heard))
        gate.say("still at it")
        await until(lambda: heard[-1][2] == "still at it")
        gate.open()
        assert picture(await asking)
    done = [each[0] for each in heard]
    assert done == sorted(set(done)), "each is more than the last"
    assert max(done) < 1 == heard[0][1]
    assert next(each[0] for each in heard if "40 %" in (each[2] or "")) >= 0.4


async def test_a_cancelled_call_stops_its_picture(door: Door, gate: Gate) -> None:
    async with door.client() as client:
        asking = asyncio.create_task(client.call_tool("generate_image", {"prompt": f"A boat {gate.tag}"}))
        await until(lambda: gate.is_at("reached"))
        params = CancelledNotificationParams(requestId=client._request_id - 1)  # pyright: ignore
        cancelled = CancelledNotification(method="notifications/cancelled", params=params)
        await client.send_notification(ClientNotification(cancelled))
        await until(lambda: gate.is_at("stopped"))
        with pytest.raises(Exception, match="cancelled"):
            await asking
        assert not (await client.call_tool("list_providers", {})).isError, "the others go on"


async def test_a_client_that_goes_away_stops_its_picture(door: Door, gate: Gate) -> None:
    async with door.client() as client:
        asking = asyncio.create_task(client.call_tool("generate_image", {"prompt": f"A boat {gate.tag}"}))
        await until(lambda: gate.is_at("reached"))
    asking.cancel()
    await until(lambda: gate.is_at("stopped"))


async def test_the_schemas_are_true(over_http: Door) -> None:
    async with over_http.client() as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert list(tools) == ["generate_image", "edit_image", "list_providers"]
        listed = facts(await client.call_tool("list_providers", {}))
        for tool in tools.values():
            assert tool.outputSchema
            jsonschema.Draft202012Validator.check_schema(tool.inputSchema)
            jsonschema.Draft202012Validator.check_schema(tool.outputSchema)
        given = tools["generate_image"].inputSchema
        jsonschema.validate(GOOD, given)
        names = [provider["name"] for provider in listed["providers"]]
        assert given["properties"]["provider"]["enum"] == names
        assert {"sketch", "shapes", "retouch"} <= set(names)
        assert "shapes" not in tools["edit_image"].inputSchema["properties"]["provider"]["enum"]
        assert tools["edit_image"].inputSchema["required"] == ["prompt", "images", "provider"], (
            "the default provider takes no pictures"
        )
        for name in ("size", "options"):
            for example in given["properties"][name]["examples"]:
                answer = await client.call_tool("generate_image", arguments(**{name: example}))
                assert not answer.isError, example
    assert tools["list_providers"].annotations
    assert tools["list_providers"].annotations.readOnlyHint
    refused = [case for case, bad in REFUSED.items() if _fits(arguments(**bad.values), given)]
    told_by_words = {"prompt blank", "prompt with control characters", "prompt with half a surrogate pair"}
    told_by_words |= {"unknown model", "unknown option", "option of a wrong type"}
    assert set(refused) == told_by_words, "what can be said in a schema is said there"


def _fits(given: dict[str, Any], schema: dict[str, Any]) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(given)


async def test_a_large_picture_comes_small_with_the_place_of_the_whole(over_stdio: OverStdio) -> None:
    async with over_stdio.client() as client:
        answer = await client.call_tool("generate_image", arguments(size="1536x1536"))
    (entry,) = facts(answer)["pictures"]
    assert entry["preview"] is True
    whole = (over_stdio.pictures / entry["id"]).read_bytes()
    assert entry["file"] == str(over_stdio.pictures / entry["id"])
    assert len(picture(answer)) < 750_000 < len(whole) == entry["metadata"]["bytes"]
    assert answer.content[0].type == "image"
    assert answer.content[0].mimeType == "image/webp"


async def test_a_large_picture_comes_whole_where_it_is_nowhere_else(over_http: Door) -> None:
    async with over_http.client() as client:
        answer = await client.call_tool("generate_image", arguments(size="1536x1536"))
    (entry,) = facts(answer)["pictures"]
    assert picture(answer) == (over_http.pictures / entry["id"]).read_bytes()
    assert not {"preview", "url", "file"} & entry.keys()


async def test_the_log_has_no_prompt_and_no_trace(app: Serving, door: Door) -> None:
    before = app.log.stat().st_size
    async with door.client() as client:
        await client.call_tool("generate_image", {"prompt": "a very private prompt", "colour": 1})
        await client.call_tool("generate_image", {"prompt": "a very private prompt", "seed": -1})
    log = door.log if isinstance(door, OverStdio) else app.log
    with log.open() as written:
        written.seek(0 if isinstance(door, OverStdio) else before)
        said = written.read()
    assert "private" not in said
    assert "Traceback" not in said
