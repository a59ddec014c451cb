# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages that say how the channel treats people, and the one for when there is no network."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from canale.channel.channels import default_channel
from canale.channel.links import avatar_url
from canale.public.pages import FRESH, belongs_to, page, show, stale_until


def _standing(template: str, summary: str = "") -> HttpResponse:
    channel = default_channel()
    if channel is None:
        return show(template, {"summary": summary})
    context = {"channel": channel, "avatar": avatar_url(channel, "64"), "summary": summary}
    now = timezone.now()
    return belongs_to(show(template, context), channel, now + FRESH, stale_until(now))


@page
def privacy(request: HttpRequest) -> HttpResponse:
    return _standing(
        "public/privacy.html",
        _("What the channel keeps when you read, follow, react or invite, and how to delete it."),
    )


@page
def legal(request: HttpRequest) -> HttpResponse:
    return _standing(
        "public/legal.html",
        _("What this channel is and is not, how its content may be reused, and its software."),
    )


@page
def accessibility(request: HttpRequest) -> HttpResponse:
    return _standing(
        "public/accessibility.html",
        _("How the channel works for everybody, and how to report what does not."),
    )


@page
def media_policy(request: HttpRequest) -> HttpResponse:
    return _standing(
        "public/media_policy.html",
        _("What we publish here, who writes it, how you can answer and how long posts stay."),
    )


@page
def offline(request: HttpRequest) -> HttpResponse:
    return _standing("public/offline.html")
