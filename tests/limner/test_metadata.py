"""Nothing but pixels, and what their colours need, stays in a file; and the pixels stay as they are."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from limner.identify import identify
from limner.metadata import without_metadata
from tests.limner.photos import PROFILE, SECRETS, opened, photo, scene

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


@pytest.mark.parametrize("format", TYPES)
def test_what_betrays_the_photographer_goes_and_the_pixels_stay(format: str) -> None:
    taken = photo(format)
    assert any(secret in taken for secret in SECRETS)
    kept = without_metadata(taken, TYPES[format])
    assert not [secret for secret in SECRETS if secret in kept]
    assert not opened(kept).getexif()
    assert opened(kept).info["icc_profile"] == PROFILE
    assert opened(kept).tobytes() == opened(taken).tobytes()
    assert identify(kept) == identify(taken)


@pytest.mark.parametrize("format", TYPES)
def test_what_has_no_metadata_is_the_same_object(format: str) -> None:
    kept = without_metadata(photo(format), TYPES[format])
    assert without_metadata(kept, TYPES[format]) is kept


def test_each_scan_of_a_progressive_jpeg_stays() -> None:
    taken = photo("JPEG", progressive=True)
    assert opened(without_metadata(taken, "image/jpeg")).tobytes() == opened(taken).tobytes()


def test_a_jpeg_in_cmyk_keeps_its_colours() -> None:
    file = BytesIO()
    scene().convert("CMYK").save(file, "JPEG", comment="COMMENT-4711")
    kept = without_metadata(file.getvalue(), "image/jpeg")
    assert len(kept) < len(file.getvalue())
    assert opened(kept).tobytes() == opened(file.getvalue()).tobytes()


@pytest.mark.parametrize(("format", "after"), [("JPEG", b"\xff\xd8 SERIAL-4711"), ("PNG", b"SERIAL-4711")])
def test_what_stands_behind_the_end_goes(format: str, after: bytes) -> None:
    kept = without_metadata(photo(format), TYPES[format])
    assert without_metadata(kept + after, TYPES[format]) == kept


def test_the_second_picture_of_a_phone_goes() -> None:
    file = BytesIO()
    scene().save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9), "red")])
    kept = without_metadata(file.getvalue(), "image/jpeg")
    assert opened(kept).format == "JPEG"
    assert b"MPF" not in kept


def test_of_an_animation_the_first_picture_stays() -> None:
    """The others have not been proven, and nobody sees them in a still."""
    file = BytesIO()
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=50)
    kept = opened(without_metadata(file.getvalue(), "image/png"))
    assert getattr(kept, "n_frames", 1) == 1
    assert kept.getpixel((4, 4)) == (255, 0, 0)


def test_a_profile_that_is_far_too_long_goes() -> None:
    segments = b"".join(
        b"\xff\xe2" + struct.pack(">H", 65_535) + b"ICC_PROFILE\0" + bytes([n, 99]) + bytes(65_519)
        for n in range(1, 80)
    )
    taken = photo("JPEG", icc_profile=None)
    kept = without_metadata(taken[:2] + segments + taken[2:], "image/jpeg")
    assert len(kept) < 4_200_000
    assert opened(kept).tobytes() == opened(taken).tobytes()
