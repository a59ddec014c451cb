# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small picture files as phones and programs write them, and as they should not."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterable, Iterator

from PIL import Image, ImageDraw

PNG = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
WIDTH, HEIGHT = 48, 32


def photo(mode: str = "RGB") -> Image.Image:
    """A picture whose every corner is different."""
    picture = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    bands = (picture, picture.transpose(Image.Transpose.ROTATE_180), picture.rotate(90))
    coloured = Image.merge("RGB", bands)
    ImageDraw.Draw(coloured).rectangle((0, 0, WIDTH // 2, HEIGHT // 3), fill=(200, 30, 30))
    if mode in ("RGBA", "LA"):
        coloured.putalpha(picture.transpose(Image.Transpose.TRANSPOSE).resize(coloured.size))
    return coloured.convert(mode)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def jpeg(exif: bytes = b"", **options: object) -> bytes:
    return saved(photo(), "JPEG", exif=exif, **options)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def endless_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is there many times."""
    whole = saved(Image.new("RGB", (side, side), "#0066cc"), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


# TIFF, as in EXIF


def entry(tag: int, kind: int, count: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")


def turned(value: int, order: str = "<") -> bytes:
    return entry(0x0112, 3, 1, struct.pack(order + "H", value), order)


def tiff(entries: Iterable[bytes], tail: bytes = b"", order: str = "<") -> bytes:
    listed = list(entries)
    head = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(order + "IH", 8, len(listed)) + b"".join(listed) + b"\0\0\0\0"
    return head + body + tail


def exif(*entries: bytes, tail: bytes = b"", order: str = "<") -> bytes:
    return b"Exif\0\0" + tiff(entries, tail, order)


# PNG


def chunk(name: bytes, body: bytes, *, damaged: bool = False) -> bytes:
    sum_ = zlib.crc32(name + body) ^ damaged
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", sum_)


def png(
    depth: int,
    colour: int,
    *before: bytes,
    after: bytes = b"",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    rows: list[bytes] | None = None,
) -> bytes:
    """A PNG of ``rows``, or of noise, with chunks before and after its pixels."""
    width, height = size
    length = (width * depth * SAMPLES[colour] + 7) // 8
    noise = random.Random(7)
    rows = [noise.randbytes(length) for _ in range(height)] if rows is None else rows
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [chunk(b"IHDR", head), *before, chunk(b"IDAT", pixels), after, chunk(b"IEND", b"")]
    return PNG + b"".join(chunks)


def palette(entries: int) -> bytes:
    return chunk(b"PLTE", random.Random(entries).randbytes(3 * entries))


# ICC


def profile(
    red: tuple[float, float, float],
    green: tuple[float, float, float],
    blue: tuple[float, float, float],
    gamma: float,
    space: bytes = b"RGB ",
) -> bytes:
    """A profile of version 2: primaries as XYZ under D50, and one gamma."""
    white = (0.9642, 1.0, 0.8249)
    curve = b"curv\0\0\0\0" + struct.pack(">IH2x", 1, round(gamma * 256))
    tags = {b"wtpt": _xyz(white)}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {b"rXYZ": _xyz(red), b"gXYZ": _xyz(green), b"bXYZ": _xyz(blue)}
        tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    place = 128 + 4 + 12 * len(tags)
    table = struct.pack(">I", len(tags))
    for name, body in tags.items():
        table += name + struct.pack(">II", place, len(body))
        place += len(body)
    head = struct.pack(">I4xI", place, 0x02400000) + b"mntr" + space + b"XYZ " + bytes(12) + b"acsp"
    head = (head + bytes(28) + struct.pack(">iii", 0xF6D6, 0x10000, 0xD32D)).ljust(128, b"\0")
    return head + table + b"".join(tags.values())


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(value * 65536) for value in values))


DISPLAY_P3 = profile(
    (0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841), 2.2
)
ADOBE_RGB = profile(
    (0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), 2.2
)
GREY_PROFILE = profile((0, 0, 0), (0, 0, 0), (0, 0, 0), 1.8, b"GRAY")


def iccp(body: bytes, *, damaged: bool = False) -> bytes:
    return chunk(b"iCCP", b"profile\0\0" + zlib.compress(body), damaged=damaged)


BIG = b"x" * (2**20 + 10)
LONG_TEXTS = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(BIG)),
    "iTXt": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(BIG)),
    "tEXt": chunk(b"tEXt", b"Comment\0" + BIG),
    "iCCP": iccp(BIG),
}


def files() -> Iterator[tuple[str, bytes]]:
    """Names and files that a browser shows."""
    yield from _jpegs()
    yield from _pngs()
    yield from _others()


def _jpegs() -> Iterator[tuple[str, bytes]]:
    for value in range(10):
        yield f"jpeg turned {value}", jpeg(exif(turned(value)))
    yield "jpeg big-endian", jpeg(exif(turned(6, ">"), order=">"))
    rational = entry(0x011A, 10, 1, struct.pack("<I", 38))
    for over in ((-1, 0), (0, 0), (1, 0)):
        tail = struct.pack("<ii", *over)
        yield f"jpeg resolution {over}", jpeg(exif(turned(6), rational, tail=tail))
    yield (
        "jpeg two resolutions",
        jpeg(exif(turned(6), entry(0x011A, 5, 2, b"\x26"), tail=bytes(16))),
    )
    yield "jpeg orientation text", jpeg(exif(entry(0x0112, 2, 2, b"6\0")))
    yield "jpeg orientation byte", jpeg(exif(entry(0x0112, 1, 1, b"\x06")))
    yield "jpeg orientation long", jpeg(exif(entry(0x0112, 4, 1, b"\x06")))
    yield "jpeg orientation twice", jpeg(exif(entry(0x0112, 3, 2, struct.pack("<HH", 6, 6))))
    yield "jpeg loop", jpeg(exif(turned(6), entry(0x8769, 4, 1, b"\x08")))
    yield "jpeg far text", jpeg(exif(turned(6), entry(0x010F, 2, 4000, struct.pack("<I", 60000))))
    yield "jpeg unknown type", jpeg(exif(turned(6), entry(0x9999, 99, 1, b"abcd")))
    yield "jpeg entries missing", jpeg(b"Exif\0\0II*\0" + struct.pack("<IH", 8, 900) + turned(6))
    yield "jpeg blank exif", jpeg(b"Exif\0\0")
    yield "jpeg garbage exif", jpeg(b"Exif\0\0" + b"\0\x08\0\x02\x01\x12\0\x03" * 4)
    yield "jpeg exif twice", jpeg(b"Exif\0\0" + exif(turned(6)))
    plain = jpeg()
    for name, extra in {
        "two exif": segment(0xE1, exif(turned(3))) + segment(0xE1, exif(turned(6))),
        "broken xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta"),
        "broken mpf": segment(0xE2, b"MPF\0II*\0\xff\xff\xff\xff"),
        "broken photoshop": segment(0xED, b"Photoshop 3.0\0" + b"8BIM\xff\xff\xff\xff"),
        "jfxx": segment(0xE0, b"JFXX\0\x10\xff\xd8"),
        "fill bytes": b"\xff\xff\xff" + segment(0xFE, b"words")[1:],
    }.items():
        yield f"jpeg {name}", plain[:2] + extra + plain[2:]
    yield "jpeg and another", plain + jpeg(exif(turned(6)))
    yield "jpeg progressive", jpeg(progressive=True)
    yield "jpeg with restarts", jpeg(restart_marker_rows=1)
    yield "jpeg full colour", jpeg(subsampling=0, quality=95)
    for mode in ("L", "CMYK"):
        yield f"jpeg {mode}", saved(photo(mode), "JPEG", quality=95)
    inverted = saved(photo("CMYK"), "JPEG", quality=95)
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
    yield "jpeg CMYK of Adobe", inverted[:2] + adobe + inverted[2:]
    for name, icc in {"p3": DISPLAY_P3, "adobe": ADOBE_RGB, "damaged": BIG[:500]}.items():
        yield f"jpeg profile {name}", jpeg(icc_profile=icc, subsampling=0, quality=95)
    yield "jpeg grey profile", saved(photo("L"), "JPEG", icc_profile=GREY_PROFILE, quality=95)
    yield "jpeg wrong profile", jpeg(icc_profile=GREY_PROFILE)
    cut = DISPLAY_P3[: len(DISPLAY_P3) // 2]
    yield "jpeg half a profile", jpeg(icc_profile=cut)


def _pngs() -> Iterator[tuple[str, bytes]]:
    for depth in (1, 2, 4, 8, 16):
        yield f"png grey {depth}", png(depth, GREY)
        for sample in (0, 1, 2**depth - 1):
            transparent = chunk(b"tRNS", struct.pack(">H", sample))
            yield f"png grey {depth} without {sample}", png(depth, GREY, transparent)
    yield from _transparent_colours()
    for colour in (RGB, GREY_ALPHA, RGBA):
        for depth in (8, 16):
            yield f"png colour type {colour} of {depth}", png(depth, colour)
    yield from _palettes()
    yield from _extras()
    yield from _profiles()


def _transparent_colours() -> Iterator[tuple[str, bytes]]:
    ramp = [struct.pack(">256H", *range(0x4000, 0x4100))] * 4
    clear = chunk(b"tRNS", struct.pack(">H", 0x4020))
    yield "png one grey of a ramp", png(16, GREY, clear, size=(256, 4), rows=ramp)
    steps = [b"".join(struct.pack(">3H", 5, value, 9) for value in range(0x4000, 0x4100))] * 4
    clear = chunk(b"tRNS", struct.pack(">3H", 5, 0x4020, 9))
    yield "png one colour of a ramp", png(16, RGB, clear, size=(256, 4), rows=steps)
    red = [bytes((255, 0, 0, 0, 255, 0)) * (WIDTH // 2)] * HEIGHT
    clear = chunk(b"tRNS", struct.pack(">3H", 255, 0, 0))
    yield "png without red", png(8, RGB, clear, rows=red)
    yield "png without red, damaged", png(8, RGB, clear[:-1] + b"\0", rows=red)
    yield "png short tRNS", png(8, RGB, chunk(b"tRNS", b"\0\1"), rows=red)


def _palettes() -> Iterator[tuple[str, bytes]]:
    for depth in (1, 2, 4, 8):
        entries = 2**depth
        yield f"png palette {depth}", png(depth, PALETTE, palette(entries))
        alphas = random.Random(depth).randbytes(max(1, entries // 2))
        transparent = chunk(b"tRNS", alphas)
        yield f"png see-through palette {depth}", png(depth, PALETTE, palette(entries), transparent)


def _extras() -> Iterator[tuple[str, bytes]]:
    for value in (1, 6, 8, 9):
        turn = chunk(b"eXIf", tiff([turned(value)]))
        yield f"png turned {value}", png(8, RGB, turn)
        yield f"png turned after {value}", png(8, RGB, after=turn)
    yield "png damaged exif", png(8, RGB, chunk(b"eXIf", tiff([turned(6)]), damaged=True))
    yield "png exif twice", png(8, RGB, chunk(b"eXIf", exif(turned(6))))
    for name, text in LONG_TEXTS.items():
        yield f"png long {name}", png(8, RGB, text)
        yield f"png long {name} after", png(8, RGB, after=text)
    yield "png without its end", png(8, RGB)[:-12]
    yield "png damaged text", png(8, RGB, chunk(b"tEXt", b"Comment\0ciao", damaged=True))
    yield "png unknown chunk", png(8, RGB, chunk(b"prVt", b"x" * 99))


def _profiles() -> Iterator[tuple[str, bytes]]:
    for name, icc in {"p3": DISPLAY_P3, "adobe": ADOBE_RGB, "damaged": BIG[:500]}.items():
        yield f"png profile {name}", png(8, RGB, iccp(icc))
        yield f"png profile {name} with alpha", png(8, RGBA, iccp(icc))
    yield "png profile with wrong sum", png(8, RGB, iccp(DISPLAY_P3, damaged=True))
    yield "png grey profile", png(8, GREY, iccp(GREY_PROFILE))
    yield "png palette with profile", png(8, PALETTE, iccp(DISPLAY_P3), palette(256))
    yield "png 16 with profile", png(16, RGB, iccp(DISPLAY_P3))
    gamma, primaries = chunk(b"gAMA", struct.pack(">I", 100000)), _primaries(0.68, 0.32)
    yield "png gamma", png(8, RGB, gamma)
    for depth, colour in ((1, GREY), (8, GREY), (16, GREY), (8, GREY_ALPHA), (16, GREY_ALPHA)):
        yield f"png gamma of colour type {colour} of {depth}", png(depth, colour, gamma)
    yield "png gamma and one grey transparent", png(8, GREY, chunk(b"tRNS", b"\0\0"), gamma)
    yield "png grey profile of colours", png(8, GREY, iccp(ADOBE_RGB))
    coded = chunk(b"cICP", bytes((1, 13, 0, 1)))
    yield "png code points over profile", png(8, RGB, iccp(DISPLAY_P3), coded)
    yield "png code points over gamma", png(8, RGB, coded, gamma)
    yield "png code points of video", png(8, RGB, chunk(b"cICP", bytes((12, 13, 0, 0))))
    yield "png grey code points", png(8, GREY, chunk(b"cICP", bytes((1, 4, 0, 1))))
    yield "png primaries", png(8, RGB, primaries)
    yield "png gamma and primaries", png(8, RGB, primaries, gamma)
    usual = chunk(b"gAMA", struct.pack(">I", 45455))
    yield "png usual gamma and primaries", png(8, RGB, _primaries(0.64, 0.33), usual)
    yield "png srgb over gamma", png(8, RGB, primaries, gamma, chunk(b"sRGB", b"\0"))
    for codes in ((12, 13), (9, 13), (9, 1), (1, 4), (1, 8)):
        yield f"png code points {codes}", png(8, RGB, chunk(b"cICP", bytes((*codes, 0, 1))))


def _primaries(x: float, y: float) -> bytes:
    values = (0.3127, 0.329, x, y, 0.3, 0.6, 0.15, 0.06)
    return chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def _others() -> Iterator[tuple[str, bytes]]:
    for mode in ("RGB", "RGBA"):
        for quality in (90, 100):
            yield f"webp {mode} {quality}", saved(photo(mode), "WEBP", quality=quality)
        yield f"webp {mode} lossless", saved(photo(mode), "WEBP", lossless=True)
    turn = exif(turned(6))
    yield "webp turned", saved(photo(), "WEBP", lossless=True, exif=turn)
    yield "webp garbage exif", saved(photo(), "WEBP", lossless=True, exif=b"II*\0\xff")
    yield "webp profile", saved(photo(), "WEBP", lossless=True, icc_profile=DISPLAY_P3)
    yield "avif", saved(photo(), "AVIF", quality=95, subsampling="4:4:4")
    yield "avif turned", saved(photo(), "AVIF", quality=95, subsampling="4:4:4", exif=turn)
    # Only clear or opaque: Chromium 156 stretches what is between.
    mask = photo("RGBA")
    mask.putalpha(mask.getchannel("A").point(lambda value: 255 * (value > 127)))
    yield "avif alpha", saved(mask, "AVIF", quality=100, subsampling="4:4:4")
    yield "avif profile", saved(photo(), "AVIF", quality=95, icc_profile=DISPLAY_P3)
    yield "gif", saved(photo().quantize(64), "GIF")
    yield "gif see-through", saved(photo().quantize(64), "GIF", transparency=3)
    plain = photo()
    later = [Image.new("RGB", plain.size, "white"), Image.new("RGB", plain.size, "black")]
    options = {"save_all": True, "append_images": later, "duration": 60_000}
    for kind in ("GIF", "WEBP", "PNG"):
        extra = {"lossless": True} if kind == "WEBP" else {}
        yield f"{kind.lower()} animated", saved(plain, kind, **options, **extra)
    yield "gif of a small frame", small_frame()


def small_frame(left: int = 0, top: int = 0) -> bytes:
    """A GIF whose only frame covers a quarter of its screen, which is twice as wide and high."""
    whole = saved(photo().quantize(64), "GIF")
    width, height = struct.pack("<H", WIDTH * 2), struct.pack("<H", HEIGHT * 2)
    at, before = struct.pack("<HH", left, top), whole.index(b",\0\0\0\0")
    return whole[:6] + width + height + whole[10 : before + 1] + at + whole[before + 5 :]
