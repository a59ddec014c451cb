# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counters of refused requests, which show an attack while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest
from django.http.response import HttpResponseBase

GetResponse = Callable[[HttpRequest], HttpResponseBase]

FORGED = "_canale_forged_form"
_REASONS: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "token",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.TOO_MANY_REQUESTS: "limit",
}


def count_refusal(reason: str) -> None:
    """Count one refusal; ``reason`` is one of REFUSAL_REASONS (definitions.py)."""
    # Imported late: apps import this module before `share_metrics` (multiprocess.py).
    from canale.metrics.definitions import REFUSALS

    REFUSALS.labels(reason).inc()


class Refusals:
    """Middleware: one count for each answer that refuses access."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        reason = _REASONS.get(response.status_code)
        if reason is not None:
            count_refusal("csrf" if getattr(request, FORGED, False) else reason)
        return response
