# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Webhook: each event of a post as a signed JSON document, for programs of the city.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from canale.core.settings import settings
from canale.delivery.transports.relays import (
    Capabilities,
    OutletRefusedError,
    OutletSetup,
    RelayTransport,
)
from canale.delivery.transports.webhook.event import WebhookEvent
from canale.delivery.transports.webhook.refusals import REFUSALS
from canale.delivery.transports.webhook.signature import SECRET_PREFIX
from canale.delivery.transports.webhook.transport import WebhookTransport
from canale.net.endpoints import EndpointRefusedError, checked_origin
from canale.net.http import GuardedClient

__all__ = ["CAPABILITIES", "REFUSALS", "open_transport", "prepare"]

CAPABILITIES = Capabilities(idempotent=True, read_back=False, edit=True, delete=True, alt_text=True)
# The specification asks for 24 to 64.
SECRET_BYTES = 32


def prepare(options: Mapping[str, str], secrets: Mapping[str, str]) -> OutletSetup:
    """Check the URL and make the secret. Raises OutletRefusedError."""
    try:
        checked_origin(options["url"], None, settings.outlet_origins)
    except EndpointRefusedError as error:
        raise OutletRefusedError(
            f"the url cannot be called: {error} (https at the default port of a public host, or an "
            "origin named in CANALE_OUTLET_ORIGINS)"
        ) from None
    secret = SECRET_PREFIX + base64.b64encode(os.urandom(SECRET_BYTES)).decode("ascii")
    return OutletSetup(options, {"secret": secret}, show_once=secret)


def open_transport(setup: OutletSetup, client: GuardedClient) -> RelayTransport[WebhookEvent]:
    """Return a transport for one outlet, whose secrets are opened."""
    return WebhookTransport(setup.options["url"], setup.secrets["secret"], client)
