"""A copy with details says how its picture was made, to every program; and not a pixel of it is another."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.metadata.details import write_details
from core.metadata.settings import read_settings
from limner import ProviderError
from limner.identify import identify
from limner.parts import walk
from tests.core.metadata.made import PROMPT, frames, read_by_exiftool, version_of
from tests.limner.odd_pictures import GROUPS
from tests.limner.photos import opened, photo
from tests.limner.test_picture import PICTURES

SERVICE = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    b' xmlns:xmp="http://ns.adobe.com/xap/1.0/" photoshop:Credit="Made with care" xmp:CreatorTool="Theirs"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
WITH_XMP = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")


@pytest.mark.parametrize("name", [name for name in PICTURES if name != "svg"])
def test_exiftool_reads_what_was_written_and_every_frame_stays(name: str) -> None:
    data = PICTURES[name][0]
    copy = write_details(data, version_of(data))
    assert frames(copy) == frames(data)
    assert identify(copy) == identify(data)
    said = read_by_exiftool(copy)
    assert "ExifTool:Warning" not in said
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    assert said["XMP-iptcExt:DigitalSourceType"] == source
    assert said["XMP-iptcExt:AISystemUsed"] == "Paint 1 via Acme"
    assert said["XMP-xmp:CreatorTool"] == "Limner"
    assert said["XMP-xmp:CreateDate"] == "2025:06:15 15:06:52+00:00"
    prompts = ("XMP-dc:Description", "XMP-iptcExt:AIPromptInformation", "XMP-limner:Prompt")
    assert [said[name] for name in prompts] == [PROMPT] * 3
    assert (said["XMP-limner:Seed"], said["XMP-limner:Model"]) == (4711, "acme/paint-1")
    assert not [kept for kept in (b"REQUEST-", b"USAGE-", b"META-", b"SAID-", b"COST-") if kept in copy]


@pytest.mark.parametrize(("format", "name"), [(group, name) for group in GROUPS for name in GROUPS[group]])
def test_an_odd_file_loses_nothing(format: str, name: str) -> None:
    data = GROUPS[format][name]
    try:
        known = identify(data)
    except ProviderError:
        return
    copy = write_details(data, version_of(data))
    assert identify(copy) == known
    try:
        image = opened(data)
    except Exception:  # Pillow by itself reads fewer files
        assert format == "SVG" or walk(format, copy, 10**6).coded() == walk(format, data, 10**6).coded()
        return
    assert opened(copy).tobytes() == image.tobytes()
    assert opened(copy).info.get("icc_profile") == image.info.get("icc_profile")
    assert opened(copy).info.get("exif") == image.info.get("exif")


def test_a_picture_made_from_others_says_so() -> None:
    data = PICTURES["jpeg"][0]
    copy = write_details(data, version_of(data, from_pictures=True))
    source = read_by_exiftool(copy)["XMP-iptcExt:DigitalSourceType"]
    assert source.endswith("/compositeWithTrainedAlgorithmicMedia")


@pytest.mark.parametrize("prompt", ["Ein Fuchs, größer", PROMPT])
def test_a_png_has_the_text_that_programs_of_this_field_read(prompt: str) -> None:
    data = PICTURES["png"][0]
    copy = write_details(data, version_of(data, prompt=prompt, negative_prompt=None, options={}))
    last = "Seed: 4711, Size: 97x61, Model: acme/paint-1, Version: Limner"
    assert opened(copy).info["parameters"] == f"{prompt}\n{last}"
    more: dict[str, Any] = {"prompt": prompt, "options": {"num_inference_steps": 9, "guidance_scale": 2}}
    copy = write_details(data, version_of(data, model='a, "b"', **more))
    last = f"Steps: 9, CFG scale: 2, {last}".replace("acme/paint-1", '"a, \\"b\\""')
    assert opened(copy).info["parameters"] == f"{prompt}\nNegative prompt: text, blur\n{last}"


@pytest.mark.parametrize("format", WITH_XMP)
def test_what_a_service_says_in_its_file_stays_and_ours_comes_beside_it_once(format: str) -> None:
    data = photo(format, **given(format))
    if format == "GIF":
        data = data[:-1] + b"!\xff\x0bXMP DataXMP" + SERVICE + bytes([1, *range(255, -1, -1), 0]) + b";"
    copy = write_details(data, version_of(data))
    if format == "AVIF":  # its packet is an item: a second one would contradict it
        assert copy is data
        return
    said = read_by_exiftool(copy)
    assert (said["XMP-photoshop:Credit"], said["XMP-xmp:CreatorTool"]) == ("Made with care", "Theirs")
    assert said["XMP-dc:Description"] == PROMPT
    assert copy.count(b"<x:xmpmeta") == 1
    assert frames(copy) == frames(data)
    other = write_details(copy, version_of(copy, seed=5))
    assert read_settings(other)["seed"] == 5
    assert other.count(b"<x:xmpmeta") == 1


def given(format: str) -> dict[str, Any]:
    if format == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", SERVICE.decode(), zip=True)
        return {"pnginfo": texts}
    return {"icc_profile": None, "exif": b""} if format == "GIF" else {"xmp": SERVICE}


@pytest.mark.parametrize(
    "packet", [b"nonsense", b"<a/>", b"\xff\xfe<\0", SERVICE.replace(b"rdf:RDF", b"x:RDF")]
)
def test_a_packet_that_cannot_be_read_is_replaced(packet: bytes) -> None:
    data = photo("WEBP", xmp=packet)
    copy = write_details(data, version_of(data))
    assert read_by_exiftool(copy)["XMP-dc:Description"] == PROMPT
    assert packet not in copy


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_prompt_that_is_too_long_three_times_stands_there_once(name: str) -> None:
    data, prompt = PICTURES[name][0], "狐" * 15_000
    copy = write_details(data, version_of(data, prompt=prompt))
    assert read_settings(copy)["prompt"] == prompt
    assert "XMP-dc:Description" not in read_by_exiftool(copy)
    longer = write_details(data, version_of(data, prompt=prompt * 3))
    assert longer is data


def test_any_character_of_a_prompt_keeps_the_file_readable() -> None:
    data, odd = PICTURES["jpeg"][0], "a\ud7ff\ufffe\x85]]>&lt;\r\n\t\U0010ffff"
    copy = write_details(data, version_of(data, prompt=odd))
    assert read_by_exiftool(copy)["XMP-xmp:CreatorTool"] == "Limner"
    assert read_settings(copy)["prompt"] == odd.replace("\ufffe", "").replace("\x85", "").replace("\r", "")


def test_a_transparent_webp_in_the_simple_form_stays_transparent() -> None:
    file = BytesIO()
    Image.new("RGBA", (8, 8), (9, 9, 9, 40)).save(file, "WEBP", lossless=True)
    data = file.getvalue()
    assert data[12:16] == b"VP8L"
    copy = write_details(data, version_of(data))
    assert copy[20] == 0x10 | 0x04  # what it says of its alpha channel, and of its packet
    assert frames(copy) == frames(data)


def test_an_avif_whose_last_box_has_no_length_has_no_room() -> None:
    data = PICTURES["avif"][0]
    at = data.index(b"mdat") - 4
    open_ended = data[:at] + bytes(4) + data[at + 4 :]
    assert frames(open_ended) == frames(data)
    assert write_details(open_ended, version_of(open_ended)) is open_ended
