"""What is proven without a full decode is proven as surely: it agrees with a decoder about every file."""

import random
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from limner import ProviderError, png
from limner.bounds import ImageInfo
from limner.picture import identify, identify_by_checksums
from tests.limner.odd_pictures import GROUPS
from tests.limner.test_picture import PICTURES, chunk

NOISE = random.Random(5).randbytes(600 * 800 * 2)


def noise(mode: str, **options: Any) -> bytes:
    """A picture with so many bytes that it cannot be all black."""
    file = BytesIO()
    size = (400, 300) if len(mode) > 2 else (600, 800)
    Image.frombytes(mode, size, NOISE[: size[0] * size[1] * len(mode)]).save(file, **options)
    return file.getvalue()


def header(width: int, height: int, depth: int, colours: int) -> bytes:
    """How a PNG begins."""
    said = struct.pack(">IIBB", width, height, depth, colours) + bytes(3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", said)


def png_of(rows: bytes, width: int, height: int, depth: int, colours: int, *more: bytes) -> bytes:
    """A PNG of these rows, each with its filter before it, and of more chunks."""
    packed = zlib.compress(rows, 0)
    half = len(packed) // 2
    data = [chunk(b"IDAT", packed[:half]), chunk(b"IDAT", packed[half:])]
    return b"".join([header(width, height, depth, colours), *more, *data, chunk(b"IEND", b"")])


def as_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> ImageInfo | str:
    """What a full decode says of a picture: what it is, or what is wrong with it."""
    with monkeypatch.context() as patch:
        patch.setattr("PIL.JpegImagePlugin.JpegImageFile.draft", lambda *_: None)
        try:
            return identify(data)
        except ProviderError as error:
            return str(error.why)


def assert_agrees(data: bytes, said: ImageInfo | str) -> None:
    try:
        known: ImageInfo | str = identify_by_checksums(data) or identify(data)
    except ProviderError as error:
        known = str(error.why)
    assert known == said


PNGS = {mode: noise(mode, format="PNG") for mode in ("L", "LA", "RGB", "RGBA")}
JPEGS = {
    "plain": noise("RGB", format="JPEG", quality=95),
    "progressive": noise("RGB", format="JPEG", quality=95, progressive=True),
    "grey": noise("L", format="JPEG", quality=95),
    "inks": noise("CMYK", format="JPEG", quality=95),
}


@pytest.mark.parametrize("mode", PNGS)
def test_a_png_is_known_without_a_decoder(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = identify(PNGS[mode])
    monkeypatch.setattr("PIL.Image.open", None)
    assert identify_by_checksums(PNGS[mode]) == known


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("colours", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_every_depth(depth: int, colours: int, channels: int) -> None:
    row = 300 * channels * depth // 8
    rows = b"".join(bytes([at % 5]) + NOISE[at * row : (at + 1) * row] for at in range(200))
    rows += b"".join(bytes([at % 5]) + NOISE[at : at + row] for at in range(600))
    data = png_of(rows, 300, 800, depth, colours)
    assert identify_by_checksums(data) == identify(data) == ImageInfo("image/png", 300, 800)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(noise("P", format="PNG"), id="a palette"),
        pytest.param(PICTURES["png"][0], id="so small that it may be black"),
        *(pytest.param(PICTURES[name][0], id=name) for name in ("jpeg", "webp", "gif", "avif", "svg")),
    ],
)
def test_what_is_left_to_a_decoder(data: bytes) -> None:
    assert identify_by_checksums(data) is None
    assert identify(data).width


ROWS = b"".join(b"\0" + NOISE[at * 900 : (at + 1) * 900] for at in range(300))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:-1],
        ROWS[:-901],
        ROWS + b"\0",
        ROWS + ROWS[:901],
        b"\5" + ROWS[1:],
        ROWS[:-901] + b"\xff" + ROWS[:900],
    ],
    ids=["a byte less", "a row less", "a byte more", "a row more", "a filter", "the last filter"],
)
def test_what_inflates_to_something_else_is_not_proven(rows: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    data = png_of(rows, 300, 300, 8, 2)
    assert identify_by_checksums(data) is None
    assert as_decoded(data, monkeypatch)


@pytest.mark.parametrize("at", [0, 1, 2], ids=["compression", "filter", "interlace"])
def test_a_header_that_says_something_else_is_not_proven(at: int) -> None:
    whole = png_of(ROWS, 300, 300, 8, 2)
    said = bytearray(whole[16:29])
    said[10 + at] = 1
    assert identify_by_checksums(whole)
    assert identify_by_checksums(whole[:8] + chunk(b"IHDR", bytes(said)) + whole[33:]) is None


@pytest.mark.parametrize("end", [b"", struct.pack(">I", zlib.adler32(ROWS) ^ 1)], ids=["none", "a wrong one"])
def test_without_the_checksum_of_what_was_compressed_nothing_is_proven(end: bytes) -> None:
    packed = zlib.compress(ROWS, 0)[:-4] + end
    data = header(300, 300, 8, 2) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    assert identify_by_checksums(data) is None


def test_what_follows_the_end_of_what_was_compressed_is_not_proven() -> None:
    packed = zlib.compress(ROWS, 0)
    for pieces in ((packed + b"more",), (packed, b"more")):
        data = (
            header(300, 300, 8, 2) + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")
        )
        assert identify_by_checksums(data) is None


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes that each call of the inflater gives."""
    given: list[int] = []

    class Counting:
        def __init__(self) -> None:
            self._inflater: Any = zlib.decompressobj()

        def decompress(self, data: Any, most: int) -> bytes:
            part = self._inflater.decompress(data, most)
            given.append(len(part))
            return part

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inflater, name)

    library = type("", (), {"decompressobj": Counting, "crc32": zlib.crc32, "error": zlib.error})
    monkeypatch.setattr(png, "_library", lambda: library)
    return given


def test_a_bomb_is_left_early(given: list[int]) -> None:
    """It gives a hundred times what the header says, and what is looked at stays near that."""
    packed = zlib.compress(bytes(100_000_000), 1)
    data = (
        header(500, 500, 8, 2)
        + chunk(b"IDAT", packed)
        + chunk(b"tEXt", NOISE[:300_000])
        + chunk(b"IEND", b"")
    )
    assert identify_by_checksums(data) is None
    assert max(given) <= 1 << 20
    assert sum(given) < 3_000_000


@pytest.mark.parametrize("rows", [b"", ROWS], ids=["nothing", "all"])
def test_nothing_is_inflated_after_the_end(rows: bytes, given: list[int]) -> None:
    """An inflater copies all that follows again with each piece, which takes minutes for many."""
    more = chunk(b"IDAT", NOISE[:300]) * 1_000
    data = header(300, 300, 8, 2) + chunk(b"IDAT", zlib.compress(rows, 0)) + more + chunk(b"IEND", b"")
    assert identify_by_checksums(data) is None
    assert len(given) < 10


@pytest.mark.parametrize("name", [*PNGS, *JPEGS])
def test_it_agrees_with_a_full_decode_about_damage(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (PNGS | JPEGS)[name]
    chance = random.Random(name)
    for _ in range(12):
        damaged = bytearray(data)
        at = chance.randrange(20, len(data))
        kind = chance.randrange(3)
        if kind == 0:
            damaged[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del damaged[at:]
        else:
            del damaged[at : at + chance.randrange(1, 500)]
        said = as_decoded(bytes(damaged), monkeypatch)
        assert_agrees(bytes(damaged), said)


@pytest.mark.parametrize("name", JPEGS)
def test_a_large_jpeg_is_decoded_at_an_eighth_of_its_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, int]] = []
    load = Image.Image.load

    def seen(self: Image.Image) -> Any:
        sizes.append(self.size)
        return load(self)

    whole = identify(JPEGS[name])
    monkeypatch.setattr("PIL.Image.Image.load", seen)
    assert identify(JPEGS[name]) == whole
    assert max(sizes) <= (75, 100)


@pytest.mark.parametrize(
    ("format", "name"), [(format, name) for format in ("PNG", "JPEG") for name in GROUPS[format]]
)
def test_it_agrees_with_a_full_decode_about_odd_pictures(
    format: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = GROUPS[format][name]
    said = as_decoded(data, monkeypatch)
    monkeypatch.setattr("limner.identify._may_be_black", lambda *_: False)  # they are all small
    assert_agrees(data, said)
