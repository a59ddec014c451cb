# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page store during a database outage: a stale page is better than none."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Image, ImageFile
from canale.followers.invites import make_invite
from canale.live import tail
from canale.live.hub import Hub
from canale.live.tail import EventTailer
from canale.previews.models import LinkPreview
from canale.public import page_store
from canale.public.page_store import PageStore
from canale.publishing import drafts, publish
from canale.publishing.content import Content
from canale.publishing.withdraw import withdraw
from canale.runtime.database_away import DatabaseProblem, Outage
from tests.units.test_page_store import TEXT, Renderer, ask, run


@pytest.fixture(autouse=True)
def outage(monkeypatch: pytest.MonkeyPatch) -> Outage:
    """Each test has a process of its own, whose database is well so far as it knows."""
    new = Outage()
    for module in (page_store, tail):
        monkeypatch.setattr(module, "outage", new)
    return new


@pytest.mark.parametrize(("at_most", "shown"), [(200.0, 200), (130.0, 503), (None, 503)])
def test_stale_page_is_served_when_rendering_fails(at_most: float | None, shown: int) -> None:
    async def flow() -> None:
        now = [100.0]
        app = Renderer(until=120.0)
        app.at_most = at_most
        store = PageStore(app, clock=lambda: now[0])
        await ask(store)
        app.status, app.body, app.handle = 503, "Torniamo subito", None
        now[0] = 140.0
        status, headers, body = await ask(store)
        assert status == shown
        assert b"x-canale-at-most" not in headers
        if shown == 200:
            assert body.decode() == TEXT
            # For some seconds nobody asks in vain.
            await ask(store)
            assert len(app.seen) == 2
            now[0] = 201.0
            assert (await ask(store))[0] == 503
        app.status, app.body, app.handle, app.until = 200, "Di nuovo", "cremona", None
        assert (await ask(store))[2] == b"Di nuovo"

    run(flow)


def test_requests_get_stale_pages_while_one_retries_the_database(
    outage: Outage,
) -> None:
    async def flow() -> None:
        now = [100.0]
        app = Renderer(until=120.0)
        app.at_most = 1e12
        store = PageStore(app, clock=lambda: now[0])
        paths = [f"/c/cremona/p/{number}" for number in range(1, 9)]
        for path in paths:
            await ask(store, path)
        outage.failed(DatabaseProblem.AWAY, OperationalError("refused"))
        app.status, app.body, app.handle = 503, "Torniamo subito", None
        app.gate.clear()
        for later in (140.0, 150.0):
            now[0] = later
            for path in paths:
                for query in ("", "a=b"):
                    assert (await ask(store, path, query=query))[0] == 200
                await asyncio.sleep(0)
        assert len(app.seen) == len(paths) + 1
        app.status, app.body, app.handle, app.until = 200, "Di nuovo", "cremona", None
        app.gate.set()
        await _all_landed()
        now[0] = 160.0
        await ask(store, paths[0])
        await _all_landed()
        assert (await ask(store, paths[0]))[2] == b"Di nuovo"

    run(flow)


async def _all_landed() -> None:
    """Wait for the renderings that stale pages have started in the background."""
    beside = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*beside)


def test_invalidated_page_is_not_served_stale() -> None:
    async def flow() -> None:
        app = Renderer()
        app.at_most = 1e12
        store = PageStore(app)
        await ask(store)
        store.forget("cremona")
        app.status, app.handle = 503, None
        assert (await ask(store))[0] == 503

    run(flow)


@pytest.mark.django_db(transaction=True)
def test_no_stale_page_after_a_withdrawal_on_another_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_channel("cremona", "Comune di Cremona")
    monkeypatch.setattr(tail, "POLL_SECONDS", 0.01)
    failed: list[int] = []

    def fail() -> Any:
        failed.append(1)
        raise OperationalError("cut off")

    async def looks(times: int) -> None:
        until = len(failed) + times
        while len(failed) < until:
            await asyncio.sleep(0.01)

    async def flow() -> None:
        app = Renderer(until=1.0)
        app.at_most = 1e12
        store = PageStore(app)
        follower = EventTailer(Hub(tail.backlog), store.forget)
        await follower.start()
        await asyncio.get_running_loop().run_in_executor(follower._thread, _close)
        await ask(store)
        # Called before each reading.
        monkeypatch.setattr(tail, "close_old_connections", fail)
        app.status, app.body, app.handle = 503, "Torniamo subito", None
        following = asyncio.create_task(follower.run())
        await looks(3)
        assert (await ask(store))[2].decode() == TEXT
        follower.hint()
        await looks(3)
        assert (await ask(store))[0] == 503
        following.cancel()

    run(flow)


def _close() -> None:
    connection.close()


@pytest.mark.django_db
def test_stale_page_is_not_served_beyond_a_posts_expiry() -> None:
    city, now = create_channel("cremona", "Comune di Cremona"), timezone.now()
    posts = []
    for hours_left in (0.5, 100):
        draft = drafts.save_draft(city, Content("news", "Notizia", "Testo"), by="cli")
        ago = timedelta(days=city.retention_days) - timedelta(hours=hours_left)
        posts.append(publish.publish(draft, by="cli", now=now - ago))
    first, second = posts
    shown = {
        "/": timedelta(minutes=30),
        f"/c/cremona/p/{first.pk}": timedelta(minutes=30),
        f"/c/cremona/p/{second.pk}": timedelta(hours=1),
        "/privacy": timedelta(hours=1),
    }
    for path, longest in shown.items():
        at_most = float(Client().get(path).headers["X-Canale-At-Most"])
        assert at_most == pytest.approx((now + longest).timestamp(), abs=60), path


@pytest.mark.django_db
def test_image_is_read_again_every_hour() -> None:
    draft = drafts.save_draft(
        create_channel("cremona", "Comune di Cremona"),
        Content("news", "Notizia", "Testo"),
        by="cli",
    )
    image = Image.objects.create(channel=draft.channel, width=1, height=1, key="a-key")
    draft.content.images.create(image=image, position=0)
    ImageFile.objects.create(
        image=image, name="small", mime="image/png", width=1, height=1, data=b"x"
    )
    publish.publish(draft, by="cli")
    answer = Client().get("/c/cremona/image/a-key-small")
    in_an_hour = timezone.now() + timedelta(hours=1)
    until = float(answer.headers["X-Canale-Until"])
    assert until == pytest.approx(in_an_hour.timestamp(), abs=60)


@pytest.mark.django_db
def test_changes_without_a_live_event_show_within_two_minutes() -> None:
    """A hint that the channel changed may be lost."""
    city = create_channel("cremona", "Comune di Cremona")
    drafted = [drafts.save_draft(city, Content("news", "Titolo", "Testo"), by="cli") for _ in "ab"]
    post, gone = (publish.publish(draft, by="cli") for draft in drafted)
    withdraw(gone, reason="Errore", by="cli")
    LinkPreview.objects.create(
        post=post, url="https://a.it/", state="fetched", title="A", picture=b"x", picture_key="k"
    )
    code = make_invite(city).code
    paths = ["/", "/privacy", "/manifest.webmanifest", f"/i/{code}"]
    paths += [f"/i/{code}/manifest.webmanifest", f"/c/cremona/p/{post.pk}"]
    paths += [f"/c/cremona/{name}" for name in (f"p/{gone.pk}", "avatar-64", "preview/k")]
    now = timezone.now()
    for path in paths:
        answer = Client().get(path)
        assert answer.status_code in (200, 410), path
        until = float(answer.headers.get("X-Canale-Until", "inf"))
        assert until - now.timestamp() < 120, path
