# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The meaning of each response of a push service."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils.translation import override

from canale.delivery.transports.base import Outcome
from canale.delivery.transports.webpush.codes import TABLE
from canale.delivery.transports.webpush.refusals import REFUSALS
from canale.net.retry_after import MAX_RETRY_AFTER, seconds_of

NOW = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (200, Outcome.ACCEPTED),
        (201, Outcome.ACCEPTED),
        (202, Outcome.ACCEPTED),
        (204, Outcome.ACCEPTED),
        (301, Outcome.REJECTED),
        (400, Outcome.REJECTED),
        (401, Outcome.REJECTED),
        (403, Outcome.REJECTED),
        (404, Outcome.GONE),
        (406, Outcome.RETRY),
        (410, Outcome.GONE),
        (413, Outcome.REJECTED),
        (418, Outcome.REJECTED),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (503, Outcome.RETRY),
        (599, Outcome.RETRY),
        (101, Outcome.RETRY),
        (999, Outcome.RETRY),
    ],
)
def test_every_code_has_an_outcome(code: int, outcome: Outcome) -> None:
    result = TABLE.result_of(code, None)
    assert (result.outcome, result.code) == (outcome, code)
    assert result.reason


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 03:01:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 02:00:00 GMT", 0.0),
        ("99999999999999999999", MAX_RETRY_AFTER),
        ("Tue, 24 Nov 2099 03:01:30 GMT", MAX_RETRY_AFTER),
        ("soon", None),
        ("-5", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2027 00:00:00 +99999999999999", None),
        ("²", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_of(header, NOW) == seconds


def test_wait_applies_to_one_response_only() -> None:
    assert [TABLE.result_of(503, wait).retry_after for wait in ("7", None, "9")] == [7.0, None, 9.0]


def test_only_a_retry_result_has_a_wait() -> None:
    assert TABLE.result_of(429, "7").retry_after == 7.0
    assert TABLE.result_of(410, "7").retry_after is None


def test_rejected_signature_explanation_names_key_clock_and_contact() -> None:
    with override("en"):
        advice = str(REFUSALS["403"].action)
        assert all(part in advice for part in ("secret key", "clock", "CANALE_VAPID_CONTACT"))
        assert "contact" in str(REFUSALS["403"].problem)
