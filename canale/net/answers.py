# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Responses made outside Django: problem documents (RFC 9457) for programs, a line of text
for people, with the headers that the composition root wants on every answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiref.typing import ASGISendCallable

Headers = list[tuple[bytes, bytes]]
PROGRAMS = ("/api/", "/live/", "/healthz", "/readyz", "/metrics")


def header_lines(headers: Mapping[str, str]) -> Headers:
    """Headers in the form that ASGI takes."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def refusal(
    path: str, status: HTTPStatus, detail: str, house: Iterable[tuple[bytes, bytes]] = ()
) -> tuple[Headers, bytes]:
    """Headers and body of an answer that refuses a request for a path."""
    if path.startswith(PROGRAMS):
        kind, body = b"application/problem+json", problem_document(status, detail)
    else:
        kind, body = b"text/plain; charset=utf-8", f"{status.phrase}. {detail}\n".encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    return with_house(headers, house), body


def problem_document(status: HTTPStatus, detail: str) -> bytes:
    document = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return json.dumps(document).encode()


def with_house(headers: Headers, house: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Add the headers of the house that the answer does not set itself."""
    own = {name for name, _ in headers}
    return [*headers, *((name, value) for name, value in house if name not in own)]


async def send_answer(
    send: ASGISendCallable, status: HTTPStatus, headers: Headers, body: bytes
) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status.value,
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
