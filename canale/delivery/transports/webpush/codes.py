# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The meaning of a push service's status codes (RFC 8030; each service's own documentation).

- Mozilla: https://mozilla-services.github.io/autopush-rs/errors.html
- Apple: https://developer.apple.com/documentation/usernotifications
- Windows: https://learn.microsoft.com/windows/apps/develop/notifications/push-notifications
"""

from __future__ import annotations

from canale.delivery.transports.base import Outcome
from canale.delivery.transports.status_codes import StatusRule, StatusTable

CODES: dict[int, StatusRule] = {
    200: StatusRule("accepted", Outcome.ACCEPTED),
    201: StatusRule("accepted", Outcome.ACCEPTED),
    202: StatusRule("accepted, receipt promised", Outcome.ACCEPTED),
    400: StatusRule("our request is malformed", Outcome.REJECTED),
    401: StatusRule("our VAPID token is missing or wrong", Outcome.REJECTED),
    403: StatusRule("the subscription belongs to another VAPID key", Outcome.REJECTED),
    404: StatusRule("no such subscription", Outcome.GONE),
    406: StatusRule("throttled (Windows)", Outcome.RETRY),
    408: StatusRule("the service waited too long for us", Outcome.RETRY),
    410: StatusRule("the subscription has ended", Outcome.GONE),
    413: StatusRule("the message is too large", Outcome.REJECTED, shrink=True),
    429: StatusRule("too many messages", Outcome.RETRY),
    500: StatusRule("the service has failed", Outcome.RETRY),
    502: StatusRule("the service cannot be reached behind its gateway", Outcome.RETRY),
    503: StatusRule("the service is overloaded or being repaired", Outcome.RETRY),
    504: StatusRule("the service did not answer its gateway", Outcome.RETRY),
}

# For codes without a row, by their first digit.
CLASSES: dict[int, StatusRule] = {
    2: StatusRule("accepted", Outcome.ACCEPTED),
    3: StatusRule("the service points elsewhere; we do not follow", Outcome.REJECTED),
    4: StatusRule("the service refuses our request", Outcome.REJECTED),
    5: StatusRule("the service has failed", Outcome.RETRY),
}

# An unknown kind of code is no answer.
UNKNOWN = StatusRule("not a push service's answer", Outcome.RETRY)

TABLE = StatusTable(CODES, CLASSES, UNKNOWN)
