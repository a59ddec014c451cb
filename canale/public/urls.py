# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The citizen's addresses. They are printed on posters: they stay."""

from django.urls import path, re_path

from canale.public.views import channel, files, standing, well_known

HANDLE = r"^c/(?P<handle>[a-z0-9][a-z0-9-]*)"
CODE = r"^i/(?P<code>[a-z0-9]{4,16})"
# Without zeros before it: each post has one address, and one place in the page store.
NUMBER = r"(?P<post_id>[1-9][0-9]{0,17})"

urlpatterns = [
    path("", channel.home, name="home"),
    re_path(rf"{HANDLE}/$", channel.channel, name="channel"),
    re_path(rf"{HANDLE}/older$", channel.older, name="older"),
    re_path(rf"{HANDLE}/p/{NUMBER}$", channel.post, name="post"),
    re_path(rf"{HANDLE}/p/{NUMBER}/card$", channel.card, name="card"),
    re_path(rf"{HANDLE}/p/{NUMBER}\.ics$", files.calendar_entry, name="calendar_entry"),
    re_path(
        rf"{HANDLE}/image/(?P<key>[A-Za-z0-9_-]+)-(?P<size>small|large|share)$",
        files.image,
        name="image",
    ),
    re_path(
        rf"{HANDLE}/preview/(?P<key>[A-Za-z0-9_-]+)$", files.preview_picture, name="preview_picture"
    ),
    re_path(rf"{HANDLE}/avatar-(?P<size>64|192|512|maskable)$", files.avatar, name="avatar"),
    re_path(rf"{HANDLE}/qr\.(?P<form>svg|png)$", files.channel_qr, name="qr"),
    re_path(rf"{HANDLE}/poster\.pdf$", files.poster, name="poster"),
    re_path(rf"{HANDLE}/poster-a3\.pdf$", files.poster, {"paper": "a3"}, name="poster_a3"),
    re_path(rf"{HANDLE}/feed\.(?P<form>atom|rss|json)$", files.feed, name="feed"),
    re_path(rf"{HANDLE}/manifest\.webmanifest$", files.manifest, name="channel_manifest"),
    re_path(rf"{CODE}$", channel.invite, name="invite"),
    re_path(rf"{CODE}/qr\.svg$", files.invite_qr, name="invite_qr"),
    re_path(rf"{CODE}/manifest\.webmanifest$", files.invite_manifest, name="invite_manifest"),
    path("manifest.webmanifest", files.manifest, name="manifest"),
    path("sw.js", files.service_worker, name="service_worker"),
    path("badge.png", files.badge, name="badge"),
    path("favicon.ico", files.favicon, name="favicon"),
    path("robots.txt", files.robots, name="robots"),
    path(".well-known/security.txt", well_known.security_txt, name="security_txt"),
    path("privacy", standing.privacy, name="privacy"),
    path("legal", standing.legal, name="legal"),
    path("accessibility", standing.accessibility, name="accessibility"),
    path("media-policy", standing.media_policy, name="media_policy"),
    path("offline", standing.offline, name="offline"),
]
