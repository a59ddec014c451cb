# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The transport against a push service that checks everything, over HTTP."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from canale.delivery.transports.base import AddressRefusedError, Outcome, Recipient, Result
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.transport import WebPushTransport, topic_of
from canale.delivery.transports.webpush.vapid import VapidKey
from tests.standins.certificate import certified
from tests.standins.push_service import Behaviour, PushService

KEY = VapidKey.from_secret(b"k" * 32)
MESSAGE = Message(
    post_id=7,
    channel_handle="cremona",
    kind="alert",
    title="Piena del Po",
    body="Non scendere in golena. " * 40,
    url="http://localhost:8000/c/cremona/p/7",
    icon=None,
    image=None,
    language="it",
    tag="post-7",
    silent=False,
    ttl=3600,
    urgency="high",
    sent_at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC),
)


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService(vapid_key=KEY.public_key) as running:
        yield running


def sent(
    origin: str,
    *addresses: dict[str, Any],
    message: Message = MESSAGE,
    timeout: float = 10,
    authority: bytes | None = None,
) -> list[Result]:
    async def send_all() -> list[Result]:
        transport = WebPushTransport(
            KEY,
            "mailto:urp@comune.example",
            [origin],
            total_timeout=timedelta(seconds=timeout),
            root_certificate=authority,
        )
        try:
            return await asyncio.gather(
                *(transport.send(message, Recipient(1, "it", each)) for each in addresses)
            )
        finally:
            await transport.close()

    return asyncio.run(send_all())


def test_message_arrives_unchanged(service: PushService) -> None:
    (subscription,) = service.subscribe()
    assert sent(service.origin, subscription) == [Result(Outcome.ACCEPTED, 201, "accepted")]
    (received,) = service.received
    assert received.endpoint == subscription["endpoint"]
    assert received.payload["notification"]["title"] == "Piena del Po"
    assert received.headers["ttl"] == "3600"
    assert received.headers["urgency"] == "high"
    assert received.headers["topic"] == topic_of("post-7")
    assert service.refused == []


def test_five_hundred_concurrent_messages_arrive_once(service: PushService) -> None:
    subscriptions = service.subscribe(500)
    results = sent(service.origin, *subscriptions)
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert service.counts() == {each["endpoint"]: 1 for each in subscriptions}


# Bodies of which the client reads only the beginning.
LONG_REPLY = b"HTTP/1.1 201 Created\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000
LONG_PAUSE = LONG_REPLY.replace(b"201 Created", b"429 Too Many Requests\r\nRetry-After: 30")


@pytest.mark.parametrize(
    ("behaviour", "outcome", "wait"),
    [
        (Behaviour(status=404), Outcome.GONE, None),
        (Behaviour(status=410), Outcome.GONE, None),
        (Behaviour(status=400), Outcome.REJECTED, None),
        (Behaviour(status=429, retry_after="30"), Outcome.RETRY, 30.0),
        (Behaviour(status=503, retry_after="5"), Outcome.RETRY, 5.0),
        (Behaviour(status=503), Outcome.RETRY, None),
        (Behaviour(status=500), Outcome.RETRY, None),
        (Behaviour(raw=LONG_REPLY), Outcome.ACCEPTED, None),
        (Behaviour(status=429, raw=LONG_PAUSE), Outcome.RETRY, 30.0),
    ],
)
def test_every_response_has_its_outcome(
    service: PushService, behaviour: Behaviour, outcome: Outcome, wait: float | None
) -> None:
    (subscription,) = service.subscribe()
    service.behave(behaviour, subscription["endpoint"])
    (result,) = sent(service.origin, subscription)
    assert (result.outcome, result.code, result.retry_after) == (outcome, behaviour.status, wait)


def test_a_redirect_is_not_followed(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(status=307))
    (result,) = sent(service.origin, subscription)
    assert (result.outcome, result.code, service.requests) == (Outcome.REJECTED, 307, 1)


def test_message_refused_as_too_large_is_sent_again_shorter(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(status=413, times=1), subscription["endpoint"])
    (result,) = sent(service.origin, subscription, message=replace(MESSAGE, body="parola " * 900))
    assert result.outcome is Outcome.ACCEPTED
    assert service.received[0].size < 2200
    assert service.received[0].payload["notification"]["body"].endswith("…")


def test_service_with_a_low_size_limit_is_reached(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(longest=1000))
    message = replace(MESSAGE, title="洪水" * 20, body="請不要靠近河岸。" * 30)
    (result,) = sent(service.origin, subscription, message=message)
    assert (result.outcome, service.requests) == (Outcome.ACCEPTED, 2)


def test_service_that_always_answers_413_is_tried_twice(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(status=413))
    (result,) = sent(service.origin, subscription)
    assert (result.outcome, result.code, service.requests) == (Outcome.REJECTED, 413, 2)


def test_timeout_results_in_retry(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(hang=True))
    (result,) = sent(service.origin, subscription, timeout=0.3)
    assert result == Result(Outcome.RETRY, None, "no answer in time")


def test_dropped_connection_results_in_retry(service: PushService) -> None:
    (subscription,) = service.subscribe()
    service.behave(Behaviour(drop=True))
    (result,) = sent(service.origin, subscription)
    assert result == Result(Outcome.RETRY, None, "the connection broke")
    assert service.requests == 1


def test_refused_connection_results_in_retry(service: PushService) -> None:
    (subscription,) = service.subscribe()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{closed.getsockname()[1]}"
        moved = {**subscription, "endpoint": origin + "/push/x"}
        (result,) = sent(origin, moved)
    assert result == Result(Outcome.RETRY, None, "no connection")


def test_another_installations_subscription_is_rejected_and_kept(service: PushService) -> None:
    other = VapidKey.from_secret(b"o" * 32)
    (subscription,) = service.subscribe(vapid_key=other.public_key)
    (result,) = sent(service.origin, subscription)
    assert (result.outcome, result.code) == (Outcome.REJECTED, 403)


def test_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    authority, tls = certified(tmp_path)
    with PushService(host="localhost", tls=tls) as service:
        (subscription,) = service.subscribe()
        (refused,) = sent(service.origin, subscription)
        (accepted,) = sent(service.origin, subscription, authority=authority)
    assert refused == Result(Outcome.RETRY, None, "no connection")
    assert accepted.outcome is Outcome.ACCEPTED
    assert len(service.received) == 1


def test_an_origin_no_longer_allowed_is_not_called(service: PushService) -> None:
    (subscription,) = service.subscribe()
    (result,) = sent("http://127.0.0.1:1", subscription)
    assert (result.outcome, result.code, service.requests) == (Outcome.REJECTED, None, 0)


def test_addresses_are_checked_at_follow_time(service: PushService) -> None:
    transport = WebPushTransport(KEY, "mailto:a@b.example", [service.origin])
    (good,) = service.subscribe()
    transport.check_address(good)
    bad: list[dict[str, Any]] = [
        {},
        {**good, "endpoint": None},
        {**good, "endpoint": "https://evil.example/push"},
        {**good, "keys": {}},
        {"endpoint": good["endpoint"]},
    ]
    for address in bad:
        with pytest.raises(AddressRefusedError):
            transport.check_address(address)


def test_log_contains_no_part_of_an_address(
    service: PushService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    statuses = (201, 404, 410, 413, 429, 503, 400)
    subscriptions = service.subscribe(len(statuses) + 2)
    for status, subscription in zip(statuses, subscriptions, strict=False):
        service.behave(Behaviour(status=status), subscription["endpoint"])
    service.behave(Behaviour(drop=True), subscriptions[-1]["endpoint"])
    service.behave(Behaviour(hang=True), subscriptions[-2]["endpoint"])
    results = sent(service.origin, *subscriptions, timeout=3)
    written = caplog.text + repr(results)
    assert "the subscription has ended" in caplog.text
    for subscription in subscriptions:
        assert subscription["endpoint"].rpartition("/")[2] not in written
        assert subscription["keys"]["p256dh"] not in written
        assert subscription["keys"]["auth"] not in written


def test_repeated_failures_are_logged_once(
    service: PushService, caplog: pytest.LogCaptureFixture
) -> None:
    service.behave(Behaviour(status=400))
    sent(service.origin, *service.subscribe(20))
    assert len([r for r in caplog.records if r.name.startswith("canale.")]) == 1


def test_a_topic_is_32_characters_of_base64url() -> None:
    assert len(topic_of("post-7")) == 32
    assert topic_of("post-7") != topic_of("post-8")
