# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A post as a card on a page: rendered once, then from memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Q, prefetch_related_objects
from django.template.loader import get_template
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from canale.channel.dates import day_heading
from canale.channel.decoding.sizes import SMALL
from canale.channel.links import post_url
from canale.channel.models import (
    Channel,
    Image,
    Kind,
    Post,
    Revision,
    Topic,
    all_clears,
    content_of,
)
from canale.channel.moments import end_of
from canale.channel.text import render_html
from canale.channel.when import when
from canale.previews.models import LinkPreview
from canale.previews.shown import shown_previews
from canale.public.emoji import emoji_name
from canale.public.rendered_cards import CardHtml, CardKey, rendered_cards
from canale.reactions import tallies

A_WHILE = timedelta(days=2)

# A tall picture leaves room for the text; its ground is only as large as itself.
MAX_ALONE_HEIGHT = 512
MAX_DAYS_LEFT = 30


@dataclass(frozen=True, slots=True)
class Count:
    """One emoji below a post."""

    emoji: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One image of an album."""

    image: Image
    alt: str

    @property
    def small_width(self) -> int:
        """The width in pixels of the size for thumbnails."""
        scale = min(1.0, SMALL / self.image.width, 2 * SMALL / self.image.height)
        return round(self.image.width * scale)

    @property
    def has_larger(self) -> bool:
        return self.small_width < self.image.width

    @property
    def alone_width(self) -> int:
        """The width, in a browser's pixels, of an image that is the only one of its post."""
        return round(self.image.width * self._alone_scale)

    @property
    def alone_height(self) -> int:
        return round(self.image.height * self._alone_scale)

    @property
    def _alone_scale(self) -> float:
        return min(1.0, MAX_ALONE_HEIGHT / self.image.height)


@dataclass(frozen=True, slots=True)
class CardContext:
    """The data of a card's template; a new field may need one in `CardKey`."""

    post: Post
    content: Revision
    url: str
    html: SafeString
    day: date
    heading: str
    today: date
    when: str
    """The moment of the event or deadline, in words; empty if there is none."""
    full_when: str
    """The same with the day's date, also if the day is today or tomorrow."""
    note: str
    """The editor's note on the latest correction."""
    is_pinned: bool
    """An alert that is not over: it stands above everything."""
    is_over: bool
    """An alert that has ended, or an event that was."""
    topics: list[Topic]
    pictures: list[Picture]
    counts: list[Count]
    preview: LinkPreview | None
    """The preview of its first link."""

    @property
    def has_moment(self) -> bool:
        content = self.content
        return content.kind in (Kind.EVENT, Kind.DEADLINE) and content.starts_at is not None

    @property
    def tile(self) -> date | None:
        """The day for the tile beside the headline."""
        content = self.content
        if content.starts_at is None:
            return None
        return content.starts_on or timezone.localdate(content.starts_at)

    @property
    def days_left(self) -> int | None:
        """The days until a deadline, if they are few enough to be counted."""
        if self.content.kind != Kind.DEADLINE or self.is_over or self.tile is None:
            return None
        days = (self.tile - self.today).days
        return days if 0 <= days <= MAX_DAYS_LEFT else None

    @property
    def is_corrected_on_its_day(self) -> bool:
        corrected = self.post.corrected_at
        return corrected is not None and timezone.localdate(corrected) == self.day

    @property
    def is_all_clear(self) -> bool:
        return self.content.all_clear_of_id is not None

    @property
    def published(self) -> str:
        return _utc(self.post.published_at)

    @property
    def visible_until(self) -> str:
        return _utc(self.post.visible_until)


@dataclass(frozen=True, slots=True)
class Card:
    """One post as its readers see it, as HTML."""

    post: Post
    day: date
    today: date
    is_pinned: bool
    html: SafeString
    pinned_html: SafeString
    """The copy that stands above everything; empty unless `is_pinned`."""

    @property
    def heading(self) -> str:
        return day_heading(self.day, self.today)

    @property
    def published(self) -> str:
        return _utc(self.post.published_at)


def _utc(moment: datetime | None) -> str:
    """Format a moment like JavaScript's toISOString, so that the two compare as texts."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Day:
    """The posts of one day, under its heading."""

    day: date
    heading: str
    full_heading: str
    """With the date in words: what it is called when it is neither today nor yesterday."""
    cards: list[Card]


def cards(channel: Channel, posts: Sequence[Post], active: set[int], now: datetime) -> list[Card]:
    """`posts`, each with its `live` revision, in the same order; `active` as `active_alerts`.

    Only what a card that is not in memory says is read besides, for all of them together.
    """
    topics = list(channel.topics.all())
    counts = tallies.counts([post.pk for post in posts])
    previews = shown_previews(posts)
    keys = [
        _key(channel, post, topics, counts[post.pk], previews.get(post.pk), active, now)
        for post in posts
    ]
    rendered = {key: rendered_cards.get(key) for key in keys}
    missing = [post for post, key in zip(posts, keys, strict=True) if rendered[key] is None]
    prefetch_related_objects(missing, *content_of("live"))
    shown = []
    for post, key in zip(posts, keys, strict=True):
        card = rendered[key]
        if card is None:
            card = _rendered(channel, post, topics, previews.get(post.pk), key, now)
            rendered_cards.keep(key, card)
        shown.append(Card(post, _day(post, now), key.today, key.is_pinned, *card))
    return shown


def active_alerts(channel: Channel, now: datetime) -> set[int]:
    """Ids of the alerts that are not over, as Post.is_active_alert says of one."""
    alerts = Post.objects.visible(now).filter(
        channel=channel, live__kind=Kind.ALERT, live__all_clear_of=None
    )
    lasting = alerts.filter(Q(live__ends_at=None) | Q(live__ends_at__gt=now))
    ended = all_clears().filter(post__channel=channel).values("all_clear_of")
    return set(lasting.exclude(pk__in=ended).values_list("pk", flat=True))


def _key(
    channel: Channel,
    post: Post,
    topics: Iterable[Topic],
    counts: Mapping[str, int],
    preview: LinkPreview | None,
    active: set[int],
    now: datetime,
) -> CardKey:
    content = post.content
    # The channel's set, then what it no longer has and was chosen before.
    offered = list(channel.reaction_set)
    emoji = [*offered, *(each for each in counts if each not in offered)]
    return CardKey(
        revision=content.pk,
        revised_at=content.published_at,
        all_clear_of=content.all_clear_of_id,
        published_at=post.published_at,
        visible_until=post.visible_until,
        handle=channel.handle,
        topics=tuple((topic.pk, topic.name) for topic in topics),
        counts=tuple((each, counts.get(each, 0)) for each in emoji),
        preview=(preview.url, preview.title, preview.picture_key) if preview else (),
        is_over=_is_over(post, active, now),
        is_pinned=post.pk in active,
        today=timezone.localdate(now),
        language=get_language() or settings.LANGUAGE_CODE,
    )


def _is_over(post: Post, active: set[int], now: datetime) -> bool:
    content = post.content
    if content.kind == Kind.ALERT:
        return content.all_clear_of_id is None and post.pk not in active
    end = content.ends_at if content.kind in (Kind.EVENT, Kind.SERVICE) else None
    if content.kind == Kind.EVENT and content.starts_on and not end:
        end = end_of(content.starts_on)
    return (end or (content.starts_at if content.kind == Kind.DEADLINE else None) or now) < now


def _rendered(
    channel: Channel,
    post: Post,
    topics: Iterable[Topic],
    preview: LinkPreview | None,
    key: CardKey,
    now: datetime,
) -> CardHtml:
    content = post.content
    day = _day(post, now)
    own_topics = {topic.pk for topic in content.topics.all()}
    context = CardContext(
        post=post,
        content=content,
        url=post_url(post),
        html=render_html(content.text),
        day=day,
        heading=day_heading(day, key.today),
        is_pinned=key.is_pinned,
        today=key.today,
        when=when(content.kind, content, now, relative=True),
        full_when=when(content.kind, content, now),
        note=content.note,
        is_over=key.is_over,
        # Named as in the key, also if one was renamed since.
        topics=[topic for topic in topics if topic.pk in own_topics],
        pictures=[Picture(shown.image, shown.alt) for shown in content.images.all()],
        # The most frequent stand first; of equal ones, in the channel's order.
        counts=[
            Count(emoji, emoji_name(emoji), count)
            for emoji, count in sorted(key.counts, key=lambda each: -each[1])
        ],
        preview=preview,
    )
    template = get_template("public/parts/post.html")

    def html(prefix: str) -> SafeString:
        return SafeString(template.render({"channel": channel, "card": context, "prefix": prefix}))

    return CardHtml(html("post"), html("pinned") if key.is_pinned else SafeString())


def _day(post: Post, now: datetime) -> date:
    return timezone.localdate(post.published_at or now)


def by_day(shown: Iterable[Card]) -> Iterator[Day]:
    """`shown` newest first."""
    for day, group in groupby(shown, key=lambda card: card.day):
        of_day = list(group)
        yield Day(day, of_day[0].heading, day_heading(day, day + A_WHILE), of_day)
