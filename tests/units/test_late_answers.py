# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answers of the API and the newsroom to late requests and unknown devices."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image

from canale.accounts.models import AuditEntry, Membership, Role, Staff
from canale.accounts.tokens import make_token
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.delivery.models import PendingMessage
from canale.followers.device_token import COOKIE, new_token
from canale.followers.follow import follow
from canale.followers.models import ChannelCount, Follower
from canale.publishing.content import Content, NewImage
from canale.publishing.drafts import save_draft
from canale.publishing.expire import expire_due
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw

pytestmark = pytest.mark.django_db
JSON = "application/json"
LATE = ("draft", "withdrawn", "over", "expired")


@pytest.fixture
def city() -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.fixture
def program(city: Channel) -> Client:
    return Client(headers={"Authorization": f"Bearer {make_token(city)}"})


@pytest.fixture
def editor(city: Channel) -> Client:
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=city, role=Role.ADMIN)
    browser = Client(headers={"Accept-Language": "it"})
    browser.force_login(staff)
    return browser


def draft(city: Channel, headline: str = "Titolo", images: tuple[NewImage, ...] = ()) -> Post:
    return save_draft(city, Content("news", headline, "Testo", images=images), by="cli")


def late_post(city: Channel, why: str) -> Post:
    post = draft(city)
    if why == "draft":
        return post
    post = publish(post, by="cli")
    if why == "withdrawn":
        return withdraw(post, reason="Errore", by="cli")
    ended = timezone.now() - timedelta(minutes=1)
    Post.objects.filter(pk=post.pk).update(visible_until=ended)
    if why == "expired":
        expire_due(timezone.now())
    post.refresh_from_db()
    return post


def wording_of(post: Post) -> tuple[object, ...]:
    post.refresh_from_db()
    content = post.content
    return content.headline, content.text, post.state, post.corrected_at, post.withdrawal_reason


@pytest.mark.parametrize("why", LATE)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_api_does_not_change_invisible_posts(
    city: Channel, program: Client, why: str, method: str
) -> None:
    post = late_post(city, why)
    before = wording_of(post)
    body: dict[str, str] = (
        {"note": "Meglio", "headline": "Altro"} if method == "PATCH" else {"reason": "Errore"}
    )
    answer = program.generic(
        method, f"/api/v1/posts/{post.pk}", json.dumps(body), content_type=JSON
    )
    assert answer.status_code == 409
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 409
    says_draft = "bozza" in answer.json()["detail"]
    assert says_draft is ((why, method) == ("draft", "PATCH"))
    assert wording_of(post) == before


def test_withdrawal_needs_a_reason(city: Channel, program: Client) -> None:
    post = publish(draft(city), by="cli")
    for query in ("", "?reason="):
        answer = program.delete(f"/api/v1/posts/{post.pk}{query}")
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == ["reason"]
    assert program.delete(f"/api/v1/posts/{post.pk}?reason=Errore").json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("why", "status"), [("draft", 404), ("withdrawn", 410), ("over", 410), ("expired", 410)]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_reaction_to_an_invisible_post_is_refused(
    city: Channel, why: str, status: int, method: str
) -> None:
    post = late_post(city, why)
    address = f"/api/v1/posts/{post.pk}/reaction"
    answer = Client().generic(method, address, json.dumps({"emoji": "👍"}), content_type=JSON)
    assert answer.status_code == status
    assert COOKIE not in answer.cookies


def test_reader_without_a_cookie_gets_one_and_reacts_once(city: Channel) -> None:
    post = publish(draft(city), by="cli")
    address, device = f"/api/v1/posts/{post.pk}/reaction", Client()
    for emoji in ("👍", "❤️"):
        answer = device.put(address, json.dumps({"emoji": emoji}), content_type=JSON)
        assert answer.json() == {"counts": {emoji: 1}, "mine": emoji}
    assert len(answer.cookies[COOKIE].value) == 22
    assert Client().delete(address).json() == {"counts": {"❤️": 1}, "mine": None}
    assert device.delete(address).json() == {"counts": {}, "mine": None}


def known_device(city: Channel, topics: tuple[str, ...] = ()) -> Client:
    token, device = new_token(), Client()
    address = ("push", {"endpoint": f"https://push.example/{token}"})
    follow(city, token, address=address, topics=topics, language="it")
    device.cookies[COOKIE] = token
    return device


def change(device: Client, **body: object) -> Any:
    return device.patch("/api/v1/me", json.dumps({"channel": "cremona", **body}), content_type=JSON)


@pytest.mark.parametrize("cookie", [None, "short", "A" * 22])
def test_device_that_does_not_follow_changes_nothing(city: Channel, cookie: str | None) -> None:
    known_device(city)
    stranger = Client()
    if cookie is not None:
        stranger.cookies[COOKIE] = cookie
    answer = change(stranger, muted=True)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(Follower.objects.values_list("muted", flat=True)) == [False]
    for path in ("/api/v1/me", "/api/v1/me?channel=cremona"):
        assert stranger.delete(path).status_code == 204
    assert Follower.objects.count() == 1


def test_device_changes_only_the_fields_that_it_sends(city: Channel) -> None:
    for slug in ("sport", "scuola"):
        Topic.objects.create(channel=city, slug=slug, name=slug)
    device, other = known_device(city, ("sport",)), known_device(city, ("sport",))
    said = {"channel": "cremona", "muted": False, "topics": ["sport"], "language": "it"}
    said["push"] = True
    for sent in ({"muted": True}, {"language": "en"}, {"topics": ["scuola"]}, {"topics": []}):
        said |= sent
        assert change(device, **sent).json() == said
        assert device.get("/api/v1/me").json()["following"] == [said]
    answer = change(device, topics=["boh"], muted=False)
    assert answer.status_code == 422
    assert "boh" in answer.json()["errors"]["topics"][0]
    assert device.get("/api/v1/me").json()["following"] == [said]
    assert other.get("/api/v1/me").json()["following"][0]["topics"] == ["sport"]


def test_device_leaves_one_channel_and_stays_in_the_other(city: Channel) -> None:
    crema = create_channel("crema", "Crema")
    device = known_device(city)
    follow(crema, device.cookies[COOKIE].value, address=None, topics=[], language="it")
    assert device.delete("/api/v1/me?channel=cremona").status_code == 204
    followed = device.get("/api/v1/me").json()["following"]
    assert [channel["channel"] for channel in followed] == ["crema"]
    assert ChannelCount.objects.get(channel=city).followers == 0
    assert ChannelCount.objects.get(channel=crema).followers == 1
    assert not PendingMessage.objects.filter(address__channel=city).exists()
    assert device.delete("/api/v1/me?channel=boh").status_code == 404


def test_following_with_an_unknown_topic_is_refused(city: Channel) -> None:
    body = {"push": None, "topics": ["boh"], "language": "it"}
    path = "/api/v1/channels/cremona/followers"
    answer = Client().post(path, json.dumps(body), content_type=JSON)
    assert answer.status_code == 422
    assert "boh" in answer.json()["errors"]["topics"][0]
    assert not Follower.objects.exists()


# The newsroom


def test_draft_deletion_is_logged(city: Channel, editor: Client) -> None:
    post, other = draft(city), draft(city, "Altra")
    page = editor.post(f"/newsroom/c/cremona/posts/{post.pk}/delete/", follow=True)
    assert page.status_code == 200
    assert list(Post.objects.all()) == [other]
    entry = AuditEntry.objects.get(act="post.draft_deleted")
    assert (entry.actor, entry.detail) == ("a@cremona.test", {"post": post.pk})
    assert editor.get(f"/newsroom/c/cremona/posts/{other.pk}/delete/").status_code == 405


@pytest.mark.parametrize("why", ["published", "withdrawn", "expired"])
def test_published_post_cannot_be_deleted(city: Channel, editor: Client, why: str) -> None:
    post = publish(draft(city), by="cli") if why == "published" else late_post(city, why)
    page = editor.post(f"/newsroom/c/cremona/posts/{post.pk}/delete/", follow=True)
    assert "ora si può solo ritirare" in page.content.decode()
    assert Post.objects.filter(pk=post.pk).exists()
    assert not AuditEntry.objects.filter(act="post.draft_deleted").exists()


def test_draft_of_another_channel_cannot_be_deleted(editor: Client) -> None:
    other = draft(create_channel("crema", "Crema"))
    for handle, status in (("cremona", 404), ("crema", 404)):
        path = f"/newsroom/c/{handle}/posts/{other.pk}/delete/"
        assert editor.post(path).status_code in (403, status)
    assert Post.objects.filter(pk=other.pk).exists()


def picture() -> NewImage:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "#0066cc").save(out, "PNG")
    return NewImage(out.getvalue(), "Un quadrato")


def test_image_of_a_draft_is_visible_to_its_newsroom_only(city: Channel, editor: Client) -> None:
    mine = draft(city, images=(picture(),))
    another = draft(city, images=(picture(),))
    foreign = draft(create_channel("crema", "Crema"), images=(picture(),))
    image = mine.content.images.get().image_id
    path = f"/newsroom/c/cremona/posts/{mine.pk}/image/{image}/"
    shown = editor.get(path)
    assert shown.status_code == 200
    assert shown.headers["Content-Type"].startswith("image/")
    assert Image.open(io.BytesIO(shown.content)).size == (64, 64)
    assert Client().get(path).status_code in (302, 403)
    for post, number in (
        (mine, another.content.images.get().image_id),
        (mine, foreign.content.images.get().image_id),
        (foreign, foreign.content.images.get().image_id),
        (mine, 10**9),
    ):
        other = f"/newsroom/c/cremona/posts/{post.pk}/image/{number}/"
        assert editor.get(other).status_code == 404
    image = foreign.content.images.get().image_id
    stranger = f"/newsroom/c/crema/posts/{foreign.pk}/image/{image}/"
    assert editor.get(stranger).status_code in (403, 404)


@pytest.mark.parametrize("why", ["withdrawn", "over", "expired"])
@pytest.mark.parametrize("act", ["correct", "withdraw"])
def test_form_sent_after_a_withdrawal_changes_nothing(
    city: Channel, editor: Client, why: str, act: str
) -> None:
    post = late_post(city, why)
    before = wording_of(post)
    path = f"/newsroom/c/cremona/posts/{post.pk}/{act}/"
    words = {"kind": "news", "headline": "Altro", "text": "Altro", "note": "Meglio"}
    answer = editor.post(path, {**words, "reason": "Errore"}, follow=True)
    assert "non è più visibile" in answer.content.decode()
    if act == "correct":
        # The editor's text is not lost.
        assert answer.status_code == 422
        assert 'value="Altro"' in answer.content.decode()
    assert editor.get(path, follow=True).redirect_chain, "there is nothing to correct"
    assert wording_of(post) == before


def test_draft_published_by_someone_else_is_not_overwritten(city: Channel, editor: Client) -> None:
    post = draft(city)
    publish(post, by="cli")
    path = f"/newsroom/c/cremona/posts/{post.pk}/edit/"
    words = {"kind": "news", "headline": "Altro", "text": "Altro", "save": "1"}
    answer = editor.post(path, words)
    # The editor's text is not lost.
    assert answer.status_code == 422
    assert 'value="Altro"' in answer.content.decode()
    assert wording_of(post)[0] == "Titolo"


def test_draft_published_during_validation_is_not_overwritten(
    city: Channel, editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from canale.newsroom import post_views

    post, whole = draft(city), post_views.save_draft

    def published_first(*arguments: Any, **more: Any) -> Post:
        publish(post, by="cli")
        return whole(*arguments, **more)

    monkeypatch.setattr(post_views, "save_draft", published_first)
    words = {"kind": "news", "headline": "Altro", "text": "Altro", "save": "1"}
    answer = editor.post(f"/newsroom/c/cremona/posts/{post.pk}/edit/", words)
    assert answer.status_code == 422
    assert "ora si può solo correggere" in answer.content.decode()
    assert 'value="Altro"' in answer.content.decode()
    assert wording_of(post)[0] == "Titolo"


@pytest.mark.parametrize("path", ["posts/999/", "posts/new/"])
def test_forbidden_page_redirects_to_the_newsroom(city: Channel, editor: Client, path: str) -> None:
    """A missing post, and another city's newsroom."""
    create_channel("piadena", "Comune di Piadena")
    handle = "cremona" if "999" in path else "piadena"
    answer = editor.get(f"/newsroom/c/{handle}/{path}")
    assert answer.status_code in (403, 404)
    assert 'href="/newsroom/">Vai alla redazione' in answer.content.decode()
    assert "Vai al canale" in Client(headers={"Accept-Language": "it"}).get("/x").content.decode()


def test_upload_that_is_too_large_is_refused_before_it_is_read(editor: Client) -> None:
    path = "/newsroom/c/cremona/posts/new/"
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = editor.generic("POST", path, "x", content_type=kind, CONTENT_LENGTH=str(2**31))
        assert answer.status_code == 413


def test_correction_by_api_keeps_images_or_replaces_them(city: Channel, program: Client) -> None:
    post = publish(draft(city, images=(picture(),)), by="cli")
    post.content.topics.add(Topic.objects.create(channel=city, slug="sport", name="Sport"))
    for more, left in (({}, 1), ({"images": []}, 0)):
        body = json.dumps({"note": "Meglio", **more})
        answer = program.patch(f"/api/v1/posts/{post.pk}", body, content_type=JSON)
        assert answer.status_code == 200
        content = Post.objects.get(pk=post.pk).content
        assert (content.images.count(), content.topics.count()) == (left, 1)


def test_device_that_is_forgotten_follows_nothing(city: Channel) -> None:
    other = create_channel("piadena", "Comune di Piadena")
    device, stays = known_device(city), known_device(city)
    token = device.cookies[COOKIE].value
    follow(other, token, address=None, topics=[], language="it")
    assert device.delete("/api/v1/me").status_code == 204
    assert [row.channel for row in Follower.objects.all()] == [city]
    assert stays.get("/api/v1/me").json()["following"] != []
