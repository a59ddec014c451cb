# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Correct a published post; readers see that it was corrected, and what changed."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from canale.accounts.audit import record
from canale.channel.characters import is_damaged, one_line
from canale.channel.models import Post, Revision
from canale.delivery.plan import plan_broadcasts
from canale.delivery.transports.base import Purpose
from canale.live.events import append_post_event
from canale.live.models import LiveEvent
from canale.publishing.content import Content, PostRefusedError, check, not_unicode
from canale.publishing.drafts import write_revision
from canale.publishing.publish import show
from canale.publishing.transitions import Act, move

NOTE_LENGTH = 200


class NotVisibleError(Exception):
    """The post was withdrawn, or its time is over."""


def correct(
    post: Post, content: Content, *, note: str, by: str, now: datetime | None = None
) -> Revision:
    """Publish the next revision of a visible post.

    ``note`` says to readers what changed. Raises PostRefusedError, NotVisibleError.
    """
    note = check_note(note, "note", _("Say what changed: readers see it."))
    checked = check(post.channel, content, post)
    now = now or timezone.now()
    with transaction.atomic():
        visible = lock_visible(post, now)
        if not move(visible, Act.CORRECT):
            raise NotVisibleError
        revision = write_revision(visible, checked, note=note)
        show(visible, revision, by=by, now=now)
        plan_broadcasts(revision, Purpose.CORRECTION, now)
        record(by, "post.corrected", visible.channel.handle, post=post.pk, note=note)
        append_post_event(visible, LiveEvent.Kind.CORRECTION)
    return revision


def check_note(note: str, field: str, missing: str) -> str:
    """The editor's words to the readers, tidied. Raises PostRefusedError."""
    note = one_line(note)
    if not note:
        raise PostRefusedError({field: [missing]})
    if is_damaged(note):
        raise PostRefusedError({field: [not_unicode()]})
    if len(note) > NOTE_LENGTH:
        raise PostRefusedError(
            {field: [_("At most %(limit)d characters.") % {"limit": NOTE_LENGTH}]}
        )
    return note


def lock_visible(post: Post, now: datetime) -> Post:
    """Lock and return the post. Raises NotVisibleError."""
    rows = Post.objects.select_for_update(of=("self",)).select_related("channel")
    locked = rows.filter(pk=post.pk).first()
    if locked is None or not locked.is_visible(now):
        raise NotVisibleError
    return locked
