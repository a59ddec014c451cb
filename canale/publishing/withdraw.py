# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Takes a published post back; readers are told that it was, and why."""

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
from canale.publishing.correct import NotVisible, check_note, lock_visible
from canale.publishing.transitions import Act, move
from canale.reactions.tallies import close


def withdraw(post: Post, *, reason: str, by: str, now: datetime | None = None) -> Post:
    """Make a visible post invisible. Raises PostRefused without a reason, NotVisible."""
    reason = check_note(reason, "reason", _("Say why: readers see it."))
    now = now or timezone.now()
    with transaction.atomic():
        withdrawn = lock_visible(post, now)
        fields = {"withdrawn_at": now, "withdrawn_by": by, "withdrawal_reason": reason}
        if not move(withdrawn, Act.WITHDRAW, reaction_counts=close(withdrawn.pk), **fields):
            raise NotVisible
        plan_broadcasts(withdrawn.content, Purpose.WITHDRAWAL, now)
        record(by, "post.withdrawn", withdrawn.channel.handle, post=post.pk, reason=reason)
        # What was withdrawn is not replayed to who comes later; its words may be the reason.
        withdrawn.live_events.all().delete()
        append_event(withdrawn, LiveEvent.Kind.WITHDRAWAL)
    return withdrawn
