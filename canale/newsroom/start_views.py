# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The way in: the first set-up, the door to one's channel, what is closed."""

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
from canale.channel.images import RETRY_SECONDS, DecodersBusyError, ImageRefused, prepare_avatar
from canale.core.settings import settings
from canale.metrics.refusals import FORGED
from canale.net.rate_limits import RateLimiter
from canale.newsroom.access import redirect_or_json, retry_later, staff_of
from canale.newsroom.forms import SetupForm

_limiter = RateLimiter()
BACKEND = "canale.newsroom.backend.StaffBackend"


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """To one's channel; with several, to the first, which names the others."""
    mine = Membership.objects.filter(staff=staff_of(request)).select_related("channel")
    first = mine.order_by("channel__name").first()
    if first is None:
        return render(request, "newsroom/no_channel.html", status=HTTPStatus.FORBIDDEN)
    return redirect("newsroom:posts", handle=first.channel.handle)


def closed(request: HttpRequest) -> HttpResponse:
    return render(request, "newsroom/closed.html", status=HTTPStatus.NOT_FOUND)


def passkey_challenge(request: HttpRequest) -> HttpResponseBase:
    """Sign in with a passkey. Each challenge is a session in the database, made by anybody: as many
    as the people of one office need (docs/decisions/0046)."""
    if request.method == "GET" and settings.rate_limits:
        client = request.META.get("REMOTE_ADDR") or ""
        wait = _limiter.allow("passkey", client, 30, 300)
        if wait is not None:
            later = {"Retry-After": str(math.ceil(wait))}
            return HttpResponse(status=HTTPStatus.TOO_MANY_REQUESTS, headers=later)
    response: HttpResponseBase = login_webauthn(request)
    return response


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that was not ours, or is from before the last sign-in."""
    setattr(request, FORGED, True)
    return render(request, "newsroom/forged.html", status=HTTPStatus.FORBIDDEN)


def setup(request: HttpRequest, secret: str) -> HttpResponse:
    """The one-time link: channel and administrator in one step, all or nothing."""
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
    """None, with the reason at its field, when something of it cannot be used.

    Raises DecodersBusyError.
    """
    said = form.cleaned_data
    try:
        # Before the transaction, which nobody else can write beside.
        avatar = prepare_avatar(said["avatar"].read()) if said["avatar"] else None
        with transaction.atomic():
            if not setting_up.claim(secret):
                return None
            channel = create_channel(said["handle"], said["name"], said["description"])
            if avatar:
                set_avatar(channel, avatar)
            return setting_up.make_admin(channel, said["email"], said["password"], by=said["email"])
    except ImageRefused as refused:
        form.add_error("avatar", refused.message)
    except ValidationError as error:
        form.add_error(None, error.messages[0] if error.messages else _("Check what you wrote."))
    return None
