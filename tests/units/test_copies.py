# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Copies at far ends that drop repeated calls, can be read back, or can do neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from django.utils import timezone

from canale.channel.channels import create_channel
from canale.channel.models import Channel, Post
from canale.delivery import copies, outlets
from canale.delivery.copies import Act, Call
from canale.delivery.copy_progress import OURS, copy_progress
from canale.delivery.models import Copy, Outlet
from canale.delivery.reasons import NOT_OPENED
from canale.delivery.transports.base import BroadcastContent, Outcome, Result
from canale.delivery.transports.registry import RelaySpec, get_relay
from canale.delivery.transports.relays import OutletSetup, Receipt, Sighting
from canale.publishing.content import Content
from canale.publishing.correct import correct
from canale.publishing.drafts import save_draft
from canale.publishing.publish import publish
from canale.publishing.withdraw import withdraw
from canale.vault import keys as vault_keys

pytestmark = pytest.mark.django_db(transaction=True)

ACCEPTED = Receipt(Result(Outcome.ACCEPTED, 200, ""), {"message_id": 7}, "https://wall.example/7")
CUT = Receipt(Result(Outcome.UNKNOWN, None, "the connection broke"))
UNREACHED = Receipt(Result(Outcome.RETRY, None, "no connection"))
REFUSED = Receipt(Result(Outcome.REJECTED, 403, ""))


@dataclass(frozen=True)
class Words:
    digest: str


def render(content: BroadcastContent) -> Words:
    return Words(content.revision.headline)


def relay(monkeypatch: pytest.MonkeyPatch, *, idempotent: bool, read_back: bool) -> None:
    """Put a relay of these abilities in the place of the webhook."""
    real = get_relay("webhook")
    abilities = replace(real.capabilities, idempotent=idempotent, read_back=read_back)
    spec: RelaySpec[Words] = replace(real, capabilities=abilities, render=render)
    monkeypatch.setattr(copies, "get_relay", lambda name: spec)
    monkeypatch.setattr("canale.delivery.copy_progress.get_relay", lambda name: spec)
    monkeypatch.setattr(copies, "IDEMPOTENT", ["webhook"] if idempotent else [])


def use_keys(monkeypatch: pytest.MonkeyPatch, today: str, before: str = "") -> None:
    changed = replace(vault_keys.settings, secret_key=today, old_secret_key=before)
    monkeypatch.setattr(vault_keys, "settings", changed)


class Wall:
    """One outlet and the calls that a worker makes for it; the test gives the answers."""

    def __init__(self) -> None:
        self.city: Channel = create_channel("cremona", "Comune di Cremona")
        self.outlet = Outlet(channel=self.city, transport="webhook", name="wall")
        self.outlet.sealed = outlets._sealed(self.outlet, {"token": "secret"})
        self.outlet.save()
        self.now = timezone.now()

    def publish(self, kind: str = "news") -> Post:
        return publish(save_draft(self.city, Content(kind, "Il Po sale", ""), by="cli"), by="cli")

    def correct(self, post: Post) -> None:
        correct(post, Content("news", "Il Po scende", ""), note="Ora", by="cli")

    def claim(self, worker: str = "a") -> Call | None:
        self.now += timedelta(hours=1)
        copies.claim_outlets(worker, self.now)
        return copies.claim_copy(self.outlet.pk, worker, self.now)

    def answered(self, receipt: Receipt) -> Call:
        call = self.claim()
        assert call is not None
        copies.record_receipt(call, receipt, self.now)
        return call

    def looked(self, sighting: Sighting) -> None:
        call = self.claim()
        assert call is not None
        assert call.act is Act.LOOK
        copies.record_sighting(call, sighting, self.now)

    def killed(self) -> None:
        """End the worker in the middle of a call."""
        assert self.claim() is not None
        copies.release_outlets("a")

    def states(self) -> list[str]:
        return list(Copy.objects.order_by("pk").values_list("state", flat=True))


def test_interrupted_call_is_repeated_with_its_key_where_that_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay(monkeypatch, idempotent=True, read_back=False)
    wall = Wall()
    wall.publish()
    wall.killed()
    assert wall.states() == ["unknown"]
    key = Copy.objects.get().attempt_id
    assert wall.answered(ACCEPTED).key == key
    assert wall.states() == ["accepted"]


def test_interrupted_call_is_looked_for_where_it_would_be_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay(monkeypatch, idempotent=False, read_back=True)
    wall = Wall()
    post = wall.publish()
    wall.killed()
    wall.looked(Sighting.UNKNOWN)
    assert wall.states() == ["unknown"]
    wall.looked(Sighting.SEEN)
    assert wall.states() == ["seen"]
    (row,) = copy_progress(post)
    assert (row.state, row.explanation, row.needs_attention) == ("seen", None, False)


def test_copy_that_is_nowhere_waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=False, read_back=True)
    wall = Wall()
    post = wall.publish()
    assert wall.answered(CUT).act is Act.PUBLISH
    for _ in range(copies.MAX_LOOKS):
        wall.looked(Sighting.ABSENT)
    assert wall.claim() is None
    # A correction depends on what is there: it waits too.
    wall.correct(post)
    assert wall.claim() is None
    assert wall.states() == ["unknown", "queued"]


def test_far_end_that_can_do_neither_is_left_to_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=False, read_back=False)
    wall = Wall()
    post = wall.publish()
    wall.killed()
    assert wall.claim() is None
    (row,) = copy_progress(post)
    assert (row.state, row.finished, row.needs_attention) == ("unknown", True, True)


@pytest.mark.parametrize("idempotent", [True, False])
def test_call_that_was_never_connected_is_repeated(
    monkeypatch: pytest.MonkeyPatch, idempotent: bool
) -> None:
    relay(monkeypatch, idempotent=idempotent, read_back=False)
    wall = Wall()
    wall.publish()
    wall.answered(UNREACHED)
    assert wall.states() == ["queued"]
    assert wall.answered(ACCEPTED).attempts == 2
    assert wall.states() == ["accepted"]


def test_correction_and_withdrawal_get_the_ids_of_what_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relay(monkeypatch, idempotent=False, read_back=False)
    wall = Wall()
    post = wall.publish()
    wall.answered(ACCEPTED)
    wall.correct(post)
    call = wall.answered(Receipt(Result(Outcome.ACCEPTED, 200, "")))
    assert (call.act, call.held.external) == (Act.CORRECT, {"message_id": 7})
    withdraw(post, reason="Errore", by="cli")
    call = wall.answered(Receipt(Result(Outcome.ACCEPTED, 200, "")))
    assert (call.act, call.held.external) == (Act.WITHDRAW, {"message_id": 7})
    assert wall.states() == ["accepted", "accepted", "withdrawn"]
    (row,) = copy_progress(post)
    assert (row.state, row.url) == ("withdrawn", "https://wall.example/7")


def test_withdrawal_of_what_was_never_sent_makes_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=False, read_back=False)
    wall = Wall()
    post = wall.publish()
    withdraw(post, reason="Errore", by="cli")
    assert wall.claim() is None
    assert wall.states() == ["stale", "withdrawn"]


def test_correction_of_a_refused_post_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=False, read_back=False)
    wall = Wall()
    post = wall.publish()
    wall.answered(REFUSED)
    wall.correct(post)
    assert wall.answered(ACCEPTED).act is Act.PUBLISH


def test_outlet_has_one_worker_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=True, read_back=False)
    wall = Wall()
    wall.publish()
    wall.publish()
    wall.now += timedelta(hours=1)
    assert copies.claim_outlets("a", wall.now) == [wall.outlet.pk]
    assert copies.claim_outlets("b", wall.now) == []
    first = copies.claim_copy(wall.outlet.pk, "a", wall.now)
    assert first is not None
    # Its lease has ended, and another goes on; the late answer settles nothing that is settled.
    later = wall.now + 2 * copies.OUTLET_LEASE
    assert copies.claim_outlets("b", later) == [wall.outlet.pk]
    again = copies.claim_copy(wall.outlet.pk, "b", later)
    assert again is not None
    assert (again.key, again.attempts) == (first.key, 2)
    copies.record_receipt(again, ACCEPTED, later)
    copies.record_receipt(first, REFUSED, later)
    assert wall.states() == ["accepted", "queued"]


def test_post_whose_time_is_over_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=True, read_back=False)
    wall = Wall()
    wall.publish()
    wall.now += timedelta(days=31)
    assert wall.claim() is None
    assert wall.states() == ["stale"]


def test_outlet_whose_secrets_do_not_open_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    relay(monkeypatch, idempotent=True, read_back=False)
    wall = Wall()
    Outlet.objects.update(sealed=b"x" * 64)
    post = wall.publish()
    assert wall.claim() is None
    (row,) = copy_progress(post)
    assert (row.state, row.explanation) == ("queued", OURS[NOT_OPENED])
    Outlet.objects.update(sealed=bytes(wall.outlet.sealed))
    assert wall.answered(ACCEPTED).key


def test_secrets_are_sealed_again_after_a_change_of_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_keys(monkeypatch, "a" * 40)
    wall = Wall()
    use_keys(monkeypatch, "b" * 40, "a" * 40)
    assert outlets.reseal_outlets() == (1, [])
    assert outlets.reseal_outlets() == (0, [])
    use_keys(monkeypatch, "b" * 40)
    sealed = Outlet.objects.get()
    assert outlets.setup_of(sealed) == OutletSetup({}, {"token": "secret"})
    assert sealed.sealed != wall.outlet.sealed
    Outlet.objects.update(name="another")
    # The secrets are bound to their outlet.
    assert outlets.reseal_outlets() == (0, ["another"])
