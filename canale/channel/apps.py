# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from django.apps import AppConfig
from django.db.backends.signals import connection_created

from canale.runtime.durable_commits import require_durable_commits


class ChannelConfig(AppConfig):
    name = "canale.channel"
    label = "channel"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        connection_created.connect(require_durable_commits)
