"""A thumbnail shows what the picture shows, in every form that a picture may have."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps

from limner import ProviderError
from limner.thumbnail import make_thumbnail
from tests.limner.photos import corners, photo, scene

SIDES = (1440, 960)
TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
}


def large(mode: str = "RGB") -> Image.Image:
    return scene().resize(SIDES).convert(mode)


def written(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def thumbnail(data: bytes, media_type: str = "image/png") -> Image.Image:
    image = Image.open(BytesIO(make_thumbnail(data, media_type)), formats=["WEBP"])
    image.load()
    return image


@pytest.mark.parametrize("format", TYPES)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_every_form_of_colours(format: str, mode: str) -> None:
    if (format in ("JPEG", "AVIF", "WEBP") and mode in ("P", "1")) or (format, mode) == ("GIF", "RGB"):
        mode = "L"
    image = large(mode)
    # noise, so that no form of the picture is smaller than its thumbnail
    image.paste(Image.effect_noise((400, 960), 90).convert(mode), (520, 0))
    small = thumbnail(written(image, format), TYPES[format])
    assert small.size == (640, 427)
    if mode in ("RGB", "P"):
        assert corners(small) == ["red", "lime", "blue", "white"]
    else:
        assert corners(small)[3] == "white"


def test_the_colours_of_a_palette_are_blended() -> None:
    board = Image.new("P", (2, 2))
    board.putpalette([0, 0, 0, 255, 255, 255])
    board.putdata([0, 1, 1, 0])
    large = Image.new("P", (1280, 1280))
    large.putpalette([0, 0, 0, 255, 255, 255])
    for at in range(0, 1280, 2):
        large.paste(board, (at, 0))
    strip = large.crop((0, 0, 1280, 2))
    for at in range(2, 1280, 2):
        large.paste(strip, (0, at))
    large.paste(
        Image.effect_noise((200, 1280), 90)
        .convert("1")
        .convert("L")
        .point([value // 255 for value in range(256)])
    )
    assert 115 < thumbnail(written(large)).convert("L").getpixel((500, 300)) < 140  # pyright: ignore


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright(orientation: int) -> None:
    data = written(large().copy(), "JPEG", exif=Image.open(BytesIO(photo("JPEG", orientation))).getexif())
    small = thumbnail(data, "image/jpeg")
    assert small.size == ((640, 427) if orientation < 5 else (427, 640))
    whole = Image.open(BytesIO(photo("JPEG", orientation)))
    assert corners(small) == corners(ImageOps.exif_transpose(whole))
    assert not small.getexif()


def test_transparency_stays_and_what_cannot_be_seen_colours_nothing() -> None:
    image = large("RGBA")
    image.paste(Image.effect_noise((400, 960), 90).convert("RGBA"), (520, 0))
    image.paste((255, 0, 255, 0), (0, 0, 720, 480))
    small = thumbnail(written(image))
    assert small.mode == "RGBA"
    assert small.getpixel((9, 9))[3] == 0  # pyright: ignore
    palette = Image.new("P", SIDES, 1)
    palette.putpalette([255, 0, 255, 0, 0, 255] + [n for n in range(200) for _ in range(3)])
    palette.paste(Image.effect_noise((700, 960), 30), (720, 0))
    palette.paste(0, (0, 0, 600, 960))
    small = thumbnail(written(palette, transparency=0))
    assert small.getpixel((9, 9))[3] == 0  # pyright: ignore
    assert small.getpixel((300, 9))[3] == 255  # pyright: ignore


def test_sixteen_bits_and_four_inks() -> None:
    deep = Image.effect_noise(SIDES, 30).convert("I").point(lambda value: value * 64).convert("I;16")
    assert 20 < thumbnail(written(deep)).convert("L").resize((1, 1)).getpixel((0, 0)) < 45  # pyright: ignore
    small = thumbnail(written(large("CMYK"), "JPEG"), "image/jpeg")
    assert small.mode == "RGB"
    assert corners(small) == ["red", "lime", "blue", "white"]


def test_a_colour_profile_is_applied() -> None:
    """The numbers are those of a screen on which red and green are swapped."""
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = swapped.index(b"rXYZ"), swapped.index(b"gXYZ")
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    small = thumbnail(written(large(), "JPEG", icc_profile=bytes(swapped)), "image/jpeg")
    assert corners(small) == ["lime", "red", "blue", "white"]
    assert "icc_profile" not in small.info
    wrong = thumbnail(written(large("L"), "JPEG", icc_profile=bytes(swapped)), "image/jpeg")
    assert corners(wrong)[3] == "white"


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(format: str) -> None:
    frames = [Image.new("RGB", SIDES, colour) for colour in ("red", "lime")]
    for frame in frames:
        frame.paste(Image.effect_noise((400, 960), 90).convert("RGB"), (520, 0))
    data = written(frames[0], format, save_all=True, append_images=frames[1:], duration=100)
    small = thumbnail(data, TYPES[format])
    assert not getattr(small, "is_animated", False)
    assert corners(small)[0] == "red"


def test_what_is_small_or_would_not_be_smaller_stays_itself() -> None:
    assert make_thumbnail(written(scene()), "image/png") == b""
    assert make_thumbnail(written(Image.new("1", (1000, 9))), "image/png") == b""
    assert make_thumbnail(written(Image.effect_noise((640, 640), 90)), "image/png") != b"", (
        "it has many bytes"
    )


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", written(large())[:2000], b"<svg/>"])
def test_what_cannot_be_decoded_is_named(data: bytes) -> None:
    with pytest.raises(ProviderError):
        make_thumbnail(data, "image/png")
