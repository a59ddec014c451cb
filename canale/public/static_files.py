# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Styles, scripts and fonts, served from the folder that `collectstatic` fills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

# Django's own list of them, for templates.
MANIFEST = "staticfiles.json"


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves what pages link to, and not the list of all that there is."""

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        if Path(path).name != MANIFEST:
            super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
