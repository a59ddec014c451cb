# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A first visit is light, and asks nobody but us."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client

from canale.channel.channels import create_channel
from canale.channel.models import TEXT_LENGTH
from canale.followers.invites import make_invite
from canale.public.security import CONTENT_SECURITY_POLICY
from canale.publishing import drafts, publish, withdraw
from canale.publishing.content import Content
from tests.structure.repository import files, text

FIRST_VISIT, FIRST_FRAME, STYLES = 80 * 1024, 20 * 1024, 14 * 1024
# Not compressed.
NOT_FOUND = 16 * 1024
TEXT = "Da lunedì il ponte è chiuso al traffico per lavori alla rete idrica. "
FONTS = [f"fonts/titillium-web-latin-{weight}-normal.woff2" for weight in (400, 700)]


def _static(name: str) -> bytes:
    return Path(staticfiles_storage.path(staticfiles_storage.stored_name(name))).read_bytes()


def _sent(body: bytes) -> int:
    return len(gzip.compress(body, 6))


@pytest.mark.django_db
def test_a_first_visit_is_light() -> None:
    channel = create_channel("cremona", "Comune di Cremona", "Notizie dalla città")
    for number in range(10):
        post = Content("news", f"Ponte sul Po chiuso, giorno {number}", (TEXT * 20)[:TEXT_LENGTH])
        publish.publish(drafts.save_draft(channel, post, by="cli"), by="cli")
    client = Client()
    sizes = {name: _sent(client.get(name).content) for name in ("/", "/manifest.webmanifest")}
    sizes["public.js"] = _sent(_static("public.js"))
    sizes |= {name: len(_static(name)) for name in FONTS}
    avatars = [f"/c/cremona/avatar-{size}" for size in (64, 192)]
    sizes |= {name: len(client.get(name).content) for name in avatars}
    assert _sent(_static("public.css")) <= STYLES
    assert sizes["/"] <= FIRST_FRAME
    assert sum(sizes.values()) <= FIRST_VISIT, sizes


@pytest.mark.django_db
def test_first_frame_waits_for_nothing_but_the_page() -> None:
    """Pages of a channel carry their styles, and the script that runs before the first frame."""
    channel = create_channel("cremona", "Comune di Cremona")
    draft = drafts.save_draft(channel, Content("news", "Ponte chiuso", TEXT), by="cli")
    post = publish.publish(draft, by="cli")
    code = make_invite(channel).code
    for path in ("/", "/c/cremona/", f"/c/cremona/p/{post.pk}", f"/i/{code}", "/privacy"):
        page = Client().get(path).content.decode()
        assert _blocking(page) == [], path
        assert "@import" not in page
        head, body = page.split("<body", 1)
        assert head.count("<style>") == 1
        # Nothing that is drawn stands before the script that knows the follower.
        assert re.match(r"[^>]*>\s*<script>", body), path
        preloaded = re.findall(r'<link rel="preload" href="/static/([^"]+)" as="font"', head)
        assert [re.sub(r"\.\w{12}\.", ".", name) for name in preloaded] == FONTS
        styles = head[head.index("<style>") : head.index("</style>")]
        named = set(re.findall(r"url\((/static/[^)]+)\)", styles))
        assert len(named) == styles.count("url(") == 4
        assert {f"/static/{name}" for name in preloaded} <= named


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/not-there", "/c/cremona/p/404"])
def test_page_that_is_not_found_waits_for_its_style_sheet_alone(path: str) -> None:
    """Anybody can ask for many of them, and none is kept: they stay small."""
    create_channel("cremona", "Comune di Cremona")
    answer = Client().get(path)
    assert answer.status_code == 404
    (sheet,) = _blocking(answer.content.decode())
    assert re.search(r"/static/public\.\w{12}\.css", sheet)
    assert len(answer.content) <= NOT_FOUND


def _blocking(page: str) -> list[str]:
    scripts = re.findall(r"<script\b[^>]*\bsrc=[^>]*>", page)
    blocking = [tag for tag in scripts if not re.search(r"\b(?:defer|async)\b", tag)]
    return blocking + re.findall(r'<link\b[^>]*\brel="stylesheet"[^>]*>', page)


@pytest.mark.django_db
def test_pages_load_nothing_from_elsewhere() -> None:
    channel = create_channel("cremona", "Comune di Cremona")
    draft = drafts.save_draft(channel, Content("news", "Ponte chiuso", TEXT), by="cli")
    withdrawn = publish.publish(draft, by="cli")
    withdraw.withdraw(withdrawn, reason="Sbagliato", by="cli")
    gone, missing = f"/c/cremona/p/{withdrawn.pk}", "/c/cremona/p/404"
    standing = ("/privacy", "/legal", "/accessibility", "/media-policy", "/offline")
    for path in ("/", *standing, gone, missing, "/not-there"):
        answer = Client().get(path)
        page = answer.content.decode()
        loaded = re.findall(r'<(?:img|script|source|iframe)\b[^>]*\bsrc="([^"]*)"', page)
        loaded += re.findall(r'<link\b[^>]*\brel="(?!canonical)[^>]*\bhref="([^"]*)"', page)
        own = {"", "localhost:8000"}
        assert {urlsplit(address).netloc for address in loaded} <= own, path
        assert "style=" not in page
        inline = re.findall(r"<(style|script)>(.*?)</", page, re.DOTALL)
        is_missing = answer.status_code == 404
        assert [kind for kind, _ in inline] == (["style"] if is_missing else ["style", "script"])
        expected = CONTENT_SECURITY_POLICY
        for kind, text_of_it in inline:
            digest = base64.b64encode(hashlib.sha256(text_of_it.encode()).digest()).decode()
            own = f"{kind}-src 'self'"
            expected = expected.replace(own, f"{own} 'sha256-{digest}'")
        assert answer.headers["Content-Security-Policy"] == expected, path


def test_templates_have_no_inline_script_or_style() -> None:
    inline = [
        f"{path}: {found}"
        for path in files(".html")
        if path.parts[:2] == ("canale", "public")
        for found in re.findall(
            r"<style|\bstyle=|<script(?![^>]*\bsrc=)|\son[a-z]+=\"|javascript:", text(path)
        )
    ]
    assert inline == []
