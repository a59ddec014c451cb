# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Passwords are hashed with Argon2, few at a time."""

from __future__ import annotations

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

# Each takes 100 MB: a stranger who signs in wrongly on every thread must not fill the memory.
SLOTS = threading.BoundedSemaphore(2)


class ThrottledArgon2PasswordHasher(Argon2PasswordHasher):
    def encode(self, password: str, salt: str) -> str:
        with SLOTS:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with SLOTS:
            return super().verify(password, encoded)
