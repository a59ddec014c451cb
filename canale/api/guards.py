# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Checks that every call passes before it is read: size, form, origin, rate, token."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.utils.translation import gettext as _
from ninja.security import HttpBearer

from canale.accounts import tokens
from canale.accounts.models import Token
from canale.api.problems import ProblemError, problem_response, too_often
from canale.channel.images import RETRY_SECONDS
from canale.core.settings import settings
from canale.net.numbers import number_in
from canale.net.rate_limits import RateLimiter
from canale.net.readable import is_utf_8

READER_BYTES = 8 * 1024
# Ten images, in base64.
POST_BYTES = 30 * 2**20
_WITH_IMAGES = re.compile(r"/channels/[^/]+/posts$|/posts/[0-9]+$")
# In the scope of a request that was counted on its way here (fast_path.py).
COUNTED = "canale.counted"
_limiter = RateLimiter()
# Tokens with pictures in preparation, in this process.
_uploading: set[int] = set()
_uploading_lock = threading.Lock()

View = Callable[..., HttpResponseBase]


def limited(request: HttpRequest, bucket: str, limit: int, per_seconds: int) -> None:
    """Count a request against a limit. Raises ProblemError (429).

    The limits allow for a whole town behind one carrier's address.
    """
    if COUNTED not in request.META.get("asgi.scope", ()):
        wait = must_wait(request.META.get("REMOTE_ADDR") or "", bucket, limit, per_seconds)
        if wait is not None:
            raise too_often(wait)


def must_wait(client: str, bucket: str, limit: int, per_seconds: int) -> float | None:
    """Count one act of a client's address; seconds to wait when it is refused."""
    if not settings.rate_limits:
        return None
    return _limiter.allow(bucket, client, limit, per_seconds)


def same_origin(request: HttpRequest) -> None:
    """Refuse what another site makes a reader's browser do. Raises ProblemError (403).

    Browsers say where a request comes from (Fetch Metadata; RFC 6454, section 7); programs say
    nothing, and hold no reader's cookie.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = {settings.base_url, f"{request.scheme}://{request.get_host()}"}
    if (site and site not in ("same-origin", "none")) or (origin and origin not in own):
        raise ProblemError(
            HTTPStatus.FORBIDDEN, _("This can only be done from the channel’s own page.")
        )


def guarded(view: View, methods: Collection[str]) -> View:
    """Wraps a call: sizes and forms before, problem documents for what the router refuses.

    ``methods`` are those that the view has; it refuses the others on its own.
    """

    def guard(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        try:
            _check_body(request, methods)
        except ProblemError as problem:
            return problem_response(problem)
        response = view(request, *args, **kwargs)
        if isinstance(response, HttpResponseNotAllowed):
            allow = response.headers["Allow"]
            detail = _("This address takes %(methods)s only.") % {"methods": allow}
            not_allowed = ProblemError(
                HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allow}
            )
            return problem_response(not_allowed)
        # Answers may carry a reader's cookie, and counts change by the second.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    guard.csrf_exempt = True  # type: ignore[attr-defined]
    return guard


def _check_body(request: HttpRequest, methods: Collection[str]) -> None:
    """Raises ProblemError for a body that is too large, or one for ``methods`` that is not JSON:
    a form of another site can send no JSON, and always names its own content type."""
    size = number_in(request.META.get("CONTENT_LENGTH") or "0")
    limit = POST_BYTES if _WITH_IMAGES.search(request.path) else READER_BYTES
    if size is None or size > limit:
        detail = _("The request is too large: at most %(limit)d bytes.") % {"limit": limit}
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    if request.method not in methods or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    has_body = (request.META.get("CONTENT_LENGTH") or "0") != "0"
    if (has_body or request.content_type) and request.content_type != "application/json":
        detail = _("Send JSON, with the content type application/json.")
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    charset = (request.content_params or {}).get("charset", "utf-8")
    if not is_utf_8(charset.strip("\"'")):
        detail = _("Send JSON in UTF-8 (RFC 8259, section 8.1), not in %(charset)s.")
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail % {"charset": charset[:40]})


class TokenAuth(HttpBearer):
    """``Authorization: Bearer <token>`` (RFC 6750)."""

    def authenticate(self, request: HttpRequest, token: str) -> Token | None:
        row = tokens.find(token)
        if row is None:
            limited(request, "wrong token", 20, 60)
        return row


@contextmanager
def one_upload_at_a_time(token: Token, images: Collection[object] | None) -> Iterator[None]:
    """Keep a program from taking every decoder: the newsroom needs one too.

    Raises ProblemError (429) while another call with the same token prepares pictures.
    """
    if not images:
        yield
        return
    with _uploading_lock:
        if token.pk in _uploading:
            raise too_often(RETRY_SECONDS)
        _uploading.add(token.pk)
    try:
        yield
    finally:
        _uploading.discard(token.pk)
