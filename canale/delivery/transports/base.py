# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The input of a transport, what it does with it, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeVar

from django.db.models import TextChoices
from django.utils.functional import Promise

if TYPE_CHECKING:
    # Encryption and posting also work without a database.
    from canale.channel.models import Channel, Post, Revision

R = TypeVar("R")
"""A transport's own rendition: nobody else looks inside."""
R_contra = TypeVar("R_contra", contravariant=True)


class Purpose(TextChoices):
    """Why a broadcast goes out: what happened to the post."""

    POST = "post"
    CORRECTION = "correction"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class BroadcastContent:
    """One revision on its way out: all that a rendition is made of.

    ``now`` is the moment of rendering; after ``expires_at`` the content is stale. Both and
    ``created_at`` are aware. ``silent`` replaces what was already shown, without sounding again.
    """

    purpose: Purpose
    post: Post
    revision: Revision
    created_at: datetime
    expires_at: datetime
    now: datetime
    silent: bool = False

    @property
    def channel(self) -> Channel:
        return self.post.channel


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address to send to, opened; ``opened`` is None when the vault could not."""

    address_id: int
    language: str
    opened: Mapping[str, object] | None
    missing_since: datetime | None = None


class Outcome(StrEnum):
    """The outcome of one message to one address."""

    ACCEPTED = "accepted"
    """The far end took it over."""
    GONE = "gone"
    """The address no longer exists: delete it."""
    REJECTED = "rejected"
    """Refused for a reason that sending again does not fix; the address stays."""
    RETRY = "retry"
    """Not now: send again, at the earliest after ``Result.retry_after`` seconds."""
    UNKNOWN = "unknown"
    """The far end may have taken it or not: find out before it is sent again."""


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
    """A refusal in plain words: the problem, and what to do about it."""

    problem: str | Promise
    action: str | Promise


class AddressRefusedError(Exception):
    """An address given by a follower cannot be used; the message may be shown to them."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FanOutTransport(Protocol[R_contra]):
    """Sends one rendition per address. An address is the opened vault's JSON object."""

    name: str

    def check_address(self, address: Mapping[str, object]) -> None:
        """Say at follow time whether the address can be used. Raises AddressRefusedError."""

    def origin(self, address: Mapping[str, object]) -> str:
        """The far end that takes messages for the address: a slow one delays no other."""

    def service(self, origin: str) -> str:
        """One of few names for an origin, for metrics: never a host that a stranger chose."""

    async def send(self, rendition: R_contra, recipient: Recipient) -> Result:
        """Send once; never raises for a far end that fails, refuses or does not answer."""

    async def close(self) -> None:
        """Close the connections."""
