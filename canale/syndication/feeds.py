# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The channel for feed readers: Atom (RFC 4287), RSS 2.0, JSON Feed 1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings as django_settings
from django.db.models.functions import Length
from django.utils.feedgenerator import Atom1Feed, Enclosure, Rss201rev2Feed, SyndicationFeed
from django.utils.html import format_html, format_html_join

from canale.channel.links import avatar_url, channel_url, image_url, post_url
from canale.channel.models import Channel, ImageFile, Post, Revision
from canale.channel.text import excerpt, render_html
from canale.channel.when import where_and_when

SUMMARY_LENGTH = 280
# XML 1.0, section 2.2: what may not stand in a document, however escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(channel: Channel, posts: Sequence[Post], now: datetime) -> bytes:
    """``posts`` newest first; bytes in UTF-8."""
    return _written(Atom1Feed, channel, posts, now, "feed.atom")


def rss(channel: Channel, posts: Sequence[Post], now: datetime) -> bytes:
    return _written(Rss201rev2Feed, channel, posts, now, "feed.rss")


def _written(
    kind: type[SyndicationFeed],
    channel: Channel,
    posts: Sequence[Post],
    now: datetime,
    name: str,
) -> bytes:
    feed = kind(
        title=_clean(channel.name),
        link=channel_url(channel),
        description=_clean(channel.description or channel.name),
        language=django_settings.LANGUAGE_CODE,
        feed_url=channel_url(channel) + name,
        feed_guid=channel_url(channel),
        # RFC 4287, section 4.1.1: every feed has an author.
        author_name=_clean(channel.name),
    )
    enclosures = _enclosures(posts) if kind is Rss201rev2Feed else {}
    for post in posts:
        feed.add_item(
            title=_clean(post.content.headline),
            link=post_url(post),
            # None, which the types of Django do not know: no empty summary.
            description=_clean(_html(post.content, now)) or None,  # type: ignore[arg-type]
            unique_id=post_url(post),
            unique_id_is_permalink=True,
            pubdate=post.published_at,
            updateddate=post.corrected_at or post.published_at,
            categories=[_clean(topic.name) for topic in post.content.topics.all()],
            enclosures=enclosures.get(post.pk, []),
        )
    text: str = feed.writeString("utf-8")
    return text.encode()


def json_feed(channel: Channel, posts: Sequence[Post], now: datetime) -> bytes:
    """https://www.jsonfeed.org/version/1.1/"""
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.name,
        "home_page_url": channel_url(channel),
        "feed_url": channel_url(channel) + "feed.json",
        "description": channel.description,
        "icon": avatar_url(channel, "512"),
        "language": django_settings.LANGUAGE_CODE,
        "items": [_item(post, now) for post in posts],
    }
    return json.dumps(document, ensure_ascii=False).encode()


def _item(post: Post, now: datetime) -> dict[str, object]:
    content = post.content
    facts = where_and_when(content.kind, content, content.place, now)
    changed = post.corrected_at or post.published_at
    item: dict[str, object] = {
        "id": post_url(post),
        "url": post_url(post),
        "title": content.headline,
        "content_html": _html(content, now),
        "date_published": post.published_at.isoformat() if post.published_at else None,
        "date_modified": changed.isoformat() if changed else None,
        "tags": [topic.name for topic in content.topics.all()],
    }
    if summary := "\n".join(filter(None, (facts, excerpt(content.text, SUMMARY_LENGTH)))):
        item["summary"] = summary
    images = list(content.images.all())
    if images:
        item["image"] = image_url(images[0].image, "share")
    return item


def _html(content: Revision, now: datetime) -> str:
    facts = where_and_when(content.kind, content, content.place, now)
    first = format_html("<p>{}</p>", facts) if facts else ""
    images = format_html_join(
        "",
        '<p><img src="{}" alt="{}"></p>',
        ((image_url(shown.image, "share"), shown.alt) for shown in content.images.all()),
    )
    return format_html("{}{}{}", first, render_html(content.text), images)


def _enclosures(posts: Sequence[Post]) -> dict[int, list[Enclosure]]:
    """{post id: its first image}, without reading any: readers of RSS show no other."""
    rows = ImageFile.objects.filter(name="share", image__shown_in__revision__live_in__in=posts)
    sizes = rows.annotate(size=Length("data")).values_list("image_id", "mime", "size")
    shared = {image_id: (mime, size) for image_id, mime, size in sizes}
    enclosures = {}
    for post in posts:
        images = [each for each in post.content.images.all() if each.image_id in shared]
        for shown in images[:1]:
            mime, size = shared[shown.image_id]
            enclosures[post.pk] = [Enclosure(image_url(shown.image, "share"), str(size), mime)]
    return enclosures


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
