"""How a picture was made comes back out of its file; a hostile file says nothing."""

from __future__ import annotations

import json
import time
import tracemalloc
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.metadata.details import write_details
from core.metadata.settings import read_settings
from core.metadata.xmp import LIMNER
from tests.core.metadata.made import PROMPT, version_of
from tests.limner.odd_pictures import GROUPS, early
from tests.limner.test_picture import PICTURES, PNG, chunk

OURS = {
    **{"prompt": PROMPT, "negative_prompt": "text, blur", "provider": "acme", "model": "acme/paint-1"},
    **{"size": "64x48", "seed": 4711, "options": {"steps": 28, "guidance": 3.5, "style": 'oil, "thick"'}},
    "tool": "Limner",
}
A1111 = """a fox, <lora:snow:0.8>
in two lines
Negative prompt: blur, (text:1.2)
ugly
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 99, Size: 512x768, Model: "xl, 1.0", Version: v1.9"""
FROM_A1111 = {
    **{"prompt": "a fox, <lora:snow:0.8>\nin two lines", "negative_prompt": "blur, (text:1.2)\nugly"},
    **{"seed": 99, "size": "512x768", "model": "xl, 1.0", "tool": "Stable Diffusion web UI"},
}
COMFY: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            **{"seed": 156, "steps": 20, "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0]},
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a bottle", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text", "clip": ["4", 1]}},
}
FROM_COMFY = {
    **{"prompt": "a bottle", "negative_prompt": "text", "seed": 156, "size": "768x512"},
    **{"model": "xl.safetensors", "tool": "ComfyUI"},
}
INVOKE = {"positive_prompt": "a cat", "seed": 7, "width": 640, "height": 512, "model": {"name": "sdxl"}}
FROM_INVOKE = {"prompt": "a cat", "seed": 7, "size": "640x512", "model": "sdxl", "tool": "InvokeAI"}
FOOOCUS = {"prompt": "a dog", "seed": "8", "resolution": "(896, 1152)", "base_model": "juggernaut"}
FROM_FOOOCUS = {"prompt": "a dog", "seed": 8, "size": "896x1152", "model": "juggernaut", "tool": "Fooocus"}


def with_text(name: str, text: str, **more: Any) -> bytes:
    file, texts = BytesIO(), PngInfo()
    texts.add_text(name, text, **more)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def changed(workflow: dict[str, Any], node: str, **inputs: Any) -> str:
    """The workflow with other inputs of one node."""
    other = json.loads(json.dumps(workflow))
    other[node]["inputs"] |= inputs
    return json.dumps(other)


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "svg"])
def test_what_we_wrote_comes_back(name: str) -> None:
    data = PICTURES[name][0]
    assert read_settings(data) == {}
    assert read_settings(write_details(data, version_of(data))) == OURS


def test_without_our_packet_the_text_says_nearly_the_same() -> None:
    copy = write_details(PICTURES["png"][0], version_of(PICTURES["png"][0]))
    copy = copy.replace(b"XML:com.adobe.xmp", b"XML:com.adobe.xxx")
    expected = {name: value for name, value in OURS.items() if name not in ("options", "provider")}
    assert read_settings(copy) == {**expected, "size": "97x61"}


TEXTS = {
    "parameters": (with_text("parameters", A1111), FROM_A1111),
    "parameters, packed": (with_text("parameters", A1111, zip=True), FROM_A1111),
    "parameters, international": (with_text("parameters", f"狐 {A1111}"), {**FROM_A1111, "prompt": ""}),
    "ComfyUI": (with_text("prompt", json.dumps(COMFY)), FROM_COMFY),
    "InvokeAI": (with_text("invokeai_metadata", json.dumps(INVOKE)), FROM_INVOKE),
    "Fooocus": (with_text("parameters", json.dumps(FOOOCUS)), FROM_FOOOCUS),
    "a prompt from another node": (
        with_text("prompt", changed(COMFY, "6", text=["9", 0])),
        {name: value for name, value in FROM_COMFY.items() if name != "prompt"},
    ),
    "a seed from another node": (
        with_text("prompt", changed(COMFY, "3", seed=["9", 0])),
        {name: value for name, value in FROM_COMFY.items() if name != "seed"},
    ),
    "a seed that no request may have": (
        with_text("prompt", changed(COMFY, "3", seed=2**63)),
        {name: value for name, value in FROM_COMFY.items() if name != "seed"},
    ),
    "two samplers": (with_text("prompt", json.dumps({**COMFY, "8": COMFY["3"]})), {}),
    "words that are no settings": (with_text("parameters", "a fox\nin: two, lines"), {}),
    "words of a person": (with_text("prompt", "a fox"), {}),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_other_programs_wrote_is_read(name: str) -> None:
    data, expected = TEXTS[name]
    found = read_settings(data)
    if expected.get("prompt") == "":
        expected = {**expected, "prompt": f"狐 {FROM_A1111['prompt']}"}
    assert found == expected


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le", "ascii"])
def test_the_text_is_read_from_exif_data_too(format: str, encoding: str) -> None:
    exif, file = Image.Exif(), BytesIO()
    name = b"ASCII\0\0\0" if encoding == "ascii" else b"UNICODE\0"
    exif.get_ifd(0x8769)[0x9286] = name + A1111.encode(encoding)
    Image.new("RGB", (8, 8)).save(file, format, exif=exif)
    assert read_settings(file.getvalue()) == FROM_A1111


def xmp(inner: str, head: str = "", more: str = "") -> bytes:
    packet = (
        f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/"{more}><rdf:RDF xmlns:rdf="'
        f'http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:limner="{LIMNER}">{inner}'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    return early(chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + packet.encode()))


LAUGH = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
BOMB = b"\0\0" + zlib.compress(bytes(50_000_000))
SMALL_BOMB = b"\0\0" + zlib.compress(bytes(100_001))
HOSTILE = {
    "entities": xmp("<limner:prompt>&b;</limner:prompt>", LAUGH),
    "an entity from outside": xmp("<limner:prompt>&b;</limner:prompt>", OUTSIDE),
    "UTF-16": early(chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + "<a/>".encode("utf-16"))),
    "a namespace of 90 kB": xmp(
        "".join(f"<a:a{n}/>" for n in range(4_000)), more=f' xmlns:a="{"x" * 40_000}"'
    ),
    "deep elements": xmp("<a>" * 15_000 + "</a>" * 15_000),
    "a packed packet of 50 MB": early(
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BOMB[2:]),
    ),
    "a packed text of 50 MB": early(chunk(b"zTXt", b"parameters" + BOMB)),
    "many packed texts of 50 MB": early(*[chunk(b"zTXt", b"parameters" + BOMB)] * 2_000),
    "many packed texts of 100 kB": early(*[chunk(b"zTXt", b"parameters" + SMALL_BOMB)] * 120_000),
    "a text of 2 MB": early(chunk(b"tEXt", b"parameters\0" + A1111.encode() * 10_000)),
    "a text that is not packed": early(chunk(b"zTXt", b"parameters\0\0nonsense")),
    "a text of nothing": early(chunk(b"tEXt", b""), chunk(b"iTXt", b"parameters\0")),
    "deep JSON": with_text("prompt", "[" * 90_000),
    "deeper JSON": with_text("prompt", '{"a":' * 15_000 + "1" + "}" * 15_000),
    "JSON of another shape": with_text("prompt", '{"3": {"class_type": "KSampler", "inputs": []}}'),
    "JSON of lists": with_text("prompt", '[["class_type"]]'),
    "a list for a name": with_text(
        "invokeai_metadata", '{"seed": [1], "positive_prompt": {"a": 1}, "model": 3}'
    ),
    "slow spaces": with_text("parameters", "a\n" + " " * 90_000 + "!"),
    "slow words": with_text("parameters", "a\n" + "a " * 40_000),
    "slow quotes": with_text("parameters", "a\n" + 'a: "' + '\\"' * 40_000),
    "a cut file": PNG[:60],
    "many chunks": PNG[:33] + chunk(b"tEXt", b"") * 600_000 + PNG[33:],
    "EXIF that points nowhere": GROUPS["JPEG"]["EXIF of 64 KB"],
    "EXIF in a circle": b"\xff\xd8\xff\xe1\0\x26Exif\0\0II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0"
    + bytes(9),
    "odd settings": xmp(
        "<limner:seed>-1</limner:seed><limner:size>12</limner:size><limner:options>[1]</limner:options>"
        "<limner:provider>a\nb</limner:provider><limner:images>x</limner:images><limner:mask>x</limner:mask>"
        f"<limner:model>{'x' * 201}</limner:model>"
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_says_nothing_and_costs_little(name: str) -> None:
    data = HOSTILE[name]
    started = time.process_time()
    assert read_settings(data) == {}
    assert time.process_time() - started < 5
    tracemalloc.start()  # which slows everything down
    try:
        read_settings(data)
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


def test_one_setting_that_cannot_be_meant_leaves_the_others() -> None:
    data = xmp(
        "<limner:prompt>a\nfox</limner:prompt><limner:seed>x</limner:seed><limner:size>a</limner:size>"
    )
    assert read_settings(data) == {"prompt": "a\nfox", "tool": "Limner"}
    text = A1111.replace("Seed: 99", "Seed: -1").replace("in two", "in\0\x1b two")
    assert read_settings(with_text("parameters", text)) == {
        name: value for name, value in FROM_A1111.items() if name != "seed"
    }


def test_no_odd_file_makes_it_fail() -> None:
    for group in GROUPS.values():
        for data in group.values():
            read_settings(data)
            read_settings(data[: len(data) // 2])
