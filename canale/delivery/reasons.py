# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Refusals that are our fault: counted per broadcast and reason, explained in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from canale.delivery.models import Broadcast, Rejection
from canale.delivery.transports.base import Explanation, Result

OUR_ERROR = "internal_error"
NOT_OPENED = "address_not_opened"


OURS: dict[str, Explanation] = {
    OUR_ERROR: Explanation(
        _("An error in canale stopped these messages."),
        _("Ask whoever runs canale to check the log, and to report what they find."),
    ),
    NOT_OPENED: Explanation(
        _("The stored addresses of these phones cannot be opened with the current secret key."),
        _("Ask whoever runs canale to restore the key of the last backup (CANALE_SECRET_KEY)."),
    ),
}
UNKNOWN = Explanation(
    _("The notification service refused these messages."),
    _("Ask whoever runs canale to check the log, which says why."),
)


def reason_of(result: Result) -> str:
    """The key under which a refusal is counted."""
    return str(result.code) if result.code is not None else result.reason[:80]


def keep_reasons(broadcast: Broadcast, counted: Mapping[str, int]) -> None:
    """Add to the counts, inside the caller's transaction."""
    if not counted:
        return
    # In a fixed order, so that two workers do not wait for each other's rows.
    reasons = sorted(counted)
    rows = [Rejection(broadcast=broadcast, reason=reason) for reason in reasons]
    Rejection.objects.bulk_create(rows, ignore_conflicts=True)
    for reason in reasons:
        kept = Rejection.objects.filter(broadcast=broadcast, reason=reason)
        kept.update(count=F("count") + counted[reason])


def explanation(reason: str, of_transport: Mapping[str, Explanation]) -> Explanation:
    return OURS.get(reason) or of_transport.get(reason, UNKNOWN)
