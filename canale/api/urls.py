# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""/api/v1."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, re_path
from ninja import NinjaAPI

from canale import __version__
from canale.api import channels, posts, problems, readers  # noqa: F401  they fill the router
from canale.api.guards import View, guarded
from canale.api.router import router

api = NinjaAPI(
    title="canale",
    version=__version__,
    description="Read a channel, publish in it, follow it. Errors are problems (RFC 9457).",
    # The interactive pages load scripts from other sites.
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
)
problems.install(api)
api.add_router("", router)


def _nothing_here(request: HttpRequest) -> HttpResponse:
    return problems.problem_response(problems.not_found())


def _guard(pattern: URLPattern | URLResolver) -> URLPattern | URLResolver:
    if isinstance(pattern, URLPattern):
        view: View = pattern.callback
        pattern.callback = guarded(view)
    return pattern


app_name = "api"
urlpatterns = [
    *(_guard(pattern) for pattern in api.urls[0]),
    re_path("", guarded(_nothing_here)),
]
