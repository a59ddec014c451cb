# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one spelling of an account's e-mail address."""

from __future__ import annotations

from canale.core.setting_values import host_name


def address(text: str) -> str:
    """Lower case, without blanks around it, its domain in punycode: a field for e-mail addresses in
    Chromium sends ``anna@forlì.it`` so, and Firefox as it was typed."""
    local, at, domain = text.strip().lower().rpartition("@")
    try:
        return f"{local}{at}{host_name(domain)}"
    except ValueError:
        return f"{local}{at}{domain}"
