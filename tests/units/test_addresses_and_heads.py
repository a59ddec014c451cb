# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses as people type them, and what pages say to programs: previews, robots, descriptions."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import timedelta
from urllib.robotparser import RobotFileParser

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.followers.invites import make_invite
from canale.public.typed_paths import meant_path
from canale.publishing import correct, drafts, publish
from canale.publishing.content import Content


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona", "Notizie dalla città")


def _published(channel: Channel, wording: Content) -> Post:
    return publish.publish(drafts.save_draft(channel, wording, by="cli"), by="cli")


def _get(path: str) -> HttpResponse:
    answer: HttpResponse = Client().get(path, headers={"accept-language": "it"})
    return answer


def _text(path: str) -> str:
    answer = _get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_invite_page_is_its_own_preview_and_is_not_indexed(city: Channel) -> None:
    path = f"/i/{make_invite(city).code}"
    page = _text(path)
    own = f"http://localhost:8000{path}"
    assert f'<meta property="og:url" content="{own}">' in page
    assert f'<link rel="canonical" href="{own}">' in page
    assert '<meta name="robots" content="noindex">' in page
    assert "noindex" not in _text("/")
    rules = RobotFileParser()
    rules.parse(_get("/robots.txt").content.decode().splitlines())
    assert rules.can_fetch("facebookexternalhit", own)
    assert not rules.can_fetch("Googlebot", "http://localhost:8000/newsroom/")


@pytest.mark.parametrize(
    "typed",
    ["/c/" + "a-" * 10_000 + "/!", "/C/" + "A" * 10_000, "/privacy" + "." * 20_000,
     "/newsroom/accounts/login!?next=" + "x" * 20_000],
)  # fmt: skip
def test_overlong_path_is_not_found(city: Channel, typed: str) -> None:
    assert Client(raise_request_exception=False).get(typed).status_code == 404


@pytest.mark.parametrize("typed", ["/newsroom/setup/AbC.", "/Newsroom//setup/AbC/"])
def test_set_up_link_is_case_sensitive(typed: str) -> None:
    assert meant_path(typed) == "/newsroom/setup/AbC/"


def test_paths_typed_from_a_poster_redirect_to_the_right_pages(city: Channel) -> None:
    post = _published(city, Content("news", "Notizia", "Testo"))
    code = make_invite(city).code
    own = f"/c/cremona/p/{post.pk}"
    typed = {
        "/c/Cremona/": "/c/cremona/",
        "/C/cremona/": "/c/cremona/",
        "/C/CREMONA": "/c/cremona/",
        "/c/Cremona/?fbclid=Ab": "/c/cremona/?fbclid=Ab",
        "/c//cremona//": "/c/cremona/",
        "/c/cremona.": "/c/cremona/",
        f"/c/CREMONA/p/{post.pk}": own,
        f"/C/CREMONA/P/{post.pk}/": own,
        f"{own}).": own,
        f"{own.upper()}.ICS": f"{own}.ics",
        f"/I/{code.upper()}": f"/i/{code}",
        f"/i/{code}/": f"/i/{code}",
        "/C/CREMONA/QR.SVG": "/c/cremona/qr.svg",
        "/Privacy": "/privacy",
        "/Newsroom": "/newsroom/",
    }
    answers = {path: _get(path) for path in typed}
    assert {path: answer.headers.get("Location") for path, answer in answers.items()} == typed
    assert {answer.status_code for answer in answers.values()} == {301}


@pytest.mark.parametrize(
    "path",
    [
        "/c/nobody/", "/Nothing/here", "/API/v1/me", "/newsroom/accounts/NOT-there/",
        "/c/cremona/p/0", "/c/cremona/image/AbCdEf-small",
    ],
)  # fmt: skip
def test_unknown_paths_are_not_found(city: Channel, path: str) -> None:
    assert _get(path).status_code == 404


def test_unknown_post_is_not_found_in_its_channel(city: Channel) -> None:
    page = _get("/c/cremona/p/404").content.decode()
    assert 'href="/c/cremona/">' in page
    assert "Comune di Cremona" in page
    assert "Comune di Cremona" not in _get("/c/nobody/p/404").content.decode()


def test_image_key_is_case_sensitive(city: Channel) -> None:
    answer = _get("/C/CREMONA/IMAGE/AbCdEf-small")
    assert answer.headers["Location"] == "/c/cremona/image/AbCdEf-small"


def test_moments_in_the_markup_have_no_fraction_of_a_second(city: Channel) -> None:
    wording = Content("alert", "Piena", "", ends_at=timezone.now() + timedelta(hours=1))
    post = _published(city, wording)
    correct.correct(post, replace(wording, text="Sale"), note="Il livello", by="cli")
    moments = re.findall(r'(?:datetime|data-ends)="([^"]*)"', _text("/"))
    assert len(moments) == 5
    for moment in moments:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", moment)


def test_document_of_the_api_is_compressed() -> None:
    answer = Client().get("/api/v1/openapi.json", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == Client().get("/api/v1/openapi.json").content


@pytest.mark.parametrize("path", ["/privacy", "/legal", "/accessibility", "/media-policy"])
def test_pages_about_the_channel_describe_themselves(city: Channel, path: str) -> None:
    described = re.search(r'<meta name="description" content="([^"]{30,160})">', _text(path))
    assert described, path
