# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Failed sign-ins in the audit log: one entry per account and minute, with a count.

The request writes the same row whether the account exists or not, so that its duration reveals
nothing; the scheduler appends the entries. No network address is stored.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils.crypto import salted_hmac

from canale.accounts.audit import record
from canale.accounts.models import FailedSignIn, Staff

PASSWORD_REFUSED, CODE_REFUSED = "staff.password_refused", "staff.code_refused"
LOG_INTERVAL = timedelta(minutes=1)
_TABLE = FailedSignIn._meta.db_table
_ADD = f"""
INSERT INTO {_TABLE} (key, act, staff_id, waiting) VALUES (%s, %s, %s, 1)
ON CONFLICT (key) DO UPDATE SET waiting = {_TABLE}.waiting + 1
"""  # noqa: S608  the table's name is ours


def count_failure(act: str, email: str, staff: Staff | None) -> None:
    """Count a failed attempt at an account, or at an address that belongs to none."""
    key = salted_hmac(f"canale {act}", email.lower(), algorithm="sha256").hexdigest()[:32]
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [key, act, staff.pk if staff else None])


def log_failures(now: datetime) -> None:
    """Append the entries that are due. Safe to call from several processes at once."""
    FailedSignIn.objects.filter(staff=None).delete()
    is_due = Q(logged_at=None) | Q(logged_at__lte=now - LOG_INTERVAL)
    for row in FailedSignIn.objects.filter(is_due, waiting__gt=0).select_related("staff"):
        unchanged = FailedSignIn.objects.filter(
            pk=row.pk, waiting=row.waiting, logged_at=row.logged_at, staff__isnull=False
        )
        with transaction.atomic():
            if row.staff is not None and unchanged.update(waiting=0, logged_at=now):
                for membership in row.staff.memberships.select_related("channel"):
                    record(row.staff.email, row.act, membership.channel.handle, count=row.waiting)
    FailedSignIn.objects.filter(waiting=0, logged_at__lte=now - LOG_INTERVAL).delete()
