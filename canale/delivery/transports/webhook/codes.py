# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The meaning of a receiver's status codes (Standard Webhooks, *Operational considerations*)."""

from __future__ import annotations

from canale.delivery.transports.base import Outcome
from canale.delivery.transports.status_codes import StatusRule, StatusTable

CODES: dict[int, StatusRule] = {
    410: StatusRule("the receiver wants no more events", Outcome.GONE),
    429: StatusRule("too many events", Outcome.RETRY),
}
# For codes without a row, by their first digit.
CLASSES: dict[int, StatusRule] = {
    2: StatusRule("accepted", Outcome.ACCEPTED),
    3: StatusRule("the receiver points elsewhere; we do not follow", Outcome.REJECTED),
    4: StatusRule("the receiver refuses the event", Outcome.REJECTED),
    # It may have processed the event before it failed.
    5: StatusRule("the receiver has failed", Outcome.UNKNOWN),
}
TABLE = StatusTable(CODES, CLASSES, StatusRule("not an answer", Outcome.UNKNOWN))
