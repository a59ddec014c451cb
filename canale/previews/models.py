# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The preview of a post's link, from the request to fetch it to its removal."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.utils import timezone

from canale.channel.models import Post
from canale.previews.head_reader import DESCRIPTION_LENGTH, TITLE_LENGTH

PICTURE_MIME = "image/webp"


class LinkPreview(models.Model):
    """One link of a post that citizens can read. The row goes when the post does, or the link."""

    class State(models.TextChoices):
        QUEUED = "queued"
        FETCHED = "fetched"
        NONE = "none"
        """The page has none, or could not be read."""
        REMOVED = "removed"
        """By staff. It stays so while the post has this link."""

    post = models.OneToOneField(Post, models.CASCADE, related_name="link_preview")
    url = models.TextField()
    """The link as readers open it."""
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    """The time of the next attempt, while it is queued."""
    title = models.CharField(max_length=TITLE_LENGTH, blank=True)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    picture_key = models.CharField(max_length=32, blank=True, db_index=True)
    """Random, in the picture's address; empty without a picture."""
    picture = models.BinaryField(null=True)

    objects: ClassVar[models.Manager[LinkPreview]]

    class Meta:
        indexes = (models.Index(fields=["state", "not_before"], name="due_previews"),)

    def __str__(self) -> str:
        return f"{self.post_id} {self.state}"

    @property
    def host(self) -> str:
        """The site that the link names, which no page can choose."""
        return (urlsplit(self.url).hostname or "").removeprefix("www.")
