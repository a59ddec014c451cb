# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Web Push (RFC 8030): one encrypted POST per subscription."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

from canale.delivery.transports.base import AddressRefusedError, Outcome, Recipient, Result
from canale.delivery.transports.webpush.codes import TABLE
from canale.delivery.transports.webpush.encryption import (
    MAX_PLAINTEXT,
    BadKeysError,
    SubscriptionKeys,
    encrypt,
)
from canale.delivery.transports.webpush.message import Message
from canale.delivery.transports.webpush.payload import SHRUNK, payload_of
from canale.delivery.transports.webpush.services import (
    KNOWN_SERVICES,
    check_endpoint,
    is_invented,
    must_be_looked_up,
    service_name,
)
from canale.delivery.transports.webpush.vapid import Authorizer, VapidKey
from canale.net.endpoints import EndpointRefusedError
from canale.net.http import TOTAL_TIMEOUT, GuardedClient, Headers
from canale.net.http_errors import NoResponseError, ResolutionError

NAME = "webpush"
CONCURRENCY = 256

# An alert without an answer is sent once more; by Topic and tag the phone shows it once (RFC 8030,
# section 5.4).
ALERT_AGAIN_AFTER = timedelta(seconds=4)

# One line a minute for each service and code, however many thousand messages it concerns.
LOG_EVERY = 60.0

logger = logging.getLogger(__name__)

# A broadcast is one message per language, sent thousands of times: nothing about it is made twice.
_payload = lru_cache(maxsize=64)(payload_of)


class Target(NamedTuple):
    """An address, checked."""

    origin: str
    endpoint: str
    keys: SubscriptionKeys


class WebPushTransport:
    """Sends to push subscriptions. Belongs to one event loop.

    An address is ``PushSubscription.toJSON()``: ``{"endpoint": …, "keys": {"p256dh": …,
    "auth": …}}``. Neither it nor any part of it is ever logged.
    """

    name = NAME

    def __init__(
        self,
        key: VapidKey,
        contact: str,
        extra_origins: Collection[str] = (),
        *,
        concurrency: int = CONCURRENCY,
        total_timeout: timedelta = TOTAL_TIMEOUT,
        root_certificate: bytes | None = None,
        proxy: str = "",
    ) -> None:
        """``contact``: a mailto: or https: URI. ``root_certificate``: one more PEM authority.
        ``proxy``: through which known services are called, if any."""
        self._extra_origins = frozenset(extra_origins)
        self._authorizer = Authorizer(key, contact)
        self._http = GuardedClient(
            self._extra_origins,
            known=KNOWN_SERVICES,
            max_connections=concurrency,
            total_timeout=total_timeout,
            root_certificate=root_certificate,
            proxy=proxy,
            bulk=True,
        )
        self._logged: dict[tuple[str, str], float] = {}

    def check_address(self, address: Mapping[str, object]) -> None:
        """Raise AddressRefusedError if nothing can ever be sent to this subscription."""
        check_new(address, self._extra_origins)

    def origin(self, address: Mapping[str, object]) -> str:
        """The push service's scheme, host and port; "" if the endpoint is none."""
        endpoint = address.get("endpoint")
        return "/".join(endpoint.split("/", 3)[:3]) if isinstance(endpoint, str) else ""

    def service(self, origin: str) -> str:
        """The push service's name, or "other"."""
        return service_name(origin)

    async def send(self, message: Message, recipient: Recipient) -> Result:
        """Encrypt and POST once; a message refused as too large goes once more, shorter."""
        try:
            target = checked(recipient.opened or {}, self._extra_origins)
        except AddressRefusedError as refusal:
            return Result(Outcome.REJECTED, None, refusal.reason)
        again_after = ALERT_AGAIN_AFTER if message.kind == "alert" else None
        try:
            for limit in (MAX_PLAINTEXT, SHRUNK):
                headers = _headers(message, self._authorizer.header(target.origin))
                body = encrypt(_payload(message, limit), target.keys)
                response = await self._http.request(
                    "POST",
                    target.endpoint,
                    headers,
                    body,
                    origin=target.origin,
                    cut=True,
                    again_after=again_after,
                )
                if not TABLE.rule_of(response.status).shrink:
                    break
            result = TABLE.result_of(response.status, response.header("retry-after"))
        except EndpointRefusedError as refusal:
            result = Result(Outcome.REJECTED, None, str(refusal))
        except NoResponseError as failure:
            missing = isinstance(failure, ResolutionError) and await asyncio.to_thread(
                is_invented, target.origin
            )
            result = Result(Outcome.RETRY, None, str(failure), missing=missing)
        self._log(target.origin, result)
        return result

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    def _log(self, origin: str, result: Result) -> None:
        if result.outcome is Outcome.ACCEPTED:
            return
        now = time.monotonic()
        if now < self._logged.get((origin, result.reason), 0.0):
            return
        self._logged[origin, result.reason] = now + LOG_EVERY
        level = logging.WARNING if result.outcome is Outcome.REJECTED else logging.INFO
        logger.log(level, "%s: %s %s", origin, result.code or "no answer", result.reason)


def check_new(
    address: Mapping[str, object], extra_origins: Collection[str], *, may_wait: bool = True
) -> None:
    """Check as `checked` does, and that the host exists, as far as the resolver knows.

    Raises AddressRefusedError; with ``may_wait`` False also where the resolver must be asked."""
    origin = checked(address, extra_origins).origin
    if origin in extra_origins or not (may_wait or must_be_looked_up(origin)):
        return
    if not may_wait:
        raise AddressRefusedError("endpoint: its host must be looked up")
    if is_invented(origin):
        raise AddressRefusedError("endpoint: there is no such host")


def checked(address: Mapping[str, object], extra_origins: Collection[str]) -> Target:
    """Read an address. Raises AddressRefusedError."""
    endpoint = address.get("endpoint")
    if not isinstance(endpoint, str):
        raise AddressRefusedError("endpoint: missing")
    try:
        origin = check_endpoint(endpoint, extra_origins)
    except EndpointRefusedError as refusal:
        raise AddressRefusedError(f"endpoint: {refusal}") from None
    try:
        return Target(origin, endpoint, SubscriptionKeys.from_json(address.get("keys")))
    except BadKeysError as error:
        raise AddressRefusedError(str(error)) from None


@lru_cache(maxsize=256)
def _headers(message: Message, authorization: str) -> Headers:
    headers = {
        "TTL": str(max(0, message.ttl)),
        "Urgency": message.urgency,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": authorization,
    }
    if message.tag:
        headers["Topic"] = topic_of(message.tag)
    return Headers(headers)


def topic_of(tag: str) -> str:
    """The Topic for a tag: 32 characters of base64url, the most there may be (RFC 8030, 5.4)."""
    digest = hashlib.sha256(tag.encode("utf-8")).digest()[:24]
    return base64.urlsafe_b64encode(digest).decode("ascii")
