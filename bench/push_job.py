# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every contender of `push` is given: the same subscriptions, payload and identity."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from canale.delivery.transports.base import Message
from canale.delivery.transports.webpush.encryption import PADDING_STEP
from canale.delivery.transports.webpush.payload import payload_of

# A key pair costs a sender the same whether it has met it before or not; making them is slow.
KEY_PAIRS = 256
# As long as Chrome's: the longest that are common.
TOKEN_BYTES = 114
CONTACT = "mailto:urp@comune.example"
# The only post of the benchmark, of a usual length.
HEADLINE = "Ponte sul Po chiuso ai veicoli"
TEXT = "Dalle 8 alle 18 si passa a piedi; per i veicoli la deviazione è segnalata in via del Porto."

Subscription = dict[str, Any]


@dataclass
class Job:
    """Written as JSON for the contenders that are other programs."""

    subscriptions: list[Subscription]
    payload: str
    vapid_private: str
    """Base64url of 32 bytes."""
    vapid_public: str
    contact: str = CONTACT
    ttl: int = 3600
    urgency: str = "normal"
    topic: str = "A" * 32
    receivers: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict, repr=False)
    """By the public key, what opens a message; not written."""

    def write(self, path: Path) -> None:
        said = {name: value for name, value in vars(self).items() if name != "receivers"}
        path.write_text(json.dumps(said))


def new_job(origin: str, subscriptions: int) -> Job:
    """For so many subscriptions at one push service, of KEY_PAIRS different browsers."""
    receivers = {
        _public(key): key
        for key in (ec.generate_private_key(ec.SECP256R1()) for _ in range(KEY_PAIRS))
    }
    points = list(receivers)
    made = [_subscription(origin, points[number % KEY_PAIRS]) for number in range(subscriptions)]
    sender = ec.generate_private_key(ec.SECP256R1())
    number = sender.private_numbers().private_value.to_bytes(32, "big")
    return Job(made, payload(), base64url(number), _public(sender), receivers=receivers)


def _subscription(origin: str, point: str) -> Subscription:
    token = base64url(os.urandom(TOKEN_BYTES))
    return {
        "endpoint": f"{origin}/fcm/send/{token}",
        "expirationTime": None,
        "keys": {"p256dh": point, "auth": base64url(os.urandom(16))},
    }


def payload() -> str:
    """The post as canale sends it, with spaces after it where canale pads, so that all bodies are
    of one length."""
    url = "https://canale.comune.example/c/cremona/p/12345"
    message = Message(
        12345, "cremona", "news", HEADLINE, TEXT, url, None, None, "it", "post-12345",
        False, 3600, "normal", datetime.now(UTC),
    )  # fmt: skip
    text = payload_of(message).decode()
    length = len(text.encode()) + 1
    return text + " " * (-length % PADDING_STEP)


def _public(key: ec.EllipticCurvePrivateKey) -> str:
    return base64url(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
