# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name under an icon is short, and initials are those of the place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.channel.names import SHORT_LENGTH, initials, own_name, short_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Comune di Cremona", "Cremona"),
        ("COMUNE DI CREMONA", "CREMONA"),
        ("Comune dell’Aquila", "Aquila"),
        ("Comune di L’Aquila", "L’Aquila"),
        ("Comune di Città di Castello", "Città di Castello"),
        ("Unione dei Comuni della Bassa Romagna", "Bassa Romagna"),
        ("Città metropolitana di Milano", "Milano"),
        ("Provincia autonoma di Trento", "Trento"),
        ("Regione Lombardia", "Lombardia"),
        ("Comune di Bolzano / Gemeinde Bozen", "Bolzano"),
        ("Comune di Cremona (dimostrazione)", "Cremona"),
        ("(prova)", "(prova)"),
        ("Friuli-Venezia Giulia", "Friuli-Venezia Giulia"),
        ("Comune", "Comune"),
        ("Comunello", "Comunello"),
        ("Comune di", "di"),
        ("", ""),
    ],
)
def test_own_name_leaves_out_what_the_institution_is(name: str, expected: str) -> None:
    assert own_name(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cremona", "Cremona"),
        ("Comune di Cremona", "Cremona"),
        ("Comune di Zo", "Zo"),
        ("Comune di Rivabella (dimostrazione)", "Rivabella"),
        ("Città di San Giovanni in Fiore", "San Giovanni"),
        ("Comune di Reggio nell’Emilia", "Reggio"),
        ("Comune di Castelfranco Veneto", "Castelfranco"),
        ("Comune di Roccafluvione", "Roccafluvio…"),
        ("Protezione civile di Cremona", "Protezione"),
        ("Marktgemeinde Kaltern an der Weinstraße", "Kaltern"),
        ("Občina Števerjan", "Števerjan"),
        ("Bassano del Grappa", "Bassano"),
        ("Mairie de Schœlcher", "Schœlcher"),
        ("Verbandsgemeindeverwaltung", "Verbandsgem…"),
    ],
)
def test_short_name_has_whole_words(name: str, expected: str) -> None:
    assert short_name(name) == expected


@given(st.lists(st.text("abDÈ’(", min_size=1, max_size=15), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_short_name_is_never_too_long(words: list[str]) -> None:
    short = short_name(" ".join(words))
    assert 0 < len(short) <= SHORT_LENGTH
    whole = {*words, *(word.rstrip("(") for word in words)}
    assert short.endswith("…") or set(short.split()) <= whole


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Comune di Cremona", "Cr"),
        ("COMUNE DI CREMONA", "Cr"),
        ("Provincia di Cremona", "Cr"),
        ("Comune di L’Aquila", "La"),
        ("Comune di Reggio nell’Emilia", "RE"),
        ("comune di san giovanni", "Gi"),
        ("Unione dei Comuni della Bassa Romagna", "BR"),
        ("Città di Ötz", "Öt"),
        ("Občina Števerjan", "Št"),
        ("E\u0300boli", "Èb"),
        ("Δήμος Αθηναίων", "ΔΑ"),
        ("Град Београд", "ГБ"),
        ("თბილისი", "თბ"),
        ("ßtadt", "ßt"),
        ("«Ħal» Qormi", "ĦQ"),
        ("🏛️ Municipio", "Mu"),
        ("Ufficio 6", "U6"),
        ("X", "X"),
        ("di da del", "DD"),
        ("🏛️", ""),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_place(name: str, expected: str) -> None:
    assert initials(name) == expected
