# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The input and the results of a relay: one call for each post, to a far end that shows it.

A far end that drops repeated calls, one that can be read back, and one that can do neither are told
apart by their capabilities alone (docs/decisions/0060).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from canale.delivery.transports.base import R_contra, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The abilities of a far end. Lengths are in the far end's own units; None: no limit."""

    idempotent: bool
    """It recognises a repeated call by its key and drops it."""
    read_back: bool
    """It can be asked whether a post is there."""
    edit: bool
    delete: bool
    delete_within: timedelta | None = None
    """Afterwards only an edit is left."""
    text_limit: int | None = None
    picture_limit: int | None = None
    alt_text: bool = False


@dataclass(frozen=True, slots=True)
class OutletSetup:
    """The options and secrets of a relay. ``show_once`` is a secret that was made just now."""

    options: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    show_once: str = field(default="", repr=False)


class OutletRefusedError(Exception):
    """An outlet cannot be set up in this way; the message says why, and names no secret."""


class RelayRendition(Protocol):
    """A revision as a relay sends it; nobody else looks inside."""

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of what is sent."""


@dataclass(frozen=True, slots=True)
class HeldCopy:
    """The post as the outlet holds it, as far as is known; ``external`` are its ids there."""

    external: Mapping[str, object]
    url: str
    digest: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of one call.

    The result is ``retry`` only where the far end certainly did nothing, ``unknown`` where it may
    have done it, ``gone`` where it asked for no more calls. ``url`` is public.
    """

    result: Result
    external: Mapping[str, object] = field(default_factory=dict)
    url: str = ""


def new_key() -> str:
    """Return an idempotency key that no other copy has."""
    return f"msg_{secrets.token_urlsafe(18)}"


class Sighting(StrEnum):
    """The result of reading an outlet back."""

    SEEN = "seen"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class RelayTransport(Protocol[R_contra]):
    """Makes the calls of one outlet. None of them raises for a far end that fails or refuses.

    ``key`` is the same for every attempt at the same copy.
    """

    async def check(self, key: str) -> Receipt:
        """Make a trial call that nobody can take for a post."""

    async def publish(self, rendition: R_contra, key: str) -> Receipt: ...

    async def correct(self, held: HeldCopy, rendition: R_contra, key: str) -> Receipt: ...

    async def withdraw(self, held: HeldCopy, rendition: R_contra, key: str) -> Receipt:
        """Take the post back; the rendition is what can stand in its place."""

    async def look(self, held: HeldCopy, rendition: R_contra) -> Sighting:
        """Find out whether the rendition is there. Called only where ``read_back`` is True."""
