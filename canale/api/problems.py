# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Problem documents (RFC 9457), the one form of every error of the API."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from canale.api.field_errors import sentence
from canale.channel.images import RETRY_SECONDS as DECODERS_RETRY_SECONDS
from canale.channel.images import DecodersBusyError
from canale.core.settings import settings
from canale.net.responses import PROBLEM_TYPE, problem_document
from canale.publishing.content import PostRefusedError
from canale.runtime.database_away import RETRY_SECONDS, classify_error, outage

logger = logging.getLogger(__name__)


class ProblemError(Exception):
    """Ends a call with a problem document; ``errors`` is {field: [sentence, …]}. ``name`` tells
    this problem from others of its status, for programs that can do something about it."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        name: str = "",
        errors: dict[str, list[str]] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.name = status, detail, name
        self.errors, self.headers = errors, headers or {}


def problem_response(problem: ProblemError) -> HttpResponse:
    kind = f"{settings.base_url}/problems/{problem.name}" if problem.name else "about:blank"
    return HttpResponse(
        problem_document(problem.status, problem.detail, kind=kind, errors=problem.errors),
        status=problem.status.value,
        content_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def too_often(seconds: float) -> ProblemError:
    wait = max(1, math.ceil(seconds))
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        _("Too many at once. Try again in %(seconds)d seconds.") % {"seconds": wait},
        headers={"Retry-After": str(wait)},
    )


def not_found() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, _("There is nothing at this address."))


def _unreadable() -> ProblemError:
    return ProblemError(HTTPStatus.BAD_REQUEST, _("The request cannot be read."))


def busy(error: Exception) -> ProblemError:
    """Return the problem for a call that the database refused; the client may try again."""
    why = classify_error(error)
    if why is None:
        logger.error("Database error while handling a call", exc_info=error)
    else:
        outage.failed(why, error)
    detail = _("Too many requests right now. Try again in a moment.")
    headers = {"Retry-After": str(RETRY_SECONDS)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=headers)


def _unforeseen(error: Exception) -> ProblemError:
    if classify_error(error) is not None:
        return busy(error)
    logger.error("Unhandled exception in a call", exc_info=error)
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong on our side."))


def _invalid(error: ValidationError) -> ProblemError:
    errors: dict[str, list[str]] = {}
    for each in error.errors:
        # "body", "payload", "images", 0, "alt": the first two are the framework's.
        field = ".".join(str(part) for part in each["loc"][2:] or each["loc"][-1:])
        errors.setdefault(field, []).append(sentence(each))
    detail = _("Some values cannot be used: %(fields)s.") % {"fields": ", ".join(errors)}
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


# The response to each kind of error; an unexpected one is logged and reveals nothing.
_PROBLEMS: dict[type[Exception], Callable[[Any], ProblemError]] = {
    ProblemError: lambda problem: problem,
    PostRefusedError: lambda error: ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY, str(error), errors=error.errors
    ),
    DecodersBusyError: lambda error: ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        str(error),
        headers={"Retry-After": str(DECODERS_RETRY_SECONDS)},
    ),
    ValidationError: _invalid,
    AuthenticationError: lambda _error: ProblemError(
        HTTPStatus.UNAUTHORIZED,
        _("A valid token is needed."),
        headers={"WWW-Authenticate": "Bearer"},
    ),
    HttpError: lambda error: (
        _unreadable()
        if error.status_code == HTTPStatus.BAD_REQUEST
        else ProblemError(HTTPStatus(error.status_code), str(error))
    ),
    Http404: lambda _error: not_found(),
    RequestDataTooBig: lambda _error: ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _("The request is too large.")
    ),
    SuspiciousOperation: lambda _error: _unreadable(),
    OperationalError: busy,
    InterfaceError: busy,
    # Two calls wrote the same at the same moment; the second may try again.
    IntegrityError: busy,
    Exception: _unforeseen,
}


def install(api: NinjaAPI) -> None:
    """Let every error of the API become a problem document."""
    for kind, become in _PROBLEMS.items():
        api.add_exception_handler(kind, partial(_handle, become))


def _handle(
    become: Callable[[Any], ProblemError], request: HttpRequest, error: Exception | type[Exception]
) -> HttpResponse:
    return problem_response(become(error))
