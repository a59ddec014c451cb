# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The OpenAPI document: what ninja derives from the calls, completed for its readers."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from canale.net.responses import PROBLEM_TYPE

DOCUMENT: dict[str, Any] = {
    "info": {
        "license": {"name": "AGPL-3.0-or-later", "identifier": "AGPL-3.0-or-later"},
        # Required by the Italian guidelines for interoperable APIs.
        "x-summary": "A city's one-way channel to its citizens",
    },
    "tags": [
        {
            "name": "channel",
            "description": "What a channel is, and the posts that are visible now.",
        },
        {"name": "posts", "description": "Publish, correct, withdraw: with a token."},
        {
            "name": "readers",
            "description": "The calls of the channel's own pages: follow, choose, react, invite.",
        },
    ],
}


class Api(NinjaAPI):
    """ninja's API, whose document also names problem documents, open calls and integer formats."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for address in schema["paths"].values():
            for call in address.values():
                for status, response in call["responses"].items():
                    content = response.get("content", {})
                    if int(status) >= HTTPStatus.BAD_REQUEST and "application/json" in content:
                        content[PROBLEM_TYPE] = content.pop("application/json")
                # An empty list says that the call is open to everybody (OpenAPI 3.1, 4.8.10).
                call.setdefault("security", [])
        for node in _nodes(schema):
            if node.get("type") == "integer":
                node.setdefault("format", "int64")
        return schema


def _nodes(value: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON document, at any depth."""
    if isinstance(value, dict):
        yield value
    children = value.values() if isinstance(value, dict) else value
    if isinstance(children, str) or not hasattr(children, "__iter__"):
        return
    for child in children:
        yield from _nodes(child)
