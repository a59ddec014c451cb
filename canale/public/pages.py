# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a public page is made: no session, no CSRF token, nothing of the one who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

from django.conf import settings as django_settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import get_template
from django.utils import timezone
from django.utils.translation import get_language

from canale.channel.channels import default_channel
from canale.channel.colours import DEFAULT_COLOUR
from canale.channel.models import Channel, Post
from canale.core.settings import settings
from canale.public.first_frame import first_frame
from canale.public.stored_page import stored

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

# How long a page may show an old number of followers, an old description, or a picture that staff
# removed from a link: none of them is sent on the stream, and a hint may be lost.
FRESH = timedelta(minutes=1)
# How long a page may be shown while the database is away: at most this long, a node that is cut
# off still shows a post withdrawn in that time (docs/decisions/0033).
STALE = timedelta(hours=1)
A_YEAR = 365 * 24 * 3600


def page(view: View[P]) -> View[P]:
    """A stored page for people: `?lang=` keeps the language for later and shows the page again."""
    kept = stored(view)

    @wraps(view)
    def in_language(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        asked = request.GET.get("lang", "")
        if asked in dict(django_settings.LANGUAGES):
            response = HttpResponseRedirect(request.path)
            response.set_cookie(
                django_settings.LANGUAGE_COOKIE_NAME,
                asked,
                max_age=A_YEAR,
                samesite="Lax",
                secure=django_settings.LANGUAGE_COOKIE_SECURE,
            )
            response.headers["Cache-Control"] = "no-store"
            return response
        return kept(request, *args, **kwargs)

    return cast("View[P]", in_language)


def show(template: str, context: Mapping[str, object], status: int = 200) -> HttpResponse:
    """A page in the reader's language. It takes no request: what it shows is everybody's."""
    channel = context.get("channel")
    colour = channel.colour if isinstance(channel, Channel) else DEFAULT_COLOUR
    # Anybody can make up addresses in a channel: what is not found is rendered each time.
    begins_visits = isinstance(channel, Channel) and status != HTTPStatus.NOT_FOUND
    first = first_frame(colour, begins_visits=begins_visits)
    house = {
        "first_frame": first,
        "language": get_language() or django_settings.LANGUAGE_CODE,
        "languages": django_settings.LANGUAGES,
        "base_url": settings.base_url,
        "source_url": settings.source_url,
    }
    body = get_template(template).render({**house, **context})
    response = HttpResponse(body, status=status)
    response.headers["Content-Security-Policy"] = first.policy
    response.headers["Content-Language"] = get_language() or django_settings.LANGUAGE_CODE
    return response


def belongs_to(
    response: HttpResponse,
    channel: Channel,
    until: datetime | None,
    at_most: datetime | None = None,
) -> HttpResponse:
    """Let the page store keep an answer until a moment, or until the channel's next line; while
    the database is away also longer, until the moment `at_most`. ``until`` may be None only if
    nothing but a line on the stream changes the answer."""
    response.canale_channel = channel.handle  # type: ignore[attr-defined]
    response.canale_until = until  # type: ignore[attr-defined]
    response.canale_at_most = at_most  # type: ignore[attr-defined]
    return response


def fresh_until(now: datetime, *moments: datetime | None) -> datetime:
    """Return the first moment after `now` at which the page changes without an event."""
    local = timezone.localtime(now)
    midnight = timezone.make_aware(
        datetime.combine(local.date() + timedelta(days=1), datetime.min.time())
    )
    ahead = [moment for moment in moments if moment is not None and moment > now]
    return min([now + FRESH, midnight, *ahead])


def stale_until(now: datetime, posts: Iterable[Post] = ()) -> datetime:
    """How long a page with these posts may be shown while the database is away: it may say an old
    number of followers, or *Today* after midnight, but no post longer than it is visible."""
    ends = [post.visible_until for post in posts if post.visible_until is not None]
    return min([now + STALE, *ends])


class NotInChannelError(Http404):
    """Nothing is at this address of a channel that exists; the error page shows whose it is."""

    def __init__(self, channel: Channel | None) -> None:
        super().__init__()
        self.channel = channel


def channel_or_404(handle: str) -> Channel:
    channel = Channel.objects.filter(handle=handle).first()
    if channel is None:
        raise Http404
    return channel


def default_or_404() -> Channel:
    channel = default_channel()
    if channel is None:
        raise Http404
    return channel
