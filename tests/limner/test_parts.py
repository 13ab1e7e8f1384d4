"""Files that are made to cost time or memory, and honest ones that look like them."""

import struct
import zlib

import pytest
from PIL import Image

from limner.bounds import max_parts
from limner.picture import ImageInfo, identify, memory_to_prove
from tests.limner.test_picture import (
    DRAWING,
    PICTURES,
    PIXELS_8X8,
    PNG,
    chunk,
    encode,
    header,
    oriented,
    png,
    sentence_of,
)

GIF_HEAD = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
GIF_FRAME = b"," + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
JPEG = PICTURES["jpeg"][0]
PROGRESSIVE = PICTURES["jpeg-progressive"][0]
SCAN = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
STILL = encode(Image.new("RGBA", (1, 1)), "WEBP", lossless=True)[12:]
AVIF = PICTURES["avif"][0]


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended(*chunks):
    return riff(b"VP8X" + struct.pack("<II", 10, 2) + bytes(6), *chunks)


def webp_frame():
    return b"ANMF" + struct.pack("<I", 16 + len(STILL)) + bytes(16) + STILL


def sized(data, width, height):
    """A JPEG whose header states another size."""
    return data.replace(struct.pack(">HH", 61, 97), struct.pack(">HH", height, width), 1)


def directory(*entries, order=">"):
    """EXIF data; an entry is a tag, a type, a count and what stands in its place."""
    head = {">": b"MM\0*", "<": b"II*\0"}[order] + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(struct.pack(order + "HHII", *entry) for entry in entries) + bytes(104)


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def avif_with(insert, at=b"pitm"):
    """An AVIF whose head has one box more; what it points to moves with it."""
    data = bytearray(AVIF)
    offset = data.index(b"iloc") + 18
    data[offset : offset + 4] = struct.pack(
        ">I", int.from_bytes(data[offset : offset + 4], "big") + len(insert)
    )
    meta = data.index(b"meta") - 4
    data[meta : meta + 4] = struct.pack(">I", int.from_bytes(data[meta : meta + 4], "big") + len(insert))
    place = data.index(at) - 4
    return bytes(data[:place]) + insert + bytes(data[place:])


def avif_payload(change):
    """An AVIF whose AV1 data, at the end of the file, is changed."""
    table = AVIF.index(b"iloc") + 18
    start, size = struct.unpack_from(">II", AVIF, table)
    payload = change(AVIF[start : start + size])
    box = struct.pack(">I", len(payload) + 8) + b"mdat"
    return AVIF[: table + 4] + struct.pack(">I", len(payload)) + AVIF[table + 8 : start - 8] + box + payload


def frame_unit(payload):
    """The AV1 data of one picture ends in its frame."""
    at = 2  # a temporal delimiter, where there is one, then the sequence header
    while payload[at] >> 3 & 15 != 6:
        at += 2 + payload[at + 1]
    return payload[at:]


class TestManyParts:
    @pytest.fixture(autouse=True)
    def few_are_allowed(self, monkeypatch):
        monkeypatch.setattr("limner.bounds._MIN_PARTS", 100)

    @pytest.mark.parametrize(
        "data",
        [
            png(header(8, 8), PIXELS_8X8, chunk(b"IDAT", b"") * 200),
            png(header(8, 8), chunk(b"IDAT", b"") * 200, PIXELS_8X8),
            png(header(8, 8), PIXELS_8X8, chunk(b"fcTL", bytes(26)) * 200),
            png(header(8, 8), chunk(b"tEXt", b"a\0b") * 200, PIXELS_8X8),
            GIF_HEAD + GIF_FRAME * 300 + b";",
            GIF_HEAD + GIF_FRAME[:-1] + b"\1\0" * 300 + b"\0;",
            GIF_HEAD + b"!\xfe" + b"\1\0" * 300 + b"\0" + GIF_FRAME + b";",
            GIF_HEAD + b"!\xf9\0" * 300 + GIF_FRAME + b";",
            JPEG[:2] + segment(0xFE, b"") * 200 + JPEG[2:],
            JPEG[:2] + segment(0xE5, b"a") * 200 + JPEG[2:],
            PROGRESSIVE[:-2] + segment(0xFE, b"") * 200 + b"\xff\xd9",
            extended(STILL, b"abcd\0\0\0\0" * 200),
            extended(b"ANIM\6\0\0\0" + bytes(6), webp_frame() * 300),
            AVIF + b"\0\0\0\x08free" * 200,
            avif_payload(lambda payload: b"\x12\0" * 200 + payload),
        ],
    )
    def test_are_refused(self, data):
        sentence = "The picture has far more parts than a picture needs."
        assert sentence_of(identify, data) == sentence
        assert sentence_of(memory_to_prove, data) == sentence


class TestHonestPictures:
    def test_number_of_parts_grows_with_the_file(self):
        assert max_parts(50_000_000) > 50_000_000 / 256 + 100_000
        assert max_parts(500_000_000) > 500_000_000 / 256

    def test_png_in_small_chunks_with_much_text(self):
        pixels = PNG[PNG.index(b"IDAT") + 4 : -16]
        chunks = [chunk(b"IDAT", pixels[at : at + 9]) for at in range(0, len(pixels), 9)]
        text = chunk(b"tEXt", b"workflow\0" + b"{}" * 100_000) * 50
        assert len(chunks) > 1_000
        assert identify(png(PNG[8:33], text, *chunks, text)) == ImageInfo("image/png", 97, 61)

    def test_gif_of_thousands_of_small_frames(self):
        control = b"!\xf9\4\0\0\0\0\0"
        data = GIF_HEAD + (control + GIF_FRAME) * 10_000 + b";"
        assert identify(data) == ImageInfo("image/gif", 1, 1)

    def test_webp_of_thousands_of_frames(self):
        data = extended(b"ANIM\6\0\0\0" + bytes(6), webp_frame() * 3_000)
        assert identify(data) == ImageInfo("image/webp", 1, 1)

    def test_png_whose_first_picture_is_not_of_its_animation(self):
        frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 9, 0, 0))
        animation = chunk(b"acTL", struct.pack(">II", 1, 0))
        data = png(header(8, 8), animation, PIXELS_8X8, frame, chunk(b"fdAT", bytes(4) + PIXELS_8X8[8:-4]))
        for one in (
            data,
            png(header(8, 8), animation, frame, PIXELS_8X8),
            png(header(8, 8), frame, PIXELS_8X8, frame),
        ):
            assert identify(one) == ImageInfo("image/png", 8, 8)

    @pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
    @pytest.mark.parametrize("orientation", [3, 6])
    def test_orientation(self, name, orientation):
        facts = identify(encode(DRAWING, name, **oriented(orientation)))
        assert (facts.width, facts.height) == ((61, 97) if orientation == 6 else (97, 61))

    @pytest.mark.parametrize("order", "<>")
    def test_orientation_in_either_byte_order(self, order):
        value = 6 if order == "<" else 6 << 16
        exif = directory((0x010F, 2, 4, 0), (0x0112, 3, 1, value), order=order)
        assert identify(PNG[:33] + chunk(b"eXIf", exif) + PNG[33:]) == ImageInfo("image/png", 61, 97)

    def test_jpeg_of_40_megapixels_with_every_scan_of_libjpeg(self):
        inks = encode(DRAWING.convert("CMYK"), "JPEG", progressive=True)
        assert inks.count(b"\xff\xda") == 18
        assert memory_to_prove(sized(inks, 6_300, 6_300)) == 12 * 6_300 * 6_300 + len(inks)

    def test_preview_in_a_jpeg_is_no_scan(self):
        preview = segment(0xE1, b"Exif\0\0" + SCAN[:200] * 300)
        assert identify(sized(PROGRESSIVE[:2] + preview + PROGRESSIVE[2:], 97, 61)).width == 97


class TestTime:
    def test_scans_of_a_jpeg_are_counted_with_its_pixels(self):
        scans = PROGRESSIVE[:-2] + SCAN * 10 + b"\xff\xd9"
        assert memory_to_prove(sized(scans, 6_300, 6_300))
        scans = PROGRESSIVE[:-2] + SCAN * 11 + b"\xff\xd9"
        assert "parts" in sentence_of(memory_to_prove, sized(scans, 6_300, 6_300))
        assert memory_to_prove(sized(scans, 4_000, 4_000))

    def test_side_that_is_longer_than_any_browser_shows(self):
        for sides in ((1, 70_000), (70_000, 1)):
            data = png(header(*sides), chunk(b"IDAT", zlib.compress(bytes(sides[1] * (1 + 4 * sides[0])))))
            assert "too long" in sentence_of(identify, data)

    def test_more_data_than_pixels(self):
        idle = chunk(b"IDAT", zlib.compress(bytes(8 * 33)) + bytes(110_000))
        assert "far more data" in sentence_of(identify, png(header(8, 8), idle))

    def test_pixels_in_two_places(self):
        text = chunk(b"tEXt", b"a\0b")
        cut = [chunk(b"IDAT", PIXELS_8X8[8:12]), text, chunk(b"IDAT", PIXELS_8X8[12:-4])]
        assert "damaged" in sentence_of(identify, png(header(8, 8), *cut))

    def test_pixels_of_a_jpeg_are_bounded_before_it_is_opened(self):
        assert "7000 x 7000 pixels" in sentence_of(memory_to_prove, sized(JPEG, 7_000, 7_000))

    @pytest.mark.parametrize("marker", [0xC4, 0xDB])
    def test_tables_of_a_jpeg(self, marker):
        tables = segment(marker, (b"\0" + bytes(range(1, 65))) * 900)
        assert "parts" in sentence_of(identify, JPEG[:2] + tables * 2 + JPEG[2:])

    def test_frame_headers_of_a_jpeg(self):
        at = JPEG.index(b"\xff\xc0")
        frame = JPEG[at : at + 19]
        assert "damaged" in sentence_of(memory_to_prove, JPEG[:at] + frame + JPEG[at:])
        assert "damaged" in sentence_of(identify, JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1))  # arithmetic

    def test_junk_in_a_jpeg_reaches_no_decoder(self, monkeypatch):
        decoded = []
        monkeypatch.setattr("PIL.Image.open", lambda file, formats: decoded.append(file.getvalue()))
        junk = JPEG[:20] + b"\0" * 1_000 + b"\xff" * 1_000 + segment(0xED, b"Photoshop 3.0\0" + b"8BIM" * 99)
        for data in (JPEG, junk + JPEG[20:]):
            sentence_of(identify, data)
        assert decoded[0] == decoded[1]

    @pytest.mark.parametrize(
        "data",
        [
            PNG[:33] + chunk(b"eXIf", directory((0x0112, 3, 50, 26))) + PNG[33:],
            JPEG[:2] + segment(0xE1, b"Exif\0\0" + directory((0x0112, 3, 50, 26))) + JPEG[2:],
            JPEG[:2] + segment(0xE2, b"MPF\0" + directory((0xB001, 3, 50, 26))) + JPEG[2:],
            encode(DRAWING, "WEBP", exif=directory((0x0112, 3, 50, 26))),
            encode(DRAWING, "AVIF", exif=directory((0x010F, 2, 50, 26))),
        ],
        ids=["png", "jpeg", "jpeg-mpf", "webp", "avif"],
    )
    def test_no_value_of_exif_data_is_read(self, data, monkeypatch):
        read = []
        monkeypatch.setattr("PIL.TiffImagePlugin.ImageFileDirectory_v2.load", lambda *_: read.append(1))
        assert identify(data)
        assert read == []

    def test_nothing_packed_but_pixels_is_unpacked(self, monkeypatch):
        monkeypatch.setattr("PIL.PngImagePlugin._safe_zlib_decompress", None)
        bomb = b"a\0\0" + zlib.compress(bytes(1_000_000))
        others = [chunk(b"iCCP", bomb), chunk(b"zTXt", bomb), chunk(b"cHRM", bytes(4_000))]
        others.append(chunk(b"iTXt", b"a\0\1\0\0\0" + bomb[3:]))
        assert identify(png(header(8, 8), *others, PIXELS_8X8, *others)) == ImageInfo("image/png", 8, 8)


class TestAvif:
    def test_frames_in_one_picture(self):
        assert identify(avif_payload(lambda payload: payload + frame_unit(payload) * 2)).width == 97
        many = avif_payload(lambda payload: payload + frame_unit(payload) * 20)
        assert "parts" in sentence_of(identify, many, max_pixels=97 * 61)

    def test_frames_in_the_first_picture_of_a_sequence(self):
        data = bytearray(PICTURES["avif-animated"][0])
        at = data.index(b"stsz") + 16
        first = int.from_bytes(data[data.index(b"stco") + 12 :][:4], "big")
        assert memory_to_prove(bytes(data))
        data[at : at + 4] = struct.pack(">I", len(data) - first)
        most = memory_to_prove(bytes(data), 97 * 61) - len(data)
        assert most > memory_to_prove(PICTURES["avif-animated"][0]) - len(data)

    def test_frame_that_is_larger_than_the_boxes_say(self):
        large = bytearray(encode(Image.new("RGB", (1_000, 1_000)), "AVIF"))
        at = large.index(b"ispe") + 8
        large[at : at + 8] = struct.pack(">II", 64, 64)
        assert memory_to_prove(bytes(large)) > 1_000 * 1_000 * 16
        assert "parts" in sentence_of(identify, bytes(large), max_pixels=64 * 64)

    def test_head_and_tables(self):
        free = struct.pack(">I", 1_000_008) + b"free" + bytes(1_000_000)
        assert "parts" in sentence_of(identify, avif_with(free))
        table = struct.pack(">I", 70_008) + b"iref" + bytes(70_000)
        assert "parts" in sentence_of(identify, avif_with(table))
        names = struct.pack(">I", 50_008) + b"free" + b"infe" * 12_500
        assert "parts" in sentence_of(identify, avif_with(names))

        assert "damaged" in sentence_of(memory_to_prove, avif_with(b"\0\0\0\1iref" + bytes(16)))

    @pytest.mark.parametrize("extents", [3, 20_000])  # of the whole file, of nothing
    def test_places_of_an_item(self, extents, monkeypatch):
        monkeypatch.setattr("limner.avif._MAX_SHARED", 0)
        item = struct.pack(">HHH", 1, 0, extents)
        sizes, places = (b"\0", b"") if extents == 3 else (b"\1", b"\1" * extents)
        table = b"iloc" + bytes(4) + sizes + b"\0\0\1" + item + places
        assert "parts" in sentence_of(memory_to_prove, avif_with(struct.pack(">I", len(table) + 4) + table))

    def test_frames_without_a_header(self):
        headless = avif_payload(frame_unit)
        assert "parts" in sentence_of(memory_to_prove, headless, 97 * 61)

    def test_picture_in_the_boxes(self):
        data = bytearray(AVIF)
        at = data.index(b"ispe") + 8
        data[at : at + 8] = struct.pack(">II", 7_000, 7_000)
        assert "7000 x 7000 pixels" in sentence_of(memory_to_prove, bytes(data))

    def test_transparent_and_animated_ones_are_whole(self):
        see_through = DRAWING.convert("RGBA")
        see_through.putalpha(DRAWING.convert("L"))
        assert identify(encode(see_through, "AVIF"), max_pixels=97 * 61).width == 97
        animated = encode(see_through, "AVIF", save_all=True, append_images=[see_through.rotate(9)])
        assert identify(animated, max_pixels=97 * 61).width == 97


class TestMemory:
    @pytest.mark.parametrize(
        ("name", "bytes_a_pixel"),
        {
            "png": 4,
            "png-16-bit": 2,
            "png-palette": 1,
            "png-animated": 4,
            "jpeg": 4,
            "jpeg-progressive": 10,
            "jpeg-cmyk": 4,
            "webp": 18,
            "webp-lossless": 18,
            "webp-animated": 18,
            "gif": 2,
            "avif": 16 * 128 * 64 / (97 * 61),
        }.items(),
    )
    def test_bytes_a_pixel(self, name, bytes_a_pixel):
        data = PICTURES[name][0]
        memory = memory_to_prove(data) - len(data)
        assert bytes_a_pixel * 97 * 61 - 1 <= memory < bytes_a_pixel * 97 * 61 + 2_000

    def test_svg_and_what_is_none(self):
        svg = PICTURES["svg"][0]
        assert memory_to_prove(svg) == 40 * len(svg)
        sentence_of(memory_to_prove, b"not a picture")
