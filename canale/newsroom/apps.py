# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from django.apps import AppConfig


class NewsroomConfig(AppConfig):
    name = "canale.newsroom"
    label = "newsroom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added

        from canale.newsroom.account_log import connect_account_log
        from canale.newsroom.mfa_forms import keep_first_counter

        connect_account_log()
        authenticator_added.connect(keep_first_counter)
