# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses whose far end has no such name. Once is an error of the DNS; for days it is the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from canale.delivery.chunk import Results
from canale.delivery.transports.base import Outcome, Recipient
from canale.followers.addresses import lock_owners, mark_found, mark_missing

# Longer than the weekend in which nobody mends a resolver.
MISSING_FOR = timedelta(days=3)


def expire_unresolvable(results: Results, now: datetime) -> Results:
    """The results, in which an address that is missing for too long is gone; since when others are
    is kept. Inside the caller's transaction, before it changes anything of an address."""
    missing = [sent for sent, result in results if result.missing]
    found = [sent for sent, result in results if sent.missing_since and result.code is not None]
    gone = [sent for sent, result in results if result.outcome is Outcome.GONE]
    if not (missing or found or gone):
        return results
    lock_owners(_ids([*missing, *found, *gone]))
    mark_missing(_ids(missing), now)
    mark_found(_ids(found))
    longest = now - MISSING_FOR
    return [
        (sent, replace(result, outcome=Outcome.GONE))
        if result.missing and sent.missing_since and sent.missing_since <= longest
        else (sent, result)
        for sent, result in results
    ]


def _ids(recipients: Sequence[Recipient]) -> list[int]:
    return [recipient.address_id for recipient in recipients]
