# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The canonical spelling of an account's e-mail address."""

from __future__ import annotations

from canale.core.setting_values import host_name


def address(text: str) -> str:
    """Return the address in lower case, stripped, with its domain in punycode.

    Chromium's e-mail field converts ``anna@forlì.it`` to punycode; Firefox sends it as typed.
    """
    local, at, domain = text.strip().lower().rpartition("@")
    try:
        return f"{local}{at}{host_name(domain)}"
    except ValueError:
        return f"{local}{at}{domain}"
