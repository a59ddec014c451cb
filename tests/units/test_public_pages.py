# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The public pages of a channel and its posts."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image as Picture

from canale.api.readers import COOKIE_SECONDS
from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post, Topic
from canale.followers.device_token import COOKIE
from canale.followers.invites import make_invite
from canale.followers.models import Address, ChannelCount, Follower, Invite
from canale.public import views
from canale.public.cards import MAX_ALONE_HEIGHT
from canale.public.rendered_cards import rendered_cards
from canale.publishing import correct, drafts, publish, withdraw
from canale.publishing.content import Content, NewImage
from canale.publishing.expire import expire_due
from canale.reactions.models import Reaction
from canale.reactions.react import react

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def city(db: None) -> Channel:
    channel = create_channel("cremona", "Comune di Cremona", "Notizie dalla città")
    Topic.objects.create(channel=channel, slug="strade", name="Strade")
    return channel


def _picture() -> bytes:
    out = io.BytesIO()
    Picture.new("RGB", (800, 600), "#0066cc").save(out, "PNG")
    return out.getvalue()


def _published(channel: Channel, wording: Content, ago: timedelta = HOUR) -> Post:
    draft = drafts.save_draft(channel, wording, by="cli")
    return publish.publish(draft, by="cli", now=timezone.now() - ago)


def _news(headline: str = "Notizia", text: str = "Testo") -> Content:
    return Content("news", headline, text)


def _get(path: str, language: str = "it") -> HttpResponse:
    answer: HttpResponse = Client().get(path, headers={"accept-language": language})
    return answer


def _text(path: str, language: str = "it") -> str:
    answer = _get(path, language)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_posts_are_newest_first_under_their_days(city: Channel) -> None:
    three_days_ago = timezone.localtime(timezone.now() - 3 * DAY)
    _published(city, _news("Vecchia"), 3 * DAY)
    _published(city, _news("Prima"), timedelta(seconds=20))
    _published(city, _news("Ultima"), timedelta(seconds=1))
    page = _text("/")
    headlines = re.findall(r"<h3[^>]*><a[^>]*>([^<]*)</a></h3>", page)
    assert headlines == ["Ultima", "Prima", "Vecchia"]
    assert f'data-day="{three_days_ago.date()}"' in page
    assert re.search(r"<h2[^>]*>Oggi</h2>", page)
    assert page == _text("/c/cremona/")


def test_drafts_and_expired_posts_are_hidden(city: Channel) -> None:
    drafts.save_draft(city, _news("Bozza"), by="cli")
    _published(city, _news("Scaduto"), 31 * DAY)
    page = _text("/")
    assert "Bozza" not in page
    assert "Scaduto" not in page
    assert 'id="empty" class="empty">' in page


def test_only_a_current_alert_is_pinned(city: Channel) -> None:
    over = _published(city, Content("alert", "Finita", "", ends_at=timezone.now() - HOUR), DAY)
    ended = _published(city, Content("alert", "Chiusa", ""), 2 * HOUR)
    _published(city, Content("alert", "Cessata", "", all_clear_of=ended.pk))
    in_force = _published(city, Content("alert", "Piena del Po", ""))
    page = _text("/")
    assert re.findall(r'id="pinned-(\d+)"', page) == [str(in_force.pk)]
    for post in (over, ended, in_force):
        assert f'id="post-{post.pk}"' in page
    assert f'data-all-clear-of="{ended.pk}"' in page
    assert re.findall(r'id="pinned-(\d+)"', _text(f"/c/cremona/p/{in_force.pk}/card")) == [
        str(in_force.pk)
    ]


def test_ended_alert_stays_ended_when_its_all_clear_expires(city: Channel) -> None:
    alert = _published(city, Content("alert", "Piena", ""), 20 * DAY)
    city.retention_days = 10
    city.save()
    _published(city, Content("alert", "Cessata", "", all_clear_of=alert.pk), 19 * DAY)
    assert expire_due(timezone.now()) == 1
    page = _text("/")
    assert "Piena" in page
    assert f'id="pinned-{alert.pk}"' not in page
    assert not alert.is_active_alert(timezone.now())


def test_current_alert_is_pinned_above_many_newer_posts(city: Channel) -> None:
    alert = _published(city, Content("alert", "Piena del Po", ""), DAY)
    for number in range(61):
        _published(city, _news(f"n{number}"))
    page = _text("/")
    assert f'id="pinned-{alert.pk}"' in page
    assert f'id="post-{alert.pk}"' not in page
    link = re.search(r'href="(/c/cremona/older\?before=\d+)"', page)
    assert link
    older = _text(link[1])
    assert re.findall(r"<h3[^>]*><a[^>]*>([^<]*)</a></h3>", older) == ["n0", "Piena del Po"]
    assert _get("/c/cremona/older?before=nonsense").status_code == 302


def test_a_correction_says_what_changed(city: Channel) -> None:
    post = _published(city, _news("Mercato", "Sabato"))
    correct.correct(post, _news("Mercato", "Domenica"), note="Il giorno era sbagliato", by="cli")
    page = _text(f"/c/cremona/p/{post.pk}")
    assert "Domenica" in page
    assert "Sabato" not in page
    assert "<strong>Corretto</strong>" in page
    assert "Il giorno era sbagliato" in page


def test_an_event_has_its_date_and_a_calendar_entry(city: Channel) -> None:
    start = datetime(
        timezone.localdate().year + 1, 3, 9, 20, 30, tzinfo=timezone.get_current_timezone()
    )
    wording = Content("event", "Concerto", "", starts_at=start, ends_at=start + HOUR, place="Duomo")
    post = _published(city, wording)
    page = _text(f"/c/cremona/p/{post.pk}")
    assert f"9 marzo {start.year}, ore 20:30–21:30" in page
    assert "Duomo" in page
    entry = _get(f"/c/cremona/p/{post.pk}.ics")
    assert entry.headers["Content-Type"].startswith("text/calendar")
    withdraw.withdraw(post, reason="Pioggia", by="cli")
    assert b"STATUS:CANCELLED" in _get(f"/c/cremona/p/{post.pk}.ics").content


def test_withdrawn_post_shows_its_reason(city: Channel) -> None:
    expired = _published(city, _news("Vecchio"), 31 * DAY)
    withdrawn = _published(city, _news("Sbagliato"))
    withdraw.withdraw(withdrawn, reason="Data sbagliata", by="cli")
    draft = drafts.save_draft(city, _news("Bozza"), by="cli")
    gone, taken = (_get(f"/c/cremona/p/{post.pk}") for post in (expired, withdrawn))
    assert (gone.status_code, taken.status_code) == (410, 410)
    assert "30 giorni" in gone.content.decode()
    assert "Data sbagliata" in taken.content.decode()
    assert "Sbagliato" not in taken.content.decode()
    assert _get(f"/c/cremona/p/{withdrawn.pk}/card").status_code == 410
    assert _get(f"/c/cremona/p/{draft.pk}").status_code == 404
    assert _get("/c/other/p/1").status_code == 404


def test_image_is_gone_with_its_post(city: Channel) -> None:
    wording = Content("news", "Foto", "", images=(NewImage(_picture(), "Il Torrazzo"),))
    post = drafts.save_draft(city, wording, by="cli")
    path = f"/c/cremona/image/{post.content.images.get().image.key}-small"
    assert _get(path).status_code == 404
    publish.publish(post, by="cli")
    shown = _get(path)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
    assert shown.headers["Cache-Control"] == "no-cache"
    page = _text("/")
    assert 'alt="Il Torrazzo"' in page
    scale = MAX_ALONE_HEIGHT / 600
    assert f'width="{round(800 * scale)}" height="{MAX_ALONE_HEIGHT}"' in page
    withdraw.withdraw(post, reason="Sbagliata", by="cli")
    assert _get(path).status_code == 410


def test_counts_are_visible_without_scripts(city: Channel) -> None:
    post = _published(city, _news())
    react(post, b"1" * 32, "👏")
    page = _text("/")
    assert '<span data-count="1">1</span>' in page
    assert '<span class="visually-hidden">Applauso</span>' in page
    ChannelCount.objects.create(channel=city, followers=12345)
    assert "12.345 iscritti" in _text("/")
    assert "12,345 followers" in _text("/", "en")


def test_user_text_is_escaped(city: Channel) -> None:
    _published(city, _news('<b onclick="x">', "<script>alert(1)</script> *forte*"))
    page = _text("/")
    assert "<script>alert" not in page
    assert "<b onclick" not in page
    assert "<strong>forte</strong>" in page


def _queries(path: str) -> int:
    rendered_cards.clear()
    with CaptureQueriesContext(connection) as queries:
        assert _get(path).status_code == 200
    return len(queries)


def test_number_of_queries_does_not_grow_with_posts(city: Channel) -> None:
    def publish_all_kinds() -> None:
        images = (NewImage(_picture(), "a"), NewImage(_picture(), "b"))
        post = _published(city, Content("news", "Foto", "", topics=("strade",), images=images))
        correct.correct(post, _news("Foto"), note="x", by="cli")
        _published(city, Content("alert", "Allerta", "", images=images[:1]))
        react(post, b"2" * 32, "👍")

    publish_all_kinds()
    _queries("/")
    paths = ("/", "/c/cremona/feed.atom", "/c/cremona/feed.json", "/c/cremona/feed.rss")
    few = [_queries(path) for path in paths]
    for _ in range(2):
        publish_all_kinds()
    assert [_queries(path) for path in paths] == few
    assert few[0] <= 14


def test_an_invite_shows_the_channel_and_keeps_its_code(city: Channel) -> None:
    made = make_invite(city)
    page = _text(f"/i/{made.code}")
    assert f'data-invite="{made.code}"' in page
    assert "Hai ricevuto un invito" in page
    assert "data-invite" not in _text("/")
    assert _get("/i/bcdfghjkmn").status_code == 404
    assert b"<svg" in _get(f"/i/{made.code}/qr.svg").content


def test_language_can_be_chosen_by_a_link(city: Channel) -> None:
    client = Client(headers={"accept-language": "it"})
    answer = client.get("/privacy?lang=en")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/privacy")
    page = client.get("/privacy").content.decode()
    assert '<html lang="en">' in page
    assert "Privacy notice" in page
    assert _get("/privacy?lang=xx").status_code == 200


def test_english_page_marks_posts_as_italian(city: Channel) -> None:
    post = _published(city, replace(_news("Mercato", "Sabato"), topics=("strade",)))
    correct.correct(post, _news("Mercato", "Domenica"), note="Il giorno", by="cli")
    in_english = _text("/", "en")
    for words in ("Mercato", "Domenica", "Il giorno", "Comune di Cremona", "Notizie"):
        marked = rf' lang="it"(?: dir="auto")?>(?:<p dir="auto">)?{words}'
        assert re.search(marked, in_english), words
    in_italian = _text("/").split("<main", 1)[1].split("</main>")[0]
    assert 'lang="it"' not in in_italian
    withdraw.withdraw(post, reason="Errore", by="cli")
    gone = _get(f"/c/cremona/p/{post.pk}", "en").content.decode()
    assert '<span lang="it" dir="auto">Errore' in gone


@pytest.mark.django_db
def test_pages_without_a_channel() -> None:
    assert "Stiamo preparando il canale" in _text("/")
    assert "Informativa sulla privacy" in _text("/privacy")
    assert _get("/manifest.webmanifest").status_code == 404


def test_error_pages_use_no_database() -> None:
    request = RequestFactory().get("/nowhere")
    for view, status in (
        (views.bad_request, 400),
        (views.forbidden, 403),
        (views.not_found, 404),
        (views.server_error, 500),
    ):
        answer = view(request)
        assert answer.status_code == status
        assert b"<h1>" in answer.content
    problem = views.not_found(RequestFactory().get("/api/v1/nowhere"))
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_pages_do_not_depend_on_the_reader(city: Channel) -> None:
    post = _published(city, _news())
    client = Client()
    client.cookies["canale_follower"] = "A" * 22
    paths = ["/", f"/c/cremona/p/{post.pk}", "/privacy", "/legal", "/accessibility"]
    for path in [*paths, "/media-policy", "/offline", "/c/cremona/older?before=999999"]:
        answer = client.get(path, headers={"accept-language": "it"})
        assert not answer.cookies
        assert "csrf" not in answer.content.decode().lower()
        if answer.status_code == 200:
            assert answer.content == _get(path).content


# Each column that says something of a reader, and the words of the notice that own up to it.
NOTICE = {
    Follower: {
        "token_hash": "impronta calcolata con una chiave",
        "language": "lingua",
        "muted": "se hai silenziato le notifiche",
        "by_invite": "se c’era un invito",
        "followed_on": "il giorno dell’iscrizione",
        "topics": "argomenti",
    },
    Address: {
        "kind": "servizio di notifica",
        "sealed": "cifrato",
        "fingerprint": "cifrato",
        "missing_since": "se non si trova più, da quando",
    },
    Reaction: {"token_hash": "impronta di quel numero casuale", "emoji": "La tua emoji"},
    Invite: {
        "code": "Un codice",
        "created_on": "il giorno in cui è stato creato",
        "joined": "quante",
    },
}


def test_privacy_notice_matches_the_tables(city: Channel) -> None:
    page = _text("/privacy")
    for model, words in NOTICE.items():
        fields = [*model._meta.fields, *model._meta.many_to_many]
        own = {field.name for field in fields if field.name != "id" and not field.many_to_one}
        assert own == set(words), model
        for said in words.values():
            assert said in page
    assert f"{COOKIE}, HttpOnly, al massimo {COOKIE_SECONDS // 86_400} giorni" in page
    assert f"{settings.LANGUAGE_COOKIE_NAME}, un anno" in page
    assert f"al massimo dopo {city.retention_days} giorni" in page


@pytest.mark.parametrize("before", ["0{}", "+{}", " {}", "{} ", "{}x", ""])
def test_older_posts_have_one_url(city: Channel, before: str) -> None:
    last = _published(city, _news("Ultima"))
    _published(city, _news("Prima"), 2 * HOUR)
    assert "Prima" in _text(f"/c/cremona/older?before={last.pk}")
    odd = _get(f"/c/cremona/older?before={quote(before.format(last.pk))}")
    assert (odd.status_code, odd.headers["Location"]) == (302, "/c/cremona/")
