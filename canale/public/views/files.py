# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files: pictures, QR codes, the poster, feeds, calendar entries, the app's own files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language

import canale
from canale.channel.badge_drawing import draw_badge
from canale.channel.channels import default_channel
from canale.channel.characters import direction
from canale.channel.colours import palette
from canale.channel.links import avatar_url, channel_url, invite_url
from canale.channel.models import AvatarFile, Channel, ImageFile, Post
from canale.channel.names import short_name
from canale.channel.poster import poster_pdf
from canale.channel.qr import qr_png, qr_svg
from canale.core.settings import settings
from canale.followers import invites
from canale.previews.models import PICTURE_MIME
from canale.previews.shown import find_picture
from canale.public.pages import (
    FRESH,
    belongs_to,
    channel_or_404,
    default_or_404,
    fresh_until,
    stale_until,
)
from canale.public.stored_page import stored
from canale.public.views.channel import published_or_404
from canale.syndication import feeds
from canale.syndication.calendar import NoMomentError, post_ics

SERVICE_WORKER = Path(canale.__file__).parent / "static" / "sw.js"
FEED_SIZE = 100
AN_HOUR, A_DAY, A_YEAR = 3600, 24 * 3600, 365 * 24 * 3600


def _file(data: bytes, mime: str, max_age: int, name: str = "") -> HttpResponse:
    response = HttpResponse(data, content_type=mime)
    response.headers["Cache-Control"] = f"public, max-age={max_age}"
    if name:
        response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


@stored
def avatar(request: HttpRequest, handle: str, size: str) -> HttpResponse:
    rows = AvatarFile.objects.select_related("channel")
    found = rows.filter(channel__handle=handle, name=size).first()
    if found is None:
        raise Http404
    until = timezone.now() + FRESH
    return belongs_to(_file(bytes(found.data), found.mime, A_DAY), found.channel, until)


@stored
def image(request: HttpRequest, handle: str, key: str, size: str) -> HttpResponse:
    """An image goes with its post: 410 afterwards. Browsers ask each time whether theirs is still
    good, and the page store says so without the image: a withdrawn one is not seen again."""
    now = timezone.now()
    # A picture that a correction took out of its post is no longer public.
    shown_in = Post.objects.once_published().filter(live__images__image__key=key)
    post = shown_in.select_related("channel").filter(channel__handle=handle).first()
    found = ImageFile.objects.filter(image__key=key, name=size).first() if post else None
    if post is None or found is None:
        raise Http404
    if not post.is_visible(now) or post.visible_until is None:
        return belongs_to(HttpResponse(status=410), post.channel, None)
    response = HttpResponse(bytes(found.data), content_type=found.mime)
    response.headers["Cache-Control"] = "no-cache"
    return belongs_to(response, post.channel, stale_until(now, [post]))


@stored
def preview_picture(request: HttpRequest, handle: str, key: str) -> HttpResponse:
    """The picture of a link's preview goes with its post, like an image. Staff can remove it
    alone, which is no line on the stream."""
    now = timezone.now()
    preview = find_picture(handle, key, now)
    if preview is None or preview.picture is None:
        raise Http404
    response = HttpResponse(bytes(preview.picture), content_type=PICTURE_MIME)
    response.headers["Cache-Control"] = "no-cache"
    until, at_most = fresh_until(now, preview.post.visible_until), stale_until(now, [preview.post])
    return belongs_to(response, preview.post.channel, until, at_most)


@stored
def channel_qr(request: HttpRequest, handle: str, form: str) -> HttpResponse:
    channel = channel_or_404(handle)
    url = channel_url(channel)
    if form == "svg":
        response = _file(qr_svg(url), "image/svg+xml", A_DAY, f"{channel.handle}.svg")
    else:
        response = _file(qr_png(url), "image/png", A_DAY, f"{channel.handle}.png")
    return belongs_to(response, channel, None)


@stored
def invite_qr(request: HttpRequest, code: str) -> HttpResponse:
    found = invites.find(code)
    if found is None:
        raise Http404
    response = _file(qr_svg(invite_url(found.code)), "image/svg+xml", A_DAY)
    return belongs_to(response, found.channel, None)


@stored
def poster(request: HttpRequest, handle: str, paper: str = "a4") -> HttpResponse:
    channel = channel_or_404(handle)
    picture = channel.avatar_files.filter(name="512").first()
    if picture is None:
        raise Http404
    pdf = poster_pdf(channel, bytes(picture.data), get_language() or "it", paper)
    response = _file(pdf, "application/pdf", AN_HOUR, f"{channel.handle}-{paper}.pdf")
    return belongs_to(response, channel, timezone.now() + FRESH)


Writer = Callable[[Channel, Sequence[Post], datetime], bytes]
FEEDS: dict[str, tuple[Writer, str]] = {
    "atom": (feeds.atom, "application/atom+xml; charset=utf-8"),
    "rss": (feeds.rss, "application/rss+xml; charset=utf-8"),
    "json": (feeds.json_feed, "application/feed+json; charset=utf-8"),
}


@stored
def feed(request: HttpRequest, handle: str, form: str) -> HttpResponse:
    channel = channel_or_404(handle)
    now = timezone.now()
    rows = Post.objects.visible(now).filter(channel=channel).with_content()
    posts = list(rows.newest_first()[:FEED_SIZE])
    write, mime = FEEDS[form]
    response = _file(write(channel, posts, now), mime, int(FRESH.total_seconds()))
    until = fresh_until(now, *(post.visible_until for post in posts))
    return belongs_to(response, channel, until)


@stored
def calendar_entry(request: HttpRequest, handle: str, post_id: int) -> HttpResponse:
    """Return an event's calendar entry.

    A withdrawn event is shown as cancelled until its own end, so that calendars strike it out.
    """
    now = timezone.now()
    found = published_or_404(handle, post_id, now)
    if found.visible_until is None or found.visible_until <= now:
        return belongs_to(HttpResponse(status=410), found.channel, None)
    try:
        ics = post_ics(found, now)
    except NoMomentError:
        raise Http404 from None
    response = _file(ics, "text/calendar; charset=utf-8", 0, f"{handle}-{post_id}.ics")
    return belongs_to(response, found.channel, fresh_until(now, found.visible_until))


@stored
def manifest(request: HttpRequest, handle: str = "") -> HttpResponse:
    """The web app, as the phone's home screen shows it: https://www.w3.org/TR/appmanifest/"""
    return _manifest(channel_or_404(handle) if handle else default_or_404())


@stored
def invite_manifest(request: HttpRequest, code: str) -> HttpResponse:
    """The same app, installed from an invitation: it starts with the code, as only the installed
    app can follow on an iPhone. Not at the invitation itself: if nobody uses that, it is deleted.
    """
    found = invites.find(code)
    if found is None:
        raise Http404
    return _manifest(found.channel, f"?i={found.code}")


def _manifest(channel: Channel, start_query: str = "") -> HttpResponse:
    home = f"/c/{channel.handle}/"
    short = channel.short_name or short_name(channel.name)
    shades = palette(channel.colour).light
    app = {
        "id": home,
        "name": channel.name,
        **({"short_name": short} if short else {}),
        "description": channel.description,
        "lang": get_language(),
        "dir": direction(channel.name) or "auto",
        "start_url": home + start_query,
        "scope": "/",
        "display": "standalone",
        "background_color": shades.band,
        "theme_color": shades.slim,
        "categories": ["government", "news"],
        "icons": [
            _icon(channel, "192", "any"),
            _icon(channel, "512", "any"),
            _icon(channel, "maskable", "maskable"),
        ],
    }
    body = json.dumps(app, ensure_ascii=False).encode()
    response = _file(body, "application/manifest+json", AN_HOUR)
    return belongs_to(response, channel, timezone.now() + FRESH)


def _icon(channel: Channel, name: str, purpose: str) -> dict[str, str]:
    side = name if name.isdecimal() else "512"
    return {
        "src": avatar_url(channel, name).removeprefix(settings.base_url),
        "sizes": f"{side}x{side}",
        "type": "image/png",
        "purpose": purpose,
    }


@stored
def service_worker(request: HttpRequest) -> HttpResponse:
    """From the root, as it may only rule over what lies below it. Browsers ask for it at every
    page: kept as a page is."""
    try:
        script = SERVICE_WORKER.read_bytes()
    except FileNotFoundError:
        raise Http404 from None
    response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Service-Worker-Allowed"] = "/"
    channel = default_channel()
    return response if channel is None else belongs_to(response, channel, None)


@stored
def badge(request: HttpRequest) -> HttpResponse:
    """The service worker names it with a version: it never changes."""
    response = _file(draw_badge(), "image/png", A_YEAR)
    channel = default_channel()
    return response if channel is None else belongs_to(response, channel, None)


def favicon(request: HttpRequest) -> HttpResponse:
    """Serve the avatar at the URL that browsers request unasked."""
    channel = default_channel()
    if channel is None:
        raise Http404
    return avatar(request, channel.handle, "64")


def robots(request: HttpRequest) -> HttpResponse:
    """Search engines are welcome to what citizens read. Invitations are open to programs that make
    a preview of a link; that they are not to be listed, their page says."""
    lines = ["User-agent: *", "Disallow: /newsroom/", "Disallow: /api/", "Disallow: /live/", ""]
    return _file("\n".join(lines).encode(), "text/plain; charset=utf-8", A_DAY)
