# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A link's preview from publishing the post to its end, as the database, pages and API have it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client import Histogram

from canale.accounts.models import AuditEntry, Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.previews import queue, runner, shown
from canale.previews.fetch import Found, NoPreviewError
from canale.previews.models import LinkPreview
from canale.previews.queue import PAUSES, Claim, claim_preview, record_failure, record_found
from canale.previews.runner import PreviewRunner
from canale.previews.shown import remove_preview
from canale.publishing.content import Content
from canale.publishing.correct import correct
from canale.publishing.drafts import delete_draft, save_draft
from canale.publishing.expire import expire_due
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from canale.runtime.database_thread import DatabaseThread

pytestmark = pytest.mark.django_db

LINK = "https://www.museo.example/mostre"
FOUND = Found("La mostra <b>", "Fino a maggio", b"webp")
State = LinkPreview.State
T = TypeVar("T")


@pytest.fixture
def city() -> Channel:
    return create_channel("cremona", "Comune di Cremona")


def written(city: Channel, text: str) -> Post:
    return save_draft(city, Content("news", "Mostra", text), by="cli")


def published(city: Channel, text: str = f"Vedi {LINK}.") -> Post:
    return publish(written(city, text), by="cli")


def claimed(now: datetime | None = None) -> Claim:
    claim = claim_preview(now or timezone.now())
    assert claim is not None
    return claim


def states() -> list[str]:
    return list(LinkPreview.objects.order_by("pk").values_list("state", flat=True))


def with_preview(city: Channel, found: Found = FOUND) -> Post:
    post = published(city)
    record_found(claimed(), found)
    return post


def page(path: str = "/") -> str:
    return Client().get(path).content.decode()


def test_publishing_queues_the_first_link_and_a_draft_queues_nothing(city: Channel) -> None:
    draft = written(city, f"Vedi {LINK}")
    assert states() == []
    delete_draft(draft, by="cli")
    post = published(city, f"Scrivi a info@a.it, vedi {LINK} e https://b.example")
    claim = claimed()
    assert (claim.post_id, claim.handle, claim.url) == (post.pk, "cremona", LINK)
    published(city, "Senza link")
    published(city, f"https://a.example/{'x' * 980}")
    assert states() == ["queued", "queued"]


def test_fetched_preview_is_on_page_card_and_api(city: Channel) -> None:
    post = published(city)
    before = page()
    assert 'class="preview"' not in before
    record_found(claimed(), FOUND)
    key = LinkPreview.objects.get().picture_key
    for path in ("/", f"/c/cremona/p/{post.pk}", f"/c/cremona/p/{post.pk}/card"):
        html = page(path)
        assert f'<a class="preview" href="{LINK}" rel="noopener nofollow">' in html
        assert 'class="preview-title" dir="auto">La mostra &lt;b&gt;</span>' in html
        assert "<bdi>museo.example</bdi>" in html
        assert f'<img src="/c/cremona/preview/{key}" alt="" width="96" height="96"' in html
    picture = Client().get(f"/c/cremona/preview/{key}")
    assert (picture.content, picture["Content-Type"]) == (b"webp", "image/webp")
    answer = Client().get("/api/v1/channels/cremona/posts").json()["posts"][0]
    assert answer["preview"] == {
        "url": LINK,
        "host": "museo.example",
        "title": "La mostra <b>",
        "description": "Fino a maggio",
        "picture": f"http://localhost:8000/c/cremona/preview/{key}",
    }


def test_preview_without_a_picture_has_no_image(city: Channel) -> None:
    with_preview(city, replace(FOUND, picture=None))
    assert 'class="preview"' in page()
    assert "/preview/" not in page()
    assert (
        Client().get("/api/v1/channels/cremona/posts").json()["posts"][0]["preview"]["picture"]
        is None
    )
    assert Client().get("/c/cremona/preview/").status_code == 404


def end_by_withdrawing(post: Post) -> None:
    withdraw(post, reason="Errore", by="cli")


def end_by_expiring(post: Post) -> None:
    Post.objects.filter(pk=post.pk).update(visible_until=timezone.now() - timedelta(seconds=1))
    expire_due(timezone.now())


def end_by_correcting(post: Post) -> None:
    correct(post, Content("news", "Mostra", "Annullata"), note="Annullata", by="cli")


def end_by_deleting(post: Post) -> None:
    post.delete()


@pytest.mark.parametrize(
    "end", [end_by_withdrawing, end_by_expiring, end_by_correcting, end_by_deleting]
)
def test_preview_and_picture_go_with_the_post_or_its_link(
    city: Channel, end: Callable[[Post], None]
) -> None:
    post = with_preview(city)
    path = f"/c/cremona/preview/{LinkPreview.objects.get().picture_key}"
    assert Client().get(path).status_code == 200
    end(post)
    assert states() == []
    assert Client().get(path).status_code == 404
    assert 'class="preview"' not in page()


def test_picture_goes_at_the_moment_when_the_post_does(city: Channel) -> None:
    post = with_preview(city)
    path = f"/c/cremona/preview/{LinkPreview.objects.get().picture_key}"
    Post.objects.filter(pk=post.pk).update(visible_until=timezone.now())
    assert Client().get(path).status_code == 404


def test_correction_keeps_the_preview_of_the_same_link_only(city: Channel) -> None:
    post = with_preview(city)
    key = LinkPreview.objects.get().picture_key
    correct(post, Content("news", "Mostre", f"Orari: {LINK}"), note="Orari", by="cli")
    assert (states(), LinkPreview.objects.get().picture_key) == (["fetched"], key)
    other = "https://altro.example/"
    correct(post, Content("news", "Mostre", f"{other} {LINK}"), note="Link", by="cli")
    assert (states(), claimed().url) == (["queued"], other)


def test_late_answer_does_not_become_the_preview_of_another_link(city: Channel) -> None:
    post = published(city)
    late = claimed()
    correct(post, Content("news", "Mostra", "https://altro.example/"), note="Link", by="cli")
    record_found(late, FOUND)
    assert states() == ["queued"]


def test_claim_is_given_once_and_again_after_its_lease(city: Channel) -> None:
    published(city)
    now = timezone.now()
    first = claimed(now)
    assert claim_preview(now) is None
    second = claimed(now + queue.LEASE)
    assert (first.attempt, second.attempt) == (1, 2)
    record_found(first, FOUND)
    assert states() == ["queued"]


def test_worker_that_ends_with_each_attempt_does_not_try_for_ever(city: Channel) -> None:
    published(city)
    now = timezone.now()
    for _ in range(queue.MAX_ATTEMPTS):
        claimed(now)
        now += queue.LEASE
    assert claim_preview(now) is None
    assert states() == ["none"]


def test_failure_is_retried_within_minutes_and_then_given_up(city: Channel) -> None:
    published(city)
    now = timezone.now()
    for pause in PAUSES:
        assert record_failure(claimed(now), now, may_retry=True)
        assert claim_preview(now + pause - timedelta(seconds=1)) is None
        now += pause
    assert not record_failure(claimed(now), now, may_retry=True)
    assert (states(), claim_preview(now + timedelta(days=1))) == (["none"], None)


def test_failure_for_good_is_not_retried(city: Channel) -> None:
    published(city)
    now = timezone.now()
    assert not record_failure(claimed(now), now, may_retry=False)
    assert states() == ["none"]


def test_removed_preview_stays_removed_and_is_in_the_log(city: Channel) -> None:
    post = with_preview(city)
    picture = f"/c/cremona/preview/{LinkPreview.objects.get().picture_key}"
    assert remove_preview(post, by="a@b.it")
    assert not remove_preview(post, by="a@b.it")
    assert 'class="preview"' not in page()
    assert Client().get(picture).status_code == 404
    correct(post, Content("news", "Mostre", f"Orari: {LINK}"), note="Orari", by="cli")
    row = LinkPreview.objects.get()
    assert (row.state, row.title, row.picture) == ("removed", "", None)
    entries = AuditEntry.objects.filter(act="post.preview_removed")
    assert [(entry.actor, entry.detail) for entry in entries] == [("a@b.it", {"post": post.pk})]


def newsroom(city: Channel, role: Role, post: Post) -> tuple[Client, str]:
    """Return somebody with this role, and the address of the post's page."""
    staff = Staff.objects.create_user(f"{role}@cremona.test", "acqua alta sul fiume Po")
    Membership.objects.create(staff=staff, channel=city, role=role)
    client = Client(headers={"accept-language": "en"})
    client.force_login(staff)
    return client, f"/newsroom/c/cremona/posts/{post.pk}/"


def test_newsroom_shows_the_preview_and_a_publisher_removes_it(city: Channel) -> None:
    post = published(city)
    client, path = newsroom(city, Role.ADMIN, post)
    assert "Reading the page from museo.example." in client.get(path).content.decode()
    record_found(claimed(), FOUND)
    page = client.get(path).content.decode()
    assert "<strong>La mostra &lt;b&gt;</strong>" in page
    assert "From museo.example, with its picture." in page
    assert client.get(f"{path}preview/remove/").status_code == 405
    removed = client.post(f"{path}preview/remove/", follow=True).content.decode()
    assert "The preview was removed" in removed
    assert "Remove the preview" not in removed
    assert states() == ["removed"]


def test_newsroom_says_that_there_is_no_preview(city: Channel) -> None:
    post = published(city)
    record_failure(claimed(), timezone.now(), may_retry=False)
    client, path = newsroom(city, Role.ADMIN, post)
    assert "None: museo.example gave no title" in client.get(path).content.decode()


def test_writer_who_may_not_publish_cannot_remove_a_preview(city: Channel) -> None:
    post = with_preview(city)
    client, path = newsroom(city, Role.EDITOR, post)
    assert "Remove the preview" not in client.get(path).content.decode()
    assert client.post(f"{path}preview/remove/").status_code == 403
    assert states() == ["fetched"]


def test_preview_that_arrives_after_its_removal_is_dropped(city: Channel) -> None:
    post = published(city)
    claim = claimed()
    remove_preview(post, by="a@b.it")
    record_found(claim, FOUND)
    assert states() == ["removed"]


def test_switch_hides_what_was_fetched_and_queues_nothing(
    city: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_preview(city)
    path = f"/c/cremona/preview/{LinkPreview.objects.get().picture_key}"
    off = replace(queue.settings, link_previews=False)
    for module in (queue, shown, runner):
        monkeypatch.setattr(module, "settings", off)
    assert 'class="preview"' not in page()
    assert Client().get(path).status_code == 404
    published(city)
    assert states() == ["fetched"]
    asyncio.run(PreviewRunner(DatabaseThread("none"), timezone.now).run(NoBus()))  # type: ignore[arg-type]


class NoBus:
    """Has no hints."""

    def subscribe(self, _: object) -> NoBus:
        return self

    def close(self) -> None: ...


class Database(DatabaseThread):
    """``idle`` is set when the runner looks for work after its first attempt."""

    def __init__(self) -> None:
        super().__init__("previews")
        self.idle = asyncio.Event()
        self._works = 0

    async def run(self, work: Callable[[], T], seconds: Histogram | None = None) -> T:
        self._works += 1
        if self._works == 3:
            self.idle.set()
        return await super().run(work)


class Sites:
    """Gives one answer to each attempt, then stops the runner."""

    def __init__(self, *answers: Found | Exception) -> None:
        self.answers = list(answers)
        self.links: list[str] = []

    async def fetch(self, link: str) -> Found:
        self.links.append(link)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("answer", "state", "lines"),
    [
        (FOUND, "fetched", []),
        (NoPreviewError("answered 404"), "none", ["No link preview: answered 404"]),
        (NoPreviewError("no connection", may_retry=True), "queued", []),
    ],
)
def test_runner_records_an_attempt_and_logs_one_line_when_it_gives_up(
    city: Channel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Found | Exception,
    state: str,
    lines: list[str],
) -> None:
    published(city)
    sites = Sites(answer)
    monkeypatch.setattr(runner, "Fetcher", lambda *_: sites)
    caplog.set_level(logging.INFO, logger=runner.__name__)

    async def flow() -> None:
        database = Database()
        runs = PreviewRunner(database, timezone.now)
        running = asyncio.create_task(runs.run(NoBus()))  # type: ignore[arg-type]
        await database.idle.wait()
        runs.stop()
        await running
        await database.run(lambda: connection.close())

    asyncio.run(asyncio.wait_for(flow(), 20))
    assert (states(), sites.links) == ([state], [LINK])
    assert [record.getMessage() for record in caplog.records] == lines
