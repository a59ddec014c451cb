# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Uploads are decoded and encoded again; hostile ones are refused with a reason."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from canale.channel import images
from canale.channel.decoding.__main__ import prepared
from canale.channel.decoding.decode import decode
from canale.channel.decoding.jpeg import MAX_SCANS, MAX_SEGMENTS, read_jpeg
from canale.channel.decoding.png import MAX_CHUNKS
from canale.channel.decoding.sizes import MAX_SHARE_BYTES, share_size
from canale.channel.images import (
    LARGEST_BYTES,
    DecodersBusyError,
    ImageRefusedError,
    PreparedImage,
    decoder,
    prepare_avatar,
    prepare_image,
    stop_decoders,
)
from tests.pictures import GREY, RGB, chunk, endless_scans, entry, exif, jpeg, photo, png, saved
from tests.pictures import turned as turned_by
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here no decoder is ended because others need the processor."""
    monkeypatch.setattr(images, "WALL_SECONDS", 300)
    monkeypatch.setattr(images, "TURN_SECONDS", 600.0)


def picture(kind: str = "JPEG", size: tuple[int, int] = (2400, 1200), **options: object) -> bytes:
    return saved(Image.new("RGB", size, "#0066cc"), kind, **options)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def size_of(image: PreparedImage, name: str) -> Image.Image:
    return next(opened(variant.data) for variant in image.variants if variant.name == name)


def test_an_image_becomes_three_sizes() -> None:
    prepared = prepare_image(picture())
    sizes = {variant.name: (variant.width, variant.mime) for variant in prepared.variants}
    assert sizes == {
        "small": (480, "image/webp"),
        "large": (1600, "image/webp"),
        "share": (1200, "image/jpeg"),
    }
    assert (prepared.width, prepared.height) == (1600, 800)
    for variant in prepared.variants:
        assert opened(variant.data).size == (variant.width, variant.height)


def test_a_small_image_is_not_enlarged() -> None:
    assert prepare_image(picture(size=(300, 200))).width == 300


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF"])
def test_other_formats_are_accepted(kind: str) -> None:
    assert prepare_image(picture(kind, (1700, 850))).width == 1600


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "CMYK"])
def test_large_picture_is_reduced_in_every_mode(mode: str) -> None:
    """Its parts are converted one after another; none is lost or out of place."""
    wide = photo("RGBA").resize((600, 1001), Image.Resampling.NEAREST).convert(mode)
    data = saved(wide, "JPEG", quality=95) if mode == "CMYK" else saved(wide, "PNG")
    small = decode(data, lambda _width, _height: 7.0).convert("RGBa")
    assert small.size == (200, 334) if mode != "CMYK" else small.width < 200
    expected = opened(data).convert("RGBA").convert("RGBa").resize(small.size, Image.Resampling.BOX)
    assert max(ImageStat.Stat(ImageChops.difference(small, expected)).mean) < 2


def test_transparency_is_kept_and_white_in_the_share_picture() -> None:
    words = Image.new("RGBA", (600, 300), (0, 0, 0, 0))
    ImageDraw.Draw(words).rectangle((100, 100, 200, 200), fill=(0, 0, 0, 255))
    image = prepare_image(saved(words, "PNG"))
    assert size_of(image, "large").convert("RGBA").getpixel((5, 5))[3] == 0
    assert size_of(image, "large").convert("RGBA").getpixel((150, 150)) == (0, 0, 0, 255)
    share = size_of(image, "share")
    assert (share.mode, share.getpixel((5, 5))) == ("RGB", (255, 255, 255))
    assert max(share.getpixel((150, 150))) < 10


def test_sixteen_bit_grey_picture_keeps_its_greys_and_transparency() -> None:
    rows = [struct.pack(">4H", 0, 0x4000, 0x8000, 0xFFFF) * 16] * 64
    clear = chunk(b"tRNS", struct.pack(">H", 0x4000))
    image = prepare_image(png(16, GREY, clear, size=(64, 64), rows=rows))
    row = [size_of(image, "large").convert("RGBA").getpixel((x, 30)) for x in range(4, 8)]
    assert [pixel[3] for pixel in row] == [255, 0, 255, 255]


def test_metadata_is_removed() -> None:
    data = Image.Exif()
    data[0x0112] = 6  # Turned by 90°.
    data[0x010F] = "A phone of somebody"
    data.get_ifd(0x8825)[2] = (45.0, 8.0, 0.0)
    prepared = prepare_image(picture(exif=data.tobytes(), comment=b"secret words"))
    assert prepared.width < prepared.height
    for variant in prepared.variants:
        assert b"somebody" not in variant.data
        assert b"secret words" not in variant.data
        assert not opened(variant.data).getexif()


def test_malformed_exif_is_ignored() -> None:
    minus_one = struct.pack("<ii", -1, 0)
    resolution = entry(0x011A, 10, 1, struct.pack("<I", 38))
    image = prepare_image(jpeg(exif(turned_by(6), resolution, tail=minus_one)))
    assert image.width < image.height


def noise(width: int, height: int) -> Image.Image:
    """An image as full of detail as a photograph of gravel."""
    size = (width // 2, height // 2)
    pixels = random.Random(7).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, pixels).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(
    ("size", "shared"),
    [((1600, 3200), 1 / 2), ((1200, 800), 3 / 2), ((300, 3000), 1 / 2), ((1080, 2400), 1 / 2)],
)
def test_share_picture_is_small_enough_for_messengers(size: tuple[int, int], shared: float) -> None:
    share = share_size(noise(*size))
    assert len(share.data) < MAX_SHARE_BYTES
    assert share.width / share.height == pytest.approx(shared, rel=0.01)
    assert max(share.width, share.height) <= 1200


def bomb() -> bytes:
    """A PNG of few bytes that says to be 60,000 pixels wide and high."""
    return png(8, RGB, size=(60_000, 60_000), rows=[b""])


def endless_chunks(number: int) -> bytes:
    whole = png(8, RGB)
    return whole[:33] + chunk(b"teXt", b"") * number + whole[33:]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unknown-format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown-format"),
        (b"%PDF-1.7", "unknown-format"),
        (picture()[:900], "broken"),
        (b"\xff\xd8\xff", "broken"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (bomb(), "too-large"),
        (b"x" * (LARGEST_BYTES + 1), "too-heavy"),
        (endless_scans(64, MAX_SCANS), "too-complex"),
        (picture()[:2] + b"\xff\xfe\0\2" * MAX_SEGMENTS + picture()[2:], "too-complex"),
        (endless_chunks(MAX_CHUNKS), "too-complex"),
    ],
    ids=[
        *("nothing", "svg", "pdf", "cut", "head", "no chunk", "bomb", "heavy", "scans"),
        *("segments", "chunks"),
    ],
)
def test_hostile_uploads_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(ImageRefusedError) as refused:
        prepare_image(data)
    assert refused.value.code == code
    assert refused.value.message


@pytest.mark.parametrize("place", ["before", "within"])
def test_fill_bytes_are_read_once(place: str) -> None:
    """Read again from each of them, they would take all the time that a picture has."""
    whole, fill = picture(), b"\xff" * 600_000
    scan = whole.index(b"\xff\xda")
    data = (
        whole[:2] + fill + whole[2:]
        if place == "before"
        else whole[: scan + 100] + fill + b"\0" + whole[scan + 100 :]
    )
    container = read_jpeg(data)
    assert container.data.endswith(b"\xff\xd9")


def test_progressive_picture_of_a_camera_is_accepted() -> None:
    assert prepare_image(endless_scans(64, MAX_SCANS // 2)).width == 64


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "WEBP", "GIF"])
def test_truncated_picture_is_refused(kind: str) -> None:
    """Decoders raise different errors: libavif's, unlike the others', are RuntimeErrors."""
    mandelbrot = Image.effect_mandelbrot((90, 70), (-2, -1, 1, 1), 60).convert("RGB")
    whole = saved(mandelbrot, kind)
    assert not isinstance(prepared("image", whole), str)
    assert prepared("image", whole[: len(whole) // 2]) == "broken"
    for place in range(len(whole) // 2, len(whole), 1 + len(whole) // 60):
        damaged = whole[:place] + bytes(len(whole) - place)
        answer = prepared("image", damaged)
        assert answer == "broken" or not isinstance(answer, str)


# The process that decodes


def acting(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put another program where the decoder was."""
    monkeypatch.setattr(images, "DECODER", (sys.executable, "-c", code))


LIMITED = "import sys; from canale.channel.decoding.limits import limit; limit({}); {}"


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (LIMITED.format("1, 60, 2**30", "exec('while True: pass')"), "too-complex"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "broken"),
        ("import os; os.abort()", "broken"),
    ],
    ids=["endless", "crash", "abort"],
)
def test_picture_that_crashes_its_decoder_is_refused(
    monkeypatch: pytest.MonkeyPatch, code: str, refusal: str
) -> None:
    acting(monkeypatch, code)
    with pytest.raises(ImageRefusedError) as refused:
        prepare_image(picture())
    assert refused.value.code == refusal


@pytest.mark.parametrize(
    "code",
    ["import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit(1)", "import no"],
    ids=["killed", "exits", "cannot start"],
)
def test_decoder_killed_from_outside_asks_to_try_again(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    acting(monkeypatch, code)
    with pytest.raises(DecodersBusyError):
        prepare_image(picture())


def test_hanging_decoder_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    acting(monkeypatch, "import time; time.sleep(600)")
    monkeypatch.setattr(images, "WALL_SECONDS", 1)
    with pytest.raises(DecodersBusyError):
        prepare_image(picture())


def test_orphaned_decoder_ends_by_its_own_alarm() -> None:
    code = LIMITED.format("9, 1, 2**30", "import time; time.sleep(600)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -14


def test_decoder_works_under_lower_resource_limits() -> None:
    """The kernel lets no process raise its limits."""
    code = "import resource as r; r.setrlimit(r.RLIMIT_CPU, (9, 9)); " + LIMITED
    code = code.format("20, 40, 2**30", "print(r.getrlimit(r.RLIMIT_CPU))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "(9, 9)\n"


def test_picture_too_large_for_memory_is_refused_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MEMORY_BYTES", 160 * 2**20)
    assert prepare_image(picture("PNG", (100, 100))).width == 100
    with pytest.raises(ImageRefusedError) as refused:
        prepare_image(picture("PNG", (5000, 5000)))
    assert refused.value.code == "too-large"


def test_fifty_megapixel_picture_fits_into_memory() -> None:
    assert prepare_image(picture("PNG", (7071, 7071))).width == 1600


def test_a_decoder_has_no_secret_and_writes_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CANALE_SECRET_KEY", "s" * 50)
    seen = tmp_path / "seen"
    acting(
        monkeypatch, f"import os; open({str(seen)!r}, 'w').write(' '.join(os.environ)); os.abort()"
    )
    with pytest.raises(ImageRefusedError):
        prepare_image(picture())
    assert "CANALE" not in seen.read_text()
    code = LIMITED.format("9, 9, 2**30", f"open({str(tmp_path / 'file')!r}, 'w').write('x' * 9)")
    subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.DEVNULL)
    assert (tmp_path / "file").stat().st_size == 0


def test_upload_does_not_wait_for_a_decoder() -> None:
    with decoder(), decoder():
        with pytest.raises(DecodersBusyError):
            prepare_image(picture())
        with pytest.raises(DecodersBusyError):
            prepare_avatar(picture())
    assert prepare_image(picture(size=(60, 60))).width == 60


def test_decoder_slot_is_released_after_a_refusal() -> None:
    for _ in range(3):
        with pytest.raises(ImageRefusedError):
            prepare_image(b"%PDF-1.7")


def test_shutdown_does_not_wait_for_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    acting(monkeypatch, "import time; time.sleep(600)")
    outcomes: list[object] = []

    def upload() -> None:
        try:
            prepare_image(picture())
        except DecodersBusyError as error:
            outcomes.append(error)

    thread = threading.Thread(target=upload)
    thread.start()

    def ended() -> bool:
        stop_decoders()
        time.sleep(0.02)
        return not thread.is_alive()

    wait_until(ended)
    assert len(outcomes) == 1


# Avatars


def test_an_avatar_is_a_square_in_all_sizes() -> None:
    prepared = prepare_avatar(picture())
    sizes = {variant.name: opened(variant.data).size for variant in prepared.variants}
    assert sizes.pop("maskable") == (512, 512)
    assert sizes == {str(side): (side, side) for side in (64, 192, 512)}
    assert {variant.mime for variant in prepared.variants} == {"image/png"}


def test_a_transparent_avatar_is_on_white() -> None:
    logo = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(logo).rectangle((100, 100, 200, 200), fill="black")
    for variant in prepare_avatar(saved(logo, "PNG")).variants:
        assert opened(variant.data).convert("RGBA").getpixel((1, 1)) == (255, 255, 255, 255)


def test_a_tiny_avatar_is_refused() -> None:
    with pytest.raises(ImageRefusedError) as refused:
        prepare_avatar(picture(size=(20, 20)))
    assert refused.value.code == "too-small"
