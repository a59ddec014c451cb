# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The content of a notification, and what it leaves out for want of room."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canale.delivery.transports.webpush.encryption import MAX_PLAINTEXT
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.payload import SHRUNK, payload_of

MESSAGE = Message(
    post_id=7,
    channel_handle="cremona",
    kind="news",
    title="Mercato in piazza",
    body="Sabato dalle 8 alle 13.",
    url="https://canale.example/c/cremona/p/7",
    icon="https://canale.example/icon.png",
    image="https://canale.example/photo.jpg",
    language="it",
    tag="post-7",
    silent=False,
    ttl=3600,
    urgency="normal",
    sent_at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC),
)


def notification(message: Message, limit: int = MAX_PLAINTEXT) -> dict[str, Any]:
    raw = payload_of(message, limit)
    assert len(raw) <= limit
    read = json.loads(raw)
    assert read["web_push"] == 8030
    shown: dict[str, Any] = read["notification"]
    return shown


def test_payload_has_the_declarative_web_push_shape() -> None:
    assert notification(MESSAGE) == {
        "title": "Mercato in piazza",
        "lang": "it",
        "dir": "ltr",
        "body": "Sabato dalle 8 alle 13.",
        "navigate": "https://canale.example/c/cremona/p/7",
        "tag": "post-7",
        "icon": "https://canale.example/icon.png",
        "image": "https://canale.example/photo.jpg",
        "silent": False,
        "timestamp": 1795489200000,
        "data": {"post": 7, "channel": "cremona", "kind": "news"},
    }


def test_alert_requires_interaction_and_renotifies() -> None:
    shown = notification(replace(MESSAGE, kind="alert"))
    assert (shown["requireInteraction"], shown["renotify"]) == (True, True)


def test_alert_without_tag_or_sound_omits_options_browsers_refuse() -> None:
    assert "renotify" not in notification(replace(MESSAGE, kind="alert", silent=True))
    assert "renotify" not in notification(replace(MESSAGE, kind="alert", tag=""))


def test_direction_follows_the_text_not_the_language() -> None:
    arabic = replace(MESSAGE, title="تنبيه!")
    assert notification(arabic)["dir"] == "rtl"
    assert notification(replace(MESSAGE, language="ar-EG"))["dir"] == "ltr"
    assert notification(replace(MESSAGE, title="112", body="חירום"))["dir"] == "rtl"
    assert notification(replace(MESSAGE, title="112", body=""))["dir"] == "auto"
    # The word before a headline is ours.
    alert = replace(MESSAGE, title="Allerta: تنبيه!", direction="rtl", language="")
    assert notification(alert)["dir"] == "rtl"
    assert "lang" not in notification(alert)


@pytest.mark.parametrize("seen", ["🇮🇹", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽"])
def test_payload_does_not_split_characters(seen: str) -> None:
    for limit in range(SHRUNK, SHRUNK + 40):
        shown = notification(replace(MESSAGE, title=seen * 40, body=seen * 900), limit)
        for words in (shown["title"], shown["body"]):
            assert words.removesuffix("…").replace(seen, "") == ""


def test_image_is_dropped_before_any_text() -> None:
    message = replace(MESSAGE, body="à" * 1600)
    shown = notification(message, len(payload_of(message)) - 1)
    assert "image" not in shown
    assert shown["body"] == "à" * 1600


def test_long_text_ends_at_a_word_and_fills_the_payload() -> None:
    body = "parola " * 1000
    shown = notification(replace(MESSAGE, body=body))
    assert shown["body"].endswith("parola…")
    assert len(payload_of(replace(MESSAGE, body=body))) > MAX_PLAINTEXT - 20
    assert shown["navigate"] == MESSAGE.url


texts = st.text(max_size=3000)


@given(title=texts, body=texts, path=texts, limit=st.sampled_from([SHRUNK, MAX_PLAINTEXT]))
def test_payload_always_fits(title: str, body: str, path: str, limit: int) -> None:
    url = "https://canale.example/" + path
    shown = notification(replace(MESSAGE, title=title, body=body, url=url), limit)
    assert shown["navigate"].startswith("https://canale.example/")
