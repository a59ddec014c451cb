# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Channels, their avatars and topics. Import them from models.py, with the posts."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone

from canale.channel.colours import COLOUR, DEFAULT_COLOUR
from canale.channel.motifs import Motif
from canale.channel.names import SHORT_LENGTH

DEFAULT_REACTIONS = ("👍", "❤️", "👏", "😮", "😢", "🙏")


def default_reactions() -> list[str]:
    return list(DEFAULT_REACTIONS)


class Channel(models.Model):
    """One city office's one-way feed."""

    handle = models.SlugField(
        max_length=40, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")]
    )
    name = models.CharField(max_length=80)
    short_name = models.CharField(max_length=SHORT_LENGTH, blank=True)
    """Under the installed app's icon; names.py has one for a channel that gives none."""
    description = models.CharField(max_length=300, blank=True)
    colour = models.CharField(
        max_length=7, default=DEFAULT_COLOUR, validators=[RegexValidator(f"^{COLOUR}$")]
    )
    """The colour chosen by the city; colours.py computes the shades that are shown."""
    motif = models.CharField(max_length=10, choices=Motif.choices, default=Motif.ARCHES)
    draws_avatar = models.BooleanField(default=True)
    """The avatar is ours: it follows the name and the colour."""
    website = models.URLField(blank=True)
    contact_email = models.EmailField(blank=True)
    accessibility_statement = models.URLField(blank=True)
    retention_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    reaction_set = models.JSONField(default=default_reactions)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Channel]]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_channel",
            ),
        )

    def __str__(self) -> str:
        return self.handle


class AvatarFile(models.Model):
    """One size of a channel's avatar (see images.py for the names)."""

    channel = models.ForeignKey(
        Channel, models.CASCADE, related_name="avatar_files", db_index=False
    )
    name = models.CharField(max_length=20)
    mime = models.CharField(max_length=40)
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["channel", "name"], name="one_avatar_file_a_size"),
        )

    def __str__(self) -> str:
        return f"{self.channel_id} {self.name}"


class Topic(models.Model):
    """A theme or a neighbourhood that a follower can choose."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="topics", db_index=False)
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["channel", "slug"], name="one_topic_a_slug"),
        )

    def __str__(self) -> str:
        return self.slug
