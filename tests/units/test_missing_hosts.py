# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A push service's host that does not exist: refused at once, given up after days."""

from __future__ import annotations

import asyncio
import socket
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.delivery.chunk import recipient_of
from canale.delivery.models import Broadcast, PendingMessage
from canale.delivery.pending import PendingLease
from canale.delivery.recording import record_results
from canale.delivery.transports.base import AddressRefusedError, Outcome, Recipient, Result
from canale.delivery.transports.registry import check_address
from canale.delivery.transports.webpush import services
from canale.delivery.transports.webpush.transport import WebPushTransport
from canale.delivery.unresolvable import UNRESOLVABLE_FOR
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address, Follower
from canale.net.dns import HostChecker
from canale.net.http import GuardedClient
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from tests.units.test_webpush_transport import KEY, MESSAGE

INVENTED = "https://nobody.push.apple.com/x"
KNOWN = "https://web.push.apple.com/x"
KEYS = {
    # The point and the secret of RFC 8291, section 5.
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
    "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}
MISSING = Result(Outcome.RETRY, None, "the host's name cannot be resolved", missing=True)
ACCEPTED = Result(Outcome.ACCEPTED, 201, "accepted")


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows one name only."""

    def look_up(host: str) -> None:
        if host != "fcm.googleapis.com":
            raise socket.gaierror(socket.EAI_NONAME, "")

    monkeypatch.setattr(services, "NAMES", HostChecker("fcm.googleapis.com", look_up=look_up))


@pytest.mark.django_db
def test_unresolvable_host_is_refused_unless_it_is_listed() -> None:
    create_channel("cremona", "Cremona")
    browser = Client()
    answers = []
    for endpoint in (INVENTED, KNOWN):
        push = {"endpoint": endpoint, "keys": KEYS}
        body = {"push": push, "topics": [], "language": "it"}
        url = "/api/v1/channels/cremona/followers"
        answers.append(browser.post(url, body, content_type="application/json"))
    assert [answer.status_code for answer in answers] == [422, 201]
    assert answers[0].json()["errors"] == {"push": ["endpoint: there is no such host"]}
    assert answers[0].json()["type"].endswith("/address-refused")
    assert Follower.objects.count() == 1


def test_event_loop_does_not_resolve_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    checker = HostChecker("fcm.googleapis.com", look_up=asked.append)
    monkeypatch.setattr(services, "NAMES", checker)
    edge = {"endpoint": "https://wns2-par02p.notify.windows.com/w", "keys": KEYS}
    check_address("push", {**edge, "endpoint": KNOWN}, may_wait=False)
    with pytest.raises(AddressRefusedError, match="looked up"):
        check_address("push", edge, may_wait=False)
    assert asked == []
    check_address("push", edge)
    # It was found a moment ago.
    check_address("push", edge, may_wait=False)
    assert asked == ["wns2-par02p.notify.windows.com"]


@pytest.mark.parametrize(("endpoint", "missing"), [(INVENTED, True), (KNOWN, False)])
def test_unresolvable_host_is_retried_and_marked_as_missing(endpoint: str, missing: bool) -> None:
    async def nobody(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "")

    async def send() -> Result:
        transport = WebPushTransport(KEY, "mailto:a@b.example")
        transport._http = GuardedClient(resolver=nobody)
        address: dict[str, Any] = {"endpoint": endpoint, "keys": KEYS}
        return await transport.send(MESSAGE, Recipient(1, "it", address))

    result = asyncio.run(send())
    assert (result.outcome, result.missing) == (Outcome.RETRY, missing)


class Sent:
    """A post that is sent to one address, at times that the test names."""

    def __init__(self) -> None:
        city = create_channel("cremona", "Cremona")
        to = ("push", {"endpoint": INVENTED})
        self.address_id = follow(
            city, new_token(), address=to, topics=[], language="it"
        ).new_address_id
        post = publish(save_draft(city, Content("news", "Titolo", "Testo"), by="cli"), by="cli")
        self.broadcast = Broadcast.objects.get(post=post)
        self.begun = timezone.now()

    def record(self, result: Result, after: timedelta) -> None:
        self._record(result, self.begun + after)

    def _record(self, result: Result, now: datetime) -> None:
        sent = recipient_of(Address.objects.select_related("follower").get(pk=self.address_id))
        rows = list(PendingMessage.objects.all())
        if rows:
            PendingLease(rows, self.broadcast).record_results([(sent, result)], now)
        else:
            record_results(self.broadcast, [(sent, result)], now)


@pytest.mark.django_db
def test_address_unresolvable_for_days_is_deleted() -> None:
    sent = Sent()
    sent.record(MISSING, timedelta())
    sent.record(MISSING, timedelta(hours=30))
    assert Address.objects.get().missing_since == sent.begun
    sent.record(MISSING, UNRESOLVABLE_FOR)
    assert not Follower.objects.exists()
    sent.broadcast.refresh_from_db()
    assert sent.broadcast.gone == 1


@pytest.mark.django_db
def test_response_resets_the_missing_time() -> None:
    sent = Sent()
    sent.record(MISSING, timedelta())
    sent.record(ACCEPTED, timedelta(hours=1))
    assert Address.objects.get().missing_since is None
    sent.record(MISSING, UNRESOLVABLE_FOR)
    assert Address.objects.get().missing_since == sent.begun + UNRESOLVABLE_FOR


@pytest.mark.django_db
def test_deferred_message_does_not_change_the_missing_time() -> None:
    sent = Sent()
    sent.record(MISSING, timedelta())
    sent.record(Result(Outcome.RETRY, None, "deferred", 5.0, tried=False), timedelta(hours=1))
    assert Address.objects.get().missing_since == sent.begun


@pytest.mark.django_db
def test_service_that_answers_is_not_missing() -> None:
    sent = Sent()
    sent.record(Result(Outcome.RETRY, 503, "busy"), timedelta())
    assert Address.objects.get().missing_since is None
