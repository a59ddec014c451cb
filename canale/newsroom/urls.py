# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The newsroom's URLs."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from canale.newsroom import account_views, channel_views, post_views, publish_views, start_views

_CLOSED = r"^accounts/(?:signup|email|confirm-email|password/reset)/"
_POST = "c/<slug:handle>/posts/<int:post_id>/"

own = [
    path("", start_views.start, name="start"),
    path("setup/<str:secret>/", start_views.setup, name="setup"),
    path("sessions/", account_views.sessions, name="sessions"),
    path("c/<slug:handle>/", post_views.posts, name="posts"),
    path("c/<slug:handle>/posts/new/", post_views.write, name="write"),
    path("c/<slug:handle>/preview/", post_views.preview, name="preview"),
    path(_POST, post_views.post, name="post"),
    path(f"{_POST}edit/", post_views.edit, name="edit"),
    path(f"{_POST}image/<int:image_id>/", post_views.draft_image, name="image"),
    path(f"{_POST}delete/", post_views.delete, name="delete"),
    path(f"{_POST}publish/", publish_views.publish_post, name="publish"),
    path(f"{_POST}progress/", publish_views.progress_part, name="progress"),
    path(f"{_POST}correct/", publish_views.correct_post, name="correct"),
    path(f"{_POST}preview/remove/", publish_views.remove_link_preview, name="remove-preview"),
    path(f"{_POST}withdraw/", publish_views.withdraw_post, name="withdraw"),
    path("c/<slug:handle>/channel/", channel_views.channel, name="channel"),
    path("c/<slug:handle>/appearance/", channel_views.appearance_preview, name="appearance"),
    path("c/<slug:handle>/second-factor/", channel_views.second_factor, name="second-factor"),
    path("c/<slug:handle>/topics/", channel_views.topics, name="topics"),
    path("c/<slug:handle>/tokens/", channel_views.tokens, name="tokens"),
    path("c/<slug:handle>/log/", channel_views.log, name="log"),
]

# Without a namespace, because django-allauth reverses its URLs by their plain names.
urlpatterns: list[URLPattern | URLResolver] = [
    path("", include((own, "newsroom"))),
    # Only an administrator creates accounts, and no mail is sent.
    re_path(_CLOSED, start_views.closed, name="closed"),
    # Before allauth's view of the same name.
    path("accounts/2fa/webauthn/login/", start_views.passkey_challenge, name="mfa_login_webauthn"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
]
