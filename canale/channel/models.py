# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a channel says: channels, topics, posts, their revisions and images."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HEADLINE_LENGTH = 80
TEXT_LENGTH = 1_000
ALT_LENGTH = 500
ALBUM_SIZE = 10
DEFAULT_REACTIONS = ("👍", "❤️", "👏", "😮", "😢", "🙏")


def default_reactions() -> list[str]:
    return list(DEFAULT_REACTIONS)


class Channel(models.Model):
    """One city office's one-way feed."""

    handle = models.SlugField(
        max_length=40, unique=True, validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*$")]
    )
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=300, blank=True)
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

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="avatar_files")
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
    """What a follower can choose: a theme or a neighbourhood."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="topics")
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["channel", "slug"], name="one_topic_a_slug"),
        )

    def __str__(self) -> str:
        return self.slug


class Kind(models.TextChoices):
    NEWS = "news", _("News")
    EVENT = "event", _("Event")
    DEADLINE = "deadline", _("Deadline")
    SERVICE = "service", _("Service")
    ALERT = "alert", _("Alert")


class State(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    EXPIRED = "expired", _("Expired")


# In these an all-clear holds: that it is old does not bring the danger back.
ALL_CLEAR_STATES = (State.PUBLISHED, State.EXPIRED)


class PostQuerySet(models.QuerySet["Post"]):
    def visible(self, now: datetime) -> PostQuerySet:
        """Posts that a citizen can read at ``now``: asked of the clock, never of a job.

        The clock is asked for the end only: what was published has begun, also where a node's
        clock is behind that of the node that published it.
        """
        return self.filter(state=State.PUBLISHED, visible_until__gt=now)

    def newest_first(self) -> PostQuerySet:
        return self.order_by("-published_at", "-id")


class Post(models.Model):
    """One message in a channel. Its wording here is the draft's, or the latest revision's."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="posts")
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.NEWS)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    headline = models.CharField(max_length=HEADLINE_LENGTH)
    text = models.TextField(max_length=TEXT_LENGTH, blank=True)
    topics: models.ManyToManyField[Topic, models.Model] = models.ManyToManyField(
        Topic, related_name="posts", blank=True
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    """Of an event: its start. Of a deadline: the moment it ends."""
    ends_at = models.DateTimeField(null=True, blank=True)
    """Of an event: its end. Of a service disruption or an alert: its expected end."""
    starts_on = models.DateField(null=True, blank=True)
    """The day, where no hour was given; ``starts_at`` is then a moment of it (moments.py)."""
    ends_on = models.DateField(null=True, blank=True)
    place = models.CharField(max_length=120, blank=True)
    all_clear_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="all_clears"
    )
    """The alert that this post ends."""

    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True, blank=True)
    visible_until = models.DateTimeField(null=True, blank=True)
    corrected_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawal_reason = models.CharField(max_length=200, blank=True)
    reaction_counts = models.JSONField(default=dict)
    """{emoji: count}: what the tallies said when the post expired; the tallies count before."""

    objects = PostQuerySet.as_manager()

    class Meta:
        indexes = (
            models.Index(fields=["channel", "state", "-published_at"], name="post_by_channel"),
            models.Index(fields=["state", "visible_until"], name="post_by_expiry"),
        )

    def __str__(self) -> str:
        return f"{self.pk} {self.headline}"

    def is_visible(self, now: datetime) -> bool:
        return (
            self.state == State.PUBLISHED
            and self.visible_until is not None
            and now < self.visible_until
        )

    def is_active_alert(self, now: datetime) -> bool:
        """An alert that is neither over by its own end nor by an all-clear."""
        return (
            self.kind == Kind.ALERT
            and self.all_clear_of_id is None
            and self.is_visible(now)
            and (self.ends_at is None or self.ends_at > now)
            and not self.all_clears.filter(state__in=ALL_CLEAR_STATES).exists()
        )

    def visible_end(self, published_at: datetime) -> datetime:
        return published_at + timedelta(days=self.channel.retention_days)


class Revision(models.Model):
    """One published wording of a post."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    headline = models.CharField(max_length=HEADLINE_LENGTH)
    text = models.TextField(max_length=TEXT_LENGTH, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    place = models.CharField(max_length=120, blank=True)
    note = models.CharField(max_length=200, blank=True)
    """What changed, in the editor's words; readers see it."""
    published_at = models.DateTimeField()
    published_by = models.CharField(max_length=254, blank=True)
    """The account's e-mail, or the token's name. Never shown to citizens."""

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=["post", "number"], name="one_revision_a_number"),
        )

    def __str__(self) -> str:
        return f"{self.post_id} r{self.number}"


class Image(models.Model):
    """One image of a post, always with its alt text."""

    post = models.ForeignKey(Post, models.CASCADE, related_name="images")
    position = models.PositiveSmallIntegerField(default=0)
    alt = models.CharField(max_length=ALT_LENGTH)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    key = models.CharField(max_length=32, unique=True)
    """Random: the address of an image cannot be guessed before its post is out."""

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.key


class ImageFile(models.Model):
    """One size of an image. In the database, so that a post and its images are one write,
    one backup and one expiry, on every node."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="files")
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
