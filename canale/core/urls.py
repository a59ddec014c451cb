# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The URL configuration of the whole site."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("newsroom/", include("canale.newsroom.urls")),
    path("api/v1/", include("canale.api.urls")),
    path("", include("canale.public.urls")),
]

handler400 = "canale.public.views.bad_request"
handler403 = "canale.public.views.forbidden"
handler404 = "canale.public.views.not_found"
handler500 = "canale.public.views.server_error"
