# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text format: what counts as markup, and that nothing written becomes code."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canale.channel.text import excerpt, first_link, opening, parse, render_html, render_plain

ALLOWED = {"p", "br", "strong", "em", "s", "code", "pre", "ul", "div", "li", "blockquote", "a"}


P = '<p dir="auto">'
LI = '<li dir="auto">'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*forte*", f"{P}<strong>forte</strong></p>"),
        ("_piano_ e ~via~", f"{P}<em>piano</em> e <s>via</s></p>"),
        ("*_entrambi_*", f"{P}<strong><em>entrambi</em></strong></p>"),
        ("(*ora*), poi", f"{P}(<strong>ora</strong>), poi</p>"),
        ("no * no* e *no *", f"{P}no * no* e *no *</p>"),
        ("*su due\nrighe*", f"{P}*su due<br>righe*</p>"),
        ("- uno\n- due", f"<ul>{LI}uno</li>{LI}due</li></ul>"),
        ("> detto\nda me", f'<blockquote dir="auto"><p>detto</p></blockquote>{P}da me</p>'),
        ("uno\n\ndue", f"{P}uno</p>{P}due</p>"),
        ("`a*b*`", f"{P}<code>a*b*</code></p>"),
        ("```x\n <b>```", '<pre dir="auto"><code>x\n &lt;b&gt;</code></pre>'),
        ("<script>alert(1)</script>", f"{P}&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        (
            "*vedi https://a.it/x_y ora*",
            f'{P}<strong>vedi <a href="https://a.it/x_y" rel="noopener">https://a.it/x_y</a> '
            "ora</strong></p>",
        ),
        (
            "_https://a.it_",
            f'{P}<em><a href="https://a.it" rel="noopener" title="https://a.it">a.it</a></em></p>',
        ),
        ("`https://a.it`", f"{P}<code>https://a.it</code></p>"),
        ("", ""),
    ],
)
def test_markup_becomes_html(text: str, html: str) -> None:
    assert render_html(text) == html


@pytest.mark.parametrize(
    "lines",
    [
        ["3) Linea 3 sospesa", "7) Linea 7 deviata", "12) Linea 12 regolare"],
        ["18. Bianchi", "22. Verdi"],
        ["1. primo", "1. secondo", "1. terzo"],
        ["24) ore"],
        ["3. maggio"],
        ["٣) ثلاثة", "٧) سبعة"],
    ],
)
def test_numbers_stay_as_they_were_typed(lines: list[str]) -> None:
    """Screen readers still find a list; nothing counts its lines again."""
    text = "\n".join(lines)
    items = "".join(f'<div role="listitem" dir="auto">{line}</div>' for line in lines)
    assert render_html(text) == f'<div role="list">{items}</div>'
    assert render_plain(text) == text


@pytest.mark.parametrize(
    "line",
    ["1.\tuno", "2)\u00a0due", "٣)\u2003ثلاثة"],
)
def test_numbered_list_pasted_from_word_is_a_list(line: str) -> None:
    """It pastes a tab or a no-break space behind it."""
    typed = " ".join(line.split())
    assert render_html(line) == (
        f'<div role="list"><div role="listitem" dir="auto">{typed}</div></div>'
    )


@pytest.mark.parametrize(
    "bullet",
    [
        "•\t",
        "·\t",
        "· ",
        "-\u00a0",
        "*\t",
        "\uf0b7\t",
        "\uf0b7 ",
        "o\t",
        "§\t",
        "\uf0a7\t",
        "\uf0d8\t",
    ],
)
def test_bullet_list_pasted_from_word_is_a_list(bullet: str) -> None:
    assert render_html(f"{bullet}voce") == '<ul><li dir="auto">voce</li></ul>'
    assert render_plain(f"{bullet}voce") == "• voce"


@pytest.mark.parametrize(
    "text", ["o così", "§ 5", "·5", "•voce", "10.30 apertura", "2026. Un anno"]
)
def test_text_that_resembles_a_bullet_or_a_number_is_unchanged(text: str) -> None:
    assert render_html(text) == f"{P}{text}</p>"


@pytest.mark.parametrize("text", [">65 anni", "> 65 anni", "> € 5,00", ">tutti", ">\u00a018 anni"])
def test_greater_than_sign_is_not_a_quotation(text: str) -> None:
    """The sign would be lost, and with it what is said."""
    assert render_html(text) == f"{P}{text.replace('>', '&gt;')}</p>"
    assert render_plain(text) == text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("通知*重要*请注意", "通知<b>重要</b>请注意"),
        ("お知らせ*重要*です", "お知らせ<b>重要</b>です"),
        ("ประกาศ*สำคัญ*มาก", "ประกาศ<b>สำคัญ</b>มาก"),
        ("*Nota*¹ e 50 m²*circa*", "<b>Nota</b>¹ e 50 m²<b>circa</b>"),
        ("all’*Anagrafe* o all'*Anagrafe*", "all’<b>Anagrafe</b> o all&#x27;<b>Anagrafe</b>"),
        ("lo ‘*sportello*’", "lo ‘<b>sportello</b>’"),
        (
            "„*uno*“ ‹*due*› ”*tre*” 「*四*」",
            "„<b>uno</b>“ ‹<b>due</b>› ”<b>tre</b>” 「<b>四</b>」",
        ),
        ("*Lunedì*–*venerdì*", "<b>Lunedì</b>–<b>venerdì</b>"),
        ("*sabato*/*domenica*", "<b>sabato</b>/<b>domenica</b>"),
        ("*Chiuso*⚠️ *Aperto*🫨", "<b>Chiuso</b>⚠️ <b>Aperto</b>🫨"),
        (
            "⚠️*Attenzione* 1️⃣*Piazza* 👨‍👩‍👧*Noi*",
            "⚠️<b>Attenzione</b> 1️⃣<b>Piazza</b> 👨‍👩‍👧<b>Noi</b>",
        ),
        ("🏳️‍🌈*Festa*🇮🇹", "🏳️‍🌈<b>Festa</b>🇮🇹"),
        ("*50*% e *5*€", "<b>50</b>% e <b>5</b>€"),
        ("–*Lunedì* …*poi*…", "–<b>Lunedì</b> …<b>poi</b>…"),
        ("\u200f*תשומת לב*\u200f", "\u200f<b>תשומת לב</b>\u200f"),
        ("*می\u200cخواهم*", "<b>می\u200cخواهم</b>"),
    ],
)
def test_marks_count_at_word_boundaries_only(text: str, html: str) -> None:
    assert render_html(text) == f"{P}{html}</p>".replace("b>", "strong>")


@pytest.mark.parametrize(
    "text",
    [
        "2*3*4 = 24",
        "~5 km e ~10 km",
        "a_b_c",
        "5 * 3 * 2",
        "città*è*bella",
        "e\u0301*x*",
        "x*y*\u200bz",
        "हि*न्दी*",
        "10€*/20€* al mese",
        "50 m²* e 70 m²*",
        "2*漢*3",
        "(*) facoltativo (*) obbligatorio",
        "@_nome_ e #_etichetta_",
        "*️⃣Promo*️⃣",
    ],
)
def test_other_asterisks_and_underscores_are_kept(text: str) -> None:
    assert render_html(text) == f"{P}{text}</p>"


@pytest.mark.parametrize(
    ("text", "href", "shown"),
    [
        ("Vedi www.comune.it/a.", "https://www.comune.it/a", "www.comune.it/a"),
        ("(https://a.it/x_(y))", "https://a.it/x_(y)", "https://a.it/x_(y)"),
        (
            "http://a.it/a_b_c?x=1&y=2",
            "http://a.it/a_b_c?x=1&amp;y=2",
            "http://a.it/a_b_c?x=1&amp;y=2",
        ),
        ("*vedi https://a.it/b ora*", "https://a.it/b", "https://a.it/b"),
        ("scrivi a info@comune.it!", "mailto:info@comune.it", "info@comune.it"),
        ("info@comune.forlì.fc.it.", "mailto:info@comune.forlì.fc.it", "info@comune.forlì.fc.it"),
        ("https://www.forlì.it/è", "https://www.forlì.it/è", "https://www.forlì.it/è"),
        ("dell’ufficio@a.it", "mailto:ufficio@a.it", "ufficio@a.it"),
        ("'info@a.it'", "mailto:info@a.it", "info@a.it"),
        ("WWW.A.IT?b", "https://WWW.A.IT?b", "WWW.A.IT?b"),
        ("https://a.it/L’Aquila", "https://a.it/L’Aquila", "https://a.it/L’Aquila"),
    ],
)
def test_links_are_found(text: str, href: str, shown: str) -> None:
    assert f'<a href="{href}" rel="noopener">{shown}</a>' in render_html(text)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("https://www.comune.cremona.it", "comune.cremona.it"),
        ("http://WWW.Comune.it/", "Comune.it"),
        ("www.comune.it", "comune.it"),
        ("https://a.it", "a.it"),
        ("https://www.it", "www.it"),
        ("https://www.forlì.it", "forlì.it"),
    ],
)
def test_site_is_shown_by_its_name_with_its_address_as_title(written: str, shown: str) -> None:
    assert f' rel="noopener" title="{written}">{shown}</a>.' in render_html(f"Vedi {written}.")
    assert render_plain(written) == written


@pytest.mark.parametrize("written", ["https://a.it:8443", "https://a.it/b", "https://a.it?b"])
def test_address_with_more_than_a_host_is_shown_as_typed(written: str) -> None:
    assert f">{written}</a>" in render_html(written)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("Scrivi a info@a.it o vedi *www.a.it/b* e https://c.it", "https://www.a.it/b"),
        ("Uno\n\n- _due *http://a.it/x*_", "http://a.it/x"),
        ("`https://a.it` ```https://b.it``` info@a.it", None),
        ("", None),
    ],
)
def test_first_link_is_that_of_a_web_page(text: str, link: str | None) -> None:
    assert first_link(text) == link


ADDRESS = "https://www.comune.cremona.it/modulo"


@pytest.mark.parametrize(
    "around",
    [
        *("‘%s’", "“%s”", "„%s“", "‚%s‘", "‹%s›", "«%s»", "»%s«", "「%s」", "（%s）"),
        *("%s…", "%s—", "%s。", "%s✅", "%s\u200bper", "%s\ufeff.", "%s\u2060,", "%s\u200e"),
        *("%s\u200f, qui", "%s\u061c", "%s\u00ad.", "%s\u200d", "\u2068%s\u2069"),
        *("\U000e0020%s\U000e0020", "{%s}", "|%s|", "| %s| ", "[{%s}]."),
    ],
)
def test_link_ends_before_quotation_marks_and_invisible_characters(around: str) -> None:
    assert hrefs(around % ADDRESS) == [ADDRESS]
    assert hrefs(f"*{around % ADDRESS}*") == [ADDRESS]


@pytest.mark.parametrize("hidden", ["\u00ad", "\u2060", "\u200e", "\u200f", "\u200d", "\U000e0061"])
def test_invisible_characters_are_not_part_of_an_address(hidden: str) -> None:
    assert hrefs(f"{ADDRESS[:-3]}{hidden}{ADDRESS[-3:]}") == [ADDRESS]


def test_unusual_spaces_are_not_part_of_an_address() -> None:
    """Web pages put a zero-width space behind the signs of an address."""
    broken = "https://www.\u200bcomune.\u200bcremona.\u200bit/\u200bmodulo"
    assert hrefs(f"{broken}\u200b ") == [ADDRESS]
    assert hrefs(f"{ADDRESS}/\u200bдалее {ADDRESS}/\u200b") == [f"{ADDRESS}/"] * 2


def test_adjacent_addresses_are_separate_links() -> None:
    text = "https://a.it/x,https://b.it/y;www.c.it/z|http://d.it(https://e.it)"
    expected = ["https://a.it/x", "https://b.it/y", "https://www.c.it/z", "http://d.it"]
    assert hrefs(text) == [*expected, "https://e.it"]
    kept = "https://a.it/?u=https://b.it/,x"
    assert hrefs(kept) == [kept]
    assert hrefs(kept[8:].replace("a.it", "www.a.it")) == [f"https://www.{kept[8:]}"]


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://user:pw@evil.it",
        "http://[::1",
        "http://a.it:80x",
        "www.x://host",
        "www..it",
        "Swww.x.it",
        "l.d'amico@comune.it",
        "o’brien@comune.it",
        "in\u00adfo@comune.it",
        "info@comune.for\u00adlì.it",
        "info@comune.it.7bis",
        "info@comune.it@b.it",
        "3 kg@2.50",
        "a&b@c.it",
    ],
)
def test_unusual_addresses_are_not_linked(text: str) -> None:
    assert "<a" not in render_html(text)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_line_ends_of_any_system_are_recognized(end: str) -> None:
    assert render_html(f"uno{end}due") == f"{P}uno<br>due</p>"
    assert render_plain(f"- uno{end}- due") == "• uno\n• due"


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def hrefs(text: str) -> list[str | None]:
    reader = Reader()
    reader.feed(render_html(text))
    return [attributes["href"] for tag, attributes in reader.tags if tag == "a"]


hostile = st.text(alphabet="*_~`<>&\"'-. \n1a@:/whtps", max_size=200)


@given(hostile)
def test_any_text_is_escaped(text: str) -> None:
    reader = Reader()
    reader.feed(render_html(text))
    for tag, attributes in reader.tags:
        assert tag in ALLOWED
        assert set(attributes) <= {"href", "rel", "role", "dir", "title"}
        assert re.match(r"https?://|mailto:", attributes.get("href") or "https://")


@given(hostile, st.integers(min_value=10, max_value=60))
def test_an_excerpt_is_one_short_line(text: str, length: int) -> None:
    line = excerpt(text, length)
    assert len(line) <= length
    assert "\n" not in line


def test_opening_keeps_lines_and_bullets_and_ends_with_a_whole_word() -> None:
    text = "Portate:\n\n- acqua\n- una torcia\n\n1. uscite\n2. aspettate"
    assert opening(text, 100) == "Portate:\n• acqua\n• una torcia\n1. uscite\n2. aspettate"
    assert opening(text, 28) == "Portate:\n• acqua\n• una…"
    # No bullet or number stands alone.
    assert opening(text, 20) == "Portate:\n• acqua…"
    assert opening(text, 33) == "Portate:\n• acqua\n• una torcia…"


def test_an_excerpt_ends_with_a_whole_word() -> None:
    assert excerpt("Lavori in corso nella via principale", 26) == "Lavori in corso nella via…"
    assert excerpt("Breve", 26) == "Breve"


@pytest.mark.parametrize("length", range(2, 12))
@pytest.mark.parametrize("seen", ["🇮🇹", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "q̃́", "क्षि", "👍🏽"])
def test_excerpt_does_not_split_characters(seen: str, length: int) -> None:
    line = excerpt(seen * 40, length)
    assert len(line) <= length
    assert line == seen * ((length - 1) // len(seen)) + "…"


@pytest.mark.parametrize(
    "evil",
    [
        "*a " * 3000,
        "*" * 9000,
        "_*~" * 3000,
        "(" * 4000 + "www.a.it" + ")" * 4000,
        "\u2060" * 9000,
        "a@a." * 2000,
        "l'" * 4000,
        "*\u0301" * 4000,
    ],
    ids=["open", "stars", "mixed", "brackets", "joiners", "mails", "apostrophes", "accents"],
)
def test_hostile_text_is_parsed_in_linear_time(evil: str) -> None:
    # Quadratic reading of these would take minutes and end the whole run.
    assert parse(evil)


def test_a_link_ends_before_a_backslash() -> None:
    """Browsers read it as a slash: they would open another host than the one that is shown."""
    assert 'href="https://evil.example"' in render_html("https://evil.example\\.comune.it/")
