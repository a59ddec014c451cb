# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Withdraw a published post; readers see that it was withdrawn, and why."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from canale.accounts.audit import record
from canale.channel.models import Post
from canale.delivery.plan import plan_broadcasts
from canale.delivery.transports.base import Purpose
from canale.live.events import append_event
from canale.live.models import LiveEvent
from canale.previews.queue import forget_preview
from canale.publishing.correct import NotVisibleError, check_note, lock_visible
from canale.publishing.transitions import Act, move
from canale.reactions.tallies import finalize


def withdraw(post: Post, *, reason: str, by: str, now: datetime | None = None) -> Post:
    """Make a visible post invisible. Raises PostRefusedError without a reason, NotVisibleError."""
    reason = check_note(reason, "reason", _("Say why: readers see it."))
    now = now or timezone.now()
    with transaction.atomic():
        withdrawn = lock_visible(post, now)
        fields = {"withdrawn_at": now, "withdrawn_by": by, "withdrawal_reason": reason}
        if not move(withdrawn, Act.WITHDRAW, reaction_counts=finalize(withdrawn.pk), **fields):
            raise NotVisibleError
        forget_preview(post.pk)
        plan_broadcasts(withdrawn.content, Purpose.WITHDRAWAL, now)
        record(by, "post.withdrawn", withdrawn.channel.handle, post=post.pk, reason=reason)
        # Withdrawn content is not replayed to pages that connect later.
        withdrawn.live_events.all().delete()
        append_event(withdrawn, LiveEvent.Kind.WITHDRAWAL)
    return withdrawn
