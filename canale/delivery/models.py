# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Broadcasts, their batches and pending messages. The tables are the queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from canale.channel.models import Channel, Post, Revision
from canale.delivery.transports.base import BroadcastContent, Purpose
from canale.followers.models import Address


class Outlet(models.Model):
    """A relay set up for one channel. The channel's pages and its fan-outs have no row: they are
    always on (see outlets.py)."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="outlets", db_index=False)
    transport = models.CharField(max_length=20)
    name = models.CharField(max_length=40)
    options = models.JSONField(default=dict)
    """{name: text}; nothing secret."""
    sealed = models.BinaryField(default=b"")
    """The secrets, as a JSON object in the vault."""
    on = models.BooleanField(default=True)
    paused = models.CharField(max_length=80, blank=True)
    """The far end's code or our words, if the far end asked for no more calls."""
    created_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True, blank=True)
    """The last post that verifiably arrived."""
    problem = models.CharField(max_length=80, blank=True)
    """Why a post did not arrive, until the next one does."""
    problem_since = models.DateTimeField(null=True, blank=True)
    claimed_by = models.CharField(max_length=40, blank=True)
    """The worker that makes calls: one call at a time for each outlet."""
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["channel", "name"], name="one_outlet_a_name"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def active(self) -> bool:
        return self.on and not self.paused


class Broadcast(models.Model):
    """One revision on one outlet, with its outcomes."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="broadcasts")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="broadcasts")
    outlet = models.ForeignKey(
        Outlet, models.CASCADE, null=True, blank=True, related_name="broadcasts"
    )
    """A relay's; None for a fan-out, which the channel always has."""
    transport = models.CharField(max_length=20)
    address_kind = models.CharField(max_length=12, blank=True)
    purpose = models.CharField(max_length=12, choices=Purpose.choices, default=Purpose.POST)
    urgent = models.BooleanField(default=False)
    silent = models.BooleanField(default=False)
    """Replaces a notification that the phone already showed, without a sound."""
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)
    """Set when a newer revision or a withdrawal stopped what was still unsent."""

    planned = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    accepted_in_time = models.PositiveIntegerField(null=True, blank=True)
    """Within the objective (slo.py); None for a broadcast of an older version of canale."""
    gone = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    """Muted, another topic, or stopped before it was sent."""
    expired = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.pk} {self.transport}"

    def content(self, now: datetime) -> BroadcastContent:
        """Return what a rendition is made of at ``now``."""
        return BroadcastContent(
            purpose=Purpose(self.purpose),
            post=self.post,
            revision=self.revision,
            created_at=self.created_at,
            expires_at=self.expires_at,
            now=now,
            silent=self.silent,
        )


class Batch(models.Model):
    """A contiguous range of addresses of one broadcast: the unit of work."""

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DONE = "done"
        FAILED = "failed"
        """Failed MAX_FAILURES times for an unknown reason; waits for `canale resume`."""

    broadcast = models.ForeignKey(Broadcast, models.CASCADE, related_name="batches")
    urgent = models.BooleanField(default=False)
    first_address = models.BigIntegerField()
    last_address = models.BigIntegerField()
    cursor = models.BigIntegerField()
    """The last address that is recorded; work continues after it."""
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    claimed_by = models.CharField(max_length=40, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    """Consecutive, without anything being recorded between them."""

    class Meta:
        indexes = (models.Index(fields=["state", "-urgent", "id"], name="batch_queue"),)

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class Rejection(models.Model):
    """The number of messages of a broadcast refused for one reason that is our fault."""

    broadcast = models.ForeignKey(
        Broadcast, models.CASCADE, related_name="rejections", db_index=False
    )
    reason = models.CharField(max_length=80)
    """The service's code as digits, or a word of ours; never a part of an address."""
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["broadcast", "reason"], name="one_count_a_reason"),
        )

    def __str__(self) -> str:
        return f"{self.reason}: {self.count}"


class PendingMessage(models.Model):
    """One message outside a batch: a retry, or the welcome to a new address.

    A retry stands for a message that the far end could not take yet. A welcome has no broadcast.
    """

    broadcast = models.ForeignKey(
        Broadcast,
        models.CASCADE,
        related_name="pending_messages",
        null=True,
        blank=True,
        db_index=False,
    )
    address = models.ForeignKey(Address, models.CASCADE, related_name="pending_messages")
    urgent = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=1)
    not_before = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["broadcast", "address"], name="one_retry_an_address"),
            models.UniqueConstraint(
                fields=["address"],
                condition=models.Q(broadcast=None),
                name="one_welcome_an_address",
            ),
        )
        indexes = (models.Index(fields=["-urgent", "not_before"], name="pending_queue"),)

    def __str__(self) -> str:
        return str(self.pk)


def lock_in_order(rows: models.QuerySet[Any]) -> list[int]:
    """Lock those rows that still exist until the transaction ends; return their ids.

    In one order: otherwise two transactions that want the same rows could wait for each other.
    """
    return list(rows.order_by("pk").select_for_update().values_list("pk", flat=True))


class Copy(models.Model):
    """A relay broadcast: one call to the far end, and what the outlet then holds of the post."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        SENDING = "sending", _("being sent")
        ACCEPTED = "accepted", _("accepted")
        SEEN = "seen", _("verified")
        UNKNOWN = "unknown", _("unknown")
        REFUSED = "refused", _("refused")
        STALE = "stale", _("superseded")
        WITHDRAWN = "withdrawn", _("withdrawn")

    broadcast = models.OneToOneField(Broadcast, models.CASCADE, related_name="copy")
    outlet = models.ForeignKey(Outlet, models.CASCADE, related_name="copies", db_index=False)
    urgent = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    attempt_id = models.CharField(max_length=40)
    """The idempotency key: the same for every attempt at this copy."""
    attempts = models.PositiveSmallIntegerField(default=0)
    looks = models.PositiveSmallIntegerField(default=0)
    """How often the outlet was read back to find out whether an unknown copy is there."""
    not_before = models.DateTimeField(null=True, blank=True)
    """When the next attempt or look is due; None: nothing more happens without a person."""
    external = models.JSONField(default=dict)
    """The far end's ids of what it holds: what an edit or a deletion needs."""
    url = models.CharField(max_length=500, blank=True)
    """Its public address."""
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256, in hexadecimal, of the rendition that was sent."""
    reason = models.CharField(max_length=80, blank=True)
    """The far end's code as digits, or words of ours."""
    sent_at = models.DateTimeField(null=True, blank=True)
    """When the last attempt began."""

    class Meta:
        indexes = (models.Index(fields=["outlet", "state", "not_before"], name="copy_queue"),)

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"
