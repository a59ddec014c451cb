# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Faults that the push service itself puts between two messages of a broadcast."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tests.standins.push_service import PushService, Received


class Fault:
    """A callback that runs once N messages of a post have been received, before any other is.

    The push service answers nothing until it returns, so it runs in the middle of the broadcast
    on a machine of any speed. It must not wait for a process that waits for an answer."""

    def __init__(self, act: Callable[[], object], after: int = 250) -> None:
        self._act = act
        self._after = after
        self._told: set[str] = set()
        self._over = threading.Event()
        self._error: Exception | None = None

    def see(self, endpoint: str) -> None:
        """This one was told. Called by the push service."""
        if self._over.is_set():
            return
        self._told.add(endpoint)
        if len(self._told) < self._after:
            return
        try:
            self._act()
        except Exception as error:
            self._error = error
        self._over.set()

    def happened(self) -> int:
        """Waits for it; how many were told before."""
        assert self._over.wait(120), f"only {len(self._told)} were told"
        if self._error is not None:
            raise self._error
        return len(self._told)


class FaultyPushService(PushService):
    """One that does what a test puts into its work."""

    def __init__(self, host: str) -> None:
        super().__init__(host=host)
        self._faults: dict[str, Fault] = {}

    def put(self, fault: Fault, title: str) -> None:
        """Into the broadcast that bears the title, which has not begun."""
        self._faults[title] = fault

    def _note(self, message: Received) -> None:
        super()._note(message)
        fault = self._faults.get(message.payload["notification"]["title"])
        if fault is not None:
            fault.see(message.endpoint)
