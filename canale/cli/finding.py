# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The findings of `canale check`, one by one and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``mend`` says what to do when ``ok`` is False."""

    ok: bool
    what: str
    mend: str = ""
    warning: bool = False
    """Not good, but canale runs."""

    @property
    def rank(self) -> int:
        """The place in the list: errors first, then warnings."""
        return 2 if self.ok else int(self.warning)


def shown(finding: Finding) -> str:
    if finding.ok:
        return f"ok       {finding.what}\n"
    mark = "warning " if finding.warning else "WRONG   "
    return f"{mark} {finding.what}\n         → {finding.mend}\n"


def counted(findings: Sequence[Finding]) -> str:
    ranks = Counter(finding.rank for finding in findings)
    things = "thing" if ranks[0] == 1 else "things"
    return f"{ranks[0]} {things} to mend, {ranks[1]} to look at, {ranks[2]} fine\n"
