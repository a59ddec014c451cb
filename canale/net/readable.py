# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A middleware that answers an unreadable request with 400, never 500.

Django parses a request when a view first looks at it, and its parsers, and those behind them, raise
errors that Django does not expect. Those that only the request can have caused become BadRequest.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

GetResponse = Callable[[HttpRequest], HttpResponseBase]
API = "/api/"
ITS_OWN = (BadRequest, RequestDataTooBig, SuspiciousOperation, MultiPartParserError)
UNREADABLE = (RecursionError, UnicodeError, UnreadablePostError)


class ReadableRequests:
    """Middleware, after the check of a request's size and before whatever reads its parameters."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.GET  # noqa: B018
            # The API takes no forms, and says so itself.
            if request.method == "POST" and not request.path.startswith(API):
                request.POST  # noqa: B018
        except ITS_OWN:
            # Django answers them with 400.
            raise
        except (LookupError, RecursionError, UnreadablePostError, ValueError) as error:
            raise BadRequest(f"{type(error).__name__} while the request was read") from None
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> None:
        """Raise BadRequest where a view met an error of a parser of the request's content."""
        if request.method not in ("GET", "HEAD") and isinstance(error, UNREADABLE):
            raise BadRequest(f"{type(error).__name__} while the request was read") from None


def charset_of(content_type: str) -> str | None:
    """Return the charset that Django's own parser finds; another parser might find another (the
    last of two, RFC 2231). Raises ValueError for whatever the parser raises."""
    try:
        charset: str | None = parse_header_parameters(content_type)[1].get("charset")
    except Exception as error:  # noqa: BLE001  the standard library's parser of mail headers
        raise ValueError(f"{type(error).__name__} in a Content-Type header") from None
    return charset


def is_utf_8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in ("utf-8", "ascii", "utf-8-sig")
    except (LookupError, ValueError):
        return False
