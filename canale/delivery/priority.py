# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two priorities of delivery."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    ALERT = "alert"
    """Alerts, and welcomes: a citizen is waiting for them."""
    NORMAL = "normal"

    @classmethod
    def of(cls, *, urgent: bool) -> Priority:
        return cls.ALERT if urgent else cls.NORMAL
