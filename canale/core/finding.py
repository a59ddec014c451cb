# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One result of `canale check`: each room has checks of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``fix`` says what to do when ``ok`` is False."""

    ok: bool
    what: str
    fix: str = ""
    warning: bool = False
    """Not good, but canale runs."""

    @property
    def rank(self) -> int:
        """The place in the list: errors first, then warnings."""
        return 2 if self.ok else int(self.warning)
