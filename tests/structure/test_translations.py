# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every text an app shows has its Italian in that app's own catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO, StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from tests.structure.repository import ROOT, files, text

KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext_lazy": (1, 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)|\{(\w*)\}|%[sd]")


class Wanted(NamedTuple):
    """One text in the sources, with where it stands."""

    where: str
    singular: str
    plural: str | None
    context: str | None


def _source(path: Path) -> str:
    if path.suffix == ".py":
        return text(path)
    # Babel reads the result as Python, where indentation would matter.
    lines = str(templatize(text(path), origin=str(path))).splitlines()
    return "\n".join(line.lstrip() for line in lines)


def _wanted(path: Path) -> Iterator[Wanted]:
    source = BytesIO(_source(path).encode())
    for line, message, _, context in extract("python", source, keywords=KEYWORDS):
        singular, plural = (message, None) if isinstance(message, str) else (message[0], message[1])
        yield Wanted(f"{path}:{line}", singular, plural, context)


def _app(path: Path) -> str:
    return path.parts[1] if len(path.parts) > 2 else ""


def _sources(app: str) -> list[Path]:
    return [
        path
        for path in files(".py", ".html", ".txt")
        if path.parts[0] == "canale"
        and _app(path) == app
        and (path.suffix == ".py" or "templates" in path.parts)
    ]


def _catalogue(app: str) -> Catalog:
    path = ROOT / "canale" / app / "locale/it/LC_MESSAGES/django.po"
    if not path.exists():
        return Catalog("it")
    return read_po(StringIO(path.read_text(encoding="utf-8")), locale="it")


def _placeholders(message: str) -> set[str]:
    return {match.group() for match in PLACEHOLDER.finditer(message)}


def _fault(wanted: Wanted, catalogue: Catalog) -> str | None:
    found = catalogue.get(wanted.singular, wanted.context)
    if found is None:
        return "missing"
    forms = [found.string] if isinstance(found.string, str) else list(found.string or [""])
    if not all(forms):
        return "empty"
    if found.fuzzy:
        return "fuzzy"
    allowed = _placeholders(wanted.singular) | _placeholders(wanted.plural or "")
    if any(_placeholders(form) - allowed for form in forms):
        return "has a placeholder that the English has not"
    return None


APPS = sorted({_app(path) for path in files(".py") if path.parts[0] == "canale"})


@pytest.mark.parametrize("app", APPS)
def test_italian_is_complete(app: str) -> None:
    catalogue = _catalogue(app)
    faults = [
        f"{wanted.where}: {wanted.singular!r} is {fault}"
        for path in _sources(app)
        for wanted in _wanted(path)
        if (fault := _fault(wanted, catalogue))
    ]
    assert faults == [], "\n" + "\n".join(faults)


def test_missing_translation_is_found() -> None:
    catalogue = Catalog("it")
    catalogue.add("%(n)s post", "%(m)s post")
    catalogue.add("Follow", "")
    wanted = [Wanted("x", text, None, None) for text in ("%(n)s post", "Follow", "Mute")]
    assert [_fault(one, catalogue) for one in wanted] == [
        "has a placeholder that the English has not",
        "empty",
        "missing",
    ]


def test_texts_of_templates_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "{% load i18n %}\n  <p>{% translate 'Hi' %}</p>\n<b>it's {{ _('You') }}</b>\n"
        '    {% blocktranslate count n=n trimmed %}\n One\n{% plural %}\n{{ n }} of "it"\n'
        "  {% endblocktranslate %}{% translate 'May' context 'month' %}"
    )
    found = {(one.singular, one.plural, one.context) for one in _wanted(page)}
    assert found == {
        ("Hi", None, None),
        ("You", None, None),
        ("One", '%(n)s of "it"', None),
        ("May", None, "month"),
    }


def test_all_clear_has_one_italian_name() -> None:
    """Notification, page and newsroom use the term of Italy's civil protection."""
    said = {
        app: str(message.string)
        for app in ("delivery", "newsroom", "public")
        for message in _catalogue(app)
        if isinstance(message.id, str) and message.id.startswith("All clear")
    }
    assert said.keys() == {"delivery", "newsroom", "public"}
    assert all(words.startswith("Cessata allerta") for words in said.values()), said
