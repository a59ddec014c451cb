# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A middleware that measures how long requests wait for the database."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from canale.metrics.definitions import REQUESTS

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class DatabaseTimingMiddleware:
    """Middleware: one observation for each request that queries the database."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        timer = QueryTimer()
        with connection.execute_wrapper(timer):
            response = self._get_response(request)
        if timer.queries:
            REQUESTS.observe(timer.seconds)
        return response


class QueryTimer:
    """Adds up the time of a request's queries."""

    __slots__ = ("queries", "seconds")

    def __init__(self) -> None:
        self.queries = 0
        self.seconds = 0.0

    # The types of Django's own stubs.
    def __call__(self, execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - begun
            self.queries += 1
