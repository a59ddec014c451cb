# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The channel's settings, its topics, the tokens of programs, and the audit log."""

from __future__ import annotations

from http import HTTPStatus

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from canale.accounts import audit
from canale.accounts import second_factor as factors
from canale.accounts import tokens as token_acts
from canale.accounts.models import AuditEntry, Token
from canale.accounts.roles import may_administer
from canale.channel.channels import set_avatar
from canale.channel.characters import one_line
from canale.channel.images import (
    RETRY_SECONDS,
    DecodersBusyError,
    ImageRefusedError,
    draw_avatar,
    prepare_avatar,
)
from canale.channel.links import channel_url
from canale.channel.models import Channel, Topic
from canale.live.notify import forget_pages
from canale.net.numbers import number_in
from canale.newsroom.access import retry_later, role_required, staff_of
from canale.newsroom.forms import ChannelSettings, appearance
from canale.newsroom.post_views import page_context

LOG_ENTRIES = 50
MAX_TOPICS = 50
NAME_LENGTH = 60


@role_required(may_administer)
def channel(request: HttpRequest, channel: Channel) -> HttpResponse:
    initial = {"reactions": " ".join(channel.reaction_set)}
    form = ChannelSettings(
        request.POST or None, request.FILES or None, instance=channel, initial=initial
    )
    busy = False
    try:
        if request.method == "POST" and form.is_valid() and _save(form, staff_of(request).email):
            messages.success(request, _("Saved."))
            return redirect("newsroom:channel", handle=channel.handle)
    except DecodersBusyError as error:
        form.add_error("avatar", str(error))
        busy = True
    context = page_context(request, channel) | {
        "form": form,
        "public_url": channel_url(channel),
        "second_factor_required": factors.is_required(channel),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    page = render(request, "newsroom/channel.html", context, status=status)
    return retry_later(page, RETRY_SECONDS) if busy else page


def _save(form: ChannelSettings, by: str) -> bool:
    """Save everything, or return False with an error at the picture. Raises DecodersBusyError."""
    picture = form.cleaned_data["avatar"]
    try:
        # Before the transaction, which on SQLite keeps every other process from writing.
        avatar = prepare_avatar(picture.read()) if picture else None
        changed = form.save(commit=False)
        changed.reaction_set = form.cleaned_data["reactions"]
        was_drawn = changed.draws_avatar and not {"name", "colour"}.isdisjoint(form.changed_data)
        is_redrawn = avatar is None and (was_drawn or form.cleaned_data["initials"])
        if is_redrawn:
            avatar = draw_avatar(changed.name, changed.colour)
        with transaction.atomic():
            changed.save()
            if avatar:
                set_avatar(changed, avatar, drawn=is_redrawn)
            audit.record(by, "channel.changed", changed.handle, fields=form.changed_data)
            forget_pages(changed.handle)
    except ImageRefusedError as refused:
        form.add_error("avatar", refused.message)
        return False
    return True


@role_required(may_administer)
def appearance_preview(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Show the head of the public page in a colour and with a motif that are not saved yet."""
    shown = appearance(channel, request.GET.get("colour", ""), request.GET.get("motif", ""))
    return render(request, "newsroom/appearance_preview.html", {"shown": shown})


@require_POST
@role_required(may_administer)
def second_factor(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Make the second factor mandatory or optional."""
    staff = staff_of(request)
    if "optional" in request.POST:
        factors.make_optional(channel, by=staff.email)
        messages.success(request, _("Saved."))
    elif factors.has_second_factor(staff):
        factors.require(channel, by=staff.email)
        messages.success(request, _("Saved."))
    else:
        messages.error(request, _("Add a passkey or codes to your own account first."))
    return redirect("newsroom:channel", handle=channel.handle)


@role_required(may_administer)
def topics(request: HttpRequest, channel: Channel) -> HttpResponse:
    error, name = "", request.POST.get("name", "")
    if request.method == "POST":
        with transaction.atomic():
            error = _change_topics(request, channel)
            forget_pages(channel.handle)
        if not error:
            return redirect("newsroom:topics", handle=channel.handle)
    context = page_context(request, channel) | {
        "topics": channel.topics.all(),
        "error": error,
        "name": name,
        "limit": NAME_LENGTH,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return render(request, "newsroom/topics.html", context, status=status)


def _change_topics(request: HttpRequest, channel: Channel) -> str:
    """Remove a topic or add one; return an error message, or an empty string."""
    by = staff_of(request).email
    if "remove" in request.POST:
        slug = slugify(request.POST["remove"], allow_unicode=True)
        if channel.topics.filter(slug=slug).delete()[0]:
            audit.record(by, "topic.removed", channel.handle, topic=slug)
        return ""
    name = one_line(request.POST.get("name", ""))
    # Keep the letters of a name in another script.
    slug = (slugify(name) or slugify(name, allow_unicode=True))[:40]
    if not slug or len(name) > NAME_LENGTH:
        return _("Write a name of at most 60 characters.")
    if channel.topics.filter(slug=slug).exists() or channel.topics.count() >= MAX_TOPICS:
        return _("This topic already exists, or there are too many.")
    Topic.objects.create(channel=channel, slug=slug, name=name)
    audit.record(by, "topic.added", channel.handle, topic=slug)
    return ""


@role_required(may_administer)
def tokens(request: HttpRequest, channel: Channel) -> HttpResponse:
    rows = Token.objects.filter(channel=channel, revoked_at=None).order_by("pk")
    secret, errors = "", list[str]()
    name = one_line(request.POST.get("name", ""))
    if len(name) > NAME_LENGTH:
        errors = [_("At most %(limit)d characters.") % {"limit": NAME_LENGTH}]
    elif request.method == "POST":
        with transaction.atomic():
            secret = _change_tokens(request, channel, name or "token")
        if not secret:
            return redirect("newsroom:tokens", handle=channel.handle)
    context = page_context(request, channel) | {
        "tokens": rows,
        "secret": secret,
        "errors": errors,
        "name": name if errors else "",
        "limit": NAME_LENGTH,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return render(request, "newsroom/tokens.html", context, status=status)


def _change_tokens(request: HttpRequest, channel: Channel, name: str) -> str:
    """Revoke a token, or make one and return its secret, which is shown only this once."""
    by = staff_of(request).email
    revoked = request.POST.get("revoke", "")
    if revoked:
        number = number_in(revoked) or 0
        token = Token.objects.filter(channel=channel, pk=number).first()
        if token is not None:
            token_acts.revoke(token)
            audit.record(by, "token.revoked", channel.handle, token=token.name)
        return ""
    audit.record(by, "token.made", channel.handle, token=name)
    return token_acts.make_token(channel, name)


@role_required(may_administer)
def log(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Show one page of the log; verify the whole chain only on request, as that is slow."""
    entries = AuditEntry.objects.filter(channel=channel.handle).order_by("-id")
    context = page_context(request, channel) | {
        "entries": Paginator(entries, LOG_ENTRIES).get_page(request.GET.get("page")),
        "verification": audit.verify() if "verify" in request.GET else None,
    }
    return render(request, "newsroom/log.html", context)
