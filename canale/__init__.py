# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale: a city's own one-way channel to its citizens."""

from canale.core.sqlite import use_current_sqlite

use_current_sqlite()

__version__ = "0.1.0"
