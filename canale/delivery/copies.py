# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The queue of copies: planned with the post, claimed by conditional update, recorded after a call.

The table is the queue; only the holder of an outlet's lease makes its calls.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from canale.channel.models import Kind, Revision
from canale.delivery.backoff import next_attempt
from canale.delivery.models import Broadcast, Copy, Outlet
from canale.delivery.outlets import setup_of
from canale.delivery.reasons import NOT_OPENED, OUR_ERROR, reason_of
from canale.delivery.transports.base import Outcome, Purpose, Result
from canale.delivery.transports.registry import RELAYS, RelaySpec, get_relay
from canale.delivery.transports.relays import HeldCopy, OutletSetup, Receipt, Sighting, new_key
from canale.vault.sealing import VaultError

logger = logging.getLogger(__name__)
State = Copy.State

# Renewed before each call, and longer than the longest call.
OUTLET_LEASE = timedelta(seconds=60)
# A new post takes a while to reach every server of the far end.
LOOK_AFTER = timedelta(seconds=20)
MAX_LOOKS = 3
EXPIRED = "the post's time is over"
NEVER_SENT = "nothing was sent before"
ABSENT = "not there"
INTERRUPTED = "the worker ended during the call"

# A repeated call is dropped at the far end, by its key.
IDEMPOTENT = [spec.name for spec in RELAYS if spec.capabilities.idempotent]


class Act(StrEnum):
    """The purpose of a call."""

    PUBLISH = "publish"
    CORRECT = "correct"
    WITHDRAW = "withdraw"
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Call:
    """A claimed copy, and all that its call needs: nothing is read from the database later."""

    copy_id: int
    outlet_id: int
    post_id: int
    attempts: int
    key: str
    act: Act
    spec: RelaySpec[Any]
    setup: OutletSetup
    rendition: Any
    held: HeldCopy

    def log_fields(self) -> dict[str, int]:
        return {"post": self.post_id, "outlet": self.outlet_id}


# Planning


def plan_copies(revision: Revision, purpose: Purpose, now: datetime, expires_at: datetime) -> None:
    """Queue one copy for each relay of the channel that is on, inside the caller's transaction."""
    for outlet in revision.post.channel.outlets.filter(on=True, paused="").order_by("pk"):
        broadcast = Broadcast.objects.create(
            post=revision.post,
            revision=revision,
            outlet=outlet,
            transport=outlet.transport,
            purpose=purpose,
            urgent=revision.kind == Kind.ALERT,
            created_at=now,
            expires_at=expires_at,
        )
        Copy.objects.create(
            broadcast=broadcast,
            outlet=outlet,
            urgent=broadcast.urgent,
            attempt_id=new_key(),
            not_before=now,
        )


def supersede(post_id: int) -> None:
    """Drop what was not sent of a post's older events, inside the caller's transaction.

    An unknown copy is dropped, too, where the newer one contains everything; elsewhere its outcome
    must be found out first.
    """
    older = Copy.objects.filter(broadcast__post_id=post_id)
    unsent = Q(state=State.QUEUED) | Q(state=State.UNKNOWN, outlet__transport__in=IDEMPOTENT)
    older.filter(unsent).update(state=State.STALE, not_before=None)
    # Nobody looks for a wording that is about to be replaced.
    older.filter(state=State.ACCEPTED).update(not_before=None)


# Claiming


def claim_outlets(worker: str, now: datetime) -> list[int]:
    """Lease each outlet that has something due and that no other worker holds; their ids."""
    copies = Copy.objects.filter(outlet=OuterRef("pk"))
    has_work = Exists(copies.filter(state=State.SENDING)) | (
        Q(on=True, paused="") & Exists(_due(copies, now))
    )
    free = Q(claimed_by="") | Q(claimed_until__lt=now)
    claimed = []
    for pk in Outlet.objects.filter(free & has_work).values_list("pk", flat=True):
        with transaction.atomic():
            row = Outlet.objects.filter(free, pk=pk)
            if row.update(claimed_by=worker, claimed_until=now + OUTLET_LEASE):
                _mark_interrupted(pk)
                claimed.append(pk)
    return claimed


def _due(copies: QuerySet[Copy], now: datetime) -> QuerySet[Copy]:
    """Those whose next attempt or look is due, and whose post has no older copy in doubt."""
    in_doubt = Copy.objects.filter(
        outlet=OuterRef("outlet"),
        broadcast__post=OuterRef("broadcast__post"),
        pk__lt=OuterRef("pk"),
        state__in=[State.QUEUED, State.SENDING, State.UNKNOWN],
    )
    waiting = [State.QUEUED, State.UNKNOWN, State.ACCEPTED]
    return copies.filter(~Exists(in_doubt), state__in=waiting, not_before__lte=now)


def _mark_interrupted(outlet_id: int) -> None:
    """The lease has changed hands: what was being sent may have arrived or not."""
    for copy in Copy.objects.filter(outlet=outlet_id, state=State.SENDING).select_related("outlet"):
        capabilities = get_relay(copy.outlet.transport).capabilities
        can_go_on = capabilities.idempotent or capabilities.read_back
        Copy.objects.filter(pk=copy.pk, state=State.SENDING).update(
            state=State.UNKNOWN, reason=INTERRUPTED, not_before=Now() if can_go_on else None
        )
        logger.warning(
            "A worker ended while it sent copy %s; %s",
            copy.pk,
            "finding out" if can_go_on else "a person must find out",
            extra={"outlet": outlet_id},
        )


def claim_copy(outlet_id: int, worker: str, now: datetime) -> Call | None:
    """Mark the outlet's most urgent copy as being sent. None: there is none, or no lease on it."""
    mine = Outlet.objects.filter(
        pk=outlet_id, claimed_by=worker, claimed_until__gte=now, on=True, paused=""
    )
    if not mine.update(claimed_until=now + OUTLET_LEASE):
        return None
    due = _due(Copy.objects.filter(outlet=outlet_id), now).order_by("-urgent", "pk")
    rows = due.select_related("outlet", "broadcast__revision", "broadcast__post__channel")
    # Those without a call are settled at once; the next one has its turn.
    while (copy := rows.first()) is not None:
        call = _claimed(copy, now)
        if call is not None:
            return call
    return None


@transaction.atomic
def _claimed(copy: Copy, now: datetime) -> Call | None:
    """None where no call is to be made, which is recorded."""
    post, spec = copy.broadcast.post, get_relay(copy.outlet.transport)
    unchanged = Copy.objects.filter(pk=copy.pk, state=copy.state, attempts=copy.attempts)
    if post.visible_until is None or now >= post.visible_until:
        state = State.STALE if copy.state == State.QUEUED else copy.state
        unchanged.update(state=state, reason=EXPIRED, not_before=None)
        return None
    held = _held(copy)
    act = _act(copy, spec, held)
    if act is None:
        unchanged.update(state=State.WITHDRAWN, reason=NEVER_SENT, not_before=None)
        return None
    try:
        setup = setup_of(copy.outlet)
        rendition = spec.render(copy.broadcast.content(now))
    except Exception as error:
        known = isinstance(error, VaultError)
        result = Result(Outcome.RETRY, None, NOT_OPENED if known else OUR_ERROR)
        pause = timedelta(seconds=next_attempt(copy.attempts + 1, result))
        unchanged.update(attempts=F("attempts") + 1, reason=result.reason, not_before=now + pause)
        _note_problem(copy.outlet_id, result.reason, now)
        if not known:
            logger.exception("Cannot render copy %s", copy.pk, extra={"post": post.pk})
        return None
    if act is Act.LOOK:
        claimed = unchanged.update(not_before=now + OUTLET_LEASE)
    else:
        claimed = unchanged.update(
            state=State.SENDING,
            attempts=F("attempts") + 1,
            sent_at=now,
            digest=rendition.digest,
            not_before=None,
        )
    if not claimed:
        return None
    return Call(
        copy_id=copy.pk,
        outlet_id=copy.outlet_id,
        post_id=post.pk,
        attempts=copy.attempts + (act is not Act.LOOK),
        key=copy.attempt_id,
        act=act,
        spec=spec,
        setup=setup,
        rendition=rendition,
        held=held,
    )


def _held(copy: Copy) -> HeldCopy:
    """The outlet's state of the post: the last copy that arrived, or this one when it did."""
    arrived = Copy.objects.filter(
        outlet=copy.outlet_id,
        broadcast__post=copy.broadcast.post_id,
        state__in=[State.ACCEPTED, State.SEEN],
    )
    last = arrived.order_by("-pk").first() or copy
    return HeldCopy(last.external, last.url, last.digest, last.sent_at)


def _act(copy: Copy, spec: RelaySpec[Any], held: HeldCopy) -> Act | None:
    """The next step for a due copy; None: the far end has nothing that could be withdrawn."""
    doubtful = copy.state == State.UNKNOWN and not spec.capabilities.idempotent
    if doubtful or copy.state == State.ACCEPTED:
        return Act.LOOK
    purpose = copy.broadcast.purpose
    if purpose == Purpose.POST:
        return Act.PUBLISH
    earlier = Copy.objects.filter(
        outlet=copy.outlet_id, broadcast__post=copy.broadcast.post_id, pk__lt=copy.pk
    )
    arrived = Q(state__in=[State.ACCEPTED, State.SEEN])
    if spec.capabilities.idempotent:
        # It may have arrived in spite of the response.
        arrived |= Q(attempts__gt=0)
    if earlier.filter(arrived).exists():
        return Act.WITHDRAW if purpose == Purpose.WITHDRAWAL else Act.CORRECT
    return None if purpose == Purpose.WITHDRAWAL else Act.PUBLISH


# Recording


@transaction.atomic
def record_receipt(call: Call, receipt: Receipt, now: datetime) -> None:
    """Write down what became of a call, and what it says about the outlet."""
    copy = Copy.objects.filter(
        pk=call.copy_id,
        attempts=call.attempts,
        # Unknown: our lease ended before the answer came, which still settles the matter.
        state__in=[State.SENDING, State.UNKNOWN],
    )
    reason = "" if receipt.result.outcome is Outcome.ACCEPTED else reason_of(receipt.result)
    if not copy.update(reason=reason, **_after(call, receipt, now)):
        logger.warning("The answer to copy %s came too late", call.copy_id, extra=call.log_fields())
        return
    match receipt.result.outcome:
        case Outcome.ACCEPTED:
            outlet = Outlet.objects.filter(pk=call.outlet_id)
            outlet.update(problem="", problem_since=None)
            if not call.spec.capabilities.read_back:
                outlet.update(verified_at=now)
        case Outcome.GONE:
            Outlet.objects.filter(pk=call.outlet_id).update(paused=reason)
            _note_problem(call.outlet_id, reason, now)
            logger.warning("Outlet paused: it answered %s", reason, extra=call.log_fields())
        case _:
            _note_problem(call.outlet_id, reason, now)


def _after(call: Call, receipt: Receipt, now: datetime) -> dict[str, Any]:
    """The copy's columns after a call."""
    result, capabilities = receipt.result, call.spec.capabilities
    newer = Copy.objects.filter(
        outlet=call.outlet_id, broadcast__post=call.post_id, pk__gt=call.copy_id
    )
    match result.outcome:
        case Outcome.ACCEPTED:
            state = State.WITHDRAWN if call.act is Act.WITHDRAW else State.ACCEPTED
            look = capabilities.read_back and state == State.ACCEPTED
            return {
                "state": state,
                "external": dict(receipt.external or call.held.external),
                "url": receipt.url or call.held.url,
                "not_before": now + LOOK_AFTER if look else None,
            }
        case Outcome.GONE | Outcome.REJECTED:
            return {"state": State.REFUSED, "not_before": None}
        case Outcome.UNKNOWN if not capabilities.idempotent:
            due = now + LOOK_AFTER if capabilities.read_back else None
            return {"state": State.UNKNOWN, "not_before": due}
    if newer.exists():
        return {"state": State.STALE, "not_before": None}
    again = now + timedelta(seconds=next_attempt(call.attempts, result))
    state = State.UNKNOWN if result.outcome is Outcome.UNKNOWN else State.QUEUED
    return {"state": state, "not_before": again}


@transaction.atomic
def record_sighting(call: Call, sighting: Sighting, now: datetime) -> None:
    """Write down what reading the outlet back has shown; after MAX_LOOKS a person must look."""
    looked = Copy.objects.filter(
        pk=call.copy_id, attempts=call.attempts, state__in=[State.UNKNOWN, State.ACCEPTED]
    )
    if sighting is Sighting.SEEN:
        looked.update(state=State.SEEN, reason="", not_before=None)
        Outlet.objects.filter(pk=call.outlet_id).update(
            verified_at=now, problem="", problem_since=None
        )
        return
    reason = {"reason": ABSENT} if sighting is Sighting.ABSENT else {}
    looked.update(looks=F("looks") + 1, not_before=now + LOOK_AFTER, **reason)
    looked.filter(looks__gte=MAX_LOOKS).update(not_before=None)


def _note_problem(outlet_id: int, reason: str, now: datetime) -> None:
    """Keep why, and since when the first time."""
    outlet = Outlet.objects.filter(pk=outlet_id)
    outlet.filter(problem_since=None).update(problem_since=now)
    outlet.update(problem=reason)


# Giving it back


def release_outlets(worker: str, outlet_id: int | None = None) -> None:
    """Let others take one or all outlets of a worker that stops, or has ended."""
    held = Outlet.objects.filter(claimed_by=worker)
    held = held if outlet_id is None else held.filter(pk=outlet_id)
    for pk in held.values_list("pk", flat=True):
        with transaction.atomic():
            if held.filter(pk=pk).update(claimed_by="", claimed_until=None):
                _mark_interrupted(pk)
