# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Broadcasts, their batches and pending messages. The tables are the queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from canale.channel.models import Post, Revision
from canale.delivery.transports.base import BroadcastContent, Purpose
from canale.followers.models import Address


class Broadcast(models.Model):
    """One revision on one transport, with its outcomes."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="broadcasts")
    revision = models.ForeignKey(Revision, models.CASCADE, related_name="broadcasts")
    transport = models.CharField(max_length=20)
    address_kind = models.CharField(max_length=12)
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

    broadcast = models.ForeignKey(Broadcast, models.CASCADE, related_name="rejections")
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
        Broadcast, models.CASCADE, related_name="pending_messages", null=True, blank=True
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
