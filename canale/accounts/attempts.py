# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Limits on how often a password, a code or a passkey may be tried.

The counts are rows of the database: every process on every machine sees them, and no attacker can
evict one by filling a cache. A row's key is a keyed hash, so the table names neither an address
nor a person; a row expires with its window and is deleted within a minute.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from canale.accounts.models import AttemptCount

_SALT = "canale attempts"
_TABLE = AttemptCount._meta.db_table
# Tolerated difference between the clocks of two machines.
_SLACK_SECONDS = 60
# One statement, so that two processes never both take the last attempt. A window that ends much
# later than a new one would was opened before the clock was set back.
_COUNT = f"""
INSERT INTO {_TABLE} (key, used, ends_at) VALUES (%(key)s, 1, %(end)s)
ON CONFLICT (key) DO UPDATE SET
  used = CASE WHEN {_TABLE}.ends_at <= %(now)s OR {_TABLE}.ends_at > %(far)s
    THEN 1 ELSE {_TABLE}.used + 1 END,
  ends_at = CASE WHEN {_TABLE}.ends_at <= %(now)s OR {_TABLE}.ends_at > %(far)s
    THEN %(end)s ELSE {_TABLE}.ends_at END
WHERE {_TABLE}.ends_at <= %(now)s OR {_TABLE}.ends_at > %(far)s OR {_TABLE}.used < %(max)s
"""  # noqa: S608  the table's name is ours


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``max_attempts`` attempts of ``subject`` (an account, a network) in ``seconds``."""

    bucket: str
    subject: str
    max_attempts: int
    seconds: int

    @property
    def key(self) -> str:
        """32 hexadecimal digits."""
        text = f"{self.bucket}\0{self.subject}"
        return salted_hmac(_SALT, text, algorithm="sha256").hexdigest()[:32]


class _UsedUpError(Exception):
    """Another request reached the limit between the check and the count."""


def take(limits: Sequence[Limit]) -> float | None:
    """Count one attempt against each limit.

    Return None if it may proceed; otherwise count nothing and return the seconds to wait. A refusal
    only reads, so that a flood of attempts causes no writes.
    """
    now = time.time()
    wait = _wait(limits, now)
    if wait is not None:
        return wait
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Always in the same order, so that two transactions cannot deadlock.
            for limit in sorted(limits, key=lambda limit: limit.key):
                end = now + limit.seconds
                far = end + _SLACK_SECONDS
                window: dict[str, str | int | float] = {"now": now, "end": end, "far": far}
                cursor.execute(_COUNT, window | {"key": limit.key, "max": limit.max_attempts})
                if cursor.rowcount != 1:
                    raise _UsedUpError
    except _UsedUpError:
        return _wait(limits, now) or 1.0
    return None


def _wait(limits: Iterable[Limit], now: float) -> float | None:
    """Return the seconds until the last exhausted limit reopens, or None if none is exhausted."""
    by_key = {limit.key: limit for limit in limits}
    waits = []
    for row in AttemptCount.objects.filter(pk__in=by_key, ends_at__gt=now):
        limit, wait = by_key[row.key], row.ends_at - now
        if row.used >= limit.max_attempts and wait <= limit.seconds + _SLACK_SECONDS:
            waits.append(wait)
    return max(waits, default=None)


def refund(limits: Iterable[Limit]) -> None:
    """Uncount a successful attempt: only failures count."""
    keys = sorted(limit.key for limit in limits)
    with transaction.atomic(), connection.cursor() as cursor:
        for key in keys:
            cursor.execute(
                f"UPDATE {_TABLE} SET used = used - 1 WHERE key = %s AND used > 0",  # noqa: S608
                [key],
            )


def clear(limits: Iterable[Limit]) -> None:
    """Reset the counts to zero."""
    AttemptCount.objects.filter(pk__in=[limit.key for limit in limits]).delete()


def prune() -> None:
    """Delete expired rows, skipping those that another transaction has locked."""
    with transaction.atomic():
        expired = AttemptCount.objects.filter(ends_at__lte=time.time())
        unlocked = expired.select_for_update(skip_locked=True)
        keys = list(unlocked.values_list("pk", flat=True)[:10_000])
        for start in range(0, len(keys), 500):
            AttemptCount.objects.filter(pk__in=keys[start : start + 500]).delete()
