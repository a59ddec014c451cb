# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Posts before they are published: the list, the composer, the preview, drafts."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from canale.accounts.roles import ADMINISTRATORS, may_write, role_of
from canale.channel.images import RETRY_SECONDS, DecodersBusyError
from canale.channel.links import avatar_url
from canale.channel.models import Channel, ImageFile, Kind, Post, State
from canale.channel.moments import times_of
from canale.channel.text import render_html
from canale.channel.when import when, where_and_when
from canale.delivery.audience import least, shown
from canale.delivery.copy_progress import copy_progress
from canale.delivery.progress import progress
from canale.delivery.summary import summary
from canale.followers.models import ChannelCount
from canale.newsroom.access import redirect_or_json, retry_later, role_required, staff_of
from canale.newsroom.forms import LIMITS, PostForm, images_of, initial_of, unfinished_content
from canale.previews.shown import preview_of
from canale.publishing.content import PostRefusedError
from canale.publishing.drafts import EditConflictError, NotADraftError, delete_draft, save_draft
from canale.publishing.transitions import Act, may
from canale.reactions.tallies import counts

PAGE_POSTS = 30
CHANNEL_ROUTES = {"channel", "topics", "tokens", "log"}


def page_context(request: HttpRequest, channel: Channel) -> dict[str, object]:
    """Return the context that every page of a channel's newsroom needs."""
    staff = staff_of(request)
    role = role_of(staff, channel)
    route = request.resolver_match.url_name if request.resolver_match else None
    memberships = staff.memberships.select_related("channel").order_by("channel__name")
    return {
        "channel": channel,
        "section": "channel" if route in CHANNEL_ROUTES else "posts",
        "avatar": avatar_url(channel, "64"),
        "channels": [membership.channel for membership in memberships],
        "role": role,
        "may_publish": may(role, Act.PUBLISH),
        "may_administer": role in ADMINISTRATORS,
        "followers": ChannelCount.objects.filter(channel=channel).first(),
    }


def find_post(channel: Channel, post_id: int) -> Post:
    """Find a post of the channel. Raises Http404."""
    rows = channel.posts.select_related("channel", "live", "next")
    post = rows.filter(pk=post_id).first()
    if post is None:
        raise Http404
    return post


@role_required(may_write)
def posts(request: HttpRequest, channel: Channel) -> HttpResponse:
    now = timezone.now()
    drafts = channel.posts.filter(state=State.UNPUBLISHED).with_content("next").order_by("-id")
    visible = list(
        channel.posts.visible(now).newest_first().with_content().prefetch_related("broadcasts")
    )
    published = channel.posts.once_published().newest_first().with_content()
    past = published.exclude(pk__in=[post.pk for post in visible])
    tallies = counts([post.pk for post in visible])
    count = ChannelCount.objects.filter(channel=channel).first()
    by_invite = ""
    # No number below the minimum is shown.
    if count is not None and least(count.by_invite, count.followers):
        by_invite = shown(count.by_invite, count.followers)
    context = page_context(request, channel) | {
        "drafts": drafts,
        "visible": [_row(post, sum(tallies[post.pk].values()), now) for post in visible],
        "past": Paginator(past, PAGE_POSTS).get_page(request.GET.get("page")),
        "by_invite": by_invite,
        "password_only": not Authenticator.objects.filter(user=staff_of(request)).exists(),
    }
    return render(request, "newsroom/posts.html", context)


def _row(post: Post, reactions: int, now: datetime) -> dict[str, object]:
    """Return a visible post's row in the list, with the figures of its latest broadcasts."""
    rows = list(post.broadcasts.all())
    newest = max((row.revision_id for row in rows), default=None)
    latest = [row for row in rows if row.revision_id == newest]
    delivered = sum(row.accepted for row in latest)
    planned = sum(row.planned for row in latest)
    is_part = any(row.skipped for row in latest)
    return {
        "post": post,
        "is_active": post.is_active_alert(now),
        "delivered": shown(delivered, planned) if is_part else delivered,
        "planned": planned,
        "reactions": reactions,
    }


@role_required(may_write)
def write(request: HttpRequest, channel: Channel) -> HttpResponse:
    kind = request.GET.get("kind", Kind.NEWS)
    initial: dict[str, object] = {"kind": kind if kind in Kind.values else Kind.NEWS}
    return _form_page(request, channel, None, initial)


@role_required(may_write)
def edit(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    post = find_post(channel, post_id)
    # A POST is not redirected: the form keeps what was written, and shows why it cannot be saved.
    if post.state != State.UNPUBLISHED and request.method != "POST":
        return redirect("newsroom:post", handle=channel.handle, post_id=post.pk)
    return _form_page(request, channel, post, initial_of(post.content))


def _form_page(
    request: HttpRequest, channel: Channel, post: Post | None, initial: dict[str, object]
) -> HttpResponse:
    form = PostForm(channel, request.POST or None, initial=initial, alerts=open_alerts(channel))
    if request.method == "POST" and form.is_valid():
        try:
            saved = save_draft(
                channel,
                form.content(images_of(request)),
                by=staff_of(request).email,
                post=post,
                seen=request.POST.get("seen"),
            )
        except PostRefusedError as refused:
            form.add_errors(refused.errors)
        except NotADraftError:
            form.add_error(None, _("Someone has already published it: correct it instead."))
        except EditConflictError:
            form.add_error(
                None,
                _(
                    "This draft changed after you opened it; someone else may have edited it. To "
                    "keep your version, choose the same button again; to read the other one, "
                    "open the draft in another tab."
                ),
            )
            return render_form(request, channel, post, form, "newsroom/write.html", fresh=True)
        except DecodersBusyError as busy:
            form.add_error(None, str(busy))
            page = render_form(request, channel, post, form, "newsroom/write.html")
            return retry_later(page, RETRY_SECONDS)
        else:
            route = "newsroom:publish" if "publish" in request.POST else "newsroom:post"
            return redirect_or_json(request, route, handle=channel.handle, post_id=saved.pk)
    return render_form(request, channel, post, form, "newsroom/write.html")


def render_form(
    request: HttpRequest,
    channel: Channel,
    post: Post | None,
    form: PostForm,
    template: str,
    *,
    fresh: bool = False,
) -> HttpResponse:
    """Render the composer, with status 422 if the form has errors.

    The form carries the digest of the content that the editor started from. ``fresh`` replaces it
    with the stored one, once the form has reported that the draft changed.
    """
    seen = Post.objects.get(pk=post.pk).content.digest if post else ""
    context = page_context(request, channel) | {
        "form": form,
        "post": post,
        "images": list(post.content.images.all()) if post else [],
        "kinds": Kind,
        "seen": seen if fresh else request.POST.get("seen", seen),
        "limits": LIMITS,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, template, context, status=status)


def open_alerts(channel: Channel) -> list[Post]:
    """Return the active alerts, which an all-clear could end."""
    now = timezone.now()
    alerts = channel.posts.visible(now).filter(live__kind=Kind.ALERT, live__all_clear_of=None)
    return [post for post in alerts.newest_first().with_content() if post.is_active_alert(now)]


@require_POST
@role_required(may_write)
def preview(request: HttpRequest, channel: Channel) -> HttpResponse:
    """Show the post as it will look on a phone, with the renderer of the public pages."""
    content, now = unfinished_content(request.POST), timezone.now()
    kind, text = content.kind, content.text
    times = times_of(kind, content.starts_at, content.ends_at)
    context = {
        "channel": channel,
        "avatar": avatar_url(channel, "64"),
        "content": content,
        "html": render_html(text),
        "summary": summary(where_and_when(kind, times, content.place, now, short=True), text),
        "when": when(kind, times, now),
    }
    return render(request, "newsroom/preview.html", context)


@role_required(may_write)
def post(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    """Show one post: its content, its history, and how it was delivered."""
    this_post = find_post(channel, post_id)
    content, now = this_post.content, timezone.now()
    tallies = counts([this_post.pk])[this_post.pk]
    context = page_context(request, channel) | {
        "post": this_post,
        "content": content,
        "images": list(content.images.all()),
        "html": render_html(content.text),
        "when": when(content.kind, content, now),
        "revisions": list(this_post.revisions.filter(published_at__isnull=False)),
        "is_visible": this_post.is_visible(now),
        "is_active": this_post.is_active_alert(now),
        "link_preview": preview_of(this_post),
        "reactions": this_post.reaction_counts if this_post.state == State.EXPIRED else tallies,
    }
    return render(request, "newsroom/post.html", context | delivery_progress(channel, this_post))


def delivery_progress(channel: Channel, post: Post) -> dict[str, object]:
    """Return the context of newsroom/progress.html."""
    rows = progress(post)
    copies = copy_progress(post)
    return {
        "rows": rows,
        "copies": copies,
        "handle": channel.handle,
        "post_id": post.pk,
        "running": not all(row.finished for row in rows)
        or not all(copy.finished for copy in copies),
    }


@role_required(may_write)
def draft_image(
    request: HttpRequest, channel: Channel, post_id: int, image_id: int
) -> HttpResponse:
    """Serve an image of a post to staff, whatever the post's state."""
    images = ImageFile.objects.filter(image__shown_in__revision__post=find_post(channel, post_id))
    file = images.filter(image=image_id, name="small").first()
    if file is None:
        raise Http404
    return HttpResponse(bytes(file.data), content_type=file.mime)


@require_POST
@role_required(may_write)
def delete(request: HttpRequest, channel: Channel, post_id: int) -> HttpResponse:
    try:
        delete_draft(find_post(channel, post_id), by=staff_of(request).email)
        messages.success(request, _("The draft was deleted."))
    except NotADraftError:
        messages.error(request, _("Someone has already published it: withdraw it instead."))
    return redirect("newsroom:posts", handle=channel.handle)
