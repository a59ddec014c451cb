# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A view says how long its answer holds."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse

from canale.public.stored_page import stored


def test_marked_view_names_the_channel_of_its_page() -> None:
    until = datetime(2026, 11, 24, tzinfo=UTC)

    @stored
    def view(request: HttpRequest, known: bool) -> HttpResponse:
        response = HttpResponse("x")
        if known:
            response.canale_channel, response.canale_until = "cremona", until  # type: ignore[attr-defined]
        return response

    headers = view(HttpRequest(), True).headers
    assert headers["x-canale-channel"] == "cremona"
    assert float(headers["x-canale-until"]) == until.timestamp()
    assert "x-canale-channel" not in view(HttpRequest(), False).headers
