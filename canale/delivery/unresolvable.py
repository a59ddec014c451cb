# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses whose host cannot be resolved: once may be a DNS error, for days the host is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from canale.delivery.chunk import Results
from canale.delivery.transports.base import Outcome, Recipient
from canale.followers.addresses import lock_owners, mark_found, mark_missing

# Outlasts a weekend-long DNS outage.
UNRESOLVABLE_FOR = timedelta(days=3)


def expire_unresolvable(results: Results, now: datetime) -> Results:
    """Return the results, with addresses that were unresolvable for too long as gone.

    Store since when the others are. Inside the caller's transaction, before it changes an address.
    """
    missing = [sent for sent, result in results if result.missing]
    found = [sent for sent, result in results if sent.missing_since and result.code is not None]
    gone = [sent for sent, result in results if result.outcome is Outcome.GONE]
    if not (missing or found or gone):
        return results
    lock_owners(_ids([*missing, *found, *gone]))
    mark_missing(_ids(missing), now)
    mark_found(_ids(found))
    limit = now - UNRESOLVABLE_FOR
    return [
        (sent, replace(result, outcome=Outcome.GONE))
        if result.missing and sent.missing_since and sent.missing_since <= limit
        else (sent, result)
        for sent, result in results
    ]


def _ids(recipients: Sequence[Recipient]) -> list[int]:
    return [recipient.address_id for recipient in recipients]
