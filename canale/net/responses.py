# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""ASGI responses made outside Django, and the problem document (RFC 9457) of every room.

Programs get problem documents, people a line of text, both with the headers that the composition
root wants on every response.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiref.typing import ASGISendCallable

Headers = list[tuple[bytes, bytes]]
PROGRAMS = ("/api/", "/live/", "/healthz", "/readyz", "/metrics")
PROBLEM_TYPE = "application/problem+json"


async def send_response(send: ASGISendCallable, status: int, headers: Headers, body: bytes) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": int(status),
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})


def header_lines(headers: Mapping[str, str]) -> Headers:
    """Headers in the form that ASGI takes."""
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]


def body_headers(content_type: str, body: bytes) -> Headers:
    """The headers of a body that nobody keeps."""
    return [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]


def with_house(headers: Headers, house: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Add the headers of the house that the response does not set itself."""
    own = {name for name, _ in headers}
    return [*headers, *((name, value) for name, value in house if name not in own)]


def problem_document(
    status: HTTPStatus,
    detail: str,
    *,
    kind: str = "about:blank",
    errors: Mapping[str, list[str]] | None = None,
) -> bytes:
    """Encode a problem; ``kind`` is a URI, ``errors`` is {field: [sentence, …]}."""
    document = {"type": kind, "title": status.phrase, "status": status.value, "detail": detail}
    # Escaped: a field's name, which a stranger chose, may be half a surrogate pair.
    return json.dumps({**document, "errors": errors} if errors else document).encode()


def refusal(
    path: str, status: HTTPStatus, detail: str, house: Iterable[tuple[bytes, bytes]] = ()
) -> tuple[Headers, bytes]:
    """Headers and body of a response that refuses a request for a path."""
    if path.startswith(PROGRAMS):
        kind, body = PROBLEM_TYPE, problem_document(status, detail)
    else:
        kind, body = "text/plain; charset=utf-8", f"{status.phrase}. {detail}\n".encode()
    return with_house(body_headers(kind, body), house), body
