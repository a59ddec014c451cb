# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How many were reached in time, and why the others were refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone

from canale.accounts.models import Membership, Role, Staff
from canale.channel.channels import create_channel
from canale.channel.models import Post
from canale.delivery.chunk import Chunk, Recipient
from canale.delivery.models import Batch, Broadcast, PendingMessage, Rejection
from canale.delivery.pending import PendingLease
from canale.delivery.progress import progress
from canale.delivery.recording import record_results
from canale.delivery.slo import seconds_left
from canale.delivery.transports.base import Outcome, Result
from canale.delivery.transports.webpush.codes import CODES
from canale.delivery.transports.webpush.refusals import REFUSALS
from canale.delivery.transports.webpush.services import service_name
from canale.followers.device_token import new_token
from canale.followers.follow import follow
from canale.followers.models import Address
from canale.publishing.content import Content
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish

ACCEPTED = Result(Outcome.ACCEPTED, 201, "accepted")
REFUSED = Result(Outcome.REJECTED, 401, "our VAPID token is missing or wrong")
UNKNOWN = Result(Outcome.REJECTED, None, "an odd reason")


@pytest.fixture
def post(db: None) -> Post:
    channel = create_channel("cremona", "Comune di Cremona")
    endpoint = {"endpoint": "https://push.example/1"}
    follow(channel, new_token(), address=("push", endpoint), topics=[], language="it")
    found = save_draft(channel, Content("news", "Titolo", "Testo"), by="cli")
    publish(found, by="cli")
    return found


def recipients(count: int) -> list[Recipient]:
    return [Recipient(number, "it", {}) for number in range(count)]


def test_messages_accepted_in_time_meet_the_slo() -> None:
    chunk = Chunk(PendingLease([], Broadcast()), recipients(4), {}, slo_deadline=10.0)
    early, late, refused, detached = chunk.open.values()
    detached.started, detached.limiter = True, Mock()
    chunk.settle(early, ACCEPTED, 10.0)
    chunk.settle(late, ACCEPTED, 10.1)
    chunk.settle(refused, REFUSED, 1.0)
    chunk.detach(everything=True)
    chunk.settle(detached, ACCEPTED, 9.0)
    assert (chunk.in_time, chunk.late_in_time) == (1, 1)


@pytest.mark.django_db
def test_slo_is_ten_seconds_for_alerts_and_sixty_for_others(post: Post) -> None:
    broadcast = Broadcast.objects.get()
    now = broadcast.created_at + timedelta(seconds=4)
    assert seconds_left(broadcast, now) == 56
    broadcast.urgent = True
    assert seconds_left(broadcast, now) == 6


def test_slo_and_rejections_by_reason_are_recorded(post: Post) -> None:
    broadcast, now = Broadcast.objects.get(), timezone.now()
    results = list(zip(recipients(5), [ACCEPTED, ACCEPTED, REFUSED, REFUSED, UNKNOWN], strict=True))
    record_results(broadcast, results, now, in_time=1)
    address = Address.objects.get()
    retry = PendingMessage.objects.create(broadcast=broadcast, address=address, not_before=now)
    sent = Recipient(address.pk, "it", {})
    PendingLease([retry], broadcast).record_results([(sent, REFUSED)], now)
    broadcast.refresh_from_db()
    assert (broadcast.accepted, broadcast.accepted_in_time, broadcast.rejected) == (2, 1, 4)
    kept = dict(Rejection.objects.values_list("reason", "count"))
    assert kept == {"401": 3, "an odd reason": 1}
    told = progress(post)[0].refusals
    assert [refusal.count for refusal in told] == [3, 1]
    assert "VAPID" in str(told[0].explanation.problem)


def test_broadcast_of_an_older_version_has_no_slo(post: Post) -> None:
    Broadcast.objects.update(accepted_in_time=None)
    record_results(
        Broadcast.objects.get(), [(recipients(1)[0], ACCEPTED)], timezone.now(), in_time=1
    )
    Batch.objects.update(state=Batch.State.DONE)
    assert Broadcast.objects.get().accepted_in_time is None
    assert progress(post)[0].objective is None


@pytest.fixture
def page(post: Post) -> Any:
    staff = Staff.objects.create_user("a@cremona.test", "acqua alta")
    Membership.objects.create(staff=staff, channel=post.channel, role=Role.ADMIN)
    client = Client(headers={"accept-language": "it"})
    client.force_login(staff)

    def shown(**counts: int) -> str:
        Broadcast.objects.update(**counts)
        Batch.objects.update(state=Batch.State.DONE)
        answer = client.get(f"/newsroom/c/cremona/posts/{post.pk}/progress/")
        return " ".join(answer.content.decode().split())

    return shown


def test_newsroom_describes_it_in_plain_words(page: Any) -> None:
    assert "9.812 su 10.000 entro 60 secondi" in page(
        planned=10_000, accepted=9_990, accepted_in_time=9_812, rejected=10
    )


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        # Nobody chose anything: a small channel's numbers tell nothing.
        ({"planned": 5, "accepted": 5, "accepted_in_time": 4}, "4 su 5 entro"),
        (
            {"planned": 100, "accepted": 80, "skipped": 20, "accepted_in_time": 79},
            "Almeno 98 su 100",
        ),
        # 97 of 100 would say that three did not want it.
        (
            {"planned": 100, "accepted": 97, "skipped": 3, "accepted_in_time": 96},
            "Almeno 98 su 100",
        ),
        ({"planned": 100, "accepted": 4, "skipped": 96, "accepted_in_time": 4}, None),
        ({"planned": 100, "accepted": 0, "skipped": 100, "accepted_in_time": 0}, None),
    ],
)
def test_no_share_is_shown_for_small_groups(
    page: Any, counts: dict[str, int], said: str | None
) -> None:
    shown = page(**counts)
    assert (said or " entro ") in shown if said else " entro " not in shown


def test_rejection_reasons_are_shown_with_a_remedy(page: Any) -> None:
    broadcast = Broadcast.objects.get()
    Rejection.objects.create(broadcast=broadcast, reason="401", count=3)
    Rejection.objects.create(broadcast=broadcast, reason="418", count=1)
    shown = page(planned=10, accepted=6, rejected=4, accepted_in_time=6)
    assert "non ha accettato la firma di canale (VAPID)" in shown
    assert "Riguarda 3 avvisi." in shown
    assert "Riguarda 1 avviso." in shown
    assert "canale check" in shown


def test_every_rejection_code_has_an_explanation() -> None:
    refused = {str(code) for code, row in CODES.items() if row.outcome is Outcome.REJECTED}
    assert refused == REFUSALS.keys()


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://fcm.googleapis.com", "fcm.googleapis.com"),
        ("https://wns2-par02p.notify.windows.com", "notify.windows.com"),
        ("https://x.push.apple.com", "push.apple.com"),
        ("https://localhost:9443", "other"),
        ("http://fcm.googleapis.com.evil.example", "other"),
        ("", "other"),
    ],
)
def test_metrics_name_known_services_only(origin: str, name: str) -> None:
    assert service_name(origin) == name
