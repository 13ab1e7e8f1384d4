"""Nothing that stands between, in or behind the parts of a picture's file goes to a model."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from limner.colour_profile import plain_profile
from limner.identify import identify
from limner.prepare import prepare_image
from tests.limner.photos import PROFILE, opened, photo, scene

HIDDEN = b"SERIAL-4711"
Odd = Callable[[], bytes]


def saved(format: str, **options: Any) -> bytes:
    file = BytesIO()
    scene().save(file, format, **options)
    return file.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def jpeg(*segments: bytes, at: int = 2, **options: Any) -> bytes:
    data = saved("JPEG", **options)
    at = at if at > 0 else data.rfind(b"\xff\xda")
    return data[:at] + b"".join(segments) + data[at:]


def png(*chunks: bytes) -> bytes:
    data = saved("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def with_tag(name: bytes, data: bytes, tail: bytes = b"") -> bytes:
    """Returns the usual profile with one more tag, and with what stands behind its tags."""
    (number,) = struct.unpack_from(">I", PROFILE, 128)
    tags: list[tuple[bytes, int, int]] = [
        struct.unpack_from(">4sII", PROFILE, 132 + 12 * n) for n in range(number)
    ]
    table = b"".join(struct.pack(">4sII", kind, start + 12, length) for kind, start, length in tags)
    table += struct.pack(">4sII", name, len(PROFILE) + 12, len(data))
    body = table + PROFILE[132 + 12 * number :] + data + tail
    head = PROFILE[4:128] + struct.pack(">I", number + 1)
    return struct.pack(">I", 4 + len(head) + len(body)) + head + body


STILL = saved("WEBP")[20:]
EXIF = Image.Exif()
EXIF[0x010F] = HIDDEN.decode()
SCREEN = with_tag(b"mmod", b"mmod\0\0\0\0" + HIDDEN)
ODD: dict[str, Odd] = {
    "a small copy in JFIF": lambda: (
        (data := saved("JPEG"))[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\5\1" + HIDDEN) + data[20:]
    ),
    "more than Adobe's segment has": lambda: jpeg(segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + HIDDEN)),
    "a profile that is none": lambda: jpeg(segment(0xE2, b"ICC_PROFILE\0\1\1" + HIDDEN)),
    "IPTC": lambda: jpeg(segment(0xED, b"Photoshop 3.0\0" + HIDDEN)),
    "every application's segment": lambda: jpeg(*(segment(0xE0 + n, HIDDEN) for n in range(16))),
    "bytes between two segments": lambda: jpeg(HIDDEN, at=20),
    "bytes between two scans": lambda: jpeg(HIDDEN, at=-1, progressive=True),
    "a comment between two scans": lambda: jpeg(segment(0xFE, HIDDEN), at=-1, progressive=True),
    "the profile of a screen": lambda: saved("JPEG", icc_profile=SCREEN),
    "a profile in many pieces": lambda: saved("JPEG", icc_profile=with_tag(b"ndin", HIDDEN + bytes(99_000))),
    "text behind the profile": lambda: saved("JPEG", icc_profile=PROFILE + HIDDEN),
    "text within the profile": lambda: saved("JPEG", icc_profile=with_tag(b"tech", bytes(12), HIDDEN)),
    "a screen's profile in a PNG": lambda: saved("PNG", icc_profile=SCREEN),
    "the name of the profile": lambda: png(chunk(b"iCCP", HIDDEN + b"\0\0" + zlib.compress(PROFILE))),
    "text behind a packed profile": lambda: png(
        chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(PROFILE) + HIDDEN)
    ),
    "a packed profile that is none": lambda: png(chunk(b"iCCP", HIDDEN)),
    "frames that nobody sees": lambda: (
        (data := png(chunk(b"acTL", struct.pack(">II", 1, 0))))[:-12] + chunk(b"fdAT", HIDDEN) + data[-12:]
    ),
    **{
        f"a longer {kind.decode()}": lambda kind=kind: png(chunk(kind, HIDDEN * 4))
        for kind in (b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"sBIT", b"prVt")
    },
    "a second gamma": lambda: png(chunk(b"gAMA", HIDDEN[-4:]), chunk(b"gAMA", HIDDEN[:4])),
    "an unknown chunk": lambda: riff((b"VP8 ", STILL), (b"XYZW", HIDDEN)),
    "a second picture": lambda: riff((b"VP8 ", STILL), (b"VP8 ", HIDDEN)),
    "a chunk behind the end": lambda: riff((b"VP8 ", STILL)) + b"ALPH\x0b\0\0\0" + HIDDEN,
    "a profile in a WebP": lambda: saved("WEBP", icc_profile=SCREEN),
    "a comment in a GIF": lambda: saved("GIF", comment=HIDDEN) + HIDDEN,
    "a profile in an AVIF": lambda: saved("AVIF", icc_profile=SCREEN, exif=EXIF),
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_hidden_in_a_file_goes(what: str) -> None:
    data = ODD[what]()
    assert HIDDEN[:4] in data or HIDDEN[:4] in plain_text_of(data)
    kept, info = prepare_image(data, identify(data))
    assert not [word for word in (HIDDEN, HIDDEN[:4]) if word in kept or word in plain_text_of(kept)]
    assert identify(kept) == info
    assert opened(kept).size == scene().size
    assert prepare_image(kept, info)[0] is kept


def plain_text_of(data: bytes) -> bytes:
    """Returns what stands in a file beside its pixels, unpacked, if anything can open it."""
    try:
        return repr(opened(data).info).encode()
    except Exception:
        return b""


def test_of_a_moving_webp_the_first_picture_stays() -> None:
    file = BytesIO()
    frames = [scene(), scene().rotate(180)]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=50, lossless=True)
    moving = file.getvalue()
    kept, info = prepare_image(moving, identify(moving))
    assert getattr(opened(kept), "n_frames", 1) == 1
    pixel: Any = opened(kept).convert("RGB").getpixel((8, 8))
    assert pixel[0] > 240
    assert pixel[1] < 20
    assert identify(kept) == info


def test_an_ordinary_profile_stays_as_it_is() -> None:
    assert plain_profile(PROFILE) is PROFILE
    plain = plain_profile(b"\0\0\0\1" + PROFILE[4:])
    assert plain
    assert int.from_bytes(plain[:4], "big") == len(plain)


def test_a_profile_without_the_screens_name_has_the_same_colours() -> None:
    plain = plain_profile(SCREEN)
    assert plain
    assert HIDDEN not in plain
    assert plain_profile(plain) is plain
    (number,) = struct.unpack_from(">I", plain, 128)
    assert number == struct.unpack_from(">I", PROFILE, 128)[0]
    wide = ImageCms.createProfile("LAB")
    outputs = [
        ImageCms.applyTransform(
            scene(), ImageCms.buildTransform(ImageCms.ImageCmsProfile(BytesIO(one)), wide, "RGB", "LAB")
        )
        for one in (PROFILE, plain)
    ]
    first, second = (one.tobytes() for one in outputs if one)
    assert first == second


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        PROFILE[:131],
        PROFILE.replace(b"acsp", b"xxxx"),
        PROFILE[:128] + b"\xff\xff\xff\xff" + PROFILE[132:],
        PROFILE[:128] + bytes(4) + PROFILE[132:],
        PROFILE[:136] + b"\xff\xff\xff\xff" + PROFILE[140:],
        PROFILE[:136] + bytes(4) + PROFILE[140:],
        PROFILE[:140] + b"\xff\xff\xff\xff" + PROFILE[144:],
        PROFILE[:300],
        PROFILE + bytes(4_000_000),
    ],
)
def test_what_is_no_profile_goes(profile: bytes) -> None:
    assert plain_profile(profile) is None


def test_what_is_damaged_beside_the_pixels_goes() -> None:
    """Pillow, and so some services, refuse a whole picture for the checksum of one small chunk."""
    gamma = chunk(b"gAMA", bytes(4))[:-4] + b"none"
    data = png(gamma)
    kept, info = prepare_image(data, identify(data))
    assert kept == saved("PNG")
    assert identify(kept) == info


def test_a_segment_that_is_longer_than_its_file_goes() -> None:
    data = saved("JPEG")[:-2] + b"\xff\xdc\xff\xff SERIAL\xff\xd9"
    kept, info = prepare_image(data, identify(data))
    assert kept == saved("JPEG")
    assert prepare_image(kept, info)[0] is kept


@pytest.mark.parametrize("format", ["PNG", "WEBP", "JPEG"])
def test_what_is_encoded_again_is_not_changed_once_more(format: str) -> None:
    """What is kept is what is sent."""
    data = photo(format, 6)
    kept, info = prepare_image(data, identify(data))
    assert prepare_image(kept, info)[0] is kept


def test_a_bomb_in_a_profile_costs_nothing() -> None:
    data = png(chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(300_000_000), 9)))
    kept, _ = prepare_image(data, identify(data))
    assert len(kept) < len(data)
    assert Image.open(BytesIO(kept)).info.get("icc_profile") is None
