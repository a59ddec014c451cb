# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale's own settings, and the linter of migrations (tests/structure/test_migrations.py)."""

import os

from canale.core.django_settings import *  # noqa: F403
from canale.core.django_settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "django_migration_linter", *os.environ.get("LINT_ALSO", "").split()]
