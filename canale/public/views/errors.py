# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Error pages. None of them queries the database."""

from __future__ import annotations

import sys
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.utils.translation import gettext as _

from canale.channel.models import Channel
from canale.net.responses import PROBLEM_TYPE, problem_document
from canale.public.page_keys import LONGEST_QUERY
from canale.public.pages import NotInChannelError, show
from canale.public.typed_paths import meant_path
from canale.runtime.database_away import RETRY_SECONDS, classify_error, outage

# Paths whose forms hold secrets, and are short.
SIGN_IN = "/newsroom/accounts/"
# A page returns at most this many bytes of what was sent: anybody may have sent it, and a character
# may become six on the page. No form that people fill in is this long.
MOST_GIVEN_BACK = 64 * 1024
# Fields in which people write.
WORDS = {"headline", "text", "place", "note", "reason", "name", "description", "label"}


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
        _("It is only for people who work on the channel."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    meant = meant_path(request.path)
    query = request.META.get("QUERY_STRING", "")
    if meant is not None and len(query) <= LONGEST_QUERY:
        return HttpResponsePermanentRedirect(meant + (f"?{query}" if query else ""))
    return _error(
        request,
        HTTPStatus.NOT_FOUND,
        _("Page not found"),
        _("The address may be wrong, or the page has been removed."),
        exception.channel if isinstance(exception, NotInChannelError) else None,
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Called by Django while it handles the exception."""
    error = sys.exception()
    why = classify_error(error)
    if error is None or why is None:
        return _error(
            request,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            _("Something went wrong"),
            _("It’s us, not you. Try again in a few minutes."),
        )
    outage.failed(why, error)
    # The database comes back, and nothing that was sent is lost.
    status = HTTPStatus.SERVICE_UNAVAILABLE
    if request.path.startswith("/api/"):
        response = _problem(status, _("Too many requests right now. Try again in a moment."))
    else:
        response = show("public/away.html", _what_was_sent(request), status=status)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _what_was_sent(request: HttpRequest) -> dict[str, object]:
    """Return the fields of a form, to be sent again from the page that says it was not saved.

    The form's own token goes along, no new one: who was led here from another site sends nothing.
    """
    if request.method != "POST":
        return {}
    if request.path.startswith(SIGN_IN):
        return {"was_sent": True}
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if "password" not in name
        for value in values
    ]
    if sum(len(text.encode()) for field in fields for text in field) > MOST_GIVEN_BACK:
        return {"was_sent": True}
    words = [value for name, value in fields if value.strip() and name in WORDS]
    return {
        "was_sent": True,
        "fields": fields,
        "words": words,
        "files": any(request.FILES.values()),
    }


def _error(
    request: HttpRequest,
    status: HTTPStatus,
    title: str,
    text: str,
    channel: Channel | None = None,
) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _problem(status, text)
    context = {
        "title": title,
        "text": text,
        "channel": channel,
        "in_newsroom": request.path.startswith("/newsroom/"),
    }
    return show("public/error.html", context, status=status)


def _problem(status: HTTPStatus, text: str) -> HttpResponse:
    """Programs get a problem document (RFC 9457)."""
    body = problem_document(status, text)
    return HttpResponse(body, status=status, content_type=PROBLEM_TYPE)
