# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Characters that keyboards and word processors put into a text, and which are kept."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from canale.channel.characters import (
    cut,
    direction,
    is_blank,
    is_damaged,
    one_line,
    several_lines,
    shortened,
)

LINE_ENDS = ["\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
SEEN_AS_ONE = ["🇮🇹", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "1️⃣", "q̃́", "क्षि", "👍🏽", "🏳️‍🌈", "ก็", "è"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_line_ends_of_any_system_separate_words(end: str) -> None:
    assert several_lines(f"Via Roma{end}chiusa") == "Via Roma\nchiusa"
    assert one_line(f"Via Roma{end}chiusa") == "Via Roma chiusa"


def test_control_characters_and_byte_order_marks_are_removed() -> None:
    assert several_lines("\ufeffVia\x00 Ro\x07ma\x1fchiusa\tqui\ufeff") == "Via Roma chiusa\tqui"


@pytest.mark.parametrize("number", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_bidirectional_overrides_are_removed(number: int) -> None:
    assert one_line(f"https://comune.it/{chr(number)}moc.live") == "https://comune.it/moc.live"


@pytest.mark.parametrize(
    "text",
    [
        "\u0625\u0646\u0630\u0627\u0631 \u200f(1)\u200e",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u0915\u094d\u200d\u0937",
        "\u061c\u0645",
        *SEEN_AS_ONE,
    ],
)
def test_meaningful_joiners_and_direction_marks_are_kept(text: str) -> None:
    assert one_line(text) == several_lines(text) == text


@pytest.mark.parametrize(
    "number",
    [
        *(0x20, 0xA0, 0x3000, 0x200B, 0xFEFF, 0x2060, 0x200E, 0x200D, 0xAD, 0x61C, 0x180E, 0x34F),
        *(0x3164, 0x115F, 0x1160, 0xFFA0, 0x17B4, 0x2800, 0xFFFC, 0xFFFE, 0xFE0F, 0xFE00, 0xE0100),
        *(0xE0020, 0xE0001, 0x301, 0x20DD, 0x483, 0x202D, 0x2066, 0x7, 0x2028, 0x1D173),
        *(0x13441, 0x13442, 0x1D159),
    ],
)
def test_invisible_text_is_empty(number: int) -> None:
    for text in (chr(number), chr(number) * 3, f" {chr(number)}\u200b\u0301\n"):
        assert is_blank(text)
        assert one_line(text) == several_lines(text) == ""


@pytest.mark.parametrize("text", ["a", "1", "!", "👍", "🫨", "ﷲ", "\ue000", "\u0301a", "\ud83d"])
def test_visible_text_is_not_empty(text: str) -> None:
    assert not is_blank(text)


@given(st.text(st.characters(categories=["Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"])))
def test_text_of_invisible_categories_only_is_empty(text: str) -> None:
    # Two signs of Arabic and Syriac are drawn, though they are of category Cf: they count numbers.
    assert one_line(text) == "" or regex.search(r"[\p{L}\p{N}\p{P}\p{S}]", text)


@pytest.mark.parametrize("text", ["Citt\udce0", "\ud83c\udfe0"])
def test_lone_surrogates_are_kept_for_validation(text: str) -> None:
    assert is_damaged(one_line(text))
    assert is_damaged(several_lines(text))


@given(st.text(), st.integers(0, 40))
def test_cut_text_is_a_prefix_with_whole_characters(text: str, length: int) -> None:
    beginning = cut(text, length)
    assert text.startswith(beginning)
    assert len(beginning) <= length
    ends = [0, *(grapheme.end() for grapheme in regex.finditer(r"\X", text))]
    assert len(beginning) in ends
    assert len(beginning) == max(end for end in ends if end <= length)


@given(st.lists(st.sampled_from([*SEEN_AS_ONE, "a", " "]), min_size=1, max_size=20), st.data())
def test_a_cut_keeps_flags_and_joined_emoji_whole(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    length = data.draw(st.integers(0, len(text)))
    beginnings = {"".join(parts[:count]) for count in range(len(parts) + 1)}
    assert cut(text, length) in beginnings


def test_long_run_of_combining_accents_can_be_cut_anywhere() -> None:
    assert cut("a" + "\u0301" * 500, 40) == "a" + "\u0301" * 39


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("تنبيه: سيتم قطع المياه!", "rtl"),
        ("112 – חירום", "rtl"),
        ("\u200fCremona", "rtl"),
        ("⚠️ Allerta תל", "ltr"),
        ("日本", "ltr"),
        ("112 ⚠️", None),
        ("", None),
    ],
)
def test_the_first_strong_character_gives_the_direction(text: str, expected: str | None) -> None:
    assert direction(text) == expected


@given(st.text())
def test_normalization_is_idempotent_and_keeps_letters(text: str) -> None:
    for tidy in (one_line, several_lines):
        assert tidy(tidy(text)) == tidy(text)
        assert _letters(tidy(text)) == _letters(text) or is_blank(text)


def _letters(text: str) -> str:
    return "".join(regex.findall(r"[\p{L}\p{N}]", unicodedata.normalize("NFC", text)))


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("corto", 5, "corto"),
        ("una frase lunga", 11, "una frase…"),
        ("una frase, lunga", 12, "una frase…"),
        ("parolalunghissima", 8, "parolal…"),
        ("qualcosa", 0, ""),
        # Never half of an accent or of a joined emoji.
        ("abcdefe\u0301xyz", 8, "abcdef…"),
        ("abc👩\u200d👧xyz", 6, "abc…"),
        ("abc👍🏽xyz", 5, "abc…"),
    ],
)
def test_shortened_text_ends_with_an_ellipsis(text: str, length: int, expected: str) -> None:
    assert shortened(text, length) == expected
