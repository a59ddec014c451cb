# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A public page as the store keeps it: its bytes, in each encoding and ready to be sent.

A view marked `stored` says in headers, which never leave the process, how long its answer holds;
`stored_page` reads them.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec, cast

import brotli
from django.http import HttpRequest, HttpResponse

from canale.net.responses import Headers

P = ParamSpec("P")
CHANNEL_HEADER = b"x-canale-channel"
UNTIL_HEADER = b"x-canale-until"
AT_MOST_HEADER = b"x-canale-at-most"
STORED_STATUSES = {HTTPStatus.OK, HTTPStatus.GONE}
COMPRESSED_TYPES = (b"text/", b"application/", b"image/svg+xml")
COMPRESSED_FROM = 500
BROTLI_QUALITY = 6


def stored(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Mark a view whose answer depends on path and language only.

    The view sets `canale_channel` (a handle) on its response, and `canale_until` (an aware
    datetime, or None) when the answer changes at a known moment. Without `canale_channel`
    the answer is not kept. Until `canale_at_most` it may stand in for the next, if that cannot be
    made.
    """

    @wraps(view)
    def marked(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        handle = getattr(response, "canale_channel", None)
        if handle is not None:
            response.headers[CHANNEL_HEADER.decode()] = handle
            until = getattr(response, "canale_until", None)
            if until is not None:
                response.headers[UNTIL_HEADER.decode()] = str(until.timestamp())
            at_most = getattr(response, "canale_at_most", None)
            if at_most is not None:
                response.headers[AT_MOST_HEADER.decode()] = str(at_most.timestamp())
        return response

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", marked)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """One answer, ready to be sent in each encoding."""

    status: int
    headers: Headers
    variants: dict[str, bytes]
    """By content encoding; "" is the plain one."""
    etag: bytes
    handle: str | None
    """The channel's; None if the page must not be stored."""
    until: float
    """Seconds since the epoch."""
    at_most: float
    """The later limit, if the next page cannot be rendered; seconds since the epoch."""
    heads: dict[tuple[HTTPStatus, str], bytes] = field(default_factory=dict)
    """Status line and headers as sent, by status and encoding; made when first asked for."""

    @property
    def size(self) -> int:
        return sum(len(body) for body in self.variants.values()) + 1_000

    def choose(self, wanted: dict[bytes, bytes]) -> tuple[HTTPStatus, str]:
        """Return the status and the content encoding for a reader who sends these headers."""
        known = wanted.get(b"if-none-match", b"")
        if known and self.handle is not None and self.status == HTTPStatus.OK:
            # The weak comparison (RFC 9110, section 13.1.2).
            tags = [tag.strip().removeprefix(b"W/") for tag in known.split(b",")]
            if known.strip() == b"*" or self.etag.removeprefix(b"W/") in tags:
                return HTTPStatus.NOT_MODIFIED, ""
        taken = _encodings(wanted.get(b"accept-encoding", b""))
        return HTTPStatus(self.status), next((name for name in taken if name in self.variants), "")

    def headers_for(self, status: HTTPStatus, encoding: str) -> Headers:
        headers = list(self.headers)
        if self.handle is not None:
            headers.append((b"etag", self.etag))
        if status == HTTPStatus.NOT_MODIFIED:
            return [header for header in headers if header[0] != b"content-type"]
        if encoding:
            headers.append((b"content-encoding", encoding.encode()))
        headers.append((b"content-length", str(len(self.variants[encoding])).encode()))
        return headers

    def head(self, status: HTTPStatus, encoding: str) -> bytes:
        """Return the status line and the headers, without the empty line that ends them."""
        head = self.heads.get((status, encoding))
        if head is None:
            lines = [b"%b: %b\r\n" % header for header in self.headers_for(status, encoding)]
            first = b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode())
            head = self.heads[status, encoding] = first + b"".join(lines)
        return head


def stored_page(status: int, headers: Headers, body: bytes) -> StoredPage:
    """Compress an answer of the app behind the store, and take our own headers out of it."""
    values = {name.lower(): value for name, value in headers}
    handle = values.get(CHANNEL_HEADER)
    keep = handle is not None and status in STORED_STATUSES
    own = {CHANNEL_HEADER, UNTIL_HEADER, AT_MOST_HEADER, b"content-length", b"etag"}
    left = [(name.lower(), value) for name, value in headers if name.lower() not in own]
    if b"cache-control" not in values:
        left.append((b"cache-control", b"no-cache"))
    variants = {"": body}
    content_type = values.get(b"content-type", b"")
    compressible = content_type.startswith(COMPRESSED_TYPES) and b"zip" not in content_type
    # A 404 too, which is not kept: it is the same for everybody, so its length betrays no secret.
    if len(body) >= COMPRESSED_FROM and compressible:
        variants["gzip"] = gzip.compress(body, 6, mtime=0)
        if keep:
            variants["br"] = brotli.compress(body, quality=BROTLI_QUALITY)
        left = [(name, value) for name, value in left if name != b"vary"]
        left.append((b"vary", b"accept-encoding, accept-language, cookie"))
    return StoredPage(
        status=status,
        headers=left,
        variants=variants,
        # Weak: the same page in another encoding is not the same bytes (RFC 9110, 8.8.1).
        etag=b'W/"' + hashlib.sha256(body).hexdigest()[:24].encode() + b'"',
        handle=handle.decode() if handle is not None and keep else None,
        until=float(values[UNTIL_HEADER]) if UNTIL_HEADER in values else float("inf"),
        at_most=float(values[AT_MOST_HEADER]) if AT_MOST_HEADER in values else 0.0,
    )


@lru_cache(maxsize=512)
def _encodings(accepted: bytes) -> tuple[str, ...]:
    """Those that the reader takes, the best first (RFC 9110, section 12.5.3)."""
    taken = set()
    for part in accepted.lower().split(b","):
        name, _, weight = part.strip().partition(b";")
        if not re.fullmatch(rb"\s*q=0(\.0*)?\s*", weight):
            taken.add(name.strip())
    return tuple(name for name in ("br", "gzip") if name.encode() in taken)
