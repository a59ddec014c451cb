# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Wherever a template shows a person's words, they run in their own direction."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.structure.repository import files, text

TEMPLATES = [path for path in files(".html") if path.parts[0] == "canale"]
# The template variables that hold text of a city or of its staff.
WORDS = re.compile(
    r"\b(?:headline|place|alt|note|withdrawal_reason|description|box\.choice_label"
    r"|(?:channel|topic|token)\.name|post\.text)\b(?!\.(?:errors|field|label))"
)
SHOWN = re.compile(r"\{\{(.*?)\}\}|\{% blocktranslate\b(.*?) %\}", re.DOTALL)
# In these, or in their attributes, a browser shows plain text, or nothing.
WITHOUT_ELEMENTS = {"title", "meta", "link", "button"}
VOID = {"img", "input", "meta", "link", "br", "hr", "use"}
QUOTED = re.compile(r"(\{% blocktranslate [^%]*%\}).*?\{% endblocktranslate %\}", re.DOTALL)
FIELDS = re.compile(
    r'<(?:input(?=[^>]*type="text")|textarea)[^>]*'
    r'(?:name|data-part)="'
    r'(?:headline|text|place|note|reason|alt|[\w{} .-]*-alt|name|description)"[^>]*>'
)


class Places(HTMLParser):
    """The places of a template that show words without a direction of their own."""

    def __init__(self, template: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        # Tags of Django become text; what they put into a tag has no quotes of its own.
        template = re.sub(r"\{#.*?#\}", "", template)
        template = re.sub(r"\{% block title %\}.*?\{% endblock %\}", "", template)
        template = QUOTED.sub(r"\1", template)
        self.feed(re.sub(r"\{% (?!blocktranslate)(.*?)%\}", self._harmless, template))

    @staticmethod
    def _harmless(tag: re.Match[str]) -> str:
        return " " * bool(re.match(r"city_lang|if |elif |else|endif", tag[1]))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        element = dict(attributes)
        if WORDS.search(element.get("alt") or "") and "dir" not in element:
            self.wrong.append(self.get_starttag_text() or tag)
        if tag not in VOID:
            self.open.append((tag, element))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        # A link around the words is of their element.
        around = [(tag, element) for tag, element in self.open if tag != "a" or "dir" in element]
        tag, element = around[-1] if around else ("", {})
        if tag in WITHOUT_ELEMENTS or "dir" in element:
            return
        for shown in SHOWN.finditer(data):
            said = shown[1] or shown[2] or ""
            if WORDS.search(said) and "|isolated" not in said and "name|default" not in said:
                self.wrong.append(shown[0])


@pytest.mark.parametrize("path", TEMPLATES, ids=str)
def test_user_text_has_its_own_direction(path: Path) -> None:
    """Arabic and Hebrew stand right, with their punctuation at the right end."""
    source = text(path)
    assert Places(source).wrong == []
    fields = [field[0] for field in FIELDS.finditer(re.sub(r"\{%.*?%\}", "", source))]
    assert [field for field in fields if 'dir="auto"' not in field] == []


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ('<p dir="auto">{{ post.headline }}</p>', 0),
        ("<p>{{ post.headline }}</p>", 1),
        ("<p{% city_lang %}>{{ post.place }}</p>", 1),
        ('<p{% city_lang %} dir="auto">{{ post.place }}</p>', 0),
        ('<p><bdi dir="auto">{{ post.headline }}</bdi>, </p>', 0),
        ('<div dir="auto"><p>Words of ours: {{ topic.name }}</p></div>', 1),
        ('<img alt="{{ image.alt }}">', 1),
        ('<img alt="{{ image.alt }}" dir="auto">', 0),
        (
            "<p>{% blocktranslate with name=channel.name %}{{ name }}!{% endblocktranslate %}</p>",
            1,
        ),
        (
            "<h1>{% blocktranslate with name=channel.name|isolated %}{{ name }}!"
            "{% endblocktranslate %}</h1>",
            0,
        ),
    ],
)
def test_text_without_a_direction_is_found(template: str, wrong: int) -> None:
    assert len(Places(template).wrong) == wrong


def test_styles_use_logical_directions() -> None:
    physical = re.compile(r"(?:margin|padding|border)-(?:left|right)|text-align: (?:left|right)")
    found = [
        f"{path}: {match[0]}" for path in files(".scss") for match in physical.finditer(text(path))
    ]
    assert found == []
