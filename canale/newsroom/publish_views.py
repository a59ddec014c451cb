# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Views that publish a post, show its delivery, correct it and withdraw it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from canale.accounts.roles import may_write
from canale.channel.images import RETRY_SECONDS, DecodersBusyError
from canale.channel.models import Channel, Kind, Post, Revision, State
from canale.channel.when import when, where_and_when
from canale.delivery.audience import audience, is_exact, reach, shown
from canale.delivery.summary import summary
from canale.newsroom.access import may_do, redirect_or_json, retry_later, role_required, staff_of
from canale.newsroom.forms import PostForm, images_of, initial_of
from canale.newsroom.post_views import (
    delivery_progress,
    find_post,
    open_alerts,
    page_context,
    render_form,
)
from canale.previews.shown import remove_preview
from canale.publishing.content import PostRefusedError
from canale.publishing.correct import NOTE_LENGTH, NotVisibleError, correct
from canale.publishing.drafts import EditConflictError
from canale.publishing.publish import NotPublishableError, publish
from canale.publishing.transitions import Act
from canale.publishing.withdraw import withdraw


def _redirect_to(post: Post) -> HttpResponse:
    return redirect("newsroom:post", handle=post.channel.handle, post_id=post.pk)


@role_required(may_do(Act.PUBLISH))
def publish_post(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    """Ask for confirmation with the size of the audience, then publish."""
    post = find_post(channel, post_id)
    if post.state != State.UNPUBLISHED:
        return _redirect_to(post)
    if request.method == "POST":
        try:
            publish(post, by=staff_of(request).email, seen=request.POST.get("seen", ""))
            messages.success(request, _("Published."))
        except NotPublishableError:
            messages.info(request, _("It was already published."))
        except EditConflictError:
            messages.error(request, _("Someone else changed this post. Please review it again."))
            return redirect("newsroom:publish", handle=channel.handle, post_id=post.pk)
        return _redirect_to(post)
    content = post.content
    audience_size = audience(channel, content.kind, content.topic_slugs)
    all_addresses = reach(channel)
    now = timezone.now()
    visible_until = post.visible_end(now)
    context = page_context(request, channel) | {
        "post": post,
        "content": content,
        "audience": audience_size,
        "audience_shown": shown(audience_size, all_addresses),
        "is_exact": is_exact(audience_size, all_addresses),
        "visible_until": visible_until,
        "summary": summary(
            where_and_when(content.kind, content, content.place, now, short=True), content.text
        ),
        "when": when(content.kind, content, now),
        "goes_before": goes_before(content, visible_until),
        "is_alert": content.kind == Kind.ALERT,
        "seen": content.digest,
    }
    return render(request, "newsroom/confirm.html", context)


def goes_before(content: Revision, visible_until: datetime) -> str:
    """Return which moment comes after the post has expired: "start", "end" or ""."""
    if content.kind in (Kind.EVENT, Kind.DEADLINE):
        return "start" if content.starts_at and content.starts_at > visible_until else ""
    last = content.ends_at or content.starts_at
    return "end" if last and last > visible_until else ""


@role_required(may_write)
def progress_part(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    """Show the delivery so far; the page polls this until it is finished."""
    context = delivery_progress(channel, find_post(channel, post_id))
    return render(request, "newsroom/progress.html", context)


@role_required(may_do(Act.CORRECT))
def correct_post(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    post = find_post(channel, post_id)
    alerts = [alert for alert in open_alerts(channel) if alert.pk != post.pk]
    if post.content.all_clear_of is not None:
        alerts.append(post.content.all_clear_of)
    form = PostForm(channel, request.POST or None, initial=initial_of(post.content), alerts=alerts)
    try:
        if not post.is_visible(timezone.now()):
            raise NotVisibleError
        if request.method == "POST" and form.is_valid():
            content, note = form.content(images_of(request)), form.cleaned_data["note"]
            correct(post, content, note=note, by=staff_of(request).email)
            messages.success(request, _("Corrected: readers see what changed."))
            return redirect_or_json(
                request, "newsroom:post", handle=channel.handle, post_id=post.pk
            )
    except PostRefusedError as refused:
        form.add_errors(refused.errors)
    except DecodersBusyError as busy:
        form.add_error(None, str(busy))
        page = render_form(request, channel, post, form, "newsroom/correct.html")
        return retry_later(page, RETRY_SECONDS)
    except NotVisibleError:
        if request.method != "POST":
            messages.error(request, _("The post is no longer visible."))
            return _redirect_to(post)
        form.add_error(None, _("The post is no longer visible."))
    return render_form(request, channel, post, form, "newsroom/correct.html")


@require_POST
@role_required(may_do(Act.CORRECT))
def remove_link_preview(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    post = find_post(channel, post_id)
    if remove_preview(post, by=staff_of(request).email):
        messages.success(request, _("The preview was removed: the link stays in the text."))
    return _redirect_to(post)


@role_required(may_do(Act.WITHDRAW))
def withdraw_post(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    post = find_post(channel, post_id)
    errors: list[str] = []
    reason = request.POST.get("reason", "")
    try:
        if not post.is_visible(timezone.now()):
            raise NotVisibleError
        if request.method == "POST":
            withdraw(post, reason=reason, by=staff_of(request).email)
            messages.success(request, _("Withdrawn: readers see that it was withdrawn, and why."))
            return _redirect_to(post)
    except PostRefusedError as refused:
        errors = refused.errors["reason"]
    except NotVisibleError:
        messages.error(request, _("The post is no longer visible."))
        return _redirect_to(post)
    context = page_context(request, channel) | {
        "post": post,
        "reason": reason,
        "limit": NOTE_LENGTH,
        "errors": errors,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return render(request, "newsroom/withdraw.html", context, status=status)
