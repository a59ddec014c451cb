# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Django's middleware for sessions and sign-ins, limited to the newsroom.

The public pages have no session, no staff cookie and no signed-in user.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware

from canale.net.numbers import number_in
from canale.newsroom.sign_in_limits import SignInLimitMiddleware

NEWSROOM = "/newsroom/"
MAX_FORM_BYTES = 2**20
# Ten images of 15 MB, and the text fields.
MAX_UPLOAD_BYTES = 155 * 2**20
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def _is_too_large(request: HttpRequest) -> bool:
    size = number_in(request.META.get("CONTENT_LENGTH") or "0")
    limit = MAX_UPLOAD_BYTES if request.content_type == "multipart/form-data" else MAX_FORM_BYTES
    return size is None or size > limit


class _NewsroomOnly:
    """Applies the wrapped middleware to requests to the newsroom only."""

    wrapped: type[Any]

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.inner = self.wrapped(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(NEWSROOM):
            return self.get_response(request)
        response: HttpResponseBase = self.inner(request)
        return response

    def process_view(
        self, request: HttpRequest, view: object, args: object, kwargs: object
    ) -> HttpResponseBase | None:
        process: Any = getattr(self.inner, "process_view", None)
        if process is None or not request.path.startswith(NEWSROOM):
            return None
        response: HttpResponseBase | None = process(request, view, args, kwargs)
        return response


class StaffSessionMiddleware(_NewsroomOnly):
    """Adds sessions, and keeps newsroom pages out of every cache."""

    wrapped = SessionMiddleware

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(NEWSROOM) and _is_too_large(request):
            return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        response = super().__call__(request)
        if request.path.startswith(NEWSROOM):
            response.headers.setdefault("Cache-Control", "no-store")
        route = request.resolver_match.url_name if request.resolver_match else None
        if request.method == "POST" and route == "account_logout":
            # Not "cookies" or "storage": the same browser may follow the channel as a citizen.
            response.headers["Clear-Site-Data"] = '"cache"'
        return response


class StaffCsrfMiddleware(_NewsroomOnly):
    wrapped = CsrfViewMiddleware


class StaffAuthenticationMiddleware(_NewsroomOnly):
    wrapped = AuthenticationMiddleware


class StaffMessageMiddleware(_NewsroomOnly):
    wrapped = MessageMiddleware


class StaffSignInLimitMiddleware(_NewsroomOnly):
    wrapped = SignInLimitMiddleware
