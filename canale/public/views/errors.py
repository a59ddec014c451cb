# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is shown when something is not there or goes wrong. None of it asks the database."""

from __future__ import annotations

import json
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from canale.public.pages import show


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(
        request,
        HTTPStatus.BAD_REQUEST,
        _("This request cannot be read"),
        _("The address is incomplete or has been changed. Go back and try again."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(
        request,
        HTTPStatus.FORBIDDEN,
        _("You cannot open this page"),
        _("It is reserved to those who work on the channel."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(
        request,
        HTTPStatus.NOT_FOUND,
        _("There is nothing here"),
        _("The address may be misspelt, or what stood here was removed."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _error(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        _("Something went wrong"),
        _("It is our fault, not yours. Try again in a few minutes."),
    )


def _error(request: HttpRequest, status: HTTPStatus, title: str, said: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(status, said)
    return show("public/error.html", {"title": title, "said": said}, status=status)


def _problem(status: HTTPStatus, said: str) -> HttpResponse:
    """Programs get a problem document (RFC 9457)."""
    problem = {"type": "about:blank", "title": status.phrase, "status": status, "detail": said}
    body = json.dumps(problem, ensure_ascii=False)
    return HttpResponse(body, status=status, content_type="application/problem+json")
