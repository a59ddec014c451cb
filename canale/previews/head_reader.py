# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process in which a page's head is read: its type and its bytes on standard input, JSON out.

Open Graph (https://ogp.me/) goes first, then the names that X reads, then those of HTML.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from contextlib import suppress
from html.parser import HTMLParser

from canale.channel.characters import is_damaged, one_line, shortened
from canale.channel.decoding.limits import limit

TITLE_LENGTH = 120
DESCRIPTION_LENGTH = 240
ADDRESS_LENGTH = 2048
# Before it is tidied: a longer value is no title.
VALUE_LENGTH = 2_000

TITLES = ("og:title", "twitter:title", "title")
DESCRIPTIONS = ("og:description", "twitter:description", "description")
PICTURES = (
    "og:image:secure_url", "og:image:url", "og:image", "twitter:image", "twitter:image:src",
)  # fmt: skip

_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([\w-]{1,20})""", re.ASCII | re.IGNORECASE)
# The places in which a page declares its encoding (https://html.spec.whatwg.org/#charset).
DECLARED_BYTES = 1024
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Labels and what browsers take them for (https://encoding.spec.whatwg.org/#names-and-labels). No
# other codec of Python's: some are programs.
ENCODINGS = {
    **dict.fromkeys(("utf-8", "utf8"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin1", "us-ascii", "ascii", "windows-1252"), "cp1252"),
    **{name: name for name in ("iso-8859-2", "iso-8859-15", "koi8-r", "big5", "euc-jp")},
    **{f"windows-125{page}": f"cp125{page}" for page in (0, 1, 3, 4, 6)},
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}


class HeadEndedError(Exception):
    """The body begins."""


class Head(HTMLParser):
    """The ``meta`` elements of a page by name, the first of each, and its title."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            raise HeadEndedError
        if tag == "meta":
            given = dict(attrs)
            name = (given.get("property") or given.get("name") or "").strip().lower()
            content = given.get("content")
            if content and content.strip():
                self.values.setdefault(name, content.strip())
        self._in_title = tag == "title" and "title" not in self.values

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.values["title"] = self.values.get("title", "") + data


def read_head(content_type: str, html: bytes) -> dict[str, str]:
    """Return ``title``, ``description`` and ``picture``, empty where the page has none."""
    head = Head()
    # The parser asserts that declarations are in order, which not all pages are.
    with suppress(HeadEndedError, AssertionError):
        head.feed(decoded(content_type, html))
    pictures = [head.values[name] for name in PICTURES if name in head.values]
    return {
        "title": _line(head.values, TITLES, TITLE_LENGTH),
        "description": _line(head.values, DESCRIPTIONS, DESCRIPTION_LENGTH),
        "picture": next((url for url in pictures if len(url) <= ADDRESS_LENGTH), ""),
    }


def _line(values: dict[str, str], names: tuple[str, ...], length: int) -> str:
    """The first that can be read, as if somebody had typed it."""
    lines = (one_line(values[name][:VALUE_LENGTH]) for name in names if name in values)
    return next((shortened(line, length) for line in lines if line and not is_damaged(line)), "")


def decoded(content_type: str, html: bytes) -> str:
    """Decode by byte order mark, type, or what the page declares; else UTF-8 or Windows-1252."""
    for mark, encoding in MARKS.items():
        if html.startswith(mark):
            return html.decode(encoding, "replace")
    declared = html[:DECLARED_BYTES].decode("latin-1")
    label = _CHARSET.search(content_type) or _CHARSET.search(declared)
    encoding = ENCODINGS.get(label[1].lower(), "") if label else ""
    if encoding:
        return html.decode(encoding, "replace")
    try:
        # The last character of a page that was cut may be incomplete.
        return codecs.getincrementaldecoder("utf-8")().decode(html)
    except UnicodeDecodeError:
        return html.decode("cp1252", "replace")


def main(cpu_seconds: int, wall_seconds: int, memory_bytes: int) -> None:
    limit(cpu_seconds, wall_seconds, memory_bytes)
    content_type, _, html = sys.stdin.buffer.read().partition(b"\n")
    json.dump(read_head(content_type.decode("ascii"), html), sys.stdout)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
