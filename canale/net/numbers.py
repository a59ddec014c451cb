# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Numbers that come in as text: ids, lengths, positions."""

from __future__ import annotations

import re

# `str.isdigit` and `\d` take digits of every script, and `int` raises above 4,300 digits.
_NUMBER = re.compile(r"[0-9]{1,18}")


def number_in(text: str) -> int | None:
    """One to eighteen ASCII digits, which every column can hold; None for anything else."""
    return int(text) if _NUMBER.fullmatch(text) else None
