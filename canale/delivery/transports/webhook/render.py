# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes the event of a revision. A post has the members that it has in the API."""

from __future__ import annotations

from canale.channel.links import channel_url, image_url, post_url
from canale.channel.text import render_html
from canale.delivery.transports.base import BroadcastContent, Purpose
from canale.delivery.transports.webhook.event import WebhookEvent, event

TYPES = {
    Purpose.POST: "post.published",
    Purpose.CORRECTION: "post.corrected",
    Purpose.WITHDRAWAL: "post.withdrawn",
}


def render(content: BroadcastContent) -> WebhookEvent:
    """Render the event. Of a withdrawn post it repeats nothing but where it was, and says why."""
    channel, post = content.channel, content.post
    if content.purpose is Purpose.WITHDRAWAL:
        shown = {
            "id": post.pk,
            "url": post_url(post),
            "withdrawn_at": post.withdrawn_at,
            "reason": post.withdrawal_reason,
        }
    else:
        shown = _post(content)
    data = {
        "channel": {"handle": channel.handle, "name": channel.name, "url": channel_url(channel)},
        "post": shown,
    }
    return event(TYPES[content.purpose], content.created_at, data)


def _post(content: BroadcastContent) -> dict[str, object]:
    post, revision = content.post, content.revision
    corrected = content.purpose is Purpose.CORRECTION
    values = {name: value for name, value in revision.values.items() if name != "alts"}
    return {
        **values,
        "id": post.pk,
        "url": post_url(post),
        "html": str(render_html(revision.text)),
        "published_at": post.published_at,
        "visible_until": post.visible_until,
        "corrected_at": revision.published_at if corrected else None,
        "correction": revision.note or None,
        "images": [
            {
                "small": image_url(shown.image, "small"),
                "large": image_url(shown.image, "large"),
                "width": shown.image.width,
                "height": shown.image.height,
                "alt": shown.alt,
            }
            for shown in revision.images.select_related("image__channel")
        ],
    }
