# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How often a password, a code or a passkey may be tried.

The counts are rows of the database: every process on every machine sees them, and no stranger can
push one out by filling a cache. A row's key is a keyed hash, so the table names neither an address
nor a person; rows end with their window and are deleted within a minute.
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
# The clocks of two machines, and two moments in one process, may differ by this much.
_SLACK_SECONDS = 60
# One statement, so that two processes never both take the last place. A window that ends much later
# than a new one would is from before the clock was put back.
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
    """A limit was reached by somebody else between the look and the count."""


def take(limits: Sequence[Limit]) -> float | None:
    """Count one attempt against each limit. None: go on; else the seconds to wait, and nothing was
    counted.

    A refusal only reads, so that a flood of attempts costs no writing.
    """
    now = time.time()
    wait = _wait(limits, now)
    if wait is not None:
        return wait
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Always in the same order: two transactions never wait for each other.
            for limit in sorted(limits, key=lambda limit: limit.key):
                cursor.execute(_COUNT, _values(limit, now))
                if cursor.rowcount != 1:
                    raise _UsedUpError
    except _UsedUpError:
        return _wait(limits, now) or 1.0
    return None


def _values(limit: Limit, now: float) -> dict[str, str | int | float]:
    end = now + limit.seconds
    far = end + _SLACK_SECONDS
    return {
        "key": limit.key,
        "now": now,
        "end": end,
        "far": far,
        "max": limit.max_attempts,
    }


def _wait(limits: Iterable[Limit], now: float) -> float | None:
    by_key = {limit.key: limit for limit in limits}
    rows = AttemptCount.objects.filter(pk__in=by_key, ends_at__gt=now)
    waits = [row.ends_at - now for row in rows if _is_used_up(row, by_key[row.key], now)]
    return max(waits, default=None)


def _is_used_up(row: AttemptCount, limit: Limit, now: float) -> bool:
    return row.used >= limit.max_attempts and row.ends_at <= now + limit.seconds + _SLACK_SECONDS


def refund(limits: Iterable[Limit]) -> None:
    """Uncount an attempt that was right: only wrong ones count."""
    keys = sorted(limit.key for limit in limits)
    with transaction.atomic(), connection.cursor() as cursor:
        for key in keys:
            cursor.execute(
                f"UPDATE {_TABLE} SET used = used - 1 WHERE key = %s AND used > 0",  # noqa: S608
                [key],
            )


def clear(limits: Iterable[Limit]) -> None:
    """Begin again at zero."""
    AttemptCount.objects.filter(pk__in=[limit.key for limit in limits]).delete()


def prune() -> None:
    """Delete the rows whose window is over. A row that another transaction holds waits its turn."""
    with transaction.atomic():
        over = AttemptCount.objects.filter(ends_at__lte=time.time())
        keys = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:10_000])
        for start in range(0, len(keys), 500):
            AttemptCount.objects.filter(pk__in=keys[start : start + 500]).delete()
