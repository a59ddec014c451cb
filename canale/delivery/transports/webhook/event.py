# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rendition of a webhook: one event as JSON. docs/outlets.md describes its members."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """The body of a request, the same for every attempt."""

    body: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def event(kind: str, at: datetime, data: Mapping[str, object]) -> WebhookEvent:
    """Encode an event: ``type``, ``timestamp`` and ``data``, as the specification recommends."""

    def written(value: object) -> str:
        """Dates and moments as in the API."""
        return value.isoformat() if isinstance(value, datetime) else str(value)

    members = {"type": kind, "timestamp": at.isoformat(), "data": data}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"), default=written)
    return WebhookEvent(text.encode("utf-8"))
