# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The addresses of the citizen's site that are not pages."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.test import Client
from PIL import Image

from canale.channel.channels import create_channel
from canale.channel.models import Channel
from canale.followers.invites import make_invite
from canale.public.strings import strings
from tests.structure.repository import ROOT


@pytest.fixture
def city(db: None) -> Channel:
    return create_channel("cremona", "Comune di Cremona")


@pytest.mark.parametrize(
    ("path", "mime", "start"),
    [
        ("qr.svg", "image/svg+xml", b"<"),
        ("qr.png", "image/png", b"\x89PNG"),
        ("poster.pdf", "application/pdf", b"%PDF"),
        ("avatar-64", "image/png", b"\x89PNG"),
        ("avatar-maskable", "image/png", b"\x89PNG"),
        ("feed.atom", "application/atom+xml", b"<?xml"),
        ("feed.rss", "application/rss+xml", b"<?xml"),
        ("feed.json", "application/feed+json", b"{"),
    ],
)
def test_every_file_has_its_content_type(city: Channel, path: str, mime: str, start: bytes) -> None:
    answer = Client().get(f"/c/cremona/{path}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(mime)
    assert answer.content.startswith(start)
    assert "max-age=" in answer.headers["Cache-Control"]
    assert Client().get(f"/c/nowhere/{path}").status_code == 404


def test_the_app_can_be_installed(city: Channel) -> None:
    manifest = json.loads(Client().get("/manifest.webmanifest").content)
    assert manifest == json.loads(Client().get("/c/cremona/manifest.webmanifest").content)
    assert manifest["display"] == "standalone"
    assert {icon["sizes"] for icon in manifest["icons"]} == {"192x192", "512x512"}
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
    for icon in manifest["icons"]:
        assert Client().get(icon["src"]).headers["Content-Type"] == icon["type"]
    assert Client().get(manifest["start_url"]).status_code == 200


def test_app_installed_from_an_invite_starts_with_its_code_and_outlives_it(city: Channel) -> None:
    invite = make_invite(city)
    page = Client().get(f"/i/{invite.code}").content.decode()
    (link,) = re.findall(r'<link rel="manifest" href="([^"]*)"', page)
    app, plain = (
        json.loads(Client().get(path).content) for path in (link, "/c/cremona/manifest.webmanifest")
    )
    # The same app, wherever it was installed from.
    assert app == {**plain, "start_url": f"/c/cremona/?i={invite.code}"}
    invite.delete()
    assert Client().get(app["start_url"]).status_code == 200
    assert Client().get(link).status_code == 404


def test_service_worker_scope_is_the_whole_site(db: None) -> None:
    answer = Client().get("/sw.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Service-Worker-Allowed"] == "/"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_badge_of_notifications_is_white_on_nothing_and_kept_for_long(db: None) -> None:
    named = re.search(r'BADGE = "(.*)"', (ROOT / "frontend/sw/worker.ts").read_text("utf-8"))
    assert named
    answer = Client().get(named[1])
    assert answer.headers["Cache-Control"] == "public, max-age=31536000"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size, picture.mode) == ("PNG", (96, 96), "LA")
    luminance, opacity = picture.getchannel("L"), picture.getchannel("A")
    assert luminance.getextrema() == (255, 255)
    # A square without holes would be a white blank.
    covered = sum(opacity.histogram()[128:]) / 96**2
    assert opacity.getextrema() == (0, 255)
    assert 0.15 < covered < 0.5


def test_page_provides_every_text_of_the_scripts() -> None:
    source = (ROOT / "frontend/public/strings.ts").read_text(encoding="utf-8")
    interface = re.search(r"interface Strings \{(.*?)\n\}", source, re.DOTALL)
    assert interface
    assert set(re.findall(r"^\s*(\w+):", interface[1], re.MULTILINE)) == set(strings())


def test_page_provides_every_state_of_the_scripts() -> None:
    source = (ROOT / "frontend/public/follow.ts").read_text(encoding="utf-8")
    states = re.search(r"(?:export )?type State =(.*?);", source, re.DOTALL)
    templates = ROOT / "canale/public/templates/public/parts/templates.html"
    written = re.findall(r'<template id="state-([a-z-]+)"', templates.read_text(encoding="utf-8"))
    assert states
    assert set(re.findall(r'"([a-z-]+)"', states[1])) == set(written)
