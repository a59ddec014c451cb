# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Web Push: notifications on phones and computers, through the browser's own push service."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from canale.core.settings import settings
from canale.delivery.transports.base import FanOutTransport
from canale.delivery.transports.webpush.address import PushIn
from canale.delivery.transports.webpush.checks import check_services, check_settings
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.refusals import REFUSALS
from canale.delivery.transports.webpush.transport import CONCURRENCY, WebPushTransport, check_new
from canale.delivery.transports.webpush.vapid import VapidKey

__all__ = [
    "CONCURRENCY",
    "REFUSALS",
    "PushIn",
    "check_address",
    "check_services",
    "check_settings",
    "open_transport",
    "public_key",
    "vapid_key",
]


def open_transport() -> FanOutTransport[Message]:
    """A transport for this process's event loop, set up from the settings."""
    return WebPushTransport(
        vapid_key(),
        settings.vapid_contact,
        settings.push_origins,
        concurrency=CONCURRENCY,
        proxy=settings.push_proxy,
    )


def check_address(address: Mapping[str, object], *, may_wait: bool = True) -> None:
    """Raise AddressRefusedError if nothing can ever be sent to this subscription. Ask the resolver,
    and wait for it, if it ``may_wait``."""
    check_new(address, settings.push_origins, may_wait=may_wait)


def public_key() -> str:
    """The ``applicationServerKey`` with which a browser subscribes, base64url."""
    return vapid_key().public_key


@cache
def vapid_key() -> VapidKey:
    """The installation's key. It lasts, as the subscriptions do that are bound to it."""
    # Here, because it stands on a model: what encrypts and posts also serves without a database.
    from canale.followers.persistent_keys import persistent_key

    return VapidKey.from_secret(persistent_key("vapid"))
