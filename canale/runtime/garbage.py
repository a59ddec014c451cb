# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Python's search for cycles of garbage, spared what a process keeps as long as it lives."""

from __future__ import annotations

import gc

# Python's own is 700, which suits short scripts.
NEW_OBJECTS = 5_000
# Of the young searches one in 20 looks at what survived once, and one in 20 of these at the rest.
YOUNG_SEARCHES = 20


def search_less_for_garbage() -> None:
    """Search for cycles less often, and never again in what is loaded by now.

    Called when nearly all is loaded. Django and our modules are some 100,000 objects: a web process
    stood still for 90 ms a second to search them, and that was 7 % of a worker's CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, YOUNG_SEARCHES, YOUNG_SEARCHES)
