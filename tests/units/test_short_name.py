# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name on a home screen is short and made of whole words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.public.short_name import MAX_LENGTH, short_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cremona", "Cremona"),
        ("Comune di Cremona", "Cremona"),
        ("Comune di Rivabella (dimostrazione)", "Rivabella"),
        ("Città di San Giovanni in Fiore", "San Giovanni"),
        ("Protezione civile di Cremona", "Protezione"),
        ("Marktgemeinde Kaltern an der Weinstraße", "Kaltern"),
        ("Občina Števerjan", "Občina"),
        ("Lega del Filo d’Oro", "Filo d’Oro"),
        ("Mairie de Schœlcher", "Schœlcher"),
        ("Verbandsgemeindeverwaltung", ""),
    ],
)
def test_short_name_has_whole_words(name: str, expected: str) -> None:
    assert short_name(name) == expected


@given(st.lists(st.text("abDÈ’(", min_size=1, max_size=15), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_short_name_is_never_too_long_or_cut(words: list[str]) -> None:
    short = short_name(" ".join(words))
    assert len(short) <= MAX_LENGTH
    assert set(short.split()) <= {*words, *(word.rstrip("(") for word in words)}
