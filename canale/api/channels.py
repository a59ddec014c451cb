# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Calls that read a channel and its posts."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query

from canale.api.guards import limited
from canale.api.problems import not_found
from canale.api.router import router
from canale.api.schemas import (
    ChannelOut,
    Id,
    ImageOut,
    PostOut,
    PostsOut,
    PreviewOut,
    ProblemOut,
    TopicOut,
)
from canale.channel.colours import palette
from canale.channel.links import avatar_url, channel_url, image_url, post_url, preview_picture_url
from canale.channel.models import Channel, Post, PostQuerySet
from canale.channel.names import short_name
from canale.channel.text import render_html
from canale.core.settings import settings
from canale.delivery.transports.registry import public_params
from canale.followers.models import ChannelCount
from canale.previews.models import LinkPreview
from canale.previews.shown import shown_previews
from canale.reactions.tallies import counts

PAGE_POSTS = 20


def find_channel(handle: str) -> Channel:
    """Find a channel by its handle. Raises ProblemError (404)."""
    channel = Channel.objects.filter(handle=handle).first() if "\0" not in handle else None
    if channel is None:
        raise not_found()
    return channel


@router.get(
    "/channels/{handle}",
    tags=["channel"],
    response={200: ChannelOut, 404: ProblemOut},
    summary="The channel",
    description="Its name, its topics, the reactions that it offers, how many follow it.",
)
def read_channel(request: HttpRequest, handle: str) -> ChannelOut:
    channel = find_channel(handle)
    followers = ChannelCount.objects.filter(channel=channel).values_list("followers", flat=True)
    return ChannelOut.model_validate(
        {
            "handle": channel.handle,
            "name": channel.name,
            "short_name": channel.short_name or short_name(channel.name),
            "description": channel.description,
            "colour": palette(channel.colour).light.band,
            "url": channel_url(channel),
            "avatar": avatar_url(channel, "192"),
            "followers": followers.first() or 0,
            **public_params(),
            "topics": [
                TopicOut(slug=topic.slug, name=topic.name) for topic in channel.topics.all()
            ],
            "reactions": channel.reaction_set,
            "retention_days": channel.retention_days,
        }
    )


@router.get(
    "/channels/{handle}/posts",
    tags=["channel"],
    response={200: PostsOut, 404: ProblemOut, 422: ProblemOut, 429: ProblemOut},
    summary="Visible posts, newest first",
    description="`before` is the id of the last post that you have.",
)
def read_posts(
    request: HttpRequest,
    handle: str,
    before: Query[Id | None] = None,
) -> PostsOut:
    # Counts of reactions make each answer a new one. Our own pages never ask; a website that shows
    # the channel does so every few seconds at most.
    limited(request, "read posts", 120, 60)
    channel = find_channel(handle)
    posts: PostQuerySet = channel.posts.visible(timezone.now()).newest_first()
    if before is not None:
        last = channel.posts.once_published().filter(pk=before).first()
        if last is None:
            raise not_found()
        posts = posts.filter(published_at__lte=last.published_at).exclude(
            published_at=last.published_at, pk__gte=last.pk
        )
    rows = list(posts.with_content()[: PAGE_POSTS + 1])
    shown = rows[:PAGE_POSTS]
    tallies = counts([post.pk for post in shown])
    previews = shown_previews(shown)
    path = f"{settings.base_url}/api/v1/channels/{channel.handle}/posts"
    return PostsOut(
        posts=[_post(post, tallies[post.pk], previews.get(post.pk)) for post in shown],
        next=f"{path}?before={shown[-1].pk}" if len(rows) > PAGE_POSTS else None,
    )


def _post(post: Post, reactions: dict[str, int], preview: LinkPreview | None) -> PostOut:
    content = post.content
    return PostOut.model_validate(
        {
            **content.values,
            "id": post.pk,
            "url": post_url(post),
            "html": str(render_html(content.text)),
            "published_at": post.published_at,
            "visible_until": post.visible_until,
            "corrected_at": post.corrected_at,
            "correction": content.note or None,
            "images": [
                ImageOut(
                    small=image_url(shown.image, "small"),
                    large=image_url(shown.image, "large"),
                    width=shown.image.width,
                    height=shown.image.height,
                    alt=shown.alt,
                )
                for shown in content.images.all()
            ],
            "preview": preview
            and PreviewOut(
                url=preview.url,
                host=preview.host,
                title=preview.title,
                description=preview.description,
                picture=preview_picture_url(post.channel, key)
                if (key := preview.picture_key)
                else None,
            ),
            "reactions": reactions,
        }
    )
