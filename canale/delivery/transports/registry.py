# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one table of transports. Whoever sends or lets people follow looks here, by the kind of
address; no other module names a transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from canale.delivery.transports import webpush
from canale.delivery.transports.base import AddressRefused, Explanation, FanOutTransport


class AddressCheck(Protocol):
    def __call__(self, address: Mapping[str, object], *, may_wait: bool) -> None:
        """Raises AddressRefused; on an event loop, where it may not wait, also in doubt."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transport: its name in tables and logs, its name for people, what it sends to.

    ``concurrency`` is how many messages a worker may have under way, ``batches_at_once`` how many
    batches of each priority all workers of all machines together; None: no limit.
    """

    name: str
    label: str | Promise
    address_kind: str
    concurrency: int
    batches_at_once: int | None
    open: Callable[[], FanOutTransport]
    check_address: AddressCheck
    follow_parameters: Callable[[], dict[str, str]]
    refusals: Mapping[str, Explanation]
    """By the far end's code: what to say of messages that it refuses."""


TRANSPORTS: tuple[Entry, ...] = (
    Entry(
        name="webpush",
        label=_("Notifications"),
        address_kind="push",
        concurrency=webpush.CONCURRENCY,
        # Each worker's limiters hold it to what each push service takes.
        batches_at_once=None,
        open=webpush.open_transport,
        check_address=webpush.check_address,
        follow_parameters=webpush.follow_parameters,
        refusals=webpush.REFUSALS,
    ),
)

_BY_NAME = {entry.name: entry for entry in TRANSPORTS}
_BY_ADDRESS_KIND = {entry.address_kind: entry for entry in TRANSPORTS}


def named(name: str) -> Entry:
    """The transport of that name. Raises KeyError."""
    return _BY_NAME[name]


def for_address_kind(kind: str) -> Entry:
    """The transport that sends to that kind of address. Raises KeyError."""
    return _BY_ADDRESS_KIND[kind]


def check_address(kind: str, address: Mapping[str, object], *, may_wait: bool = True) -> None:
    """Say whether a follower's address can be used. Raises AddressRefused, also for its kind; and
    where that cannot be said without waiting for somebody else, if it may not."""
    entry = _BY_ADDRESS_KIND.get(kind)
    if entry is None:
        raise AddressRefused(f"{kind}: not a kind of address")
    entry.check_address(address, may_wait=may_wait)


def follow_parameters() -> dict[str, dict[str, str]]:
    """For each kind of address, what a page needs to make one."""
    return {entry.address_kind: entry.follow_parameters() for entry in TRANSPORTS}
