# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The password hasher: Argon2, with a limit on how many run at once."""

from __future__ import annotations

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

# Each run takes 100 MB: wrong passwords sent to every thread at once must not exhaust the memory.
SLOTS = threading.BoundedSemaphore(2)


class ThrottledArgon2PasswordHasher(Argon2PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        with SLOTS:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with SLOTS:
            return super().verify(password, encoded)
