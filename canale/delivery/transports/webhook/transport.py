# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Posts signed events. Correcting and withdrawing are events of their own, not edits."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from canale.delivery.transports.base import Outcome, Result
from canale.delivery.transports.relays import HeldCopy, Receipt, Sighting
from canale.delivery.transports.webhook.codes import TABLE
from canale.delivery.transports.webhook.event import WebhookEvent, event
from canale.delivery.transports.webhook.signature import signed_headers
from canale.net.endpoints import EndpointRefusedError
from canale.net.http import GuardedClient
from canale.net.http_errors import NoResponseError, NotProcessedError, ResponseTooLargeError


class WebhookTransport:
    """One receiver. Neither its URL nor its secret is ever logged: a URL may hold a password."""

    def __init__(self, url: str, secret: str, client: GuardedClient) -> None:
        self._url = url
        self._secret = secret
        self._client = client

    async def check(self, key: str) -> Receipt:
        """Send an event of the type ``webhook.test``, which is about no post."""
        return await self._post(event("webhook.test", datetime.now(UTC), {}), key)

    async def publish(self, rendition: WebhookEvent, key: str) -> Receipt:
        return await self._post(rendition, key)

    async def correct(self, held: HeldCopy, rendition: WebhookEvent, key: str) -> Receipt:
        return await self._post(rendition, key)

    async def withdraw(self, held: HeldCopy, rendition: WebhookEvent, key: str) -> Receipt:
        return await self._post(rendition, key)

    async def look(self, held: HeldCopy, rendition: WebhookEvent) -> Sighting:
        return Sighting.UNKNOWN

    async def _post(self, rendition: WebhookEvent, key: str) -> Receipt:
        headers = signed_headers(self._secret, key, int(time.time()), rendition.body)
        try:
            response = await self._client.request("POST", self._url, headers, rendition.body)
        except EndpointRefusedError as refusal:
            return Receipt(Result(Outcome.REJECTED, None, str(refusal)))
        except NotProcessedError as failure:
            return Receipt(Result(Outcome.RETRY, None, str(failure)))
        except ResponseTooLargeError as answer:
            return Receipt(TABLE.result_of(answer.status, None))
        except NoResponseError as failure:
            return Receipt(Result(Outcome.UNKNOWN, None, str(failure)))
        return Receipt(TABLE.result_of(response.status, response.header("retry-after")))
