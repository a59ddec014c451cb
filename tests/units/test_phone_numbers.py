# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Telephone numbers can be dialled; prices, dates, house numbers and addresses cannot."""

from __future__ import annotations

import re
import time

import pytest

from canale.channel.text import first_link, render_html


def dialled(text: str) -> list[str]:
    return re.findall(r'href="(tel:[^"]*)"', render_html(text))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Emergenze: 112.", ["112"]),
        ("chiamate il *112* o il 115, Numero Unico 112", ["112", "115", "112"]),
        ("ufficio fiscale 0372 4071", ["+3903724071"]),
        ("Via Roma è chiusa: chiamate il 118", ["118"]),
        ("guardia medica 116117, incendi 1515, in mare 1530", ["116117", "1515", "1530"]),
        ("numero verde *800 123 456* (o 800-123456, 800.123.456)", ["800123456"] * 3),
        ("URP 0372 4071, 0372/407111", ["+3903724071", "+390372407111"]),
        ("02 1234 5678 e 06-12345678", ["+390212345678", "+390612345678"]),
        ("333 1234567, 333 123 4567, 3331234567", ["+393331234567"] * 3),
        ("+39 0372 407 111; +39 333 1234567", ["+390372407111", "+393331234567"]),
    ],
)
def test_telephone_numbers_are_links(text: str, numbers: list[str]) -> None:
    assert dialled(text) == [f"tel:{number}" for number in numbers]


@pytest.mark.parametrize(
    "text",
    [
        *("112 €", "€ 112", "costa 112 euro", "112,50", "1.112", "112%", "112 posti", "n. 118"),
        *("2112", "a112", "112-113", "10 112 33 44", "12:30", "18.000", "2026", "112.000 persone"),
        *("01/12/2026", "02.12.2026", "01-12-2026", "02 12 2026", "dalle 0830-1230", "1530–1630"),
        *("via Dante 112", "Via Giuseppe Verdi, 112", "piazza Roma 115", "art. 117", "bus 115"),
        *("legge 118/2005", "IT60X0542811101000000123456", "protocollo 20260372407111"),
        *("https://a.it/0372/407111", "https://a.it/?t=800123456", "www.a.it/112", "`112`"),
        *("0372407111@pec.it", "mario112@a.it", "C.F. 01234567890", "CF: 01234567890"),
        *("P.IVA 01234567890", "C.F./P. IVA 01234567890", "codice fiscale: 03721234567"),
    ],
)
def test_other_numbers_are_not_links(text: str) -> None:
    assert dialled(text) == []


@pytest.mark.parametrize("zero", "٠۰०０𝟎")
def test_digits_of_other_scripts_are_not_dialled(zero: str) -> None:
    """No phone knows them, and a number that is dialled in part is a wrong one."""
    other = str.maketrans("0123456789", "".join(chr(ord(zero) + n) for n in range(10)))
    for number in ("112", "800 123 456", "0372 407111", "333 1234567", "+39 0372 407111"):
        assert dialled(number) != []
        for start in range(len(number)):
            for end in range(start + 1, len(number) + 1):
                digits = number[start:end]
                if digits == digits.translate(other):
                    continue
                mixed = number[:start] + digits.translate(other) + number[end:]
                assert dialled(f"chiama {mixed} oggi") == [], mixed


def test_number_stays_as_it_was_typed_and_is_not_a_page_to_preview() -> None:
    link = '<a href="tel:800123456" rel="noopener" dir="ltr">800 123 456</a>'
    assert link in render_html("800 123 456")
    # Also within words that run from right to left.
    assert link in render_html("رقم: 800 123 456")
    assert first_link("Chiamate il 112 o https://a.it/b") == "https://a.it/b"


def test_numbers_are_found_in_linear_time() -> None:
    texts = ["via " + "Roma " * 190 + "112", "0 " * 500, "3" * 1000, "via a " * 166, "0372 " * 200]
    began = time.process_time()
    for text in texts:
        render_html(text)
    assert time.process_time() - began < 1
