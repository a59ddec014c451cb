# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Followers: anonymous devices and their sealed addresses."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from canale.channel.models import Channel, Topic


class Invite(models.Model):
    """A link that brings others; nothing here says who made it."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="invites")
    code = models.CharField(max_length=16, unique=True)
    created_on = models.DateField(default=timezone.localdate)
    """The day only: the moment could be matched with a person's."""
    joined = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.code


class Follower(models.Model):
    """An anonymous device that follows a channel. It has no name."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="followers")
    token_hash = models.BinaryField(max_length=32)
    """HMAC-SHA256 of the random id in the device's cookie: a stolen database forges none."""
    language = models.CharField(max_length=5, default="it")
    muted = models.BooleanField(default=False)
    topics: models.ManyToManyField[Topic, models.Model] = models.ManyToManyField(
        Topic, related_name="followers", blank=True
    )
    """None chosen means all."""
    by_invite = models.BooleanField(default=False)
    followed_on = models.DateField(default=timezone.localdate)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["token_hash", "channel"], name="one_follower_a_device"),
        )

    def __str__(self) -> str:
        return str(self.pk)


class Address(models.Model):
    """One way to reach a follower, sealed by the vault."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="addresses", db_index=False)
    follower = models.ForeignKey(Follower, models.CASCADE, related_name="addresses")
    kind = models.CharField(max_length=12)
    sealed = models.BinaryField()
    fingerprint = models.BinaryField(max_length=32)
    """HMAC-SHA256: finds a duplicate without opening the vault."""
    missing_since = models.DateTimeField(null=True, blank=True)
    """The time since which the far end that it names is not found."""

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["channel", "kind", "fingerprint"], name="one_address_a_channel"
            ),
        )
        indexes = (models.Index(fields=["channel", "kind", "id"], name="address_ranges"),)

    def __str__(self) -> str:
        return str(self.pk)


class ChannelCount(models.Model):
    """How many follow a channel: kept as a counter, never counted per request."""

    channel = models.OneToOneField(Channel, models.CASCADE, related_name="count")
    followers = models.PositiveIntegerField(default=0)
    by_invite = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.channel_id}: {self.followers}"


class PersistentKey(models.Model):
    """A key that outlives a change of CANALE_SECRET_KEY: see persistent_keys.py."""

    purpose = models.CharField(max_length=20, unique=True)
    sealed = models.BinaryField()

    class Meta:
        # The model's former name: to rename a table would break the version that still serves.
        db_table = "followers_lastingkey"

    def __str__(self) -> str:
        return self.purpose
