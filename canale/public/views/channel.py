# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The channel and its posts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from canale.channel.channels import default_channel
from canale.channel.links import avatar_url, channel_url, invite_url, post_url
from canale.channel.models import Channel, Post, PostQuerySet, State
from canale.channel.text import excerpt
from canale.channel.when import where_and_when
from canale.core.settings import settings
from canale.delivery.transports import registry
from canale.followers import invites
from canale.followers.models import ChannelCount
from canale.live.events import latest_id
from canale.public.cards import Card, Picture, active_alerts, by_day, cards
from canale.public.page_keys import is_place
from canale.public.pages import (
    NotInChannelError,
    belongs_to,
    channel_or_404,
    fresh_until,
    page,
    show,
    stale_until,
)
from canale.public.share_images import avatar_to_share, image_to_share
from canale.public.stored_page import stored
from canale.public.strings import strings

# Thirty days of a city fit on one page; what is more stands on pages of its own.
PAGE_SIZE = 60
SUMMARY_LENGTH = 200


@page
def home(request: HttpRequest) -> HttpResponse:
    """The default channel; before there is one, a page that says so."""
    found = default_channel()
    if found is None:
        return show("public/empty.html", {})
    return _channel_page(found)


@page
def channel(request: HttpRequest, handle: str) -> HttpResponse:
    return _channel_page(channel_or_404(handle))


@page
def invite(request: HttpRequest, code: str) -> HttpResponse:
    """The channel's page, for somebody whom a friend sent. Its address is its own, or the preview
    of a link that is passed on would lead past the invitation."""
    found = invites.find(code)
    if found is None:
        raise Http404
    return _channel_page(found.channel, invite=found.code)


def _channel_page(channel: Channel, invite: str = "") -> HttpResponse:
    now = timezone.now()
    context = about(channel)
    active = active_alerts(channel, now)
    posts = list(_visible(channel, now).newest_first()[: PAGE_SIZE + 1])
    further = posts[PAGE_SIZE:]
    shown = cards(channel, posts[:PAGE_SIZE], active, now)
    pinned = _pinned(channel, shown, active, now)
    context |= {
        "days": list(by_day(shown)),
        "pinned": pinned,
        "older_than": posts[PAGE_SIZE - 1].pk if further else None,
        "invite": invite,
        "summary": channel.description or channel.name,
        "canonical": invite_url(invite) if invite else channel_url(channel),
    }
    return belongs_to(
        show("public/channel.html", context),
        channel,
        fresh_until(now, *_changes(posts)),
        stale_until(now, [*posts, *(card.post for card in pinned)]),
    )


def about(channel: Channel) -> dict[str, object]:
    """Return the context of every page with the channel's head.

    The stream's number is read before any post: an event in between is sent again, and none is
    missed.
    """
    count = ChannelCount.objects.filter(channel=channel).values_list("followers", flat=True)
    return {
        "live_id": latest_id(),
        "channel": channel,
        "followers": count.first() or 0,
        "topics": list(channel.topics.all()),
        "avatar": avatar_url(channel, "64"),
        "large_avatar": avatar_url(channel, "192"),
        "share_image": avatar_to_share(channel),
        "url": channel_url(channel),
        **registry.public_params(),
        "time_zone": settings.time_zone,
        "strings": strings(),
    }


def _visible(channel: Channel, now: datetime) -> PostQuerySet:
    """With the live revision of each, not with what that says: see `cards`."""
    return channel.posts.visible(now).select_related("live")


def _pinned(channel: Channel, shown: Sequence[Card], active: set[int], now: datetime) -> list[Card]:
    """The alerts that are not over, also one that younger posts have pushed off the page."""
    here = [card for card in shown if card.is_pinned]
    elsewhere = active - {card.post.pk for card in here}
    if elsewhere:
        posts = list(_visible(channel, now).filter(pk__in=elsewhere).newest_first())
        here += cards(channel, posts, active, now)
    return here


def _changes(posts: Sequence[Post]) -> list[datetime | None]:
    """When a post goes, is past, or ends."""
    return [
        moment
        for post in posts
        for moment in (post.visible_until, post.content.starts_at, post.content.ends_at)
    ]


@stored
def older(request: HttpRequest, handle: str) -> HttpResponse:
    """The posts that came before the one that is named: a keyset, so that none is skipped."""
    found = channel_or_404(handle)
    now = timezone.now()
    before = request.GET.get("before", "")
    # Also one that is no longer visible has its place in the list.
    place = found.posts.once_published().filter(pk=int(before)) if is_place(before) else None
    last = place.first() if place is not None else None
    if last is None:
        return HttpResponseRedirect(reverse("channel", args=[handle]))
    context = about(found)
    earlier = Q(published_at__lt=last.published_at) | Q(
        published_at=last.published_at, pk__lt=last.pk
    )
    rows = _visible(found, now).filter(earlier).newest_first()
    posts = list(rows[: PAGE_SIZE + 1])
    shown = cards(found, posts[:PAGE_SIZE], active_alerts(found, now), now)
    context |= {
        "days": list(by_day(shown)),
        "older_than": posts[PAGE_SIZE - 1].pk if len(posts) > PAGE_SIZE else None,
        "canonical": channel_url(found),
    }
    until = fresh_until(now, *_changes(posts))
    return belongs_to(show("public/older.html", context), found, until, stale_until(now, posts))


@page
def post(request: HttpRequest, handle: str, post_id: int) -> HttpResponse:
    """A post on a page of its own; 410 and why, when it is not to be read any more."""
    now = timezone.now()
    found = published_or_404(handle, post_id, now)
    if not found.is_visible(now):
        return _gone(found)
    context = about(found.channel)
    active = active_alerts(found.channel, now)
    card = cards(found.channel, [found], active, now)[0]
    content = found.content
    facts = where_and_when(content.kind, content, content.place, now)
    context |= {
        "card": card,
        "pinned": [card] if card.is_pinned else [],
        "title": content.headline,
        "summary": ". ".join(filter(None, (facts, excerpt(content.text, SUMMARY_LENGTH))))
        or content.headline,
        "canonical": post_url(found),
    }
    shown = content.images.all()
    if shown:
        context["share_image"] = image_to_share(shown[0].image, shown[0].alt)
        context["large_image"] = True
        context["first_picture"] = Picture(shown[0].image, shown[0].alt)
        context["is_alone"] = len(shown) == 1
    until = min(fresh_until(now, *_changes([found])), found.visible_until or now)
    return belongs_to(
        show("public/post.html", context), found.channel, until, stale_until(now, [found])
    )


def published_or_404(handle: str, post_id: int, now: datetime) -> Post:
    """A post that is or was to be read, with all that its card shows."""
    rows = Post.objects.once_published().with_content().filter(channel__handle=handle)
    found = rows.filter(pk=post_id).first()
    if found is None:
        raise NotInChannelError(Channel.objects.filter(handle=handle).first())
    return found


def _gone(post: Post) -> HttpResponse:
    context = about(post.channel) | {
        "post": post if post.state == State.WITHDRAWN else None,
        "canonical": post_url(post),
    }
    response, now = show("public/gone.html", context, status=410), timezone.now()
    return belongs_to(response, post.channel, fresh_until(now), stale_until(now))


@stored
def card(request: HttpRequest, handle: str, post_id: int) -> HttpResponse:
    """One post for a page that is open: its article, and its copy for the top if it is pinned."""
    now = timezone.now()
    found = published_or_404(handle, post_id, now)
    if not found.is_visible(now):
        gone = HttpResponse(status=410, content_type="text/plain; charset=utf-8")
        return belongs_to(gone, found.channel, None)
    active = active_alerts(found.channel, now)
    context = {
        "card": cards(found.channel, [found], active, now)[0],
        "channel": found.channel,
    }
    until = min(fresh_until(now, *_changes([found])), found.visible_until or now)
    return belongs_to(show("public/card.html", context), found.channel, until)
