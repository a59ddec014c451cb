# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
from django.apps import AppConfig


class PreviewsConfig(AppConfig):
    name = "canale.previews"
    label = "previews"
    default_auto_field = "django.db.models.BigAutoField"
