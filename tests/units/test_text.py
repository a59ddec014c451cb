# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text format: what counts as markup, and that nothing written becomes code."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canale.channel.text import excerpt, parse, render_html, render_plain

ALLOWED = {"p", "br", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "blockquote", "a"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*forte*", "<p><strong>forte</strong></p>"),
        ("_piano_ e ~via~", "<p><em>piano</em> e <s>via</s></p>"),
        ("*_entrambi_*", "<p><strong><em>entrambi</em></strong></p>"),
        ("(*ora*), poi", "<p>(<strong>ora</strong>), poi</p>"),
        ("2*3*4 e a_b_c", "<p>2*3*4 e a_b_c</p>"),
        ("no * no* e *no *", "<p>no * no* e *no *</p>"),
        ("*su due\nrighe*", "<p>*su due<br>righe*</p>"),
        ("- uno\n- due", "<ul><li>uno</li><li>due</li></ul>"),
        ("3. tre\n4. quattro", '<ol start="3"><li>tre</li><li>quattro</li></ol>'),
        ("> detto\nda me", "<blockquote><p>detto</p></blockquote><p>da me</p>"),
        ("uno\n\ndue", "<p>uno</p><p>due</p>"),
        ("`a*b*`", "<p><code>a*b*</code></p>"),
        ("```x\n <b>```", "<pre><code>x\n &lt;b&gt;</code></pre>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        (
            "*vedi https://a.it/x_y ora*",
            '<p><strong>vedi <a href="https://a.it/x_y" rel="noopener">https://a.it/x_y</a> '
            "ora</strong></p>",
        ),
        (
            "_https://a.it_",
            '<p><em><a href="https://a.it" rel="noopener">https://a.it</a></em></p>',
        ),
        ("`https://a.it`", "<p><code>https://a.it</code></p>"),
        ("", ""),
    ],
)
def test_markup_becomes_html(text: str, html: str) -> None:
    assert render_html(text) == html


@pytest.mark.parametrize(
    ("text", "href", "shown"),
    [
        ("Vedi www.comune.it.", "https://www.comune.it", "www.comune.it"),
        ("(https://a.it/x_(y))", "https://a.it/x_(y)", "https://a.it/x_(y)"),
        (
            "http://a.it/a_b_c?x=1&y=2",
            "http://a.it/a_b_c?x=1&amp;y=2",
            "http://a.it/a_b_c?x=1&amp;y=2",
        ),
        ("*vedi https://a.it ora*", "https://a.it", "https://a.it"),
        ("scrivi a info@comune.it!", "mailto:info@comune.it", "info@comune.it"),
    ],
)
def test_links_are_found(text: str, href: str, shown: str) -> None:
    assert f'<a href="{href}" rel="noopener">{shown}</a>' in render_html(text)


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://user:pw@evil.it",
        "http://[::1",
    ],
)
def test_what_is_no_plain_address_is_no_link(text: str) -> None:
    assert "<a" not in render_html(text)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


hostile = st.text(alphabet="*_~`<>&\"'-. \n1a@:/whtps", max_size=200)


@given(hostile)
def test_whatever_is_written_stays_text(text: str) -> None:
    reader = Reader()
    reader.feed(render_html(text))
    for tag, attributes in reader.tags:
        assert tag in ALLOWED
        assert set(attributes) <= {"href", "rel", "start"}
        assert re.match(r"https?://|mailto:", attributes.get("href") or "https://")


@given(hostile)
def test_no_word_is_lost(text: str) -> None:
    words = re.sub(r"[\W_]", "", text)
    assert re.sub(r"[\W_]", "", render_plain(text)).replace("«»", "") == words or "`" in text


@given(hostile, st.integers(min_value=10, max_value=60))
def test_an_excerpt_is_one_short_line(text: str, length: int) -> None:
    line = excerpt(text, length)
    assert len(line) <= length
    assert "\n" not in line


def test_an_excerpt_ends_with_a_whole_word() -> None:
    assert excerpt("Lavori in corso nella via principale", 26) == "Lavori in corso nella via…"
    assert excerpt("Breve", 26) == "Breve"


@pytest.mark.parametrize(
    "evil",
    ["*a " * 3000, "*" * 9000, "_*~" * 3000, "(" * 4000 + "www.a.it" + ")" * 4000],
    ids=["open", "stars", "mixed", "brackets"],
)
def test_hostile_text_is_read_in_linear_time(evil: str) -> None:
    # Quadratic reading of these would take minutes and end the whole run.
    assert parse(evil)


def test_a_link_ends_before_a_backslash() -> None:
    """Browsers read it as a slash: they would open another host than the one that is shown."""
    assert 'href="https://evil.example"' in render_html("https://evil.example\\.comune.it/")
