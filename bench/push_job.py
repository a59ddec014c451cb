# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The input of every contender of `push`: the same subscriptions, payload and identity."""

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

from canale.delivery.transports.webpush.encryption import PADDING_STEP
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.payload import payload_of

# Key pairs are reused, because generating them is slow and a sender's cost does not depend on it.
KEY_PAIRS = 256
# An endpoint as long as Chrome's, the longest that is common.
TOKEN_BYTES = 114
CONTACT = "mailto:urp@comune.example"
# The only post of the benchmark, of a typical length.
HEADLINE = "Ponte sul Po chiuso ai veicoli"
TEXT = "Dalle 8 alle 18 si passa a piedi; per i veicoli la deviazione è segnalata in via del Porto."

Subscription = dict[str, Any]


@dataclass
class Job:
    """The job, written as JSON for contenders that are other programs."""

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
    """The private key of each public key, to check messages; not written."""

    def write(self, path: Path) -> None:
        data = {name: value for name, value in vars(self).items() if name != "receivers"}
        path.write_text(json.dumps(data))


def new_job(origin: str, subscriptions: int) -> Job:
    """Create a job with this many subscriptions at one push service, of KEY_PAIRS browsers."""
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
    """Return the payload that canale sends, filled with spaces to the length of canale's padding.

    Every contender then sends bodies of the same length.
    """
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
