# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The headers that every answer carries."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from canale.core.settings import settings

# No inline style or script, but the two that first_frame.py puts into pages and names by their
# hashes: what a citizen writes never becomes code, and no third party learns who reads.
# `connect-src` is our own API and stream.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
}
# Paths that other sites and feed readers embed.
SHARED = (
    "image/",
    "text/calendar",
    "application/atom+xml",
    "application/feed+json",
    "application/pdf",
    "application/rss+xml",
)
TWO_YEARS = 63_072_000


def security_headers() -> dict[str, str]:
    """Those of this installation."""
    if settings.base_url.startswith("https://"):
        return {**HEADERS, "Strict-Transport-Security": f"max-age={TWO_YEARS}"}
    return HEADERS


class SecurityHeaders:
    """Adds them to whatever the house answers, static files and errors included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.headers = security_headers()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.headers.get("Content-Type", "").startswith(SHARED):
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        return response
