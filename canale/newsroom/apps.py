# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from django.apps import AppConfig


class NewsroomConfig(AppConfig):
    name = "canale.newsroom"
    label = "newsroom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # These modules connect the receivers of their signals.
        from canale.newsroom import account_log, mfa_forms  # noqa: F401
