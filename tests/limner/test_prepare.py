"""A picture that a person sends is upright, in a form that the model takes, and betrays nothing."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from limner import ImageInputs, ProviderError, Size
from limner.identify import identify
from limner.prepare import fit_image, from_heif, is_heif, prepare_image, prepare_mask
from tests.limner.photos import PROFILE, SECRETS, corners, opened, photo, scene

UPRIGHT = {
    1: ["red", "lime", "blue", "white"],
    2: ["lime", "red", "white", "blue"],
    3: ["blue", "white", "red", "lime"],
    4: ["white", "blue", "lime", "red"],
    5: ["red", "white", "blue", "lime"],
    6: ["white", "red", "lime", "blue"],
    7: ["blue", "lime", "red", "white"],
    8: ["lime", "blue", "white", "red"],
}
"""The corners of the scene as each orientation of EXIF shows it."""


def prepared(data: bytes) -> tuple[bytes, str]:
    made, info = prepare_image(data, identify(data))
    assert identify(made) == info
    assert opened(made).size == (info.width, info.height)
    assert not [secret for secret in SECRETS if secret in made]
    return made, info.media_type


def saved(image: Image.Image, format: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_a_photograph_stands_upright_in_its_own_colours(format: str, orientation: int) -> None:
    made, media_type = prepared(photo(format, orientation))
    assert corners(opened(made)) == UPRIGHT[orientation]
    assert opened(made).info["icc_profile"] == PROFILE
    unchanged = {"PNG": "image/png", "WEBP": "image/webp" if orientation == 1 else "image/jpeg"}
    assert media_type == unchanged.get(format, "image/jpeg")


def test_what_is_upright_and_clean_is_not_encoded_again() -> None:
    for format in ("PNG", "JPEG", "WEBP"):
        data = saved(scene(), format)
        assert prepared(data)[0] is data


def test_the_first_frame_of_a_gif_becomes_a_png() -> None:
    frames = [scene(), Image.new("RGB", scene().size, "red")]
    made, media_type = prepared(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert media_type == "image/png"
    assert corners(opened(made)) == UPRIGHT[1]


def test_what_is_transparent_stays_so() -> None:
    see_through = Image.new("RGBA", (8, 8), (255, 0, 0, 100))
    for data in (saved(see_through, "AVIF"), saved(see_through, "WEBP", exif=turned_by_90())):
        made, media_type = prepared(data)
        assert media_type == "image/png"
        alpha: Any = opened(made).convert("RGBA").getpixel((4, 4))
        assert 90 < alpha[3] < 110


def turned_by_90() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_16_bits_and_palettes_come_through_a_turn() -> None:
    palettes = (scene().convert(mode) for mode in ("P", "1", "LA"))
    for image in (Image.new("I;16", (9, 5), 40_000), *palettes):
        made, media_type = prepared(saved(image, "PNG", exif=turned_by_90()))
        assert (opened(made).size, media_type) == (image.size[::-1], "image/png")


def test_a_drawing_is_not_sent() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
    with pytest.raises(ProviderError) as error:
        prepare_image(svg, identify(svg))
    assert error.value.why == "An SVG drawing cannot be sent to a model: save it as PNG, and send that."


def heic(**options: Any) -> bytes:
    pillow_heif.register_heif_opener()  # pyright: ignore[reportUnknownMemberType]
    file = BytesIO()
    scene().save(file, "HEIF", quality=95, **options)
    return file.getvalue()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_photograph_of_an_iphone_becomes_a_jpeg(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "SERIAL-4711"
    data = heic(exif=exif.tobytes())
    assert is_heif(data)
    made, media_type = prepared(from_heif(data, 10_000))
    assert media_type == "image/jpeg"
    assert corners(opened(made)) == UPRIGHT[orientation]


def test_a_heic_picture_that_is_damaged_or_too_large_is_refused() -> None:
    data = heic()
    with pytest.raises(ProviderError, match="do not decode"):
        from_heif(data[: len(data) // 2], 10_000)
    with pytest.raises(ProviderError, match="more than 100 in all"):
        from_heif(data, 100)


@pytest.mark.parametrize("data", [photo("AVIF"), photo("JPEG"), b"", b"ftyp", b"0000ftypheic"[:11]])
def test_what_is_no_heic_picture_is_not_taken_for_one(data: bytes) -> None:
    assert not is_heif(data)


@pytest.mark.parametrize(
    ("taken", "media_type"),
    [
        ({}, "image/webp"),
        ({"media_types": ("image/png",)}, "image/png"),
        ({"media_types": ("image/jpeg", "image/gif")}, "image/jpeg"),
        ({"media_types": ("image/png", "image/jpeg")}, "image/jpeg"),
    ],
)
def test_a_picture_takes_a_form_that_the_model_takes(taken: dict[str, Any], media_type: str) -> None:
    data = saved(scene(), "WEBP", lossless=True, icc_profile=PROFILE)
    made, info = fit_image(data, identify(data), ImageInputs(**taken))
    assert info == identify(made)
    assert info.media_type == media_type
    assert corners(opened(made)) == UPRIGHT[1]
    assert opened(made).info["icc_profile"] == PROFILE
    assert (made is data) == (media_type == "image/webp")


def noise(side: int, mode: str = "RGB") -> Image.Image:
    image = Image.effect_noise((side, side), 90)
    return Image.merge("RGBA", [image] * 4) if mode == "RGBA" else image.convert(mode)


def fitted(data: bytes, most_bytes: int, *media_types: str) -> tuple[Image.Image, str]:
    taken = ImageInputs(most_bytes=most_bytes, media_types=media_types or ("image/png", "image/jpeg"))
    made, info = fit_image(data, identify(data), taken)
    assert info == identify(made)
    assert len(made) <= most_bytes
    assert not [secret for secret in SECRETS if secret in made]
    return opened(made), info.media_type


def test_a_picture_that_is_too_large_for_the_model_becomes_a_jpeg_and_then_a_worse_one() -> None:
    image = noise(600)
    data = saved(image, "PNG", icc_profile=PROFILE)
    jpegs = {quality: len(saved(image, "JPEG", quality=quality)) for quality in (95, 85)}
    for most_bytes, worse in ((len(data) - 1, False), (jpegs[95], True)):
        made, media_type = fitted(data, most_bytes)
        assert (made.size, media_type) == ((600, 600), "image/jpeg")
        assert made.info["icc_profile"] == PROFILE
        assert (len(saved(made, "JPEG", quality="keep")) < jpegs[95] - 1000) == worse


@pytest.mark.parametrize(
    ("mode", "media_types", "sides", "media_type"),
    [
        ("RGB", (), (640, 320), "image/jpeg"),
        ("RGB", ("image/png",), (600, 212), "image/png"),
        ("P", ("image/png",), (600, 212), "image/png"),
        ("1", ("image/png",), (1000, 250), "image/png"),
        ("RGBA", (), (600, 150), "image/png"),
        ("RGBA", ("image/jpeg",), (640, 320), "image/jpeg"),
    ],
)
def test_what_is_still_too_large_is_made_smaller(
    mode: str, media_types: tuple[str, ...], sides: tuple[int, int], media_type: str
) -> None:
    before, after = sides
    made, made_type = fitted(saved(noise(before, mode), "PNG"), 100_000, *media_types)
    assert (made.size, made_type) == ((after, after), media_type)
    assert made.has_transparency_data == (mode == "RGBA" and media_type == "image/png")


def test_one_transparent_colour_stays_transparent_in_a_smaller_picture() -> None:
    image = noise(600)
    image.paste((255, 0, 255), (0, 0, 300, 600))
    made, media_type = fitted(saved(image, "PNG", transparency=(255, 0, 255)), 100_000)
    assert media_type == "image/png"
    alpha = made.getchannel("A")
    assert [alpha.getpixel((round(x * made.width), 9)) for x in (0.2, 0.8)] == [0, 255]


def test_16_bits_become_8_and_not_white() -> None:
    image = Image.new("I;16", (600, 600), 40 * 257)
    image.paste(80 * 257, (0, 0, 600, 300))
    made, _ = fitted(saved(image, "PNG", compress_level=0), 100_000, "image/jpeg")
    assert [made.getpixel((9, y)) for y in (9, 590)] == [80, 40]


def test_what_stays_too_large_is_refused_with_the_next_step() -> None:
    data = saved(noise(2000), "PNG")
    why = "larger than the 100,000 bytes that the model takes: save it smaller, and add it again."
    with pytest.raises(ProviderError, match=re.escape(why)):
        fitted(data, 100_000, "image/png")


def grey(*pixels: int) -> Image.Image:
    image = Image.new("L", (len(pixels), 1))
    image.putdata(pixels)
    return image


def see_through(*alphas: int) -> Image.Image:
    image = Image.new("RGBA", (len(alphas), 1), "white")
    image.putalpha(grey(*alphas))
    return image


@pytest.mark.parametrize(
    ("image", "format"),
    [
        (grey(255, 255, 0, 0), "PNG"),
        (grey(200, 180, 90, 0).convert("RGB"), "PNG"),
        (grey(255, 255, 0, 0).convert("1"), "PNG"),
        (see_through(0, 0, 255, 255), "PNG"),
        (see_through(10, 100, 200, 254), "PNG"),
        (see_through(0, 0, 255, 255), "WEBP"),
        (grey(255, 255, 0, 0).resize((40, 10), Image.Resampling.NEAREST), "JPEG"),
    ],
)
def test_a_mask_is_white_and_see_through_where_it_changes(image: Image.Image, format: str) -> None:
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    data = saved(image, format, **options)
    mask = opened(prepare_mask(data, identify(data).media_type, Size(4, 1)))
    assert (mask.mode, mask.size, mask.format) == ("RGBA", (4, 1), "PNG")
    pixels = [mask.getpixel((x, 0)) for x in range(4)]
    assert pixels == 2 * [(255, 255, 255, 0)] + 2 * [(0, 0, 0, 255)]


def test_a_mask_that_marks_nothing_is_refused() -> None:
    for image in (grey(0, 0, 60), see_through(255, 250, 255)):
        with pytest.raises(ProviderError, match="marks nothing"):
            prepare_mask(saved(image, "PNG"), "image/png", Size(3, 1))
