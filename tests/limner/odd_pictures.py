"""Files as other programs write them: odd, cut, damaged or padded, each by a name that says how."""

import base64
import struct
import zlib

from PIL import Image, ImageCms

from tests.limner.test_picture import (
    DRAWING,
    PICTURES,
    PNG,
    chunk,
    encode,
    header,
    png,
)

JPEG = PICTURES["jpeg"][0]
PROGRESSIVE = PICTURES["jpeg-progressive"][0]
GIF = PICTURES["gif"][0]
WEBP = PICTURES["webp"][0]
LOSSLESS = PICTURES["webp-lossless"][0]
AVIF = PICTURES["avif"][0]
SVG_11 = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
ROW = b"\0" + b"\xff" * 32
DEFLATED = zlib.compress(ROW * 8)
SOLID = chunk(b"IDAT", DEFLATED)
CLEAR = DRAWING.convert("RGBA")
CLEAR.putalpha(DRAWING.convert("L"))


def wrong_checksum(whole):
    """A chunk whose last byte, of its checksum, is another."""
    return whole[:-1] + bytes([whole[-1] ^ 1])


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunk(kind, data, padded=True):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2 if padded else 0)


def extended(flags, *chunks):
    """A WebP file in its extended form, of the drawing's size."""
    head = struct.pack("<I", flags) + (96).to_bytes(3, "little") + (60).to_bytes(3, "little")
    return riff(riff_chunk(b"VP8X", head), *chunks)


def early(*chunks):
    """The PNG with more chunks before its pixels."""
    return PNG[:33] + b"".join(chunks) + PNG[33:]


def late(*chunks):
    """The PNG with more chunks after its pixels."""
    return PNG[:-12] + b"".join(chunks) + PNG[-12:]


def interlaced():
    """Adam7: an 8 x 8 picture in seven passes."""
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    raw = b"".join((b"\0" + b"\xff" * 4 * width) * height for width, height in passes)
    return png(
        chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 1)), chunk(b"IDAT", zlib.compress(raw))
    )


def plain_png(depth, colours, row, *chunks, compressed=None):
    """An 8 x 8 PNG with rows of that many bytes; all of a palette's pixels have its first colour."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, depth, colours, 0, 0, 0))
    data = (
        zlib.compress((b"\0" + (b"\0" if colours == 3 else b"\xff") * row) * 8)
        if compressed is None
        else compressed
    )
    return png(head, *chunks, chunk(b"IDAT", data))


TEXT = b"workflow\0" + b"{}" * 800_000
PACKED = b"workflow\0\0" + zlib.compress(bytes(range(256)) * 6_400, 0)
PACKED_BOMB = b"workflow\0\0" + zlib.compress(bytes(30_000_000))
NOISE = Image.effect_noise((1_000, 1_000), 99).tobytes()
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROFILE = struct.pack(">I", 100_000) + PROFILE[4:] + bytes(100_000 - len(PROFILE))
PALETTE = chunk(b"PLTE", bytes(range(30)))


PNGS = {
    "text of 1.6 MB": early(chunk(b"tEXt", TEXT)),
    "text of 1.6 MB, late": late(chunk(b"tEXt", TEXT)),
    "packed text of 1.6 MB": early(chunk(b"zTXt", PACKED)),
    "packed text of 30 MB": early(chunk(b"zTXt", PACKED_BOMB)),
    "many packed texts": early(*[chunk(b"zTXt", PACKED)] * 4),
    "international text": early(chunk(b"iTXt", b"workflow\0\0\0\0\0" + b"{}" * 800_000)),
    "international packed text": early(chunk(b"iTXt", b"workflow\0\1\0\0\0" + PACKED[10:])),
    "broken packed text": early(chunk(b"zTXt", b"workflow\0\0nonsense")),
    "text without a name": early(chunk(b"tEXt", b"")),
    "EXIF of a megabyte": early(chunk(b"eXIf", b"MM\0*" + NOISE)),
    "EXIF of nothing": early(chunk(b"eXIf", b"")),
    "profile of a megabyte": early(chunk(b"iCCP", b"profile\0\0" + zlib.compress(NOISE))),
    "broken profile": early(chunk(b"iCCP", b"profile\0\0nonsense")),
    "bytes after the end": PNG + b"\r\n<!-- -->" + bytes(1_000),
    "second picture after the end": PNG + PNG,
    "wrong checksum of a text": early(wrong_checksum(chunk(b"tEXt", b"a\0b"))),
    "wrong checksum of a late text": late(wrong_checksum(chunk(b"tEXt", b"a\0b"))),
    "wrong checksum of pHYs": early(wrong_checksum(chunk(b"pHYs", bytes(9)))),
    "wrong checksum of gAMA": early(wrong_checksum(chunk(b"gAMA", bytes(4)))),
    "wrong checksum of the end": wrong_checksum(PNG),
    "wrong checksum of the pixels": PNG[:33] + wrong_checksum(PNG[33:-12]) + PNG[-12:],
    "wrong checksum of the header": wrong_checksum(PNG[:33]) + PNG[33:],
    "wrong checksum of a palette": plain_png(8, 3, 8, wrong_checksum(PALETTE)),
    "interlaced": interlaced(),
    "16 bits of colour": plain_png(16, 2, 48),
    "16 bits of colour and alpha": plain_png(16, 6, 64),
    "16 bits of grey and alpha": plain_png(16, 4, 32),
    "1 bit": plain_png(1, 0, 1),
    "2 bits": plain_png(2, 0, 2),
    "4 bits of palette": plain_png(4, 3, 4, PALETTE),
    "palette with transparency": plain_png(8, 3, 8, PALETTE, chunk(b"tRNS", b"\x80\0")),
    "grey with transparency": plain_png(8, 0, 8, chunk(b"tRNS", b"\0\0")),
    "palette missing": plain_png(8, 3, 8),
    "palette twice": plain_png(8, 3, 8, PALETTE, PALETTE),
    "palette too short": plain_png(8, 3, 8, chunk(b"PLTE", bytes(31))),
    "palette of colours": plain_png(8, 2, 24, PALETTE),
    "palette of grey": plain_png(8, 0, 8, PALETTE),
    "palette of 300": plain_png(8, 3, 8, chunk(b"PLTE", bytes(900))),
    "palette of nothing": plain_png(8, 3, 8, chunk(b"PLTE", b"")),
    "too much transparency": plain_png(8, 3, 8, PALETTE, chunk(b"tRNS", b"\x80" * 99)),
    "unknown chunks": early(chunk(b"caBX", bytes(9_000)), chunk(b"prVt", b"x")),
    "unknown chunks, late": late(chunk(b"caBX", bytes(9_000)), chunk(b"prVt", b"x")),
    "unknown chunk that is critical": early(chunk(b"CrIT", b"x")),
    "unknown chunk that is critical, late": late(chunk(b"CrIT", b"x")),
    "name of a chunk that is none": early(chunk(b"a\0b ", b"x")),
    "pixels in two places": png(header(8, 8), SOLID, chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", b"")),
    "pixels split by a text": png(
        header(8, 8), chunk(b"IDAT", DEFLATED[:6]), chunk(b"tEXt", b"a\0b"), chunk(b"IDAT", DEFLATED[6:])
    ),
    "empty pixels first": png(header(8, 8), chunk(b"IDAT", b""), SOLID),
    "animated": PICTURES["png-animated"][0],
    "animated, cut": PICTURES["png-animated"][0][:-3_000],
    "animated, wrong checksum in its last frame": PICTURES["png-animated"][0][:-13] + b"?" + PNG[-12:],
    "animated, more frames promised": PICTURES["png-animated"][0].replace(
        chunk(b"acTL", struct.pack(">II", 3, 0)), chunk(b"acTL", struct.pack(">II", 9, 0))
    ),
    "end missing": PNG[:-12],
    "end cut by one byte": PNG[:-1],
    "end cut by its checksum": PNG[:-4],
    "end cut by five": PNG[:-5],
    "checksum of the pixels cut": PNG[:-14],
    "bytes in the end": PNG[:-12] + chunk(b"IEND", b"xyz"),
    "cut in the middle": PNG[: len(PNG) // 2],
    "cut in the last row": PNG[:-100],
    "pixels end early": plain_png(8, 6, 32, compressed=zlib.compress(ROW * 6)),
    "no checksum in the deflated pixels": plain_png(8, 6, 32, compressed=DEFLATED[:-4]),
    "wrong checksum in the deflated pixels": plain_png(8, 6, 32, compressed=DEFLATED[:-4] + b"1234"),
    "more deflated pixels than rows": plain_png(8, 6, 32, compressed=zlib.compress(ROW * 12)),
    "bytes after the deflated pixels": plain_png(8, 6, 32, compressed=DEFLATED + b"more of it"),
    "wrong window of the deflated pixels": plain_png(8, 6, 32, compressed=b"\x08\x1d" + DEFLATED[2:]),
    "filter that does not exist": plain_png(8, 6, 32, compressed=zlib.compress(b"\7" * 33 * 8)),
    "colour space chunks": early(
        chunk(b"cICP", b"\x09\x10\0\1"), chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 45455))
    ),
    "cHRM that is too short": early(chunk(b"cHRM", bytes(4))),
    "pHYs that is too short": early(chunk(b"pHYs", b"x")),
    "tIME that is wrong": early(chunk(b"tIME", b"\xff" * 7)),
    "sRGB of another value": early(chunk(b"sRGB", b"\x63")),
    "two gAMA": early(*[chunk(b"gAMA", struct.pack(">I", 45455))] * 2),
    "gAMA of zero": early(chunk(b"gAMA", bytes(4))),
    "header of 14 bytes": png(chunk(b"IHDR", header(8, 8)[8:21] + b"\0"), SOLID),
    "header twice": png(header(8, 8), header(8, 8), SOLID),
    "chunk before the header": png(chunk(b"tEXt", b"a\0b"), header(8, 8), SOLID),
    "CgBI of an iPhone": png(chunk(b"CgBI", bytes(4)), header(8, 8), SOLID),
    "ended by a line feed alone": PNG.replace(b"\r\n", b"\n", 1),
    "space before it": b"\n" + PNG,
    "side of zero": png(header(0, 8), SOLID),
}

START = JPEG.index(b"\xff\xda")


def with_restarts():
    return encode(DRAWING, "JPEG", restart_marker_rows=1)


def in_head(*segments):
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


def renumbered(data):
    """Restart markers that all have the number 5."""
    out = bytearray(data)
    for at in range(len(out) - 1):
        if out[at] == 0xFF and 0xD0 <= out[at + 1] <= 0xD7:
            out[at + 1] = 0xD5
    return bytes(out)


def adobe(transform):
    return in_head(segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])))


JPEGS = {
    "garbage after the end": JPEG + b"garbage" + bytes(5_000),
    "ones after the end": JPEG + b"\xff" * 64,
    "second picture after the end": JPEG + JPEG,
    "end missing": JPEG[:-2],
    "end cut by a byte": JPEG[:-1],
    "end replaced by zeros": JPEG[:-2] + bytes(2_000),
    "progressive, end missing": PROGRESSIVE[:-2],
    "grey, end missing": encode(DRAWING.convert("L"), "JPEG")[:-2],
    "restarts, end missing": with_restarts()[:-2],
    "end missing, and a byte": JPEG[:-3],
    "end missing, and 5 bytes": JPEG[:-7],
    "end missing, and 100 bytes": JPEG[:-102],
    "cut in the middle": JPEG[: len(JPEG) // 2],
    "cut in the middle, then ended": JPEG[: len(JPEG) // 2] + b"\xff\xd9",
    "cut near its end, then ended": JPEG[:-202] + b"\xff\xd9",
    "zeros instead of its last quarter": JPEG[: len(JPEG) * 3 // 4] + bytes(len(JPEG) // 4) + b"\xff\xd9",
    "end missing, and zeros for its last quarter": JPEG[: len(JPEG) * 3 // 4] + bytes(9_000),
    "progressive, last scan missing": PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xda")] + b"\xff\xd9",
    "progressive, last scan and end missing": PROGRESSIVE[: PROGRESSIVE.rindex(b"\xff\xda")],
    "progressive, cut in its first scan": PROGRESSIVE[: PROGRESSIVE.index(b"\xff\xda") + 500],
    "progressive, cut in its last scan": PROGRESSIVE[:-100],
    "progressive": PROGRESSIVE,
    "fill bytes between the markers": in_head(b"\xff" * 40).replace(b"\xff\xdb", b"\xff\xff\xff\xdb"),
    "zeros between the segments": JPEG[:20] + bytes(40) + JPEG[20:],
    "fill bytes before the end": JPEG[:-2] + b"\xff" * 9 + b"\xd9",
    "zeros before the end": JPEG[:-2] + bytes(9) + b"\xff\xd9",
    "inks": PICTURES["jpeg-cmyk"][0],
    "inks, Adobe": encode(DRAWING.convert("CMYK"), "JPEG", quality=90),
    "Adobe RGB": adobe(0),
    "Adobe YCC": adobe(1),
    "Adobe of another transform": adobe(7),
    "grey": encode(DRAWING.convert("L"), "JPEG"),
    "restarts": with_restarts(),
    "restarts out of order": renumbered(with_restarts()),
    "restart missing": with_restarts().replace(b"\xff\xd2", b"", 1),
    "several pictures": PICTURES["jpeg-several"][0],
    "several pictures, the second cut": PICTURES["jpeg-several"][0][:-2_000],
    "EXIF of 64 KB": in_head(segment(0xE1, b"Exif\0\0MM\0*" + NOISE[:60_000])),
    "profile of a megabyte": encode(DRAWING, "JPEG", icc_profile=NOISE),
    "profile of nonsense": encode(DRAWING, "JPEG", icc_profile=b"nonsense"),
    "megabytes of application data": in_head(*[segment(0xEB, NOISE[:65_000])] * 40),
    "comments": in_head(segment(0xFE, b"made by hand") * 3),
    "without JFIF": JPEG[:2] + JPEG[20:],
    "second JFIF": in_head(JPEG[2:20]),
    "subsampled 4:4:4": encode(DRAWING, "JPEG", subsampling=0),
    "subsampled 4:2:2": encode(DRAWING, "JPEG", subsampling=1),
    "optimised": encode(DRAWING, "JPEG", optimize=True),
    "quality of 1": encode(DRAWING, "JPEG", quality=1),
    "quality of 100": encode(DRAWING, "JPEG", quality=100),
    "length of a segment past the end": JPEG[:2] + b"\xff\xe5\xff\xff" + JPEG[2:],
    "unknown marker": in_head(segment(0xF0, b"JPG0")),
    "reserved marker": in_head(b"\xff\x02"),
    "TEM marker": in_head(b"\xff\x01"),
    "restart in the head": in_head(b"\xff\xd0"),
    "garbage in the head": JPEG[:20] + b"garbage" + JPEG[20:],
    "DNL after its scan": JPEG[:-2] + segment(0xDC, struct.pack(">H", 61)) + b"\xff\xd9",
    "comment after its scan": JPEG[:-2] + segment(0xFE, b"late") + b"\xff\xd9",
    "application data after its scan": JPEG[:-2] + segment(0xEB, bytes(500)) + b"\xff\xd9",
    "start within the picture": JPEG[:START] + b"\xff\xd8" + JPEG[START:],
    "space before it": b"\n" + JPEG,
    "more bytes in its scan": JPEG[:-2] + JPEG[START + 20 : -2] + b"\xff\xd9",
    "damaged in its scan": JPEG[: START + 900] + b"\xff\xc1\x13" + JPEG[START + 903 :],
    "DRI of nothing": in_head(segment(0xDD, b"\0\0")),
    "frame of one pixel": encode(DRAWING.resize((1, 1)), "JPEG"),
    "frame of one pixel, end missing": encode(DRAWING.resize((1, 1)), "JPEG")[:-2],
    "arithmetic": JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1),
    "extended sequential": JPEG.replace(b"\xff\xc0", b"\xff\xc1", 1),
    "lossless": JPEG.replace(b"\xff\xc0", b"\xff\xc3", 1),
}

STILL = WEBP[12:]
ODD = riff(riff_chunk(b"VP8 ", STILL[8:] + b"\0"))  # libwebp itself writes even numbers of bytes
UNPADDED = ODD[:-1]


def resized(data, by):
    """A RIFF file that states another length."""
    return data[:4] + struct.pack("<I", int.from_bytes(data[4:8], "little") + by) + data[8:]


ALPHA = encode(CLEAR, "WEBP")
ANIMATED_WEBP = PICTURES["webp-animated"][0]
WEBPS = {
    "lossy": WEBP,
    "lossless": LOSSLESS,
    "lossless with alpha": encode(CLEAR, "WEBP", lossless=True),
    "alpha": ALPHA,
    "animated": ANIMATED_WEBP,
    "animated, last frame cut": ANIMATED_WEBP[:-700],
    "animated, last frame missing": ANIMATED_WEBP[: ANIMATED_WEBP.rindex(b"ANMF")],
    "EXIF": encode(DRAWING, "WEBP", exif=b"Exif\0\0MM\0*" + bytes(900)),
    "XMP of a megabyte": encode(DRAWING, "WEBP", xmp=b"<x/>" * 250_000),
    "profile of a megabyte": encode(DRAWING, "WEBP", icc_profile=NOISE),
    "unknown chunks": extended(0, riff_chunk(b"abcd", bytes(99)), STILL, riff_chunk(b"efgh", bytes(10**6))),
    "unknown chunk after a simple picture": riff(STILL, riff_chunk(b"efgh", b"123")),
    "EXIF without its flag": extended(0, STILL, riff_chunk(b"EXIF", b"MM\0*")),
    "flag of EXIF without it": extended(8, STILL),
    "flag of a profile without it": extended(32, STILL),
    "reserved flags": extended(0xFFFFFFC1, STILL),
    "EXIF before the pixels": extended(8, riff_chunk(b"EXIF", b"MM\0*1234"), STILL),
    "odd": ODD,
    "odd, unpadded": UNPADDED,
    "odd, unpadded, length corrected": resized(UNPADDED, -1),
    "odd, padding not in its length": resized(ODD, -1),
    "odd metadata, unpadded": extended(8, STILL, riff_chunk(b"EXIF", b"MM\0*1", padded=False)),
    "length smaller by 1": resized(WEBP, -1),
    "length smaller by 2": resized(WEBP, -2),
    "length larger by 1": resized(WEBP, 1),
    "length larger by 2": resized(WEBP, 2),
    "length larger by 100": resized(WEBP, 100),
    "lossless, length smaller by 1": resized(LOSSLESS, -1),
    "lossless, length larger by 1": resized(LOSSLESS, 1),
    "extended, length larger by 1": resized(ALPHA, 1),
    "extended, length larger by 100": resized(ALPHA, 100),
    "animated, length larger by 1": resized(ANIMATED_WEBP, 1),
    "length of zero": WEBP[:4] + bytes(4) + WEBP[8:],
    "length unknown": WEBP[:4] + b"\xff" * 4 + WEBP[8:],
    "bytes after the end": WEBP + b"\r\n more",
    "extended, bytes after the end": ALPHA + b"\r\n more",
    "animated, bytes after the end": ANIMATED_WEBP + b"\r\n more",
    "cut by a byte": WEBP[:-1],
    "cut by ten": WEBP[:-10],
    "lossless, cut by ten": LOSSLESS[:-10],
    "cut in the middle": WEBP[: len(WEBP) // 2],
    "metadata cut": extended(8, STILL, riff_chunk(b"EXIF", bytes(900)))[:-300],
    "canvas of another size": extended(0, STILL).replace(b"\x60\0\0", b"\x61\0\0", 1),
    "metadata only": extended(8, riff_chunk(b"EXIF", bytes(900))),
    "chunk between, of an odd size": extended(0, riff_chunk(b"abcd", b"123"), STILL),
}

GIF_ANIMATED = PICTURES["gif-animated"][0]
TABLE = GIF.index(b",", 13 + (6 << (GIF[10] & 7)))
GIFS = {
    "bytes after the end": GIF + b"\r\n" + bytes(500),
    "end missing": GIF[:-1],
    "end replaced": GIF[:-1] + bytes(9),
    "end missing, and the terminator": GIF[:-2],
    "end missing, and ten bytes": GIF[:-12],
    "cut in the middle": GIF[: len(GIF) // 2],
    "comment": GIF[:TABLE] + b"!\xfe\x05hello\0" + GIF[TABLE:],
    "late comment": GIF[:-1] + b"!\xfe\x05hello\0;",
    "late comment, cut": GIF[:-1] + b"!\xfe\x05hel",
    "application": GIF[:TABLE] + b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0" + GIF[TABLE:],
    "XMP": GIF[:TABLE] + b"!\xff\x0bXMP DataXMP<x/>\x01\0" + bytes([*range(255, -1, -1), 0]) + GIF[TABLE:],
    "plain text": GIF[:TABLE] + b"!\x01\x0c" + bytes(12) + b"\0" + GIF[TABLE:],
    "unknown extension": GIF[:TABLE] + b"!\x42\x02ab\0" + GIF[TABLE:],
    "graphic control of another length": GIF[:TABLE] + b"!\xf9\x05\0\0\0\0\0\0" + GIF[TABLE:],
    "frame larger than its screen": GIF[:6] + struct.pack("<HH", 20, 20) + GIF[10:],
    "screen of zero": GIF[:6] + bytes(4) + GIF[10:],
    "screen larger than its frame": GIF[:6] + struct.pack("<HH", 200, 200) + GIF[10:],
    "frame outside of its screen": GIF[: TABLE + 1] + struct.pack("<HH", 500, 500) + GIF[TABLE + 5 :],
    "frame of zero": GIF[: TABLE + 5] + bytes(4) + GIF[TABLE + 9 :],
    "87a": b"GIF87a" + GIF[6:],
    "interlaced": encode(DRAWING.quantize(64), "GIF", interlace=1),
    "flat": encode(DRAWING.quantize(64), "GIF", interlace=0),
    "transparent": encode(CLEAR, "GIF"),
    "animated": GIF_ANIMATED,
    "animated, end missing": GIF_ANIMATED[:-1],
    "animated, last frame cut": GIF_ANIMATED[:-700],
    "animated, zeros after the first frame": GIF_ANIMATED[: GIF_ANIMATED.index(b"\0!\xf9", 1_000) + 1]
    + bytes(9),
    "no colours": GIF[:10] + b"\0" + GIF[11:13] + GIF[TABLE:],
    "no frame": GIF[:TABLE] + b";",
    "zero between its blocks": GIF[:-1] + b"\0;",
    "something between its blocks": GIF[:-1] + b"?;",
    "garbage between its blocks": GIF[:-1] + b"garbage",
    "zero before its frame": GIF[:TABLE] + b"\0" + GIF[TABLE:],
    "pixels end early": GIF[: TABLE + 11 + 256 * 6] + b"\0;",
    "code size of 12": GIF[: TABLE + 10] + b"\x0c" + GIF[TABLE + 11 :],
}


def avif(text):
    """A file that avifenc wrote."""
    return base64.b64decode(text)


AVIFS = {
    "grid of four": avif(
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAHhbWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA"
        "AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAABWaWxvYwAAAABEAAAFAAEAAAABAAACCQAAAAgAAgAAAAEAAAIRAAAAJQAD"
        "AAAAAQAAAhEAAAAlAAQAAAABAAACEQAAACUABQAAAAEAAAIRAAAAJQAAAJBpaW5mAAAAAAAFAAAAGmluZmUCAAAAAAEAAGdy"
        "aWRDb2xvcgAAAAAaaW5mZQIAAAEAAgAAYXYwMUNvbG9yAAAAABppbmZlAgAAAQADAABhdjAxQ29sb3IAAAAAGmluZmUCAAAB"
        "AAQAAGF2MDFDb2xvcgAAAAAaaW5mZQIAAAEABQAAYXYwMUNvbG9yAAAAACBpcmVmAAAAAAAAABRkaW1nAAEABAACAAMABAAF"
        "AAAAmWlwcnAAAABfaXBjbwAAABRpc3BlAAAAAAAAAIAAAACAAAAAEHBpeGkAAAAAAwgICAAAABNjb2xybmNseAABAA0ABoAA"
        "AAAUaXNwZQAAAAAAAABAAAAAQAAAAAxhdjFDgSAAAAAAADJpcG1hAAAAAAAAAAUAAQMBAgMAAgQEAoUDAAMEBAKFAwAEBAQC"
        "hQMABQQEAoUDAAAANW1kYXQAAAEBAIAAgBIACgk4FX/9hAQ0GkAyFhZABhhhhADBtj9gFZLck/RRDHYNQRw="
    ),
    "10 bits": avif(
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA"
        "AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAAC0AAAAoaWluZgAAAAAAAQAA"
        "ABppbmZlAgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAD0AAAAlAAAAEHBpeGkAAAAA"
        "AwoKCgAAAAxhdjFDgSBAAAAAABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAADVtZGF0EgAKCTgV"
        "fJGMBDQaQDIeFkAJJJJEAMG2P2AVktyT9FEOpsWfmRbZhgZGgJdU"
    ),
    "12 bits and alpha": avif(
        "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAY1tZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA"
        "bGliYXZpZgAAAAAOcGl0bQAAAAAAAQAAACxpbG9jAAAAAEQAAAIAAQAAAAEAAAHMAAAALwACAAAAAQAAAbEAAAAbAAAAQmlp"
        "bmYAAAAAAAIAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAABppbmZlAgAAAAACAABhdjAxQWxwaGEAAAAAGmlyZWYAAAAA"
        "AAAADmF1eGwAAgABAAEAAADDaXBycAAAAJ1pcGNvAAAAFGlzcGUAAAAAAAAAPQAAACUAAAAQcGl4aQAAAAADDAwMAAAADGF2"
        "MUOBQGAAAAAAE2NvbHJuY2x4AAEADQAGgAAAAA5waXhpAAAAAAEMAAAADGF2MUOBQHwAAAAAOGF1eEMAAAAAdXJuOm1wZWc6"
        "bXBlZ0I6Y2ljcDpzeXN0ZW1zOmF1eGlsaWFyeTphbHBoYQAAAAAeaXBtYQAAAAAAAAACAAEEAQKDBAACBAEFhgcAAABSbWRh"
        "dBIACgZYFXyRjqAyDxAAtFQDZ8uxIAEsuqc64BIACglYFXyRjQENBogyIBZACSSSRADBtj9gFZLck/RRDePYlANT/mpOc5ZV"
        "Ptvm"
    ),
    "grey": avif(
        "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAPBtZXRhAAAAAAAAAChoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAA"
        "bGliYXZpZgAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAEUAAAAHQAAAChpaW5mAAAAAAABAAAAGmlu"
        "ZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABoaXBycAAAAElpcGNvAAAAFGlzcGUAAAAAAAAAPQAAACUAAAAOcGl4aQAAAAABCAAA"
        "AAxhdjFDgQAcAAAAABNjb2xybmNseAABAA0ABoAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAACVtZGF0EgAKCRgVfJGGAhoN"
        "QDIOFkAYYUDBuTPYIoCVf+A="
    ),
    "lossless": avif(
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADybWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA"
        "AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABGgAAACwAAAAoaWluZgAAAAAAAQAA"
        "ABppbmZlAgAAAAABAABhdjAxQ29sb3IAAAAAamlwcnAAAABLaXBjbwAAABRpc3BlAAAAAAAAAD0AAAAlAAAAEHBpeGkAAAAA"
        "AwgICAAAAAxhdjFDgSAAAAAAABNjb2xybmNseAABAA0AAIAAAAAXaXBtYQAAAAAAAAABAAEEAQKDBAAAADRtZGF0EgAKCTgV"
        "fJGEBDQAgDIdEAAAwbTKac/D3XEPcPjWa+7zDPHjMM3xWV3jTsA="
    ),
    "turned": avif(
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAD8bWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA"
        "AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABJAAAACgAAAAoaWluZgAAAAAAAQAA"
        "ABppbmZlAgAAAAABAABhdjAxQ29sb3IAAAAAdGlwcnAAAABUaXBjbwAAABRpc3BlAAAAAAAAAD0AAAAlAAAAEHBpeGkAAAAA"
        "AwgICAAAAAxhdjFDgSAAAAAAABNjb2xybmNseAABAA0ABoAAAAAJaXJvdAEAAAAYaXBtYQAAAAAAAAABAAEFAQKDBIUAAAAw"
        "bWRhdBIACgk4FXyRhAQ0GkAyGRZABhhhhQDBtTxNu4A/vixbOuw3vm/WhuA="
    ),
    "cropped": avif(
        "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAAEbbWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAA"
        "AAAAAGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABQwAAACcAAAAoaWluZgAAAAAAAQAA"
        "ABppbmZlAgAAAAABAABhdjAxQ29sb3IAAAAAk2lwcnAAAABzaXBjbwAAABRpc3BlAAAAAAAAAD0AAAAlAAAAEHBpeGkAAAAA"
        "AwgICAAAAAxhdjFDgQAMAAAAABNjb2xybmNseAABAA0ABoAAAAAoY2xhcAAAABQAAAABAAAACgAAAAH////bAAAAAv///+kA"
        "AAACAAAAGGlwbWEAAAAAAAAAAQABBQECgwSFAAAAL21kYXQSAAoJGBV8kYICGg0IMhgWQAYYYYUAwbU8V21XGBLNCQXn1bcE"
        "oEU="
    ),
    "alpha": encode(CLEAR, "AVIF"),
    "animated": PICTURES["avif-animated"][0],
    "EXIF and XMP": encode(DRAWING, "AVIF", exif=b"MM\0*" + bytes(9), xmp=b"<x/>" * 250_000),
    "profile of nonsense": encode(DRAWING, "AVIF", icc_profile=NOISE[:100_000]),
    "profile of 100 KB": encode(DRAWING, "AVIF", icc_profile=PROFILE),
    "bytes after the end": AVIF + b"\0\0\0\x0cfreemore",
    "garbage after the end": AVIF + b"garbage" * 9,
    "cut by a byte": AVIF[:-1],
    "cut by a hundred": AVIF[:-100],
    "cut in the middle": AVIF[: len(AVIF) // 2],
    "brand of a picture in general": AVIF.replace(b"ftypavif", b"ftypmif1", 1),
    "brand that is unknown": AVIF.replace(b"ftypavif", b"ftypabcd", 1),
}


def svg(head="", attributes='width="97" height="61"', encoding="utf-8", body='<path d="M0,0 9,9"/>'):
    return (head + f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{body}</svg>').encode(encoding)


SVG_10 = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.0//EN" "http://www.w3.org/TR/2001/REC-SVG-20010904/DTD/svg10.dtd">'
SVGS = {
    "plain": svg(),
    "document type 1.1": svg(SVG_11),
    "document type 1.0": svg(SVG_10),
    "document type basic": svg(SVG_11.replace("1.1//", "1.1 Basic//").replace("svg11", "svg11-basic")),
    "document type tiny": svg(SVG_11.replace("1.1//", "1.1 Tiny//").replace("svg11", "svg11-tiny")),
    "document type short": svg("<!DOCTYPE svg>"),
    "document type of the system": svg('<!DOCTYPE svg SYSTEM "svg.dtd">'),
    "document type in quotes": svg("<!DOCTYPE svg SYSTEM 'svg.dtd' >"),
    "document type on lines": svg(SVG_11.replace(' PUBLIC "', '\n\tPUBLIC\n"').replace('" "', '"\n\t"')),
    "document type after comments": svg(
        "<?xml version='1.0'?>\n<!-- a > [ ] -->\n<?x y?>\n" + SVG_11 + "\n<!-- b -->"
    ),
    "document type in a comment": svg("<!-- <!DOCTYPE html [ ]> -->"),
    "document type in a text": svg(body="<desc><![CDATA[<!DOCTYPE html [<!ENTITY a 'b'>]>]]></desc>"),
    "document type of the prefix": svg("<!DOCTYPE svg:svg>"),
    "document type of another name": svg("<!DOCTYPE html>"),
    "document type in small letters": svg("<!doctype svg>"),
    "document type of Illustrator": svg(SVG_11[:-1] + ' [<!ENTITY ns_svg "http://www.w3.org/2000/svg">]>'),
    "document type with nothing inside": svg(SVG_11[:-1] + " []>"),
    "document type with an attribute list": svg("<!DOCTYPE svg [<!ATTLIST svg a CDATA '1'>]>"),
    "document type in UTF-16": svg("<?xml version='1.0' encoding='utf-16'?>" + SVG_11, encoding="utf-16"),
    "document type twice": svg(SVG_11 * 2),
    "entity of the document type": svg(SVG_11, body="<text>&nbsp;</text>"),
    "byte order mark": svg(encoding="utf-8-sig"),
    "UTF-16": svg(encoding="utf-16"),
    "UTF-16 of big end": b"\xfe\xff" + svg(encoding="utf-16-be"),
    "UTF-16 without a mark": svg(encoding="utf-16-le"),
    "UTF-16 without a mark, declared": svg("<?xml version='1.0' encoding='utf-16'?>", encoding="utf-16-le"),
    "UTF-16 with a declaration of UTF-8": svg("<?xml version='1.0' encoding='utf-8'?>", encoding="utf-16"),
    "Latin-1": svg("<?xml version='1.0' encoding='iso-8859-1'?><!--é-->", encoding="latin-1"),
    "windows-1252": svg("<?xml version='1.0' encoding='windows-1252'?><!--é€-->", encoding="cp1252"),
    "Shift JIS": svg("<?xml version='1.0' encoding='shift_jis'?><!--猫-->", encoding="shift_jis"),
    "GBK": svg("<?xml version='1.0' encoding='gbk'?><!--猫-->", encoding="gbk"),
    "wrong UTF-8": svg("<!--é-->", encoding="latin-1"),
    "encoding that does not exist": svg("<?xml version='1.0' encoding='no-such'?>"),
    "version 1.1": svg("<?xml version='1.1'?>"),
    "standalone": svg('<?xml version="1.0" encoding="UTF-8" standalone="no"?>'),
    "standalone with a document type": svg('<?xml version="1.0" standalone="no"?>' + SVG_11),
    "declaration after a space": svg(" <?xml version='1.0'?>"),
    "comments first": svg("<!-- made by hand -->\n<!-- twice -->"),
    "instruction first": svg("<?xml-stylesheet href='a.css'?>"),
    "character references": svg(body="<text>&#233;&#x1F98A;&lt;&amp;</text>"),
    "character data": svg(body="<style><![CDATA[a > b {}]]></style>"),
    "entity that is undeclared": svg(body="<text>&nbsp;</text>"),
    "prefix": b'<svg:svg xmlns:svg="http://www.w3.org/2000/svg" width="97" height="61"><svg:g/></svg:svg>',
    "prefix and another default": b'<s:svg xmlns:s="http://www.w3.org/2000/svg" xmlns="a" width="9"/>',
    "prefix that is undeclared": svg(attributes='width="97" height="61" xlink:href="a"'),
    "attribute twice": svg(attributes='width="97" height="61" width="97"'),
    "editor's data": svg(
        attributes='width="97" height="61" xmlns:i="http://i" i:a="1"', body="<i:named id='a'/>"
    ),
    "script": svg(body="<script>alert(1)</script>"),
    "html inside": svg(body="<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>a</p></foreignObject>"),
    "percent with a box": svg(attributes='width="100%" height="100%" viewBox="0 0 97 61"'),
    "percent without a box": svg(attributes='width="100%" height="100%"'),
    "half with a box": svg(attributes='width="50%" height="50%" viewBox="0 0 97 61"'),
    "no sides": svg(attributes=""),
    "width": svg(attributes='width="97"'),
    "height": svg(attributes='height="61"'),
    "width and box": svg(attributes='width="97" viewBox="0 0 194 122"'),
    "height and box": svg(attributes='height="61" viewBox="0 0 194 122"'),
    "percent and height and box": svg(attributes='width="100%" height="61" viewBox="0 0 194 122"'),
    "box": svg(attributes='viewBox="0 0 97 61"'),
    "box of zero": svg(attributes='viewBox="0 0 0 0"'),
    "box of nonsense": svg(attributes='viewBox="none"'),
    "box of three": svg(attributes='viewBox="0 0 97"'),
    "box of five": svg(attributes='viewBox="0 0 97 61 5"'),
    "box of commas": svg(attributes='viewBox="-5,-5 , 97, 61"'),
    "box with units": svg(attributes='viewBox="0 0 97px 61px"'),
    "box that is wide": svg(attributes='viewBox="0 0 1000 10"'),
    "box that is high": svg(attributes='viewBox="0 0 10 1000"'),
    "box of less than one": svg(attributes='viewBox="0 0 .2 .1"'),
    "box that is huge": svg(attributes='viewBox="0 0 100000 100000"'),
    "millimetres": svg(attributes='width="210mm" height="297mm" viewBox="0 0 210 297"'),
    "centimetres": svg(attributes='width="5cm" height="3cm"'),
    "inches": svg(attributes='width="2in" height="1.5in"'),
    "points": svg(attributes='width="72pt" height="36pt"'),
    "picas": svg(attributes='width="6pc" height="3pc"'),
    "quarters": svg(attributes='width="40Q" height="80Q"'),
    "em": svg(attributes='width="10em" height="5em"'),
    "em of another font": svg(attributes='width="10em" height="5em" font-size="10"'),
    "rem": svg(attributes='width="10rem" height="5rem"'),
    "ex": svg(attributes='width="10ex" height="5ex"'),
    "ch": svg(attributes='width="10ch" height="5ch"'),
    "vw": svg(attributes='width="100vw" height="100vh"'),
    "vw and box": svg(attributes='width="100vw" height="100vh" viewBox="0 0 97 61"'),
    "capital units": svg(attributes='width="97PX" height="61PX"'),
    "unknown units": svg(attributes='width="97foo" height="61foo"'),
    "unknown units and box": svg(attributes='width="97foo" height="61foo" viewBox="0 0 50 50"'),
    "calc": svg(attributes='width="calc(90px + 7px)" height="61"'),
    "auto": svg(attributes='width="auto" height="auto" viewBox="0 0 97 61"'),
    "auto without a box": svg(attributes='width="auto" height="auto"'),
    "style": svg(attributes='style="width:97px;height:61px"'),
    "style over attributes": svg(attributes='style="width:50px" width="97" height="61"'),
    "space and sign": svg(attributes='width=" 97px " height="+61."'),
    "space before the unit": svg(attributes='width="97 px" height="61"'),
    "exponent": svg(attributes='width="9.7e1" height="6.1E1"'),
    "fractions": svg(attributes='width="97.5" height="61.4"'),
    "small fractions": svg(attributes='width="0.4" height="0.4"'),
    "zero": svg(attributes='width="0" height="0"'),
    "zero height": svg(attributes='width="97" height="0"'),
    "zero height and box": svg(attributes='width="97" height="0" viewBox="0 0 97 61"'),
    "negative": svg(attributes='width="97" height="-61"'),
    "negative and box": svg(attributes='width="-97" height="-61" viewBox="0 0 97 61"'),
    "infinite": svg(attributes='width="1e999" height="1"'),
    "not a number": svg(attributes='width="nan" height="inf"'),
    "huge": svg(attributes='width="1e7" height="1"'),
    "huge of both": svg(attributes='width="1e7" height="1e7"'),
    "cut": svg()[:-3],
    "cut in an element": svg()[:-10],
    "bytes after the end": svg() + b"\n<!-- end -->\n",
    "text after the end": svg() + b"end",
    "zeros after the end": svg() + b"\0\0",
    "second root": svg() * 2,
    "without its namespace": svg().replace(b"http://www.w3.org/2000/svg", b""),
    "of another namespace": svg().replace(b"2000/svg", b"2001/svg"),
    "space before it": b"\n\t " + svg(),
    "text before it": b"text" + svg(),
    "root in capitals": svg().replace(b"svg ", b"SVG ", 1).replace(b"</svg", b"</SVG"),
    "html": b"<!DOCTYPE html><html><body><svg xmlns='http://www.w3.org/2000/svg'/></body></html>",
    "xhtml": b"<html xmlns='http://www.w3.org/1999/xhtml'><body>a</body></html>",
    "html5 with svg": b"<!DOCTYPE html><svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'></svg>",
}

GROUPS = {"PNG": PNGS, "JPEG": JPEGS, "WebP": WEBPS, "GIF": GIFS, "AVIF": AVIFS, "SVG": SVGS}
