# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""/api/v1."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import URLPattern, URLResolver, re_path
from django.views.decorators.gzip import gzip_page
from ninja.parser import Parser

from canale import __version__
from canale.api import channels, posts, problems, readers  # noqa: F401  they fill the router
from canale.api.guards import guarded
from canale.api.openapi import DOCUMENT, Api
from canale.api.router import router
from canale.core.settings import settings
from canale.net.json_reader import read_json


class StrictParser(Parser):
    def parse_body(self, request: HttpRequest) -> Any:
        """Parse the body. Raises JSONError, which is answered with 400 (problems.py)."""
        return read_json(request.body)


api = Api(
    title="canale",
    version=__version__,
    description="Read a channel, publish in it, follow it. Errors are problems (RFC 9457).",
    # The interactive pages load scripts from other sites.
    docs_url=None,
    openapi_url="/openapi.json",
    parser=StrictParser(),
    urls_namespace="api",
    servers=[{"url": settings.base_url, "description": "This installation"}],
    openapi_extra=DOCUMENT,
)
problems.install(api)
api.add_router("", router)


_METHODS = {
    address.lstrip("/").replace("{", "<").replace("}", ">"): {
        method for operation in call.operations for method in operation.methods
    }
    for address, call in router.path_operations.items()
}


def _guard(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    if isinstance(pattern, URLPattern):
        if pattern.name == "openapi-json":
            # It reflects nothing of the request and holds no secret: safe to compress.
            pattern.callback = gzip_page(pattern.callback)
        pattern.callback = guarded(pattern.callback, _METHODS.get(str(pattern.pattern), ()))
    return pattern


app_name = "api"
urlpatterns = [
    *(_guard(pattern) for pattern in api.urls[0]),
    re_path("", guarded(lambda _: problems.problem_response(problems.not_found()), ())),
]
