# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages that say how the channel treats people, and the one for when there is no network."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from canale.channel.channels import default_channel
from canale.channel.links import avatar_url
from canale.public.pages import FRESH, belongs_to, page, show, stale_until


def _standing(template: str) -> HttpResponse:
    channel = default_channel()
    if channel is None:
        return show(template, {})
    context = {"channel": channel, "avatar": avatar_url(channel, "64")}
    now = timezone.now()
    return belongs_to(show(template, context), channel, now + FRESH, stale_until(now))


@page
def privacy(request: HttpRequest) -> HttpResponse:
    return _standing("public/privacy.html")


@page
def legal(request: HttpRequest) -> HttpResponse:
    return _standing("public/legal.html")


@page
def accessibility(request: HttpRequest) -> HttpResponse:
    return _standing("public/accessibility.html")


@page
def media_policy(request: HttpRequest) -> HttpResponse:
    return _standing("public/media_policy.html")


@page
def offline(request: HttpRequest) -> HttpResponse:
    return _standing("public/offline.html")
