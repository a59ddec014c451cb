# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""axe finds nothing on any of the citizen's pages, in any of their states, and none of them is
wider than a small screen."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from PIL import Image as Picture
from playwright.sync_api import Browser, Page, Route

from canale.channel.channels import create_channel
from canale.channel.models import Topic
from canale.followers.invites import make_invite
from canale.publishing import correct, drafts, publish, withdraw
from canale.publishing.wording import NewImage, Wording
from tests.browser.pages import chromium, needs_chromium
from tests.structure.repository import ROOT

pytestmark = needs_chromium

ORIGIN = "http://localhost:8000"
AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DIALOGS = ("share-dialog", "invite-dialog", "lightbox")
STANDING = ("/privacy", "/legal", "/accessibility", "/media-policy", "/offline", "/nowhere")
# As follow.ts does, with everything open that can be opened.
SHOW_STATE = """
(template) => {
  const place = document.getElementById("follow-state");
  place.replaceChildren(document.getElementById(template).content.cloneNode(true));
  for (const part of place.querySelectorAll("[hidden]")) part.hidden = false;
  for (const part of document.querySelectorAll("details")) part.open = true;
}
"""


@pytest.fixture
def paths(transactional_db: None) -> list[str]:
    """Every address with a page of its own, of a channel that has everything."""
    channel = create_channel("cremona", "Comune di Cremona", "Notizie dalla città")
    channel.website, channel.contact_email = "https://www.example.org", "urp@example.org"
    channel.accessibility_statement = "https://www.example.org/a"
    channel.save()
    Topic.objects.create(channel=channel, slug="strade", name="Strade e viabilità")
    now = timezone.now()
    image = io.BytesIO()
    Picture.new("RGB", (64, 48), "#0066cc").save(image, "PNG")
    images = tuple(NewImage(image.getvalue(), f"Immagine {number}") for number in range(3))
    text = "*Forte* e ~vecchio~\n\n- uno\n- due\n\n> detto\n\nhttps://www.example.org/una/pagina"
    wordings = [
        Wording("news", "Avviso con le immagini", text, topics=("strade",), images=images),
        Wording("event", "Concerto", text, starts_at=now + timedelta(days=3), place="Duomo"),
        Wording("deadline", "Termine", text, starts_at=now - timedelta(hours=1)),
        Wording("service", "Strada chiusa", text, ends_at=now + timedelta(days=1)),
        Wording("alert", "Piena del fiume", text),
        Wording("alert", "Temporali", text, ends_at=now - timedelta(minutes=1)),
    ]
    posts = [
        publish.publish(drafts.save_draft(channel, wording, by="cli"), by="cli", now=now)
        for wording in [*wordings, wordings[3], wordings[3]]
    ]
    correct.correct(posts[3], wordings[3], note="L’orario", by="cli")
    withdraw.withdraw(posts[-1], reason="Era sbagliato", by="cli")
    old = drafts.save_draft(channel, wordings[3], by="cli")
    publish.publish(old, by="cli", now=now - timedelta(days=40))
    shown = [f"/c/cremona/p/{post.pk}" for post in [*posts, old]]
    older = f"/c/cremona/older?before={posts[4].pk}"
    return ["/", f"/i/{make_invite(channel).code}", older, *shown, *STANDING]


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def _answer(route: Route) -> None:
    """The site itself, without a network in between."""
    if not route.request.url.startswith(ORIGIN) or "/live/" in route.request.url:
        route.abort()
    else:
        route.fulfill(**_fetched(route.request.url.removeprefix(ORIGIN)))
    # Beside Playwright's event loop Django opens another connection than the tests'.
    connections.close_all()


def _fetched(path: str) -> dict[str, Any]:
    answer: Any = Client(headers={"accept-language": "it"}).get(path)
    body = b"".join(answer) if answer.streaming else answer.content
    return {"status": answer.status_code, "headers": dict(answer.items()), "body": body}


def _open(browser: Browser, scheme: Any, width: int) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        service_workers="block",
        bypass_csp=True,
    )
    context.route("**/*", _answer)
    context.add_init_script(path=AXE)
    return context.new_page()


def _faults(page: Page, where: str) -> list[str]:
    found = page.evaluate("(rules) => axe.run({ runOnly: rules })", RULES)
    assert found["passes"], where
    said = [
        f"{where}: {fault['id']} {[node['target'] for node in fault['nodes'][:3]]}"
        for fault in found["violations"]
    ]
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*said, f"{where}: {wide} pixels too wide"] if wide > 0 else said


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "width"), [("light", 320), ("dark", 1280)])
def test_axe_finds_nothing(paths: list[str], browser: Browser, scheme: str, width: int) -> None:
    page = _open(browser, scheme, width)
    faults: list[str] = []
    for path in paths:
        page.goto(ORIGIN + path)
        faults += _faults(page, path)
    page.goto(ORIGIN + "/")
    states = page.eval_on_selector_all("template[id^=state-]", "all => all.map(one => one.id)")
    assert len(states) >= 10
    for state in states:
        page.evaluate(SHOW_STATE, state)
        faults += _faults(page, state)
    for dialog in DIALOGS:
        page.evaluate("(id) => document.getElementById(id).showModal()", dialog)
        faults += _faults(page, dialog)
        page.evaluate("(id) => document.getElementById(id).close()", dialog)
    assert faults == [], "\n" + "\n".join(faults)
