# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The interface of every bus.

A message is a hint: it may be lost, duplicated, merged with others like it or reordered, and
listeners also poll the database now and then. So publishing never fails for the publisher.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

Callbacks = Mapping[str, Callable[[bytes], None]]
"""By subject: what to call with the data of its hints."""

SUBJECTS = ("live", "work", "pages")
"""`live`: there are new live events. `work`: there is something to send. `pages`: a channel's
pages look different now; the data is its handle, and empty data means every channel."""


class Subscription(Protocol):
    """One listener."""

    def close(self) -> None:
        """Stop listening. May be called more than once."""


class Bus(Protocol):
    """Carries hints between processes."""

    def publish(self, subject: str, data: bytes = b"") -> None:
        """Notify every listener, in this process too. Never raises; any thread or process."""

    def subscribe(self, callbacks: Callbacks) -> Subscription:
        """Call ``callbacks[subject](data)`` on the running event loop for every hint with one of
        these subjects.

        After an interruption that may have lost hints, each is called once, without data.
        """

    @property
    def problem(self) -> str:
        """The reason why no hints flow now; empty while they do."""

    @property
    def problem_since(self) -> datetime | None:
        """The moment since which no hints flow; None while they do."""
