# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One term per thing in everything that people read, in Italian and in English."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from tests.structure.repository import files, text

# Abolished words, as regular expressions, and the words to use instead.
ITALIAN = {
    r"\b[Ss]egui (il|questo) canale\b|\b[Ss]mett\w+ di seguire\b|\b[Nn]on segui\b":
        "Iscriviti, Iscrizione attiva, Annulla l’iscrizione",
    r"\b[Pp]rem(i|ere)\b": "Tocca on phones, scegli elsewhere",
    r"\b[Tt]ogli(ere)?\b": "Rimuovi",
    r"\bsenza rete\b|\bin rete\b|[Mm]anca la connessione|\boffline\b": "Non c’è connessione",
    r"\w(o/a|i/e|e/i)\b|\b[Cc]aro/|\([ae]\)": "words without a gender",
    r"\buna emoji\b": "un’emoji",
    r"\b[Qq]ui scrive solo\b": "a sentence where the name needs no article",
    "[“”]": "«»",
    r"\w'|'\w": "the apostrophe ’",
}  # fmt: skip
ENGLISH = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\b[Pp]ress (?!releases\b|and hold\b)": "Tap on phones, choose elsewhere",
    r"\b[Tt]rue address\b": "genuine address",
    r"\b[Ff]rame the code\b": "scan the code",
    r"\b[Tt]ake away\b": "clear, remove",
    r"\bgo along\b": "are sent too",
    r"\bthe one before\b|\banew\b|\b[Mm]eanwhile\b": "the previous one, again, until then",
    r"\bwithout a network\b|\b[Nn]o connection\b": "offline",
    r"\w'\w": "the apostrophe ’",
}


def faults(language: dict[str, str], words: str) -> list[str]:
    """Return what to say instead of each abolished word, attributes of tags left out."""
    shown = re.sub(r"<[^>]*>", "", words)
    return [instead for pattern, instead in language.items() if re.search(pattern, shown)]


@pytest.mark.parametrize("path", files(".po"), ids=lambda path: path.parts[1])
def test_abolished_words_stay_away(path: Path) -> None:
    found = []
    for message in read_po(StringIO(text(path)), locale="it"):
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        translations = message.string if isinstance(message.string, tuple) else (message.string,)
        for language, forms in ((ENGLISH, sources), (ITALIAN, translations)):
            found += [
                f"{form!r}: say {one}"
                for form in forms
                if form
                for one in faults(language, str(form))
            ]
    assert found == []


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (ITALIAN, "Smetti di seguire"),
        (ITALIAN, "Premi «Consenti»"),
        (ITALIAN, "Sei iscritto/a"),
        (ITALIAN, "l'ente"),
        (ENGLISH, "Press the lock"),
        (ENGLISH, "we will mend it"),
        (ENGLISH, "the city's colour"),
    ],
)
def test_abolished_word_is_found(language: dict[str, str], words: str) -> None:
    assert faults(language, words)
