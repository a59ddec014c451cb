# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from django.apps import AppConfig


class PublicConfig(AppConfig):
    name = "canale.public"
    label = "public"
    default_auto_field = "django.db.models.BigAutoField"
