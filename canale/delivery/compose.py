# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Says a broadcast, or a welcome, in a reader's language."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings as django_settings
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from canale.channel.characters import Direction, direction
from canale.channel.links import avatar_url, channel_url, image_url, post_url
from canale.channel.models import Channel, Kind, Revision
from canale.channel.text import excerpt
from canale.channel.when import where_and_when
from canale.delivery.models import Broadcast
from canale.delivery.transports.base import Message, Urgency

BODY_LENGTH = 240
# Fewer characters of a text are no sentence.
SHORTEST_EXCERPT = 20
WELCOME_SECONDS = 600
URGENCY: dict[str, Urgency] = {
    Kind.ALERT: "high",
    Kind.SERVICE: "normal",
    Kind.DEADLINE: "normal",
    Kind.EVENT: "low",
    Kind.NEWS: "normal",
}


def compose(broadcast: Broadcast, language: str, now: datetime) -> Message:
    """The message of a broadcast for followers who read ``language``."""
    post, revision = broadcast.post, broadcast.revision
    withdrawn = broadcast.purpose == Broadcast.Purpose.WITHDRAWAL
    with translation.override(language):
        title, body = _withdrawal(broadcast) if withdrawn else _published(broadcast, now)
    text = body if withdrawn else revision.text
    runs = direction(revision.headline) or direction(text)
    return Message(
        post_id=post.pk,
        channel_handle=post.channel.handle,
        kind=revision.kind,
        title=title,
        body=body,
        url=post_url(post),
        icon=avatar_url(post.channel, "192"),
        image=None if withdrawn else _first_image(revision),
        language=_city_language(runs),
        tag=f"post-{post.pk}",
        silent=broadcast.silent,
        ttl=max(0, int((broadcast.expires_at - now).total_seconds())),
        urgency=URGENCY[revision.kind],
        sent_at=broadcast.created_at,
        direction=runs,
    )


def _city_language(runs: Direction | None) -> str:
    """The city's language, unless the words run the other way: Arabic is not read as Italian."""
    code: str = django_settings.LANGUAGE_CODE
    return code if runs in (None, "rtl" if get_language_info(code)["bidi"] else "ltr") else ""


def _published(broadcast: Broadcast, now: datetime) -> tuple[str, str]:
    revision = broadcast.revision
    headline, note = revision.headline, ""
    if broadcast.purpose == Broadcast.Purpose.CORRECTION:
        headline, note = _("Corrected: %(headline)s") % {"headline": headline}, revision.note
    elif revision.kind == Kind.ALERT and revision.all_clear_of_id:
        headline = _("All clear: %(headline)s") % {"headline": headline}
    elif revision.kind == Kind.ALERT:
        headline = _("Alert: %(headline)s") % {"headline": headline}
    facts = where_and_when(revision.kind, revision, revision.place, now, short=True)
    return headline, summary(facts, revision.text, note)


def summary(facts: str, text: str, note: str = "") -> str:
    """The body of a notification: when and where, what a correction changed, then as much of the
    text as there is room for. Whoever reads only the first line knows when to come."""
    first = "\n".join(part for part in (facts, note) if part)
    room = BODY_LENGTH - len(first) - 1 if first else BODY_LENGTH
    rest = excerpt(text, room) if room >= SHORTEST_EXCERPT else ""
    return "\n".join(part for part in (first, rest) if part)


def _withdrawal(broadcast: Broadcast) -> tuple[str, str]:
    title = _("Withdrawn: %(headline)s") % {"headline": broadcast.revision.headline}
    return title, broadcast.post.withdrawal_reason or _("This post is no longer valid.")


def _first_image(revision: Revision) -> str | None:
    shown = revision.images.select_related("image__channel").first()
    return image_url(shown.image, "share") if shown else None


def compose_welcome(channel: Channel, language: str, now: datetime) -> Message:
    """The message that proves to a new follower that notifications arrive."""
    with translation.override(language):
        title = _("Welcome! Notifications work")
        body = _("From now on you get the news of %(channel)s here.") % {"channel": channel.name}
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
