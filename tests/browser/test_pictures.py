# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Canale keeps of a file what Chromium shows of it, pixel by pixel."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser

from canale.channel.decoding.decode import decode
from tests.browser.pages import needs_chromium
from tests.pictures import files, saved
from tests.structure.repository import ROOT

pytestmark = needs_chromium

# Out of 255, in each premultiplied channel: decoders and colour engines round differently.
TOLERANCE = 3
SHOW = """(files) => Promise.all(files.map(async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let start = 0; start < data.length; start += 4096)
    text += String.fromCharCode(...data.subarray(start, start + 4096));
  return [canvas.width, canvas.height, btoa(text)];
}))"""


def test_stored_picture_looks_as_chromium_shows_the_original(browser: Browser) -> None:
    made = dict(files())
    page = browser.new_page()
    shown = page.evaluate(SHOW, [_url(name, data) for name, data in made.items()])
    page.close()
    different = {}
    for (name, data), (width, height, pixels) in zip(made.items(), shown, strict=True):
        theirs = Image.frombytes("RGBA", (width, height), base64.b64decode(pixels))
        ours = decode(data, lambda _width, _height: 1.0).convert("RGBA")
        if (problem := _difference(theirs, ours)) is not None:
            different[name] = problem
    assert different == {}


def _url(name: str, data: bytes) -> str:
    return f"data:image/{name.split(maxsplit=1)[0]};base64,{base64.b64encode(data).decode()}"


def _difference(theirs: Image.Image, ours: Image.Image) -> str | None:
    if theirs.size != ours.size:
        return f"{ours.size} instead of {theirs.size}"
    difference = ImageChops.difference(theirs.convert("RGBa"), ours.convert("RGBa"))
    bands = Image.frombytes("L", (theirs.width * 4, theirs.height), difference.tobytes())
    most = bands.getextrema()[1]
    return f"{most} of 255" if most > TOLERANCE else None


@pytest.mark.parametrize("name", ["png grey 16 without 1", "jpeg profile p3", "jpeg turned 6"])
def test_comparison_notices_pillows_own_conversion(name: str) -> None:
    data = dict(files())[name]
    ours = decode(data, lambda _width, _height: 1.0).convert("RGBA")
    plain = Image.open(io.BytesIO(data)).convert("RGBA")
    assert _difference(plain, ours) is not None


@pytest.mark.parametrize(
    ("sheet", "markup"),
    [
        ("public", "<ul class='album album-1'><li><a><img {}></a></li></ul>"),
        ("public", "<ul class='album album-2'><li><a><img {}></a></li></ul>"),
        ("public", "<dialog open class='lightbox'><img {}></dialog>"),
        ("newsroom", "<div class='pictures'><img {}></div>"),
        ("newsroom", "<ul><li class='slot'><img {}></li></ul>"),
    ],
    ids=["alone", "album", "lightbox", "newsroom", "composer"],
)
def test_black_text_on_transparency_is_readable_in_dark_mode(
    browser: Browser, sheet: str, markup: str
) -> None:
    words = Image.new("RGBA", (120, 90), (0, 0, 0, 0))
    words.paste((0, 0, 0, 255), (50, 35, 70, 55))
    style = (ROOT / f"canale/static/{sheet}.css").read_text()
    page = browser.new_page(color_scheme="dark", viewport={"width": 390, "height": 844})
    attributes = f"src='{_url('png', saved(words, 'PNG'))}' width='120' height='90'"
    page.set_content(f"<style>{style}</style><main>{markup.format(attributes)}</main>")
    shot = Image.open(io.BytesIO(page.locator("img").screenshot())).convert("L")
    page.close()
    assert shot.getpixel((shot.width // 4, shot.height // 2)) == 255
    assert shot.getpixel((shot.width // 2, shot.height // 2)) == 0
