# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading a linked page's title, description and picture, whoever wrote it."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import pytest

from canale.previews import page
from canale.previews.head_reader import (
    DESCRIPTION_LENGTH,
    TITLE_LENGTH,
    decoded,
    read_head,
)
from canale.previews.page import WALL_SECONDS, UnreadablePageError, read_page

HTML = "text/html"
ENDLESS = (
    "import sys; from canale.channel.decoding.limits import limit; "
    "limit(*map(int, sys.argv[1:])); exec('while True: pass')"
)


def head(html: str) -> tuple[str, ...]:
    return tuple(read_head(f"{HTML}; charset=utf-8", html.encode()).values())


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<title> A\n &amp; b </title>", ("A & b", "", "")),
        (
            '<meta name="twitter:title" content="T"><meta property="og:title" content="O">'
            "<title>H</title>",
            ("O", "", ""),
        ),
        ('<title>H</title><meta name="twitter:title" content="T">', ("T", "", "")),
        ('<meta property="og:title" content="  "><title>H</title>', ("H", "", "")),
        ('<META NAME="OG:Title" CONTENT="x"/>', ("x", "", "")),
        (
            '<title>H</title><meta name=description content=D><meta property="og:image" content=/i>'
            '<meta property="og:image" content=/second>',
            ("H", "D", "/i"),
        ),
        (
            '<title>H</title><meta property="og:image" content="/a">'
            '<meta property="og:image:secure_url" content="/b">',
            ("H", "", "/b"),
        ),
        ('<title>H</title><body><meta property="og:title" content="O">', ("H", "", "")),
        ("<script>'<title>x</title>'</script><title>H</title>", ("H", "", "")),
        ("<title>H</title><svg><title>x</title></svg>", ("H", "", "")),
        ("<!-- <title>x</title> --><title>H</title>", ("H", "", "")),
        ('<title>H</title><meta property="og:image" content="' + "x" * 3000 + '">', ("H", "", "")),
        ("<title>H</title><![<![", ("H", "", "")),
        ("", ("", "", "")),
        ("{}", ("", "", "")),
    ],
)
def test_head_is_read_in_order_of_preference(html: str, expected: tuple[str, ...]) -> None:
    assert head(html) == expected


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("\u202egnp.tnemyap\u202c exe", "gnp.tnemyap exe"),
        ("a\u2066b\u2069\x00\x07c\x1b[31m", "abc[31m"),
        ("riga\n\t due\u2028tre", "riga due tre"),
        ("\u200b\u200d\u3164", ""),
        ("rotto \ufffd", ""),
        ("<b>x</b>&lt;script&gt;", "<b>x</b><script>"),
        ("cit" + "a\u0300", "cità"),
    ],
)
def test_title_is_tidied_as_if_it_had_been_typed(title: str, shown: str) -> None:
    written = title.replace("<", "&lt;").replace("&lt;script&gt;", "&lt;script&gt;")
    assert head(f'<meta property="og:title" content="{written}">')[0] == shown


def test_long_words_are_cut_with_an_ellipsis() -> None:
    words = "parola " * 100_000
    title, description, _ = head(f"<title>{words}</title><meta name=description content='{words}'>")
    assert len(title) <= TITLE_LENGTH
    assert len(description) <= DESCRIPTION_LENGTH
    assert title.endswith("parola…")
    assert description.endswith("parola…")


@pytest.mark.parametrize(
    ("content_type", "html", "text"),
    [
        ("text/html; charset=ISO-8859-1", "<title>Forlì “x”</title>".encode("cp1252"), "Forlì “x”"),
        (HTML, '<meta charset="windows-1252"><title>Forlì</title>'.encode("cp1252"), "Forlì"),
        (HTML, "<title>Forlì</title>".encode("cp1252"), "Forlì"),
        (HTML, "<title>Forlì</title>è".encode()[:-1], "Forlì"),
        (HTML, "<title>Forlì</title>".encode("utf-16"), "Forlì"),
        (HTML, b"\xef\xbb\xbf" + "<title>Forlì</title>".encode(), "Forlì"),
        ('text/html; charset="utf-8"', "<title>Forlì</title>".encode(), "Forlì"),
        ("text/html; charset=gb2312", "<title>市</title>".encode("gb18030"), "市"),
        ("text/html; charset=rot13", "<title>Forlì</title>".encode(), "Forlì"),
        ("text/html; charset=unicode_escape", b"<title>\\u0041</title>", "\\u0041"),
    ],
)
def test_page_is_decoded_as_a_browser_would(content_type: str, html: bytes, text: str) -> None:
    assert read_head(content_type, html)["title"] == text
    assert "\ufffd" not in decoded(content_type, html)


def test_page_of_tags_within_tags_is_read_within_seconds() -> None:
    begun = time.monotonic()
    with suppress(UnreadablePageError):
        assert read_page(b"<title>T</title>" + b"<b>" * 170_000, HTML).title == "T"
    assert time.monotonic() - begun < 2 * WALL_SECONDS


def test_reading_a_page_ends_with_the_time_of_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CPU_SECONDS", 1)
    monkeypatch.setattr(page, "READER", (sys.executable, "-c", ENDLESS))
    with pytest.raises(UnreadablePageError):
        read_page(b"<title>T</title>", HTML)


def test_page_is_read_by_a_process_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANALE_SECRET_KEY", "x" * 40)
    found = read_page("<title>Forlì</title>".encode(), "text/html; charset=ùtf-8")
    assert (found.title, found.description, found.picture) == ("Forlì", "", "")
