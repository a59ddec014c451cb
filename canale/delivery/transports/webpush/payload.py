# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The message as Declarative Web Push JSON (https://w3c.github.io/push-api/#declarative-push-message).

Safari shows it on its own, without waking any script of ours; elsewhere the service worker reads
the same members.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from canale.channel.characters import direction, shortened
from canale.delivery.transports.webpush.encryption import MAX_PLAINTEXT
from canale.delivery.transports.webpush.message import Message

MARK = 8030
SHORT_TITLE = 40

# A 413 means that the service accepts less than the 4,096 bytes of body that RFC 8030 promises, by
# an unknown amount: this is the least that holds a headline, a link and what the phone needs. A
# post's own message is 500 to 1,800 bytes long.
SHRUNK = 700

Notification = dict[str, object]
Shortening = Callable[[Notification, int], None]


def payload_of(message: Message, limit: int = MAX_PLAINTEXT) -> bytes:
    """UTF-8 JSON of at most ``limit`` bytes (at least 700), shortened as little as needed.

    What goes first: the image, then the end of the text, the icon, the end of the headline, and
    last the page's path, so that the notification opens the site's front page.
    """
    notification = _notification(message)
    for shorten in _SHORTENINGS:
        if len(_encoded(notification)) <= limit:
            break
        shorten(notification, limit)
    return _encoded(notification)


def _notification(message: Message) -> Notification:
    urgent = message.kind == "alert"
    members: Notification = {
        "title": message.title,
        "lang": message.language or None,
        "dir": message.direction or direction(message.title) or direction(message.body) or "auto",
        "body": message.body,
        "navigate": message.url,
        "tag": message.tag,
        "icon": message.icon,
        "image": message.image,
        "silent": message.silent,
        "timestamp": int(message.sent_at.timestamp() * 1000),
        # Stays until it is read, and sounds again when it changes.
        "requireInteraction": True if urgent else None,
        "renotify": True if urgent and message.tag and not message.silent else None,
        "data": {
            "post": message.post_id,
            "channel": message.channel_handle,
            "kind": message.kind,
        },
    }
    return {name: value for name, value in members.items() if value is not None}


def _encoded(notification: Notification) -> bytes:
    message = {"web_push": MARK, "notification": notification}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _drop(name: str) -> Shortening:
    def shorten(notification: Notification, limit: int) -> None:
        notification.pop(name, None)

    return shorten


def _cut(name: str, keep: int) -> Shortening:
    def shorten(notification: Notification, limit: int) -> None:
        text = str(notification[name])
        fits, beyond = min(keep, len(text)), len(text) + 1
        while beyond - fits > 1:
            middle = (fits + beyond) // 2
            notification[name] = shortened(text, middle)
            if len(_encoded(notification)) <= limit:
                fits = middle
            else:
                beyond = middle
        notification[name] = shortened(text, fits)

    return shorten


def _open_front_page(notification: Notification, limit: int) -> None:
    parts = urlsplit(str(notification["navigate"]))
    notification["navigate"] = f"{parts.scheme}://{parts.netloc}/"


_SHORTENINGS: tuple[Shortening, ...] = (
    _drop("image"),
    _cut("body", keep=0),
    _drop("icon"),
    _cut("title", keep=SHORT_TITLE),
    _open_front_page,
)
