# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Django's sessions in the database, under the hash of their key.

The key is what the browser's cookie holds: with the table alone nobody can be somebody else. Plain
SHA-256 does: the key is 165 random bits, which nobody guesses.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

# As wide as Django's column.
KEPT_LENGTH = 40


def kept_key(session_key: str) -> str:
    return hashlib.sha256(session_key.encode()).hexdigest()[:KEPT_LENGTH]


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        key = kept_key(self.session_key or "")
        found = Session.objects.filter(session_key=key, expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(kept_key(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = kept_key(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            Session.objects.filter(session_key=kept_key(key)).delete()
