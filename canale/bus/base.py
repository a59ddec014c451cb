# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every bus does.

A message is a hint: it may be lost, come twice, be merged with its like or come out of order,
and whoever listens also looks into the database now and then. So publishing never fails for
the publisher.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Callback = Callable[[str, bytes], None]

SUBJECTS = ("live", "work", "pages")
"""`live`: there are new live events. `work`: there is something to send. `pages`: a channel
presents itself otherwise; the data is its handle, and none means any of them."""


class Subscription(Protocol):
    """One listener."""

    def close(self) -> None:
        """Ends it. May be called more than once."""


class Bus(Protocol):
    """Carries hints between processes."""

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Tells every listener, in this process too. Never raises; any thread or process."""

    def subscribe(self, callback: Callback) -> Subscription:
        """Calls `callback(subject, data)` on the running event loop for every hint.

        After a time in which it may have missed some, every subject comes once, without data.
        """

    @property
    def trouble(self) -> str:
        """Why no hints flow now; empty while they do."""

    @property
    def trouble_since(self) -> datetime | None:
        """Since when; None while they flow."""
