"""A picture that came signed is known as such in every format, and stays as it is, byte for byte."""

from __future__ import annotations

import struct

import pytest

from core.metadata.details import write_details
from core.metadata.texts import is_signed
from limner.prepare import prepare_image
from tests.core.metadata.made import version_of
from tests.core.metadata.signing import sign, validity
from tests.limner.odd_pictures import GROUPS, JPEG, PNG, WEBP, early, riff_chunk, segment
from tests.limner.test_picture import PICTURES, chunk

STORE = (
    struct.pack(">I4sI4s", 60, b"jumb", 30, b"jumd") + b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"
)


@pytest.mark.parametrize("name", PICTURES)
def test_a_signed_picture_is_known_and_its_copy_is_still_validly_signed(name: str) -> None:
    data, info = PICTURES[name]
    signed = sign(data, info.media_type)
    assert (is_signed(data), is_signed(signed)) == (False, True)
    copy = write_details(signed, version_of(signed))
    assert copy == signed
    assert validity(copy, info.media_type) == ("Valid", ["signingCredential.untrusted"])


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_signature_that_is_kept_elsewhere_is_not_broken_either(name: str) -> None:
    data, info = PICTURES[name]
    signed = sign(data, info.media_type, "https://manifests.example/1.c2pa")
    assert b"jumdc2pa" not in signed
    assert is_signed(signed)
    assert write_details(signed, version_of(signed)) == signed


def test_a_signature_goes_with_the_metadata_of_a_picture_that_is_brought() -> None:
    for name in ("png", "jpeg", "webp"):
        data, info = PICTURES[name]
        kept, _ = prepare_image(sign(data, info.media_type), info)
        assert kept == data
        assert not is_signed(kept)


HAND_MADE = {
    "PNG": early(chunk(b"caBX", STORE)),
    "PNG, after the pixels": PNG[:-12] + chunk(b"caBX", STORE) + PNG[-12:],
    "JPEG": JPEG[:2] + segment(0xEB, b"JP\0\1\0\0\0\1" + STORE) + JPEG[2:],
    "JPEG, after 3D": JPEG[:2]
    + segment(0xEB, b"JP\0\1\0\0\0\1" + bytes(40))
    + segment(0xEB, b"JP\0\2\0\0\0\1" + STORE)
    + JPEG[2:],
    "WebP": WEBP[:4] + struct.pack("<I", len(WEBP)) + WEBP[8:] + riff_chunk(b"C2PA", STORE),
}
OTHERS = {
    "a caBX of zeros": early(chunk(b"caBX", bytes(99))),
    "the words in a text": early(chunk(b"tEXt", b"Comment\0" + STORE)),
    "the words after the end": PNG + chunk(b"caBX", STORE),
    "the words in the scan": JPEG[:-2] + segment(0xEB, b"JP" + STORE) + JPEG[-2:],
    "a comment in an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><!-- <manifest xmlns='
    b'"http://c2pa.org/manifest"/> --></svg>',
    "another manifest in an SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><manifest/></svg>',
    **{
        "entities": b'<!DOCTYPE svg [<!ENTITY a "b">]><svg><manifest xmlns="http://c2pa.org/manifest"/></svg>',
        **{"nothing": b"", "half a head": PNG[:20], "no picture": b"x" * 99, "a cut JPEG": JPEG[:3]},
    },
}


@pytest.mark.parametrize("name", HAND_MADE)
def test_a_manifest_is_found_wherever_a_format_has_it(name: str) -> None:
    assert is_signed(HAND_MADE[name])


@pytest.mark.parametrize("name", OTHERS)
def test_what_only_looks_like_a_manifest_is_none(name: str) -> None:
    assert not is_signed(OTHERS[name])


def test_no_odd_file_is_taken_for_a_signed_one() -> None:
    assert not [name for group in GROUPS.values() for name, data in group.items() if is_signed(data)]
