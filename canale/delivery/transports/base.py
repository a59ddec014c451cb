# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a transport is given and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from django.utils.functional import Promise

from canale.channel.characters import Direction

Urgency = Literal["very-low", "low", "normal", "high"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one broadcast says: the same for all its addresses in one language.

    ``language`` is that of the words, or empty. ``ttl`` is in seconds, ``sent_at`` is aware,
    ``url``, ``icon`` and ``image`` are absolute. ``tag`` folds messages about the same thing: the
    later one replaces the earlier one.
    """

    post_id: int
    channel_handle: str
    kind: str
    title: str
    body: str
    url: str
    icon: str | None
    image: str | None
    language: str
    tag: str
    silent: bool
    ttl: int
    urgency: Urgency
    sent_at: datetime
    direction: Direction | None = None
    """The direction of the person's words in the title; None: that of the title as a whole."""


class Outcome(StrEnum):
    """What became of one message to one address."""

    ACCEPTED = "accepted"
    """The far end took it over."""
    GONE = "gone"
    """The address no longer exists: delete it."""
    REJECTED = "rejected"
    """Refused for a reason that sending again does not mend; the address stays."""
    LATER = "later"
    """Not now: send again, at the earliest after ``Result.retry_after`` seconds."""


@dataclass(frozen=True, slots=True)
class Result:
    """An outcome, the far end's own ``code`` if it gave one, and a reason free of addresses.

    ``retry_after`` is in seconds; ``tried`` is False for what was put off without an attempt;
    ``missing`` is True when the far end has no such name, which may yet be a passing error.
    """

    outcome: Outcome
    code: int | None
    reason: str
    retry_after: float | None = None
    tried: bool = True
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of a refusal for a fault of ours: what is wrong, and what to do."""

    wrong: str | Promise
    remedy: str | Promise


class AddressRefused(Exception):  # noqa: N818
    """An address given by a follower cannot be used; the message may be shown to them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FanOutTransport(Protocol):
    """Sends one message per address. An address is the opened vault's JSON object."""

    name: str

    def check_address(self, address: Mapping[str, object]) -> None:
        """Say at follow time whether the address can be used. Raises AddressRefused."""

    def origin(self, address: Mapping[str, object]) -> str:
        """Which far end takes messages for the address: one that is ill delays no other."""

    def service(self, origin: str) -> str:
        """One of few names for an origin, for figures: never a host that a stranger chose."""

    async def send(self, message: Message, address: Mapping[str, object]) -> Result:
        """Send once; never raises for a far end that fails, refuses or does not answer."""

    async def close(self) -> None:
        """Close the connections."""
