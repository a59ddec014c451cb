# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The stand-in is as strict as the real services: each rule, broken once, is refused."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import http_ece
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.standins.certificate import certified
from tests.standins.http2 import Manners
from tests.standins.push_service import Behaviour, PushService, Subscription
from tests.standins.webpush_rules import base64url, unbase64url
from tests.waiting import TIMEOUT_SECONDS

ROOT = Path(__file__).parents[2]
SENDER = ec.generate_private_key(ec.SECP256R1())
SENDER_KEY = base64url(
    SENDER.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)


def vapid(origin: str, key: ec.EllipticCurvePrivateKey = SENDER, **changes: object) -> str:
    claims = {"aud": origin, "exp": int(time.time()) + 3600, "sub": "mailto:a@b.example", **changes}
    parts = ({"typ": "JWT", "alg": "ES256"}, claims)
    signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    signature = base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return f"vapid t={signed}.{signature}, k={SENDER_KEY}"


def body_for(subscription: Subscription, plain: bytes = b'{"a":1}') -> bytes:
    body: bytes = http_ece.encrypt(
        plain,
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=unbase64url(subscription["keys"]["p256dh"]),
        auth_secret=unbase64url(subscription["keys"]["auth"]),
        version="aes128gcm",
    )
    return body


def changed(body: bytes) -> bytes:
    """Another last byte, whatever it was."""
    return body[:-1] + bytes((body[-1] ^ 1,))


def post(
    url: str, headers: dict[str, str], body: bytes, timeout: float = TIMEOUT_SECONDS
) -> tuple[int, Any]:
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.headers


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as running:
        yield running


def good(service: PushService) -> tuple[Subscription, dict[str, str], bytes]:
    (subscription,) = service.subscribe(vapid_key=SENDER_KEY)
    headers = {
        "Authorization": vapid(service.origin),
        "TTL": "60",
        "Content-Encoding": "aes128gcm",
        "Topic": "x",
    }
    return subscription, headers, body_for(subscription)


def test_valid_message_is_accepted(service: PushService) -> None:
    subscription, headers, body = good(service)
    status, answered = post(subscription["endpoint"], headers, body)
    assert status == 201
    assert answered["Location"]
    assert service.received[0].payload == {"a": 1}


Break = Callable[[PushService, dict[str, str]], object]
STRANGER = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (401, lambda service, h: h.pop("Authorization")),
        (401, lambda service, h: h.update(Authorization="vapid t=a.b.c, k=d")),
        (401, lambda service, h: h.update(Authorization=vapid(service.origin, STRANGER))),
        (401, lambda service, h: h.update(Authorization=vapid("https://fcm.googleapis.com"))),
        (401, lambda service, h: h.update(Authorization=vapid(service.origin, exp=1))),
        (401, lambda service, h: h.update(Authorization=vapid(service.origin, exp=2**33))),
        (401, lambda service, h: h.update(Authorization=vapid(service.origin, sub=""))),
        (400, lambda service, h: h.pop("TTL")),
        (400, lambda service, h: h.update(TTL="soon")),
        (400, lambda service, h: h.update(Urgency="now")),
        (400, lambda service, h: h.update(Topic="x" * 33)),
        (400, lambda service, h: h.update(Topic="a b")),
        (400, lambda service, h: h.update({"Content-Encoding": "aesgcm"})),
    ],
)
def test_each_broken_header_is_refused(service: PushService, status: int, change: Break) -> None:
    subscription, headers, body = good(service)
    change(service, headers)
    assert post(subscription["endpoint"], headers, body)[0] == status
    assert service.received == []
    assert len(service.refused) == 1


def test_unreadable_and_oversized_bodies_are_refused(service: PushService) -> None:
    subscription, headers, body = good(service)
    endpoint = subscription["endpoint"]
    (other,) = service.subscribe()
    assert post(endpoint, headers, changed(body))[0] == 400
    assert post(endpoint, headers, body_for(other))[0] == 400
    assert post(endpoint, headers, body_for(subscription, b"no JSON"))[0] == 400
    assert post(endpoint, headers, bytes(4097))[0] == 413
    assert post(service.origin + "/push/unknown", headers, body)[0] == 404


def test_rules_are_the_same_over_http_2(tmp_path: Path) -> None:
    pem, tls = certified(tmp_path)
    trust = ssl.create_default_context(cadata=pem.decode())
    with (
        PushService(host="localhost", tls=tls, http2=Manners()) as service,
        httpx.Client(http1=False, http2=True, verify=trust) as client,
    ):
        subscription, headers, body = good(service)
        endpoint = subscription["endpoint"]
        taken = client.post(endpoint, headers=headers, content=body)
        other = {**headers, "Authorization": vapid("https://fcm.googleapis.com")}
        refused = client.post(endpoint, headers=other, content=body)
        unreadable = client.post(endpoint, headers=headers, content=changed(body))
    assert [answer.status_code for answer in (taken, refused, unreadable)] == [201, 401, 400]
    assert [message.payload for message in service.received] == [{"a": 1}]
    assert [refusal.status for refusal in service.refused] == [401, 400]
    assert [line.requests for line in service.lines] == [3]


def test_another_senders_key_is_refused(service: PushService) -> None:
    _, headers, _ = good(service)
    (theirs,) = service.subscribe(vapid_key=base64url(b"\x04" + bytes(64)))
    assert post(theirs["endpoint"], headers, body_for(theirs))[0] == 403


def test_behaviour_lasts_for_its_number_of_requests(service: PushService) -> None:
    subscription, headers, body = good(service)
    service.behave(Behaviour(status=429, retry_after="3", times=2))
    answers = [post(subscription["endpoint"], headers, body) for _ in range(3)]
    assert [status for status, _ in answers] == [429, 429, 201]
    assert answers[0][1]["Retry-After"] == "3"


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    "behaviour", [Behaviour(hang=True), Behaviour(drop=True), Behaviour(raw=b"SSH-2.0-x\r\n")]
)
def test_message_is_counted_independently_of_the_response(
    service: PushService, behaviour: Behaviour, taken: bool
) -> None:
    subscription, headers, body = good(service)
    service.behave(replace(behaviour, taken=taken))
    with pytest.raises((OSError, HTTPException)):
        post(subscription["endpoint"], headers, body, timeout=1)
    assert len(service.received) == taken


def test_overlong_message_is_refused(service: PushService) -> None:
    subscription, headers, body = good(service)
    for longest, status in ((len(body) - 1, 413), (len(body), 201)):
        service.behave(Behaviour(longest=longest))
        assert post(subscription["endpoint"], headers, body)[0] == status
    assert len(service.received) == 1


def test_stand_in_runs_as_a_process_controlled_over_http() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.standins.push_service", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        origin = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        (subscription,) = ask(origin, "/subscribe", {"count": 1})
        headers = {
            "Authorization": vapid(origin),
            "TTL": "60",
            "Content-Encoding": "aes128gcm",
        }
        assert post(subscription["endpoint"], headers, body_for(subscription))[0] == 201
        assert ask(origin, "/received?after=0")[0]["payload"] == {"a": 1}
        assert ask(origin, "/counts") == {subscription["endpoint"]: 1}
        ask(origin, "/behave", {"endpoint": subscription["endpoint"], "status": 410})
        assert post(subscription["endpoint"], headers, body_for(subscription))[0] == 410
        assert ask(origin, "/refused") == []
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def ask(origin: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(origin + path, data, timeout=10) as answer:
        return json.load(answer)
