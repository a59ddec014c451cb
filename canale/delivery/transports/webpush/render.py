# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Makes a notification of a revision, or of a welcome, in a follower's language."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings as django_settings
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from canale.channel.characters import direction
from canale.channel.links import avatar_url, channel_url, image_url, post_url
from canale.channel.models import Channel, Kind
from canale.channel.when import where_and_when
from canale.delivery.summary import summary
from canale.delivery.transports.base import BroadcastContent, Purpose
from canale.delivery.transports.webpush.message import Message, Urgency

WELCOME_SECONDS = 600
URGENCY: dict[str, Urgency] = {
    Kind.ALERT: "high",
    Kind.SERVICE: "normal",
    Kind.DEADLINE: "normal",
    Kind.EVENT: "low",
    Kind.NEWS: "normal",
}


def render(content: BroadcastContent, language: str) -> Message:
    """Render the notification for followers who read ``language``."""
    post, revision = content.post, content.revision
    withdrawn = content.purpose is Purpose.WITHDRAWAL
    with translation.override(language):
        title, body = _title_and_body(content)
    runs = direction(revision.headline) or direction(body if withdrawn else revision.text)
    image = None if withdrawn else revision.images.select_related("image__channel").first()
    # The city's language, unless the words run the other way: Arabic is not read as Italian.
    city: str = django_settings.LANGUAGE_CODE
    city_runs = "rtl" if get_language_info(city)["bidi"] else "ltr"
    return Message(
        post_id=post.pk,
        channel_handle=post.channel.handle,
        kind=revision.kind,
        title=title,
        body=body,
        url=post_url(post),
        icon=avatar_url(post.channel, "192"),
        image=image_url(image.image, "share") if image else None,
        language=city if runs in (None, city_runs) else "",
        tag=f"post-{post.pk}",
        silent=content.silent,
        ttl=max(0, int((content.expires_at - content.now).total_seconds())),
        urgency=URGENCY[revision.kind],
        sent_at=content.created_at,
        direction=runs,
    )


def _title_and_body(content: BroadcastContent) -> tuple[str, str]:
    revision = content.revision
    if content.purpose is Purpose.WITHDRAWAL:
        title = _("Withdrawn: %(headline)s") % {"headline": revision.headline}
        return title, content.post.withdrawal_reason or _("This post is no longer valid.")
    headline, note = revision.headline, ""
    if content.purpose is Purpose.CORRECTION:
        headline, note = _("Corrected: %(headline)s") % {"headline": headline}, revision.note
    elif revision.kind == Kind.ALERT and revision.all_clear_of_id:
        headline = _("All clear: %(headline)s") % {"headline": headline}
    elif revision.kind == Kind.ALERT:
        headline = _("Alert: %(headline)s") % {"headline": headline}
    facts = where_and_when(revision.kind, revision, revision.place, content.now, short=True)
    return headline, summary(facts, revision.text, note)


def render_welcome(channel: Channel, language: str, now: datetime) -> Message:
    """Render the message that shows a new follower that notifications arrive."""
    with translation.override(language):
        title = _("Welcome! Notifications work")
        body = _("From now on, news arrives here.")
    return Message(
        post_id=0,
        channel_handle=channel.handle,
        kind="welcome",
        title=title,
        body=body,
        url=channel_url(channel),
        icon=avatar_url(channel, "192"),
        image=None,
        language=language,
        tag=f"welcome-{channel.pk}",
        silent=False,
        ttl=WELCOME_SECONDS,
        urgency="high",
        sent_at=now,
    )
