# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one table of transports. Nobody else names one: planning, sending and following look here,
by name or by the kind of address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel

from canale.channel.models import Channel
from canale.core.finding import Finding
from canale.delivery.transports import webhook, webpush
from canale.delivery.transports.base import (
    AddressRefusedError,
    BroadcastContent,
    Explanation,
    FanOutTransport,
    R,
)
from canale.delivery.transports.relays import (
    Capabilities,
    OutletSetup,
    RelayRendition,
    RelayTransport,
)
from canale.delivery.transports.webhook.render import render as render_event
from canale.delivery.transports.webpush.render import render, render_welcome
from canale.net.http import GuardedClient

Rendition = TypeVar("Rendition", bound=RelayRendition)


class AddressCheck(Protocol):
    def __call__(self, address: Mapping[str, object], *, may_wait: bool) -> None:
        """Raise AddressRefusedError; on an event loop, where it may not wait, also in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportSpec:
    """One transport: its name in tables and logs, and its name for people."""

    name: str
    label: str | Promise
    refusals: Mapping[str, Explanation]
    """By the far end's code: what to say of messages that it refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FanOutSpec(TransportSpec, Generic[R]):
    """A transport that sends one message per address.

    ``concurrency`` is how many messages a worker may have in flight, ``batches_at_once`` how many
    batches of each priority all workers of all machines together; None: no limit.
    """

    address_kind: str
    concurrency: int
    batches_at_once: int | None
    render: Callable[[BroadcastContent, str], R]
    """Make the rendition for one language. Reads the database."""
    render_welcome: Callable[[Channel, str, datetime], R]
    open: Callable[[], FanOutTransport[R]]
    check_address: AddressCheck
    address_schema: type[BaseModel]
    """The form of an address in the API, where its kind names the field."""
    check_settings: Callable[[], Iterator[Finding]]
    check_services: Callable[[], Iterator[Finding]]
    """For `canale check`: whether the far ends can be reached from here."""
    public_params: Mapping[str, Callable[[], str]]
    """By name: what a device or a program needs from the channel to make an address."""
    persistent_key: str | None = None
    """The purpose of the persistent key to which every address is bound, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySpec(TransportSpec, Generic[Rendition]):
    """A transport that makes one call per post, set up for one channel as an outlet."""

    capabilities: Capabilities
    options: tuple[str, ...]
    required_options: tuple[str, ...]
    secrets: tuple[str, ...]
    """Names of those that an operator gives."""
    prepare: Callable[[Mapping[str, str], Mapping[str, str]], OutletSetup]
    """Check given options and secrets, and make what else is needed. Raises OutletRefusedError."""
    render: Callable[[BroadcastContent], Rendition]
    """Make the rendition. Reads the database."""
    open: Callable[[OutletSetup, GuardedClient], RelayTransport[Rendition]]


PAGES = TransportSpec(name="pages", label=_("The channel’s pages"), refusals={})

FAN_OUTS: tuple[FanOutSpec[Any], ...] = (
    FanOutSpec(
        name="webpush",
        label=_("Notifications"),
        refusals=webpush.REFUSALS,
        address_kind="push",
        concurrency=webpush.CONCURRENCY,
        # Each worker's limiters hold it to what each push service takes.
        batches_at_once=None,
        render=render,
        render_welcome=render_welcome,
        open=webpush.open_transport,
        check_address=webpush.check_address,
        address_schema=webpush.PushIn,
        check_settings=webpush.check_settings,
        check_services=webpush.check_services,
        public_params={"vapid_public_key": webpush.public_key},
        persistent_key="vapid",
    ),
)

RELAYS: tuple[RelaySpec[Any], ...] = (
    RelaySpec(
        name="webhook",
        label=_("Webhook"),
        refusals=webhook.REFUSALS,
        capabilities=webhook.CAPABILITIES,
        options=("url",),
        required_options=("url",),
        secrets=(),
        prepare=webhook.prepare,
        render=render_event,
        open=webhook.open_transport,
    ),
)

# Every channel has these; they are never set up, removed or switched off.
BUILT_IN: tuple[TransportSpec, ...] = (PAGES, *FAN_OUTS)
TRANSPORTS: tuple[TransportSpec, ...] = (*BUILT_IN, *RELAYS)

_BY_NAME = {spec.name: spec for spec in TRANSPORTS}
_FAN_OUT_BY_NAME = {spec.name: spec for spec in FAN_OUTS}
_RELAY_BY_NAME = {spec.name: spec for spec in RELAYS}
_BY_ADDRESS_KIND = {spec.address_kind: spec for spec in FAN_OUTS}
PUBLIC_PARAMS = [name for spec in FAN_OUTS for name in spec.public_params]
ADDRESS_SCHEMAS = {spec.address_kind: spec.address_schema for spec in FAN_OUTS}


def get(name: str) -> TransportSpec:
    """Return the transport of that name. Raises KeyError."""
    return _BY_NAME[name]


def get_fan_out(name: str) -> FanOutSpec[Any]:
    """Return the fan-out transport of that name. Raises KeyError."""
    return _FAN_OUT_BY_NAME[name]


def get_relay(name: str) -> RelaySpec[Any]:
    """Return the relay of that name. Raises KeyError."""
    return _RELAY_BY_NAME[name]


def for_address_kind(kind: str) -> FanOutSpec[Any]:
    """Return the transport that sends to that kind of address. Raises KeyError."""
    return _BY_ADDRESS_KIND[kind]


def check_address(kind: str, address: Mapping[str, object], *, may_wait: bool = True) -> None:
    """Check whether a follower's address can be used. Raises AddressRefusedError, also for an
    unknown kind; and where that needs a wait for somebody else, if it may not wait."""
    spec = _BY_ADDRESS_KIND.get(kind)
    if spec is None:
        raise AddressRefusedError(f"{kind}: not a kind of address")
    spec.check_address(address, may_wait=may_wait)


def public_params() -> dict[str, str]:
    """Return by name what devices and programs need from the channel to make their addresses."""
    return {name: value() for spec in FAN_OUTS for name, value in spec.public_params.items()}
