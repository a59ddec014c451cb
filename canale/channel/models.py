# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Posts, their revisions and images; and the channels that they are in."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from canale.channel.channel_models import AvatarFile, Channel, Topic

# Django finds an app's tables here.
__all__ = ("AvatarFile", "Channel", "Topic")

HEADLINE_LENGTH = 80
TEXT_LENGTH = 1_000
ALT_LENGTH = 500
ALBUM_SIZE = 10


class Kind(models.TextChoices):
    NEWS = "news", _("News")
    EVENT = "event", _("Event")
    DEADLINE = "deadline", _("Deadline")
    SERVICE = "service", _("Service")
    ALERT = "alert", _("Alert")


class State(models.TextChoices):
    """The public life of a post; publishing/transitions.py moves it."""

    UNPUBLISHED = "unpublished", _("Draft")
    PUBLISHED = "published", _("Published")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")


class RevisionState(models.TextChoices):
    """The editorial life of a revision; publishing/transitions.py moves it."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


# A post in one of these was out: its number and that it exists are public.
ONCE_PUBLISHED = (State.PUBLISHED, State.WITHDRAWN, State.EXPIRED)
# In these an all-clear holds: that it is old does not bring the danger back.
ALL_CLEAR_STATES = (State.PUBLISHED, State.EXPIRED)


class PostQuerySet(models.QuerySet["Post"]):
    def visible(self, now: datetime) -> PostQuerySet:
        """Posts that a citizen can read at ``now``: this depends on the clock, never on a job.

        The clock decides about the end only: a published post has begun, also where a node's
        clock is behind that of the node that published it.
        """
        return self.filter(state=State.PUBLISHED, visible_until__gt=now)

    def once_published(self) -> PostQuerySet:
        """Posts that citizens can read, or could; never inferred from what is not a draft."""
        return self.filter(state__in=ONCE_PUBLISHED)

    def newest_first(self) -> PostQuerySet:
        return self.order_by("-published_at", "-id")

    def with_content(self, revision: str = "live") -> PostQuerySet:
        """Each with all that its ``live`` or ``next`` revision says, in a few queries."""
        return self.select_related("channel", revision).prefetch_related(*content_of(revision))


def content_of(revision: str) -> tuple[str | models.Prefetch[str], ...]:
    """Return the prefetches for the whole content of the ``live`` or ``next`` revision."""
    shown = RevisionImage.objects.select_related("image__channel")
    return (
        f"{revision}__wordings",
        f"{revision}__topics",
        models.Prefetch(f"{revision}__images", shown),
    )


class Post(models.Model):
    """One message in a channel, with its public life. What it says is in its revisions."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="posts", db_index=False)
    state = models.CharField(max_length=12, choices=State.choices, default=State.UNPUBLISHED)
    live = models.OneToOneField(
        "Revision", models.SET_NULL, null=True, blank=True, related_name="live_in"
    )
    """The revision that readers see, or saw last."""
    next = models.OneToOneField(
        "Revision", models.SET_NULL, null=True, blank=True, related_name="next_in"
    )
    """The revision that is being worked on."""
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True, blank=True)
    visible_until = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_by = models.CharField(max_length=254, blank=True)
    """The account's e-mail, or the token's name. Never shown to citizens."""
    withdrawal_reason = models.CharField(max_length=200, blank=True)
    reaction_counts = models.JSONField(default=dict)
    """{emoji: count}: copied from the tallies, which count until then, when the post expires."""

    objects = PostQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["channel", "state", "-published_at"], name="post_by_channel"),
            models.Index(fields=["state", "visible_until"], name="post_by_expiry"),
        )

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def content(self) -> Revision:
        """The revision that readers see or, before publication, the one being written."""
        revision = self.live or self.next
        if revision is None:
            raise Revision.DoesNotExist(f"post {self.pk} has no revision")
        return revision

    @property
    def corrected_at(self) -> datetime | None:
        return self.live.published_at if self.live and self.live.number > 1 else None

    def is_visible(self, now: datetime) -> bool:
        return (
            self.state == State.PUBLISHED
            and self.visible_until is not None
            and now < self.visible_until
        )

    def is_active_alert(self, now: datetime) -> bool:
        """An alert that is neither over by its own end nor by an all-clear."""
        content = self.content
        return (
            content.kind == Kind.ALERT
            and content.all_clear_of_id is None
            and self.is_visible(now)
            and (content.ends_at is None or content.ends_at > now)
            and not all_clears().filter(all_clear_of=self).exists()
        )

    def visible_end(self, published_at: datetime) -> datetime:
        return published_at + timedelta(days=self.channel.retention_days)


class Revision(models.Model):
    """One state of a post's content, with its editorial life. A published one never changes."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    state = models.CharField(
        max_length=12, choices=RevisionState.choices, default=RevisionState.DRAFT
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.NEWS)
    topics: models.ManyToManyField[Topic, models.Model] = models.ManyToManyField(
        Topic, related_name="revisions", blank=True
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    """The start of an event or of a service disruption, or the moment a deadline ends."""
    ends_at = models.DateTimeField(null=True, blank=True)
    """The end of an event, or the expected end of a service disruption or an alert."""
    starts_on = models.DateField(null=True, blank=True)
    """The day, where no hour was given; ``starts_at`` is then a moment of it (moments.py)."""
    ends_on = models.DateField(null=True, blank=True)
    all_clear_of = models.ForeignKey(
        Post, models.SET_NULL, null=True, blank=True, related_name="all_clears"
    )
    """The alert that this revision's post ends."""
    note = models.CharField(max_length=200, blank=True)
    """The editor's note on a correction, shown to readers."""
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=254, blank=True)
    """The account's e-mail, or the token's name. Never shown to citizens."""

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["post", "number"], name="one_revision_a_number"),
        )

    def __str__(self) -> str:
        return f"{self.post_id} r{self.number}"

    @cached_property
    def wording(self) -> Wording:
        """The words in the channel's language."""
        return self.wordings.all()[0]

    @property
    def headline(self) -> str:
        return self.wording.headline

    @property
    def text(self) -> str:
        return self.wording.text

    @property
    def place(self) -> str:
        return self.wording.place

    @property
    def topic_slugs(self) -> list[str]:
        return [topic.slug for topic in self.topics.all()]

    @property
    def values(self) -> dict[str, object]:
        """Everything the revision says in the channel's language, without its images."""
        return {**_values(self), **_values(self.wording), "topics": self.topic_slugs}

    @property
    def digest(self) -> str:
        """The content digest: SHA-256, in hexadecimal, of everything that the revision says."""
        wordings = [_values(wording) for wording in self.wordings.all()]
        images = list(self.images.values_list("image__key", flat=True))
        content = [_values(self), wordings, sorted(self.topic_slugs), images]
        return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()


# Columns that tell a row's place and its editorial life: what is published is everything else.
EDITORIAL = {
    "id", "post", "number", "state", "note", "published_at", "published_by", "revision",
}  # fmt: skip


def content_columns(model: type[Revision | Wording]) -> list[models.Field[Any, Any]]:
    """Return the columns of content: a new column is one unless `EDITORIAL` names it."""
    return [field for field in model._meta.concrete_fields if field.name not in EDITORIAL]


def _values(row: Revision | Wording) -> dict[str, object]:
    return {field.name: field.value_from_object(row) for field in content_columns(type(row))}


def all_clears() -> models.QuerySet[Revision]:
    """The revisions that end an alert, as readers see them."""
    return Revision.objects.filter(
        all_clear_of__isnull=False,
        live_in__state__in=ALL_CLEAR_STATES,
    )


class Wording(models.Model):
    """The words of one revision in one language."""

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="wordings", db_index=False)
    language = models.CharField(max_length=12)
    """BCP 47."""
    headline = models.CharField(max_length=HEADLINE_LENGTH)
    text = models.TextField(max_length=TEXT_LENGTH, blank=True)
    place = models.CharField(max_length=120, blank=True)
    alts = models.JSONField(default=list)
    """The alternative text of each image, in the order of the images: [text, …]."""

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["revision", "language"], name="one_wording_a_language"),
        )

    def __str__(self) -> str:
        return self.headline


class Image(models.Model):
    """One picture of a channel; the revisions that show it say in which order and what it shows."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="images")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    key = models.CharField(max_length=32, unique=True)
    """Random: the address of an image cannot be guessed before its post is out."""

    def __str__(self) -> str:
        return self.key


class RevisionImage(models.Model):
    """An image in the album of a revision."""

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="images", db_index=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="shown_in")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("position",)
        constraints = (
            models.UniqueConstraint(fields=["revision", "position"], name="one_image_a_position"),
        )

    def __str__(self) -> str:
        return f"{self.revision_id} {self.position}"

    @property
    def alt(self) -> str:
        text: str = self.revision.wording.alts[self.position]
        return text


class ImageFile(models.Model):
    """One size of an image. In the database, so that a post and its images are one write,
    one backup and one expiry, on every node."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="files", db_index=False)
    name = models.CharField(max_length=20)
    mime = models.CharField(max_length=40)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["image", "name"], name="one_image_file_a_size"),
        )

    def __str__(self) -> str:
        return f"{self.image_id} {self.name}"
