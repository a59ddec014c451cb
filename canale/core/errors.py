# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Errors that are caught where importing what raises them would take too long."""


class SettingsError(Exception):
    """A setting cannot be used; the message names it, its value and what is allowed."""
