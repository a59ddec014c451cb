# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Entry points: the first set-up, the redirect to a channel, and pages that are closed."""

from __future__ import annotations

import math
from http import HTTPStatus

from allauth.mfa.webauthn.views import login_webauthn
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from canale.accounts import setup as setting_up
from canale.accounts.models import Membership, Staff
from canale.channel.channels import create_channel, set_avatar
from canale.channel.images import (
    RETRY_SECONDS,
    DecodersBusyError,
    ImageRefusedError,
    prepare_avatar,
)
from canale.core.settings import settings
from canale.metrics.refusals import FORGED
from canale.net.rate_limits import RateLimiter
from canale.newsroom.access import redirect_or_json, retry_later, staff_of
from canale.newsroom.forms import SetupForm

_limiter = RateLimiter()
BACKEND = "canale.newsroom.backend.StaffBackend"


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Redirect to the person's channel; with several, to the first, whose page links the others."""
    memberships = Membership.objects.filter(staff=staff_of(request)).select_related("channel")
    first = memberships.order_by("channel__name").first()
    if first is None:
        return render(request, "newsroom/no_channel.html", status=HTTPStatus.FORBIDDEN)
    return redirect("newsroom:posts", handle=first.channel.handle)


def closed(request: HttpRequest) -> HttpResponse:
    return render(request, "newsroom/closed.html", status=HTTPStatus.NOT_FOUND)


def passkey_challenge(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a passkey.

    Each challenge is a session in the database, and anyone may ask for one, so they are limited to
    what one office needs (docs/decisions/0046).
    """
    if request.method == "GET" and settings.rate_limits:
        client = request.META.get("REMOTE_ADDR") or ""
        wait = _limiter.allow("passkey", client, 30, 300)
        if wait is not None:
            later = {"Retry-After": str(math.ceil(wait))}
            return HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS, headers=later)
    response: HttpResponseBase = login_webauthn(request)
    return response


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form that is not ours, or that was loaded before the last sign-in."""
    setattr(request, FORGED, True)
    return render(request, "newsroom/forged.html", status=HTTPStatus.FORBIDDEN)


def setup(request: HttpRequest, secret: str) -> HttpResponse:
    """Create the channel and its administrator in one step, from the one-time link."""
    if settings.rate_limits:
        client = request.META.get("REMOTE_ADDR") or ""
        if _limiter.allow("setup", client, 30, 60) is not None:
            return render(request, "newsroom/setup_over.html", status=HTTPStatus.TOO_MANY_REQUESTS)
    if not setting_up.is_open(secret):
        return render(request, "newsroom/setup_over.html", status=HTTPStatus.GONE)
    form = SetupForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            staff = _set_up(form, secret)
        except DecodersBusyError as busy:
            form.add_error("avatar", str(busy))
            return retry_later(
                render(request, "newsroom/setup.html", {"form": form}), RETRY_SECONDS
            )
        if staff is not None:
            login(request, staff, backend=BACKEND)
            messages.success(request, _("The channel is ready: hang up its poster, write a post."))
            return redirect_or_json(request, "newsroom:start")
        if not setting_up.is_open(secret):
            return render(request, "newsroom/setup_over.html", status=HTTPStatus.GONE)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "newsroom/setup.html", {"form": form}, status=status)


def _set_up(form: SetupForm, secret: str) -> Staff | None:
    """Return the new account, or None with an error in the form if the link or data is unusable.

    Raises DecodersBusyError.
    """
    data = form.cleaned_data
    try:
        # Before the transaction, which on SQLite keeps every other process from writing.
        avatar = prepare_avatar(data["avatar"].read()) if data["avatar"] else None
        with transaction.atomic():
            if not setting_up.claim(secret):
                return None
            channel = create_channel(
                data["handle"], data["name"], data["description"], data["colour"]
            )
            if avatar:
                set_avatar(channel, avatar)
            return setting_up.make_admin(channel, data["email"], data["password"], by=data["email"])
    except ImageRefusedError as refused:
        form.add_error("avatar", refused.message)
    except ValidationError as error:
        form.add_error(None, error.messages[0] if error.messages else _("Check what you wrote."))
    return None
