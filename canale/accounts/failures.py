# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Failed sign-ins in the log of what staff did: one entry a minute and account, with a count.

The request writes the same row whether there is such an account or not, so that its time tells
nothing; the scheduler makes the entries. No network address is kept.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from canale.accounts.audit import record
from canale.accounts.models import FailedSignIn, Staff

PASSWORD_REFUSED, CODE_REFUSED = "staff.password_refused", "staff.code_refused"
EVERY = timedelta(minutes=1)
_TABLE = FailedSignIn._meta.db_table
_ADD = f"""
INSERT INTO {_TABLE} (key, act, staff_id, waiting) VALUES (%s, %s, %s, 1)
ON CONFLICT (key) DO UPDATE SET waiting = {_TABLE}.waiting + 1
"""  # noqa: S608  the table's name is ours


def note(act: str, email: str, staff: Staff | None) -> None:
    """One more failed attempt at an account, or at an address that is nobody's."""
    key = salted_hmac(f"canale {act}", email.lower(), algorithm="sha256").hexdigest()[:32]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [key, act, staff.pk if staff else None])


def log_failures(now: datetime) -> None:
    """Write down what is due. Every process may call it: an entry is made by one."""
    FailedSignIn.objects.filter(staff=None).delete()
    for row in FailedSignIn.objects.filter(waiting__gt=0).select_related("staff"):
        if row.logged_at is None or row.logged_at <= now - EVERY:
            _log(row, now)
    FailedSignIn.objects.filter(waiting=0, logged_at__lte=now - EVERY).delete()


@transaction.atomic
def _log(row: FailedSignIn, now: datetime) -> None:
    same = FailedSignIn.objects.filter(
        pk=row.pk, waiting=row.waiting, logged_at=row.logged_at, staff__isnull=False
    )
    if row.staff is None or not same.update(waiting=0, logged_at=now):
        return
    for membership in row.staff.memberships.select_related("channel"):
        record(row.staff.email, row.act, membership.channel.handle, count=row.waiting)
