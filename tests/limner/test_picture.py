"""Every shape of picture, whole and broken."""

import base64
import os
import random
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from contextlib import suppress
from io import BufferedReader, BytesIO, FileIO, RawIOBase, StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest
from PIL import Image, ImageFile

from limner import ProviderError
from limner.formats import EXTENSIONS
from limner.picture import ImageInfo, identify, is_url, read

SVG = '<svg xmlns="http://www.w3.org/2000/svg" {}><path d="M0,0 9,9"/></svg>'


def drawing(width=97, height=61):
    """A picture with noise, so that its encoded bytes are many and all needed."""
    gray = Image.effect_noise((width, height), 40)
    return Image.merge("RGB", (gray, gray.rotate(90), Image.linear_gradient("L").resize((width, height))))


def encode(image, name, **options):
    file = BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def oriented(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"exif": exif}


DRAWING = drawing()
FRAMES = {"save_all": True, "append_images": [DRAWING.rotate(40), DRAWING.rotate(80)], "duration": 50}
PICTURES = {
    "png": (encode(DRAWING, "PNG"), ImageInfo("image/png", 97, 61)),
    "png-16-bit": (encode(Image.new("I;16", (97, 61), 40_000), "PNG"), ImageInfo("image/png", 97, 61)),
    "png-palette": (encode(DRAWING.quantize(64), "PNG"), ImageInfo("image/png", 97, 61)),
    "png-animated": (encode(DRAWING, "PNG", **FRAMES), ImageInfo("image/png", 97, 61)),
    "jpeg": (encode(DRAWING, "JPEG"), ImageInfo("image/jpeg", 97, 61)),
    "jpeg-progressive": (encode(DRAWING, "JPEG", progressive=True), ImageInfo("image/jpeg", 97, 61)),
    "jpeg-cmyk": (encode(DRAWING.convert("CMYK"), "JPEG"), ImageInfo("image/jpeg", 97, 61)),
    "jpeg-rotated": (encode(DRAWING, "JPEG", **oriented(6)), ImageInfo("image/jpeg", 61, 97)),
    "jpeg-upside-down": (encode(DRAWING, "JPEG", **oriented(3)), ImageInfo("image/jpeg", 97, 61)),
    "jpeg-several": (encode(DRAWING, "MPO", **FRAMES), ImageInfo("image/jpeg", 97, 61)),
    "webp": (encode(DRAWING, "WEBP"), ImageInfo("image/webp", 97, 61)),
    "webp-lossless": (encode(DRAWING, "WEBP", lossless=True), ImageInfo("image/webp", 97, 61)),
    "webp-animated": (encode(DRAWING, "WEBP", **FRAMES), ImageInfo("image/webp", 97, 61)),
    "gif": (encode(DRAWING, "GIF"), ImageInfo("image/gif", 97, 61)),
    "gif-animated": (encode(DRAWING, "GIF", **FRAMES), ImageInfo("image/gif", 97, 61)),
    "avif": (encode(DRAWING, "AVIF"), ImageInfo("image/avif", 97, 61)),
    "avif-rotated": (encode(DRAWING, "AVIF", **oriented(8)), ImageInfo("image/avif", 61, 97)),
    "avif-animated": (encode(DRAWING, "AVIF", **FRAMES), ImageInfo("image/avif", 97, 61)),
    "svg": (SVG.format('width="97" height="61"').encode(), ImageInfo("image/svg+xml", 97, 61)),
}
PNG = PICTURES["png"][0]
MARKS_AT_THE_END = {
    **dict.fromkeys(("jpeg", "jpeg-cmyk", "jpeg-rotated", "jpeg-upside-down"), 2),
    **dict.fromkeys(("gif", "gif-animated"), 1),
}
"""Bytes after the pixels that only say that the picture ends, without which it is whole."""
every_picture = pytest.mark.parametrize(("data", "facts"), PICTURES.values(), ids=PICTURES)
every_raster = pytest.mark.parametrize(
    "data", [data for name, (data, _) in PICTURES.items() if name != "svg"], ids=list(PICTURES)[:-1]
)


def sentence_of(call, *arguments, **options):
    """The sentence of the bad-image error that a call ends in."""
    with pytest.raises(ProviderError) as caught:
        call(*arguments, **options)
    assert caught.value.category == "bad-image"
    assert caught.value.why
    return caught.value.why


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width, height):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))


def png(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


PIXELS_8X8 = chunk(b"IDAT", zlib.compress(bytes(8 * 33)))


class TestUrl:
    @pytest.mark.parametrize("url", ["https://a.example/b.png", "http://a.example", " \nHTTPS://A.example "])
    def test_is_one(self, url):
        assert is_url(url)
        with pytest.raises(ValueError, match="fetched first"):
            read(url)

    @pytest.mark.parametrize(
        "other", ["", "data:image/png;base64,aaaa", "aHR0cHM6Ly8=", "file:///etc/passwd", b"https://a", None]
    )
    def test_is_none(self, other):
        assert not is_url(other)


class Stream(RawIOBase):
    """A pipe, as from the network: gives a few bytes at a time and cannot be rewound."""

    def __init__(self, data):
        self.source = BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self.source.readinto(memoryview(buffer)[:1000])


class TestShapes:
    @every_picture
    def test_bytes_come_back_as_they_are(self, data, facts):
        assert read(data) is data

    @every_picture
    @pytest.mark.parametrize(
        "shape",
        [
            bytearray,
            memoryview,
            BytesIO,
            Stream,
            lambda data: BufferedReader(Stream(data)),
            lambda data: base64.b64encode(data).decode(),
            lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
            lambda data: base64.encodebytes(data).decode().replace("\n", "\r\n") + " ",
            lambda data: f"data:image/png;base64,{base64.b64encode(data).decode()}",
            lambda data: f"\n DATA:;charset=utf-8;Base64,{quote(base64.b64encode(data).decode(), safe='')}",
            lambda data: f"data:,{quote_from_bytes(data)}",
            lambda data: f"data:image/svg+xml;charset=utf-8,{quote_from_bytes(data, safe='<>=,/ ')}",
        ],
    )
    def test_every_shape_gives_the_same_bytes(self, data, facts, shape):
        assert read(shape(data)) == data

    @every_picture
    def test_file_by_path(self, data, facts, tmp_path):
        path = tmp_path / "picture.txt"
        path.write_bytes(data)
        assert read(path) == data
        with path.open("rb") as file:
            assert read(file) == data
            assert not file.closed
        with FileIO(path) as file:
            assert read(file) == data

    def test_file_that_was_just_written_is_read_from_its_start(self):
        file = BytesIO()
        DRAWING.save(file, "PNG")
        assert read(file) == PNG

    def test_memory_view_of_wider_items(self):
        assert read(memoryview(PNG[:400]).cast("I")) == PNG[:400]
        assert read(memoryview(PNG)[::2]) == PNG[::2]

    @pytest.mark.parametrize(
        ("uri", "data"),
        [
            ("data:image/svg+xml,<svg d='M0,0 9,9'/>", b"<svg d='M0,0 9,9'/>"),
            ("data:,100% and %zz and %4", b"100% and %zz and %4"),
            ("data:,%E2%82%AC%00\u20ac", b"\xe2\x82\xac\x00\xe2\x82\xac"),
            ("data:,a+b", b"a+b"),
        ],
    )
    def test_data_uri_without_base64(self, uri, data):
        assert read(uri) == data

    def test_label_of_a_data_uri_means_nothing(self):
        uri = "data:image/jpeg;base64," + base64.b64encode(PNG).decode()
        assert identify(read(uri)) == ImageInfo("image/png", 97, 61)

    @pytest.mark.parametrize(
        "nothing", [None, b"", bytearray(), memoryview(b""), "", " ", "data:,", "data:;base64,", BytesIO()]
    )
    def test_nothing(self, nothing):
        sentence_of(read, nothing)

    @pytest.mark.parametrize(
        "wrong",
        [
            7,
            [PNG],
            {"url": "https://a.example"},
            object(),
            PNG.hex,
            StringIO("text"),
            "/etc/passwd.png",
            "file:///etc/passwd",
            "blob:https://a.example/1",
            "ab=cd===",
            "abcde",
            "n\u00f6",
            "\ud800",
            "data:image/png;base64,****",
            "data:image/png;base64",
            "<svg/>",
        ],
        ids=lambda wrong: type(wrong).__name__,
    )
    def test_what_is_no_shape_of_a_picture(self, wrong):
        assert "passwd" not in sentence_of(read, wrong)

    def test_string_is_never_a_path(self):
        assert read("/etc/passwd") == base64.b64decode("/etc/passwd=")

    def test_sentence_names_no_path(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "missing.png", tmp_path, tmp_path / "pipe", Path("a\0b")):
            assert str(path) not in sentence_of(read, path)

    def test_file_that_can_only_be_read(self):
        class Bare:
            read = BytesIO(PNG).read

        bare: Any = Bare()
        assert read(bare) == PNG

    def test_file_of_text(self):
        assert sentence_of(read, StringIO("text")) == "The picture's file is not open for reading bytes."

    def test_file_that_fails(self):
        class Failing:
            def read(self, size):
                raise RuntimeError("token sk-123")

        class Exiting:
            def read(self, size):
                raise SystemExit

        closed = BytesIO(PNG)
        closed.close()
        for file in (Failing(), Exiting(), closed):
            assert sentence_of(read, file) == "The picture that was given cannot be read."


class TestMostBytes:
    @pytest.mark.parametrize(
        "shape",
        [
            bytes,
            bytearray,
            memoryview,
            BytesIO,
            Stream,
            lambda data: base64.b64encode(data).decode(),
            lambda data: f"data:;base64,{base64.b64encode(data).decode()}",
            lambda data: f"data:,{quote_from_bytes(data, safe='')}",
        ],
    )
    def test_bound_is_exact(self, shape):
        assert read(shape(PNG), max_bytes=len(PNG)) == PNG
        sentence = sentence_of(read, shape(PNG), max_bytes=len(PNG) - 1)
        assert sentence == f"The picture is larger than {len(PNG) - 1:,} bytes."

    def test_path_is_refused_unopened(self, tmp_path, monkeypatch):
        path = tmp_path / "sparse.png"
        with path.open("wb") as file:
            file.truncate(10**12)
        monkeypatch.setattr("builtins.open", None)
        assert "larger than" in sentence_of(read, path)

    @pytest.mark.parametrize(
        "large",
        [
            bytearray(10_000_000),
            memoryview(bytes(10_000_000)).cast("Q"),
            BytesIO(bytes(10_000_000)),
            "A" * 10_000_000,
        ],
        ids=type,
    )
    def test_large_one_is_refused_uncopied(self, large):
        tracemalloc.start()
        assert "larger than" in sentence_of(read, large, max_bytes=2_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2_500_000

    @pytest.mark.parametrize("head", ["", "data:image/png;base64,"])
    @pytest.mark.parametrize("size", [2_000, 40_000])
    def test_base64_is_refused_undecoded(self, head, size, monkeypatch):
        monkeypatch.setattr("base64.b64decode", None)
        assert "larger than" in sentence_of(read, head + "A" * size, max_bytes=1_000)

    def test_endless_stream_is_left(self):
        with open("/dev/zero", "rb") as endless:
            assert "larger than" in sentence_of(read, endless, max_bytes=100_000)


class TestPillowImages:
    @every_raster
    def test_unloaded_image_gives_its_own_bytes_and_still_works(self, data, tmp_path):
        path = tmp_path / "picture"
        path.write_bytes(data)
        with Image.open(BytesIO(data)) as in_memory, Image.open(path) as on_disk:
            for image in (in_memory, on_disk):
                file: Any = image.fp
                position = file.tell()
                assert read(image) == data
                assert read(image) == data
                assert file.tell() == position
                image.load()

    @every_raster
    def test_loaded_image_is_encoded_without_loss(self, data):
        image = Image.open(BytesIO(data))
        image.load()
        kept = Image.open(BytesIO(read(image)))
        width, height = identify(data).width, identify(data).height
        assert (kept.format, kept.size) == ("PNG", (width, height))
        if image.mode not in ("CMYK", "P") and image.size == kept.size and not image.getexif():
            assert (kept.mode, kept.tobytes()) == (image.mode, image.tobytes())

    def test_changed_image_is_encoded(self):
        image = Image.open(BytesIO(PNG))
        image.putpixel((3, 4), (1, 2, 3))
        assert Image.open(BytesIO(read(image))).getpixel((3, 4)) == (1, 2, 3)

    def test_chosen_frame_is_encoded(self):
        image = Image.open(BytesIO(PICTURES["gif-animated"][0]))
        image.seek(1)
        assert identify(read(image)) == ImageInfo("image/png", 97, 61)

    def test_format_that_is_not_ours_is_encoded(self):
        image = Image.open(BytesIO(encode(DRAWING, "TIFF")))
        kept = Image.open(BytesIO(read(image)))
        assert (kept.format, kept.tobytes()) == ("PNG", DRAWING.tobytes())

    @pytest.mark.parametrize(
        ("mode", "kept_mode"),
        {
            "1": "1",
            "L": "L",
            "LA": "LA",
            "P": "P",
            "PA": "RGBA",
            "RGB": "RGB",
            "RGBA": "RGBA",
            "RGBa": "RGBA",
            "CMYK": "RGB",
            "YCbCr": "RGB",
            "HSV": "RGB",
            "I": "I;16",
            "I;16": "I;16",
            "I;16B": "I;16",
            "F": "L",
        }.items(),
    )
    @pytest.mark.filterwarnings("error")
    def test_every_mode(self, mode, kept_mode):
        image = Image.new(mode, (5, 4), 200 if mode[0] in "IF" else None)
        kept = Image.open(BytesIO(read(image)))
        assert (kept.mode, kept.size) == (kept_mode, (5, 4))
        if mode[0] in "IF":
            assert kept.getpixel((1, 1)) == 200
        if mode == "CMYK":
            assert kept.getpixel((1, 1)) == (255, 255, 255)

    def test_profile_is_kept_but_for_inks(self):
        image = DRAWING.copy()
        image.info["icc_profile"] = b"profile"
        assert Image.open(BytesIO(read(image))).info["icc_profile"] == b"profile"
        inks = image.convert("CMYK")
        inks.info["icc_profile"] = b"profile"
        assert "icc_profile" not in Image.open(BytesIO(read(inks))).info

    def test_orientation_is_applied(self):
        image = Image.open(BytesIO(PICTURES["jpeg-rotated"][0]))
        image.load()
        kept = Image.open(BytesIO(read(image)))
        assert kept.tobytes() == image.transpose(Image.Transpose.ROTATE_270).tobytes()

    def test_closed_image(self):
        with Image.open(BytesIO(PNG)) as image:
            pass
        sentence_of(read, image)

    def test_too_many_bytes_or_pixels(self):
        assert "larger than" in sentence_of(read, Image.open(BytesIO(PNG)), max_bytes=100)
        assert "larger than" in sentence_of(read, DRAWING, max_bytes=100)
        assert "8000 x 8000 pixels" in sentence_of(read, Image.new("1", (8000, 8000)))


class TestIdentify:
    @every_picture
    def test_whole_picture(self, data, facts):
        assert identify(data) == facts

    @pytest.mark.parametrize("name", sorted(PICTURES.keys() - {"jpeg-several"}))
    def test_cut_picture(self, name):
        data = PICTURES[name][0]
        for end in (0, 1, 8, 12, 20, len(data) // 3, len(data) // 2):
            sentence_of(identify, data[:end])
        for end in range(len(data) - 14, len(data) - MARKS_AT_THE_END.get(name, 0)):
            assert "cut off" in sentence_of(identify, data[:end])
        for end in range(len(data) - MARKS_AT_THE_END.get(name, 0), len(data)):
            assert identify(data[:end]) == PICTURES[name][1]

    def test_sentence_of_a_cut_picture(self):
        sentence = sentence_of(identify, PNG[:12_345])
        assert sentence == "The picture is cut off: 12,345 bytes of PNG data end too early."

    @pytest.mark.parametrize("name", ["png", "gif", "jpeg"])
    def test_what_follows_a_whole_picture_does_no_harm(self, name):
        data, facts = PICTURES[name]
        assert identify(data + b"\r\n") == facts

    def test_sentence_of_a_cut_gif(self):
        assert sentence_of(identify, PICTURES["gif"][0][:-9]).endswith("bytes of GIF data end too early.")

    @pytest.mark.parametrize("at", [len(PNG) // 2, -13])  # in the pixels, in their checksum
    def test_damaged_png(self, at):
        data = bytearray(PNG)
        data[at] ^= 1
        assert "damaged" in sentence_of(identify, bytes(data))

    def test_gif_with_something_between_its_blocks(self):
        assert "damaged" in sentence_of(identify, PICTURES["gif"][0][:-1] + b"?;")

    @pytest.mark.filterwarnings("ignore::UserWarning:PIL")
    @pytest.mark.parametrize(
        "data",
        [
            encode(DRAWING, "JPEG", exif=b"Exif\0\0nonsense"),
            encode(DRAWING, "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"),
            PNG[:33] + chunk(b"tEXt", b"Raw profile type exif\0\n\n\nnonsense") + PNG[33:],
        ],
    )
    def test_broken_exif_does_no_harm(self, data):
        assert (identify(data).width, identify(data).height) == DRAWING.size
        image = Image.open(BytesIO(data))
        image.load()
        assert Image.open(BytesIO(read(image))).tobytes() == image.tobytes()

    def test_long_animation(self):
        frames = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 9, 0, 0)), PIXELS_8X8]
        for frame in range(1, 1_200):
            timing = struct.pack(">IIIIIHHBB", 2 * frame - 1, 8, 8, 0, 0, 1, 9, 0, 0)
            pixels = struct.pack(">I", 2 * frame) + PIXELS_8X8[8:-4]
            frames += [chunk(b"fcTL", timing), chunk(b"fdAT", pixels)]
        data = png(header(8, 8), chunk(b"acTL", struct.pack(">II", 1_200, 0)), *frames)
        assert identify(data) == ImageInfo("image/png", 8, 8)

    @every_raster
    def test_pillow_tries_one_format_only(self, data, monkeypatch):
        tried = []
        monkeypatch.setattr("PIL.Image.open", lambda file, formats: tried.append(formats))
        sentence_of(identify, data)
        assert len(tried[0]) == 1

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\0",
            b"not a picture",
            b'{"error": {"message": "sk-123"}}',
            b"[]",
            b"<!DOCTYPE html><html><body>sk-123</body></html>",
            b"\xef\xbb\xbf\n<html><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/></html>",
            b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
            b"<",
            b"<p>unclosed",
            b"%PDF-1.7",
            encode(DRAWING, "BMP"),
            encode(DRAWING, "TIFF"),
            encode(DRAWING, "ICO"),
            b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic" + bytes(50),
            b"RIFF\x24\0\0\0WAVEfmt ",
        ],
    )
    def test_what_is_no_picture(self, data):
        assert "sk-123" not in sentence_of(identify, data)

    def test_extension_of_every_type(self):
        extensions = {EXTENSIONS[identify(data).media_type] for data, _ in PICTURES.values()}
        assert extensions == {"png", "jpg", "webp", "gif", "avif", "svg"}

    @pytest.mark.filterwarnings("ignore::UserWarning:PIL")
    def test_fuzz(self):
        chance = random.Random(0)
        endings = []
        for turn in range(300):
            data = bytearray(chance.choice(list(PICTURES.values()))[0])
            for _ in range(chance.choice((1, 3, 30))):
                at = chance.randrange(min(len(data), chance.choice((30, 300, 10**6))))
                if turn % 3 == 0:
                    data[at] ^= 1 << chance.randrange(8)
                elif turn % 3 == 1:
                    data[at : at + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
                else:
                    data[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))
            try:
                endings.append(identify(bytes(data)).media_type)
            except ProviderError as error:
                endings.append(error.category)
        assert len(endings) == 300
        assert 150 < endings.count("bad-image") < 290


BLACK = Image.new("RGB", (512, 384))


class TestBlack:
    @pytest.mark.parametrize(
        "data",
        [
            encode(BLACK, "PNG"),
            encode(BLACK, "PNG", compress_level=1),
            encode(BLACK, "JPEG", quality=90),
            encode(BLACK, "JPEG", progressive=True),
            encode(BLACK, "WEBP"),
            encode(BLACK, "WEBP", lossless=True),
            encode(BLACK, "AVIF"),
            encode(BLACK, "GIF"),
            encode(BLACK.convert("RGBA"), "PNG"),
            encode(BLACK.convert("LA"), "PNG"),
            encode(BLACK.convert("L"), "PNG"),
            encode(BLACK.convert("P"), "PNG"),
            encode(BLACK.convert("1"), "PNG"),
            encode(Image.new("RGB", (64, 64), (2, 1, 0)), "PNG"),
            encode(BLACK, "PNG", icc_profile=b"x" * 50_000),
        ],
    )
    def test_a_black_picture_is_known(self, data):
        assert identify(data).black

    @pytest.mark.parametrize(
        "data",
        [
            encode(drawing(), "PNG"),
            encode(Image.new("RGB", (64, 64), (3, 0, 0)), "PNG"),
            encode(Image.new("L", (64, 64), 3), "PNG"),
            encode(Image.new("1", (64, 64), 1), "PNG"),
            encode(Image.new("RGB", (64, 64), (6, 6, 6)), "JPEG"),
            encode(Image.new("RGBA", (64, 64)), "PNG"),
            encode(Image.new("RGBA", (64, 64), (0, 0, 0, 254)), "PNG"),
            encode(Image.new("LA", (64, 64), (0, 0)), "PNG"),
            encode(Image.new("P", (64, 64)), "PNG", transparency=0),
            encode(Image.new("RGB", (64, 64)), "PNG", transparency=(0, 0, 0)),
            encode(Image.new("P", (64, 64)), "GIF", transparency=0),
            encode(Image.new("I;16", (64, 64), 500), "PNG"),
            encode(BLACK, "GIF", save_all=True, append_images=[Image.new("RGB", BLACK.size, "red")]),
            encode(BLACK, "PNG", save_all=True, append_images=[Image.new("RGB", BLACK.size, "red")]),
            encode(BLACK, "WEBP", save_all=True, append_images=[Image.new("RGB", BLACK.size, "red")]),
        ],
    )
    def test_any_other_is_not(self, data):
        assert not identify(data).black

    def test_one_bright_pixel_makes_a_picture(self):
        star = BLACK.copy()
        star.putpixel((300, 200), (255, 255, 255))
        assert not identify(encode(star, "PNG")).black

    def test_a_palette_is_black_by_the_colours_that_are_used(self):
        image = Image.new("P", (64, 64))
        image.putpalette([0, 0, 0, 255, 0, 0])
        assert identify(encode(image, "PNG")).black
        image.putpixel((1, 1), 1)
        assert not identify(encode(image, "PNG")).black

    def test_what_is_far_too_large_to_be_black_is_not_looked_at(self, monkeypatch):
        monkeypatch.setattr("limner.identify._is_black", None)
        noise = encode(Image.effect_noise((600, 600), 50), "PNG")
        assert not identify(noise).black


class TestBombs:
    """What is refused before it takes memory or hours."""

    def refused(self, data, pattern="pixels"):
        with pytest.raises(ProviderError, match=pattern) as caught:
            identify(data)
        assert caught.value.category == "bad-image"
        return caught.value

    @pytest.fixture(autouse=True)
    def nothing_is_decoded(self, monkeypatch):
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)

    def test_png_header(self):
        self.refused(png(header(60_000, 60_000)), "60000 x 60000 pixels")
        self.refused(png(header(6_400, 6_400)), "6400 x 6400 pixels, more than 40,000,000")

    def test_bound_is_the_callers(self, monkeypatch):
        monkeypatch.undo()
        assert identify(PNG, max_pixels=97 * 61)
        for data, _ in list(PICTURES.values())[:-1]:
            assert "pixels" in sentence_of(identify, data, max_pixels=97 * 61 - 1)

    def test_png_animation_with_a_second_header(self):
        # Pillow fills a canvas of the second header's size while it opens the file.
        frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 1, 0))
        animation = chunk(b"acTL", struct.pack(">II", 2, 0))
        data = png(header(8, 8), animation, header(60_000, 60_000), frame, PIXELS_8X8)
        assert "header" in str(self.refused(data, "damaged").__cause__)

    def test_gif_screen_and_frame(self):
        screen = bytearray(PICTURES["gif"][0])
        screen[6:10] = b"\xff\xff\xff\xff"
        self.refused(bytes(screen), "65535 x 65535 pixels")
        frame = bytearray(PICTURES["gif-animated"][0])
        at = frame.rindex(struct.pack("<B4H", 0x2C, 0, 0, 97, 61))
        frame[at + 5 : at + 9] = b"\xff\xff\xff\xff"
        self.refused(bytes(frame), "65535 x 65535 pixels")

    def test_webp_canvas(self):
        data = bytearray(PICTURES["webp-animated"][0])
        data[24:30] = struct.pack("<I", 16_383)[:3] * 2
        self.refused(bytes(data))

    @pytest.mark.parametrize("warning", ["ignore", "error"])
    @pytest.mark.parametrize("side", [7_000, 10_000, 60_000])
    def test_jpeg_frame(self, side, warning):
        frame = struct.pack(">HH", side, side)
        with warnings.catch_warnings():
            warnings.simplefilter(warning)
            self.refused(PICTURES["jpeg"][0].replace(struct.pack(">HH", 61, 97), frame, 1))

    def test_jpeg_with_thousands_of_scans(self):
        data = PICTURES["jpeg-progressive"][0]
        scan = data[data.rindex(b"\xff\xda") : -2]
        self.refused(data[:-2] + scan * 2_000 + data[-2:], "parts")


class TestSvg:
    @pytest.mark.parametrize(
        ("attributes", "size"),
        [
            ('width="97" height="61"', (97, 61)),
            ('width=" 97px" height="61.4px" viewBox="0 0 1 1"', (97, 61)),
            ('width="9.7e1" height="+61."', (97, 61)),
            ('viewBox="0 0 97 61"', (97, 61)),
            ('viewBox="-5,-5 , 97.2, 61"', (97, 61)),
            ('width="100%" height="100%" viewBox="0 0 97 61"', (97, 61)),
            ('width="5cm" height="3cm" viewBox="0 0 97 61"', (189, 113)),
            ('width="210mm" height="297mm"', (794, 1123)),
            ('width="2in" height="72pt"', (192, 96)),
            ('width="6pc" height="80Q"', (96, 76)),
            ('width="10em" height="5REM"', (160, 80)),
            ('width="97" viewBox="0 0 194 122"', (97, 61)),
            ('width="100%" height="61" viewBox="0 0 194 122"', (97, 61)),
            ('viewBox="0 0 .2 .1"', (300, 150)),
            ('viewBox="0 0 1e7 1e7"', (150, 150)),
            ("", (300, 150)),
            ('width="97"', (97, 150)),
            ('height="61"', (300, 61)),
            ('width="100%" height="auto"', (300, 150)),
            ('width="nan" height="inf"', (300, 150)),
            ('width="97 px" height="61foo"', (300, 150)),
            ('viewBox="0 0 97"', (300, 150)),
            ('viewBox="0 0 97 61 5"', (300, 150)),
            ('viewBox="0 0 97px 61px"', (300, 150)),
            ('viewBox="0 0 0 0"', (300, 150)),
            ('viewBox="none"', (300, 150)),
            ('viewBox="0 0 100000 100000"', (100_000, 100_000)),
        ],
    )
    def test_size(self, attributes, size):
        assert identify(SVG.format(attributes).encode()) == ImageInfo("image/svg+xml", *size)

    @pytest.mark.parametrize(
        "attributes",
        [
            'width="97" height="0"',
            'width="97" height="0" viewBox="0 0 97 61"',
            'width="97" height="-61"',
            'width="1e999" height="1"',
            'width="1e7" height="1"',
            'width="1e6" viewBox="0 0 1 100"',
        ],
    )
    def test_without_a_size(self, attributes):
        assert "how large" in sentence_of(identify, SVG.format(attributes).encode())

    def test_length_and_box_of_megabytes(self):
        for attributes in (f'width="{"1" * 1_000_000}"', f'viewBox="{"1 " * 1_000_000}"'):
            assert identify(SVG.format(attributes).encode()) == ImageInfo("image/svg+xml", 300, 150)

    @pytest.mark.parametrize(
        "data",
        [
            b"\xef\xbb\xbf<?xml version='1.0' encoding='UTF-8'?>\n<!-- made by hand -->\n"
            + PICTURES["svg"][0],
            b"\n\t " + PICTURES["svg"][0] + b"\n",
            PICTURES["svg"][0].decode().encode("utf-16"),
            b'<?xml version="1.0" encoding="latin-1"?><!--\xe9-->' + PICTURES["svg"][0],
            b'<s:svg xmlns:s="http://www.w3.org/2000/svg" width="97" height="61"/>',
            SVG.format('width="97" height="61" onload="alert(1)"')
            .replace("<path", "<script/><path")
            .encode(),
        ],
    )
    def test_forms(self, data):
        assert identify(data) == ImageInfo("image/svg+xml", 97, 61)

    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE svg [<!ENTITY a "b">]>',
            "<!DOCTYPE svg []>",
            '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://a.example/svg11.dtd" [<!ENTITY a "b">]>',
            '<!DOCTYPE svg><!DOCTYPE svg [<!ENTITY a "b">]>',
            '<!DOCTYPE svg>\n<!-- a --><!DOCTYPE svg [<!ENTITY a "b">]>',
            '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
            '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        ],
    )
    def test_document_type_is_refused(self, doctype):
        assert "document type" in sentence_of(identify, doctype.encode() + PICTURES["svg"][0])

    @pytest.mark.parametrize("doctype", ["<!DOCTYPE svg>", '<!DOCTYPE svg SYSTEM "http://127.0.0.1:1/a">'])
    def test_plain_document_type_is_never_given_to_the_parser(self, doctype, monkeypatch):
        parsed = []
        monkeypatch.setattr("limner.svg._root", lambda text, encoding: parsed.append(text) or {})
        identify(f"<?xml version='1.0'?><!-- a -->{doctype}\n".encode() + PICTURES["svg"][0])
        assert parsed == [b"<?xml version='1.0'?><!-- a -->\n" + PICTURES["svg"][0]]

    @pytest.mark.parametrize(
        "part", [" ", "<!--", "<!---->", "<?a?>", "<?", "<!DOCTYPE svg ", "<!DOCTYPE svg:"]
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
    def test_long_beginning(self, part, encoding):
        """Work that grows with the square of this length would take hours."""
        begun = part * (2_000_000 // len(part))
        for text in (begun, begun + SVG):
            with suppress(ProviderError):
                identify(text.encode(encoding))

    @pytest.mark.parametrize(
        "data",
        [
            b'<svg width="97" height="61"/>',  # without its namespace a browser shows nothing
            b'<svg xmlns="http://a.example" width="97" height="61"/>',
            b"<!DOCTYPE html>" + PICTURES["svg"][0],
            b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "svg">' + PICTURES["svg"][0],
            b"<!DOCTYPE svgz>" + PICTURES["svg"][0],
            PICTURES["svg"][0].decode().encode("utf-16-le"),  # without its mark
            b"<!DOCTYPE svg>" + PICTURES["svg"][0].replace(b"<path", b"&nbsp;<path"),
            b"<!DOCTYPE svg>" + PICTURES["svg"][0].replace(b"<path", b"<path a='&nbsp;'"),
            b"<?xml version='1.0' encoding='no-such'?>" + PICTURES["svg"][0],
            b"<?xml version='1.0' encoding='base64'?>" + PICTURES["svg"][0],
            b"<?xml version='1.0' encoding='shift_jis'?>" + PICTURES["svg"][0],
            PICTURES["svg"][0] + b"<svg/>",
            PICTURES["svg"][0].replace(b"<path", b"&undeclared;<path"),
            PICTURES["svg"][0].replace(b"</svg>", b"\0</svg>"),
        ],
    )
    def test_what_is_no_svg(self, data):
        sentence_of(identify, data)

    @pytest.mark.parametrize("rest", ["", ' PUBLIC "a" "svg"', " [<!ENTITY a 'b'>]"])
    def test_document_type_of_a_web_page_is_named_as_one(self, rest):
        data = f"<!DOCTYPE html{rest}>".encode() + PICTURES["svg"][0]
        assert "web page" in sentence_of(identify, data)

    @pytest.mark.parametrize("name", ["xmlns:a", "xmlns", "xmlns:\u00e9", "xmlns:a\n "])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
    def test_namespace_that_expat_would_copy_for_every_name(self, name, encoding, monkeypatch):
        svg = SVG.format(f"{name} = '{'u' * 1_000}'")
        monkeypatch.setattr("xml.parsers.expat.ParserCreate", None)
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        assert "namespace" in sentence_of(identify, (mark + svg).encode(encoding))

    def test_document_type_is_refused_before_expat_reads_it(self, monkeypatch):
        monkeypatch.setattr("xml.parsers.expat.ParserCreate", None)
        hidden = b"<!-- <svg/> --><!DOCTYPE svg [<!ATTLIST p a CDATA '1'>]>" + PICTURES["svg"][0]
        assert "document type" in sentence_of(identify, hidden)
        assert "document type" in sentence_of(identify, hidden.decode().encode("utf-16"))

    def test_too_large(self):
        assert "5,000,000 bytes" in sentence_of(identify, PICTURES["svg"][0] + b" " * 5_000_000)


def test_pillow_is_optional():
    code = f"""if True:
        import sys
        sys.modules["PIL"] = None
        from limner.picture import identify, read
        assert identify(read({PICTURES["svg"][0]!r})).width == 97
        try:
            identify(read({PNG[:50]!r}))
        except ImportError as error:
            print(error)
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "limner[app]" in ran.stdout
    assert "limner[testing]" in ran.stdout


def test_what_another_module_tells_pillow_changes_no_verdict(monkeypatch):
    file = BytesIO()
    drawing().save(file, "JPEG")
    whole = file.getvalue()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    assert identify(whole).width == 97
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert "cut off" in sentence_of(identify, whole[: len(whole) // 3])
