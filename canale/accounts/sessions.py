# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Staff sessions in the database, stored under the hash of their key.

The key is in the browser's cookie, so the table alone does not let anyone impersonate staff. Plain
SHA-256 is enough, because a key is 165 random bits. A session ends after IDLE_TIMEOUT without use,
and at the latest MAX_SESSION_AGE after the sign-in.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db.models import Q, QuerySet
from django.utils import timezone

from canale.accounts.models import Staff, StaffSession

IDLE_TIMEOUT = timedelta(hours=2)
# A long working day.
MAX_SESSION_AGE = timedelta(hours=12)
# Before a sign-in a session holds only a form's state.
ANONYMOUS_SESSION_AGE = timedelta(hours=1)
# How often ``seen_at`` is written, so that not every request writes.
SEEN_INTERVAL = timedelta(minutes=1)
# The width of Django's column.
KEY_HASH_LENGTH = 40
# Keys of a session's data.
SIGNED_IN_AT, BROWSER = "signed_in_at", "browser"


def key_hash(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:KEY_HASH_LENGTH]


def open_sessions(now: datetime) -> QuerySet[StaffSession]:
    """Return the sessions that have not ended, of active accounts."""
    usable = Q(staff=None) | Q(staff__is_active=True)
    return StaffSession.objects.filter(usable, expire_date__gt=now, seen_at__gt=now - IDLE_TIMEOUT)


def end_sessions(staff: Staff, keep: str | None = None) -> int:
    """End a person's sessions except the one whose key is ``keep``; return how many ended."""
    rows = StaffSession.objects.filter(staff=staff)
    return rows.exclude(session_key=key_hash(keep or "")).delete()[0]


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[AbstractBaseSession]:
        return StaffSession

    @classmethod
    def clear_expired(cls) -> None:
        now = timezone.now()
        ended = Q(expire_date__lte=now) | Q(seen_at__lte=now - IDLE_TIMEOUT)
        StaffSession.objects.filter(ended).delete()

    def _get_session_from_db(self) -> StaffSession | None:
        now = timezone.now()
        key = key_hash(self.session_key or "")
        row = open_sessions(now).filter(session_key=key).first()
        if row is None:
            self._session_key = None
        elif row.seen_at < now - SEEN_INTERVAL:
            StaffSession.objects.filter(pk=row.pk).update(seen_at=now)
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(key_hash(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> StaffSession:
        now = timezone.now()
        row = super().create_model_instance(data)
        staff = data.get(SESSION_KEY)
        signed_in = datetime.fromisoformat(data[SIGNED_IN_AT]) if SIGNED_IN_AT in data else now
        return StaffSession(
            session_key=key_hash(row.session_key),
            session_data=row.session_data,
            expire_date=signed_in + MAX_SESSION_AGE if staff else now + ANONYMOUS_SESSION_AGE,
            staff_id=staff,
            signed_in_at=signed_in if staff else None,
            seen_at=now,
            browser=data.get(BROWSER, ""),
        )

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            StaffSession.objects.filter(session_key=key_hash(key)).delete()
